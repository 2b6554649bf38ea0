"""`tools/fetch-java-client` with a made-up Maven: what is not the pinned jar is not taken."""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from pathlib import Path

import pytest
from tools import java_client as tool

from tatami.adapters.runtimes import java_client


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of PATH besides the machine's own shell."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def put(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\nPATH=/bin:/usr/bin\n{script}\n")
    (folder / name).chmod(0o755)


MAVEN = 'for argument in "$@"; do case $argument in -DoutputDirectory=*) cp {jars}/* "${{argument#*=}}";; esac; done'


def jars(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Made-up jars with the pinned names, and pins that fit them."""
    folder.mkdir()
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(java_client.native_member(), b"native")
    pinned = []
    for jar in java_client.JARS:
        (folder / jar.file).write_bytes(content.getvalue())
        digest = hashlib.sha256(content.getvalue()).hexdigest()
        pinned.append(java_client.Jar(jar.group, jar.artifact, jar.version, digest))
    monkeypatch.setattr(tool, "JARS", tuple(pinned))
    return folder


def test_a_complete_client_is_taken_and_not_taken_again(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(programs, "java", "")
    put(programs, "mvn", MAVEN.format(jars=jars(tmp_path / "jars", monkeypatch)))
    target = tmp_path / "cache" / "java"
    target.mkdir(parents=True)
    (target / "older.jar").write_bytes(b"")
    monkeypatch.setattr(sys, "argv", ["fetch-java-client", str(target)])
    assert tool.main() == 0
    assert java_client.is_complete(target)
    assert (target / java_client.NATIVE_LIBRARY).read_bytes() == b"native"
    assert not (target / "older.jar").exists()
    assert sorted(path.name for path in target.parent.iterdir()) == ["java"]
    put(programs, "mvn", "exit 1")
    assert tool.main() == 0


@pytest.mark.parametrize(
    ("maven", "reason"),
    [
        (None, "no java and no mvn on PATH"),
        ("echo '[ERROR] no network'; exit 1", r"Maven failed: \[ERROR\] no network"),
        ("exit 0", "is not the one that was pinned: its SHA-256 is missing"),
        ("swapped", "is not the one that was pinned: its SHA-256 is [0-9a-f]{64}"),
    ],
)
def test_what_cannot_be_had_leaves_nothing_behind(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch, maven: str | None, reason: str
) -> None:
    if maven == "swapped":
        source = jars(tmp_path / "jars", monkeypatch)
        (source / java_client.CLIENT.file).write_bytes(b"another")
        maven = MAVEN.format(jars=source)
    if maven is not None:
        put(programs, "java", "")
        put(programs, "mvn", maven)
    target = tmp_path / "cache" / "java"
    with pytest.raises(tool.CannotFetch, match=reason):
        tool.fetch(target)
    assert not target.exists()


def test_set_up_goes_on_without_it(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["fetch-java-client", "--if-possible", str(tmp_path / "java")])
    assert tool.main() == 0
    assert "Java functions will be refused" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["fetch-java-client", str(tmp_path / "java")])
    assert tool.main() == 1
