"""Layers, checks and documentation of the settings."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tatami.app.config import Config, ConfigError, is_loopback, load
from tatami.app.settings import SETTINGS

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "reference" / "settings.md"


def write(folder: Path, text: str) -> None:
    (folder / "tatami.toml").write_text(text)


def test_defaults(tmp_path: Path) -> None:
    config = load({}, {}, tmp_path)
    assert config == Config(data_dir=tmp_path / ".tatami")
    assert (config.host, config.port, config.access, config.account) == ("127.0.0.1", 4566, "open", "000000000000")


def test_a_flag_beats_a_variable_beats_the_file_beats_the_default(tmp_path: Path) -> None:
    write(tmp_path, 'port = 1\nregion = "eu-west-1"\naccount = "111111111111"')
    config = load({"port": 3}, {"TATAMI_PORT": "2", "TATAMI_REGION": "eu-west-2"}, tmp_path)
    assert (config.port, config.region, config.account, config.log_level) == (3, "eu-west-2", "111111111111", "info")


def test_a_named_file_replaces_the_usual_one(tmp_path: Path) -> None:
    write(tmp_path, "port = 1")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.toml").write_text('data_dir = "state"')
    config = load({}, {}, tmp_path, Path("other/mine.toml"))
    assert (config.port, config.data_dir) == (4566, tmp_path / "other" / "state")


def test_paths_of_flags_start_at_the_working_folder(tmp_path: Path) -> None:
    assert load({"data_dir": "here"}, {}, tmp_path).data_dir == tmp_path / "here"
    assert load({"data_dir": "/elsewhere"}, {}, tmp_path).data_dir == Path("/elsewhere")


def test_memory_instead_of_a_folder(tmp_path: Path) -> None:
    assert load({"data_dir": ":memory:"}, {}, tmp_path).data_dir is None


def test_every_setting_can_come_from_a_variable(tmp_path: Path) -> None:
    variables = {
        "TATAMI_HOST": "0.0.0.0",
        "TATAMI_PORT": "0",
        "TATAMI_DATA_DIR": ":memory:",
        "TATAMI_ACCOUNT": "123456789012",
        "TATAMI_REGION": "ap-southeast-2",
        "TATAMI_ACCESS": "enforce",
        "TATAMI_KEYS": "AKID=abc/=+,SECOND=two",
        "TATAMI_RUNTIMES": f"python3.12={sys.executable}",
        "TATAMI_RUNTIME_FALLBACK": "yes",
        "TATAMI_JAVA_CLIENT": str(tmp_path),
        "TATAMI_IDLE_SECONDS": "1.5",
        "TATAMI_ISOLATION": "namespaces",
        "TATAMI_EGRESS": "none",
        "TATAMI_CONCURRENCY_LIMIT": "7",
        "TATAMI_STREAM_SHAPING": "off",
        "TATAMI_LOG_LEVEL": "debug",
    }
    assert set(variables) == {setting.variable for setting in SETTINGS.values()}
    assert load({}, {**variables, "TATAMI_ENDPOINT": "http://x", "HOME": "/"}, tmp_path) == Config(
        host="0.0.0.0",
        port=0,
        data_dir=None,
        account="123456789012",
        region="ap-southeast-2",
        access="enforce",
        keys={"AKID": "abc/=+", "SECOND": "two"},
        runtimes={"python3.12": Path(sys.executable)},
        runtime_fallback=True,
        java_client=tmp_path,
        idle_seconds=1.5,
        isolation="namespaces",
        egress="none",
        concurrency_limit=7,
        stream_shaping="off",
        log_level="debug",
    )


def test_tables_come_from_the_file(tmp_path: Path) -> None:
    write(tmp_path, f'access = "enforce"\n[keys]\nAKID = "secret"\n[runtimes]\n"python3.11" = "{sys.executable}"')
    config = load({}, {}, tmp_path)
    assert (config.keys, config.runtimes) == ({"AKID": "secret"}, {"python3.11": Path(sys.executable)})
    assert "secret" not in repr(config)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "lambda.localhost"])
def test_loopback_addresses_are_open(host: str, tmp_path: Path) -> None:
    assert is_loopback(host)
    assert load({"host": host}, {}, tmp_path).access == "open"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "example.com", "localhost.example.com"])
def test_other_addresses_are_closed(host: str, tmp_path: Path) -> None:
    assert not is_loopback(host)
    assert load({"host": host}, {"TATAMI_KEYS": "A=s"}, tmp_path).access == "enforce"
    with pytest.raises(ConfigError, match=r"access: 'open' is not allowed on .*use access 'enforce'"):
        load({"host": host, "access": "open"}, {"TATAMI_KEYS": "A=s"}, tmp_path)


def test_enforce_without_keys_would_lock_everybody_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"keys: access 'enforce'.*needs at least one"):
        load({"host": "0.0.0.0"}, {}, tmp_path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("ports = 1", "tatami.toml: unknown setting 'ports'; known are host, port"),
        ("port = 'x'", "tatami.toml: port: expected a whole number, got 'x'"),
        ("port = true", "port: expected a whole number, got True"),
        ("port = 65536", "port: expected a number from 0 to 65535, got 65536"),
        ("account = 123456789012", "account: expected a text, got 123456789012"),
        ("account = '123'", "account: expected 12 digits, got '123'"),
        ("region = 'Mars'", "region: expected a region such as us-east-1, got 'Mars'"),
        ("access = 'closed'", "access: expected one of open, enforce, got 'closed'"),
        ("host = ''", "host: expected a host name or an IP address, got ''"),
        ("data_dir = ''", "data_dir: expected a folder or :memory:, got ''"),
        ("data_dir = 'tatami.toml'", "data_dir: .*tatami.toml is not a folder"),
        ("idle_seconds = 0", "idle_seconds: expected seconds, more than 0 and at most 86400, got 0"),
        ("idle_seconds = nan", "idle_seconds: expected seconds"),
        ("isolation = 'vm'", "isolation: expected one of auto, namespaces, process, got 'vm'"),
        ("concurrency_limit = 0", "concurrency_limit: expected a number from 1 to 1000000, got 0"),
        ("runtime_fallback = 'yes'", "runtime_fallback: expected true or false, got 'yes'"),
        ("log_level = 'loud'", "log_level: expected one of debug, info, warning, error, got 'loud'"),
        ("keys = 'AKID'", "keys: expected a table of name = value, got 'AKID'"),
        ("keys = { 'a/b' = 'x' }", "access key id 'a/b': expected 1 to 128 letters"),
        ("keys = { AKID = 5 }", "the secret of access key id 'AKID' must be a text"),
        ("runtimes = { 'dotnet8' = '/bin/dotnet' }", "runtime 'dotnet8': expected an identifier such as python3.12"),
        ("runtimes = { 'python3.12' = '/nowhere' }", "the interpreter of python3.12, /nowhere, is not an executable"),
        ("runtimes = { 'python3.12' = 3 }", "the interpreter of python3.12 must be a path, got 3"),
        ("port = ", "tatami.toml: is not valid TOML"),
    ],
)
def test_what_cannot_be_used_in_the_file_is_named(text: str, complaint: str, tmp_path: Path) -> None:
    write(tmp_path, text)
    with pytest.raises(ConfigError, match=complaint):
        load({}, {}, tmp_path)


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("TATAMI_PROT", "1", "unknown variable TATAMI_PROT; known are TATAMI_HOST, "),
        ("TATAMI_port", "1", "unknown variable TATAMI_port"),
        ("TATAMI_PORT", "", "TATAMI_PORT: expected a whole number, got ''"),
        ("TATAMI_RUNTIME_FALLBACK", "maybe", "TATAMI_RUNTIME_FALLBACK: expected true or false, got 'maybe'"),
        ("TATAMI_IDLE_SECONDS", "soon", "TATAMI_IDLE_SECONDS: expected a number, got 'soon'"),
        ("TATAMI_KEYS", "AKID:secret", "TATAMI_KEYS: expected name=value pairs separated by commas$"),
    ],
)
def test_what_cannot_be_used_in_a_variable_is_named(variable: str, value: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=complaint):
        load({}, {variable: value}, tmp_path)


def test_a_bad_flag_is_named_as_it_is_typed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--log-level: expected one of"):
        load({"log_level": "loud"}, {}, tmp_path)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--config: there is no file absent\.toml"):
        load({}, {}, tmp_path, Path("absent.toml"))


def test_every_setting_has_its_heading_and_its_variable() -> None:
    text = DOCUMENT.read_text()
    assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == list(SETTINGS)
    for setting in SETTINGS.values():
        section = text.partition(f"## {setting.name}\n")[2].partition("\n## ")[0]
        assert setting.variable in section, setting.name
