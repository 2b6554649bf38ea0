"""
Takes AWS's Java runtime interface client into a folder: `tools/fetch-java-client [--if-possible] [FOLDER]`.

Maven's own client does the download; every jar is checked against the digest that Tatami pins. With `--if-possible` a
machine without Maven, or without a way to its repository, is told what that means and nothing fails.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tatami.adapters.runtimes.java_client import (
    CLIENT,
    JARS,
    NATIVE_LIBRARY,
    Jar,
    default_folder,
    is_complete,
    native_member,
)

MAVEN_SECONDS = 300
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


class CannotFetch(Exception):
    """The client cannot be had here; the text says why."""


def fetch(folder: Path) -> None:
    """Fill `folder`; it is complete or as it was before. Raises CannotFetch."""
    missing = [program for program in ("java", "mvn") if not shutil.which(program)]
    if missing:
        raise CannotFetch(f"no {' and no '.join(missing)} on PATH")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        new = Path(work) / "java"
        new.mkdir()
        _run_maven(Path(work), new)
        for jar in JARS:
            _check(new / jar.file, jar)
        _take_native_library(new)
        if folder.exists():
            shutil.rmtree(folder)
        new.rename(folder)


def _run_maven(work: Path, target: Path) -> None:
    (work / "pom.xml").write_text(_project())
    arguments = ["mvn", "-B", "-q", "-f", str(work / "pom.xml"), _PLUGIN, f"-DoutputDirectory={target}"]
    try:
        done = subprocess.run(
            [*arguments, "-DexcludeTransitive=true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=MAVEN_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CannotFetch(f"Maven did not end within {MAVEN_SECONDS} s") from None
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise CannotFetch(f"Maven failed: {said[0] if said else f'exit code {done.returncode}'}")


def _project() -> str:
    dependencies = "".join(
        f"<dependency><groupId>{jar.group}</groupId><artifactId>{jar.artifact}</artifactId>"
        f"<version>{jar.version}</version></dependency>"
        for jar in JARS
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>tatami</groupId>'
        f"<artifactId>java-client</artifactId><version>1</version><dependencies>{dependencies}</dependencies></project>"
    )


def _check(path: Path, jar: Jar) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"
    if found != jar.sha256:
        raise CannotFetch(f"{jar.file} is not the one that was pinned: its SHA-256 is {found}, not {jar.sha256}")


def _take_native_library(folder: Path) -> None:
    try:
        member = native_member()
    except KeyError as machine:
        raise CannotFetch(f"AWS's Java client has no native library for {machine}") from None
    with zipfile.ZipFile(folder / CLIENT.file) as archive:
        (folder / NATIVE_LIBRARY).write_bytes(archive.read(member))


def main() -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(prog="tools/fetch-java-client", description="Takes AWS's Java client, once.")
    parser.add_argument("--if-possible", action="store_true", help="do not fail where it cannot be had")
    parser.add_argument("folder", nargs="?", type=Path, default=default_folder())
    given = parser.parse_args()
    if is_complete(given.folder):
        return 0
    try:
        fetch(given.folder)
    except (CannotFetch, OSError) as reason:
        sys.stderr.write(f"AWS's Java client was not taken ({reason}); Java functions will be refused.\n")
        return 0 if given.if_possible else 1
    sys.stdout.write(f"AWS's Java client {CLIENT.version} is in {given.folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
