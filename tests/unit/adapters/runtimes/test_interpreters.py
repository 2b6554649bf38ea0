"""Ruby, Java and the version managers: found in a made-up home, root folder and PATH."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tatami.adapters.runtimes import java_client
from tatami.adapters.runtimes.discovery import PROVIDED, MachineRuntimes, UnusableInterpreter
from tatami.adapters.runtimes.interpreters import java_version


@dataclass
class Machine:
    """A home, a root folder and folders of PATH; programs are scripts that print a version."""

    root: Path
    patch: pytest.MonkeyPatch

    def put(self, place: str, says: str = "-") -> Path:
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\necho x >> {path}.started\necho '{says}'\n")
        path.chmod(0o755)
        return path

    def search(self, *folders: str) -> None:
        self.patch.setenv("PATH", ":".join(str(self.root / folder) for folder in folders))

    def runtimes(self, fallback: bool = False, java: Path | None = None, **configured: Path) -> MachineRuntimes:
        named = {name.replace("_", "."): path for name, path in configured.items()}
        return MachineRuntimes(named, fallback, self.root / "home", self.root / "system", java)

    def java_client(self) -> Path:
        """A complete client, as far as its file names go."""
        folder = self.root / "client"
        folder.mkdir(exist_ok=True)
        for name in (*(jar.file for jar in java_client.JARS), java_client.NATIVE_LIBRARY):
            (folder / name).write_bytes(b"-")
        return folder

    def jdk(self, folder: str, version: str) -> Path:
        """A JDK that tells its version in its `release` file."""
        path = self.put(f"{folder}/bin/java", "never asked")
        (path.parent.parent / "release").write_text(f'IMPLEMENTOR="X"\nJAVA_VERSION="{version}"\nOS_NAME="Linux"\n')
        return path

    def named(self, runtimes: MachineRuntimes) -> dict[str, str]:
        """Available runtimes but `provided.*`, with the interpreter's place below the machine's root."""
        choices = {name: runtimes.resolve(name) for name in runtimes.available() if name not in PROVIDED}
        return {
            name: str(choice.executable.relative_to(self.root))
            for name, choice in choices.items()
            if choice and choice.executable
        }


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / "nowhere"))
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return Machine(tmp_path, monkeypatch)


def test_version_managers_of_node_and_python(machine: Machine) -> None:
    places = [
        "home/.nvm/versions/node/v18.20.1/bin/node",
        "home/.volta/tools/image/node/20.11.0/bin/node",
        "home/.asdf/installs/nodejs/22.3.0/bin/node",
        "home/.local/share/mise/installs/node/24.1.0/bin/node",
        "home/.asdf/installs/python/3.12.9/bin/python3.12",
        "home/.local/share/mise/installs/python/3.14.0/bin/python3.14",
    ]
    for place in places:
        machine.put(place)
    shims = [machine.put(place, "v20.0.0") for place in ("home/.volta/bin/node", "home/.asdf/shims/node")]
    machine.search("home/.volta/bin", "home/.asdf/shims")
    assert sorted(machine.named(machine.runtimes()).values()) == sorted(places)
    assert not any(shim.with_name("node.started").exists() for shim in shims)


def test_rubies_of_path_and_of_version_managers(machine: Machine) -> None:
    machine.put("usr/bin/ruby", "ruby 3.3.5 (2024-09-03 revision ef084cc8f4) [x86_64-linux]")
    machine.put("usr/bin/ruby3.2", "ruby 3.2.1 (2023-02-08)")
    machine.put("usr/bin/ruby3.1", "ruby 3.1.2p20 (2022-04-12)")
    machine.put("usr/bin/rubygems", "3.4.1")
    machine.put("home/.rbenv/versions/3.4.2/bin/ruby")
    machine.put("home/.rbenv/versions/3.4.10/bin/ruby")
    machine.put("home/.asdf/installs/ruby/4.0.0/bin/ruby")
    machine.put("system/opt/rubies/ruby-3.3.9/bin/ruby")
    machine.search("usr/bin")
    assert machine.named(machine.runtimes()) == {
        "ruby4.0": "home/.asdf/installs/ruby/4.0.0/bin/ruby",
        "ruby3.4": "home/.rbenv/versions/3.4.10/bin/ruby",
        "ruby3.3": "usr/bin/ruby",
        "ruby3.2": "usr/bin/ruby3.2",
    }
    assert machine.runtimes().resolve("ruby3.1") is None


def test_a_configured_ruby_and_the_nearest_one(machine: Machine) -> None:
    mine = machine.put("mine", "ruby 3.4.1")
    machine.put("home/.rbenv/versions/3.2.2/bin/ruby")
    runtimes = machine.runtimes(fallback=True, ruby3_4=mine)
    fourth = runtimes.resolve("ruby4.0")
    assert fourth
    assert (fourth.runs_as, fourth.executable) == ("ruby3.4", mine)
    third = runtimes.resolve("ruby3.3")
    assert third
    assert third.runs_as == "ruby3.4"


def test_javas_of_every_place_once_and_java_home_first(machine: Machine) -> None:
    machine.jdk("system/usr/lib/jvm/java-17-openjdk-amd64", "17.0.15")
    machine.jdk("system/usr/lib/jvm/temurin-8", "1.8.0_392")
    machine.jdk("system/usr/lib/jvm/java-19", "19.0.2")
    machine.jdk("system/opt/java/openjdk", "11.0.2")
    machine.jdk("home/.sdkman/candidates/java/25-tem", "25")
    home = machine.jdk("jdks/21", "21.0.4")
    machine.jdk("home/.asdf/installs/java/temurin-21.0.5+1", "21.0.5")
    link = machine.root / "usr/bin/java"
    link.parent.mkdir(parents=True)
    link.symlink_to(machine.root / "system/usr/lib/jvm/java-17-openjdk-amd64/bin/java")
    machine.search("usr/bin")
    machine.patch.setenv("JAVA_HOME", str(home.parent.parent))
    runtimes = machine.runtimes(java=machine.java_client())
    assert machine.named(runtimes) == {
        "java25": "home/.sdkman/candidates/java/25-tem/bin/java",
        "java21": "jdks/21/bin/java",
        "java17": "system/usr/lib/jvm/java-17-openjdk-amd64/bin/java",
        "java17.al2023": "system/usr/lib/jvm/java-17-openjdk-amd64/bin/java",
        "java11": "system/opt/java/openjdk/bin/java",
        "java11.al2023": "system/opt/java/openjdk/bin/java",
    }
    versions = [choice.version for name in ("java25", "java21") if (choice := runtimes.resolve(name))]
    assert versions == ["25", "21.0.4"]
    assert not home.with_name("java.started").exists()


def test_without_every_file_of_the_client_there_is_no_java(machine: Machine) -> None:
    jdk = machine.jdk("system/usr/lib/jvm/java-17", "17.0.15")
    assert machine.named(machine.runtimes(java=machine.root / "nowhere")) == {}
    client = machine.java_client()
    (client / java_client.NATIVE_LIBRARY).unlink()
    assert machine.named(machine.runtimes(java=client)) == {}
    with pytest.raises(UnusableInterpreter, match="java17 needs AWS's Java client: tools/fetch-java-client"):
        machine.runtimes(java=client, java17=jdk)


def test_a_configured_java_is_asked_when_it_has_no_release_file(machine: Machine) -> None:
    mine = machine.put("mine/java", "openjdk 21 2023-09-19 LTS")
    choice = machine.runtimes(java=machine.java_client(), java21=mine).resolve("java21")
    assert choice
    assert (choice.executable, choice.version) == (mine, "21")
    with pytest.raises(UnusableInterpreter, match="is version 21"):
        machine.runtimes(java=machine.java_client(), java17_al2023=mine)


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ("openjdk 17.0.15 2025-04-15", "17.0.15"),
        ('openjdk version "1.8.0_392"', "1.8.0"),
        ("java 21.0.4 2024-07-16 LTS", "21.0.4"),
        ("Unrecognized option: --version", ""),
    ],
)
def test_what_java_says_of_itself(machine: Machine, says: str, version: str) -> None:
    assert java_version(machine.put("somewhere/bin/java", says)) == version


def test_the_default_folder_of_the_client_is_in_the_checkout() -> None:
    folder = java_client.default_folder()
    assert folder.parts[-2:] == (".cache", "java")
    assert (folder.parents[1] / java_client.FETCH_COMMAND).is_file()


@pytest.mark.parametrize(
    ("machine_name", "libc", "member"),
    [
        ("x86_64", "glibc", "jni/libaws-lambda-jni.linux-x86_64.so"),
        ("aarch64", "", "jni/libaws-lambda-jni.linux_musl-aarch_64.so"),
    ],
)
def test_the_native_library_of_a_machine(
    monkeypatch: pytest.MonkeyPatch, machine_name: str, libc: str, member: str
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine_name)
    monkeypatch.setattr("platform.libc_ver", lambda: (libc, ""))
    assert java_client.native_member() == member
