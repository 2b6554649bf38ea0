"""The applications of examples/: what they ship is consistent, and deployed they answer their events and bad ones."""

from __future__ import annotations

import base64
import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tools.demo import EXAMPLES, node_runtime
from tools.running_platform import RunningPlatform

pytestmark = pytest.mark.e2e

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="access-log needs node, which this machine lacks")
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="word-count needs curl, which this machine lacks")


def event_of(example: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EXAMPLES / example / "event.json").read_text())
    return event


def deploy(platform: RunningPlatform, folder: Path, *flags: str) -> None:
    done = platform.tatami("deploy", str(folder), *flags)
    assert done.returncode == 0, done.stderr


def invoke(platform: RunningPlatform, name: str, event: object) -> tuple[str, Any]:
    """The kind of error ("" for none) and the decoded result."""
    answer = platform.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    with answer["Payload"] as payload:
        return answer.get("FunctionError", ""), json.loads(payload.read())


def jpeg_size(content: bytes) -> tuple[int, int]:
    """Width and height in the frame header (SOF0 to SOF2) of a JPEG: ITU T.81, annex B."""
    place = 2
    while content[place + 1] not in (0xC0, 0xC1, 0xC2):
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    height, width = struct.unpack(">HH", content[place + 5 : place + 9])
    return width, height


def test_events_hold_the_files_beside_them() -> None:
    assert base64.b64decode(event_of("thumbnail")["image"]) == (EXAMPLES / "thumbnail" / "photo.jpg").read_bytes()
    assert event_of("access-log")["log"] == (EXAMPLES / "access-log" / "access.log").read_text()
    assert event_of("word-count")["text"] == (EXAMPLES / "word-count" / "text.txt").read_text()


def test_every_example_says_what_it_is() -> None:
    for folder in (path for path in EXAMPLES.iterdir() if path.is_dir()):
        assert (folder / "README.md").read_text().startswith(f"# {folder.name}\n")
        assert f'name = "{folder.name}"' in (folder / "function.toml").read_text()


@pytest.fixture(scope="module")
def thumbnail(platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> RunningPlatform:
    """The platform with thumbnail, built by its own script in a copy of its folder."""
    folder = tmp_path_factory.mktemp("examples") / "thumbnail"
    shutil.copytree(EXAMPLES / "thumbnail", folder, ignore=shutil.ignore_patterns("build"))
    environment = {**os.environ, "PYTHON": sys.executable}
    done = subprocess.run([folder / "build.sh"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"built for {PYTHON}\n"), done.stderr
    deploy(platform, folder, "--runtime", PYTHON)
    return platform


def test_thumbnail_is_smaller_in_the_same_format(thumbnail: RunningPlatform) -> None:
    error, result = invoke(thumbnail, "thumbnail", event_of("thumbnail"))
    picture = base64.b64decode(result["thumbnail"])
    assert (error, result["format"]) == ("", "JPEG")
    assert jpeg_size((EXAMPLES / "thumbnail" / "photo.jpg").read_bytes()) == (720, 480)
    assert jpeg_size(picture) == (result["width"], result["height"]) == (160, 107)


@pytest.mark.parametrize(
    ("event", "complaint"),
    [
        ({}, 'the event needs "image", a base64 text'),
        ({"image": "%%%"}, '"image" is not base64: '),
        ({"image": base64.b64encode(b"no picture").decode()}, '"image" is not an image that Pillow knows'),
        ({"image": "", "width": 0}, '"image" is not an image that Pillow knows'),
    ],
)
def test_thumbnail_says_what_is_wrong(event: dict[str, Any], complaint: str, thumbnail: RunningPlatform) -> None:
    error, result = invoke(thumbnail, "thumbnail", event)
    assert (error, result["errorType"]) == ("Unhandled", "ValueError")
    assert result["errorMessage"].startswith(complaint)


@pytest.fixture(scope="module")
def access_log(platform: RunningPlatform) -> RunningPlatform:
    """The platform with access-log."""
    deploy(platform, EXAMPLES / "access-log", "--runtime", node_runtime())
    return platform


@needs_node
def test_access_log_counts_and_reports_malformed_lines(access_log: RunningPlatform) -> None:
    error, result = invoke(access_log, "access-log", event_of("access-log"))
    lines = event_of("access-log")["log"].splitlines()
    assert (error, len(lines), result["parsed"]) == ("", 300, 296)
    assert sum(result["byStatus"].values()) == sum(row["count"] for row in result["byNetwork"]) == 296
    networks = {"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "other"}
    assert {row["network"] for row in result["byNetwork"]} == networks
    malformed = [lines[number - 1] for number in result["malformed"]]
    assert [line[:9] for line in malformed] == ["198.51.10", "[Sat Nov ", "", "192.0.2.6"]
    assert len(result["entries"]) == 2


@needs_node
def test_access_log_decodes_a_line(access_log: RunningPlatform) -> None:
    line = r'192.0.2.1 - ada [22/Nov/2026:20:01:02 +0100] "GET /a\"b HTTP/1.1" 200 - "-" "Say \"hi\" \xe9"'
    _, result = invoke(
        access_log, "access-log", {"lines": [line, r'::1 - - [22/Nov/2026:20:01:02 +0000] "\x16" 400 0 "-" "-"']}
    )
    assert result["entries"][0] == {
        "host": "192.0.2.1",
        "ident": None,
        "user": "ada",
        "time": "2026-11-22T19:01:02.000Z",
        "request": 'GET /a"b HTTP/1.1',
        "method": "GET",
        "path": '/a"b',
        "status": 200,
        "bytes": 0,
        "referer": None,
        "agent": 'Say "hi" é',
    }
    assert (result["entries"][1]["request"], result["entries"][1]["method"]) == ("\x16", None)


@needs_node
@pytest.mark.parametrize("event", [{}, {"log": 5}, {"lines": [], "limit": -1}])
def test_access_log_refuses_other_events(event: dict[str, Any], access_log: RunningPlatform) -> None:
    error, result = invoke(access_log, "access-log", event)
    assert (error, result["errorType"]) == ("Unhandled", "TypeError")


@pytest.fixture(scope="module")
def word_count(platform: RunningPlatform) -> RunningPlatform:
    """The platform with word-count."""
    deploy(platform, EXAMPLES / "word-count")
    return platform


@needs_curl
def test_word_count_counts(word_count: RunningPlatform) -> None:
    error, result = invoke(word_count, "word-count", event_of("word-count"))
    top = [(row["word"], row["count"]) for row in result["top"]]
    assert (error, result["words"], result["distinct"]) == ("", 351, 223)
    assert top == [("the", 20), ("of", 11), ("and", 10), ("i", 9), ("a", 8)]


@needs_curl
@pytest.mark.parametrize(
    ("text", "words"),
    [("", 0), ("...", 0), ('Don\'t "say" no', 3), ("café CAFÉ\ncafé\\n/", 4), ("smile \U0001f600 now", 2)],
)
def test_word_count_reads_any_text(text: str, words: int, word_count: RunningPlatform) -> None:
    assert invoke(word_count, "word-count", {"text": text})[1]["words"] == words


@needs_curl
def test_word_count_posts_an_error_for_an_event_without_text(word_count: RunningPlatform) -> None:
    error, result = invoke(word_count, "word-count", {"txt": "a"})
    assert (error, result["errorType"]) == ("Unhandled", "HandlerError")
    assert result["errorMessage"] == 'the event needs "text", a JSON string'


@needs_curl
@pytest.mark.parametrize(
    ("flags", "kind", "message"),
    [
        (["--env", "TOP=many"], "Runtime.ScriptError", "TOP must be a number from 1 to 999, not 'many'"),
        (["--handler", "absent.count"], "Runtime.NoSuchScript", "absent.sh for the handler absent.count"),
        (["--handler", "words.absent"], "Runtime.NoSuchFunction", "words.sh has no function absent"),
    ],
)
def test_word_count_reports_why_it_cannot_start(
    flags: list[str], kind: str, message: str, platform: RunningPlatform
) -> None:
    name = f"word-count-{kind.rpartition('.')[2]}"
    deploy(platform, EXAMPLES / "word-count", "--name", name, *flags)
    error, result = invoke(platform, name, {"text": "a"})
    assert (error, result["errorType"]) == ("Unhandled", kind)
    assert message in result["errorMessage"]
