"""The command that starts a runtime's first process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tatami.environments.launch import Fit, InvalidEntrypoint, RuntimeFolders, command, files_of_interpreter, language
from tatami.ports.runtimes import RuntimeChoice

FOLDERS = RuntimeFolders(Path("/rt/python"), Path("/rt/node"), Path("/rt/sdk"), Path("/rt/ruby"), Path("/rt/java"))
PYTHON = RuntimeChoice("python3.12", "python3.12", Path("/usr/bin/python3.12"), "3.12.1")
NODE = RuntimeChoice("nodejs22.x", "nodejs24.x", Path("/usr/bin/node"), "24.0.0")
RUBY = RuntimeChoice("ruby3.4", "ruby3.4", Path("/usr/bin/ruby"), "3.4.1")
JAVA = RuntimeChoice("java17.al2023", "java17.al2023", Path("/jdk/bin/java"), "17.0.15")
PROVIDED = RuntimeChoice("provided.al2023", "provided.al2023")


def test_python_is_started_without_the_machines_packages(tmp_path: Path) -> None:
    assert command(PYTHON, FOLDERS, tmp_path, "/var/task", Fit()) == [
        "/usr/bin/python3.12", "-S", "-B", "/rt/python/bootstrap.py", "/rt/sdk",
    ]  # fmt: skip


def test_node_is_started_with_what_really_runs(tmp_path: Path) -> None:
    assert command(NODE, FOLDERS, tmp_path, "/var/task", Fit()) == ["/usr/bin/node", "/rt/node/bootstrap.mjs"]
    assert FOLDERS.of(NODE) == Path("/rt/node")
    assert FOLDERS.of(PYTHON) == Path("/rt/python")


@pytest.mark.parametrize(
    ("wrapper", "started"), [("/var/task/wrap.sh", "/packages/x/wrap.sh"), ("/opt/wrap", "/opt/wrap")]
)
def test_a_wrapper_gets_the_command_as_its_arguments(tmp_path: Path, wrapper: str, started: str) -> None:
    plain = command(PYTHON, FOLDERS, tmp_path, "/packages/x", Fit())
    wrapped = command(PYTHON, FOLDERS, tmp_path, "/packages/x", Fit(wrapper=wrapper))
    assert wrapped[:2] == ["/bin/sh", "-c"]
    assert wrapped[3:] == [started, *plain]


def test_a_package_with_its_own_bootstrap(tmp_path: Path) -> None:
    (tmp_path / "bootstrap").write_text("#!/bin/sh\n")
    (tmp_path / "bootstrap").chmod(0o555)
    assert command(PROVIDED, FOLDERS, tmp_path, "/var/task", Fit()) == ["/var/task/bootstrap"]


def test_a_package_without_a_usable_bootstrap(tmp_path: Path) -> None:
    with pytest.raises(InvalidEntrypoint, match=r"Couldn't find valid bootstrap\(s\)"):
        command(PROVIDED, FOLDERS, tmp_path, "/var/task", Fit())
    (tmp_path / "bootstrap").mkdir()
    with pytest.raises(InvalidEntrypoint, match="Couldn't find"):
        command(PROVIDED, FOLDERS, tmp_path, "/var/task", Fit())
    (tmp_path / "bootstrap").rmdir()
    (tmp_path / "bootstrap").write_text("#!/bin/sh\n")
    (tmp_path / "bootstrap").chmod(0o444)
    with pytest.raises(InvalidEntrypoint, match="permission denied"):
        command(PROVIDED, FOLDERS, tmp_path, "/var/task", Fit())


def test_ruby_is_started_with_our_client(tmp_path: Path) -> None:
    assert command(RUBY, FOLDERS, tmp_path, "/var/task", Fit()) == ["/usr/bin/ruby", "/rt/ruby/bootstrap.rb"]
    assert FOLDERS.of(RUBY) == Path("/rt/ruby")


def test_java_is_started_with_the_client_of_aws(tmp_path: Path) -> None:
    fit = Fit(memory_mb=1024, handler="shop.Cart::add", temporary="/run/x/tmp", tool_options="-XX:+UseParallelGC")
    arguments = command(JAVA, FOLDERS, tmp_path, "/var/task", fit)
    assert arguments[:2] == ["/jdk/bin/java", "-Xmx870m"]
    assert "-XX:+UseSerialGC" not in arguments
    main = "com.amazonaws.services.lambda.runtime.api.client"
    assert arguments[-6:] == [
        f"-D{main}.runtimeapi.NativeClient.JNI=/rt/java/libaws-lambda-jni.so",
        "-Djava.io.tmpdir=/run/x/tmp",
        "-classpath",
        "/rt/java/*",
        f"{main}.AWSLambda",
        "shop.Cart::add",
    ]
    assert not any("tmpdir" in argument for argument in command(JAVA, FOLDERS, tmp_path, "/var/task", Fit()))
    assert FOLDERS.of(JAVA) == Path("/rt/java")


@pytest.mark.parametrize(
    ("choice", "name"),
    [(PYTHON, "python"), (NODE, "nodejs"), (RUBY, "ruby"), (JAVA, "java"), (PROVIDED, "provided")],
)
def test_the_language_of_what_runs(choice: RuntimeChoice, name: str) -> None:
    assert language(choice) == name


def test_places_outside_the_interpreters_folder() -> None:
    """What Debian's JVMs read below /etc, where this machine has it."""
    assert files_of_interpreter(PYTHON) == []
    assert files_of_interpreter(JAVA) == [path for path in (Path("/etc/java-17-openjdk"),) if path.is_dir()]


def test_a_bootstrap_and_a_wrapper_from_layers(tmp_path: Path) -> None:
    """The function's own bootstrap comes first; `/opt` may be somewhere else."""
    package, layers = tmp_path / "package", tmp_path / "layers"
    for folder in (package, layers):
        folder.mkdir()
    (layers / "bootstrap").write_text("#!/bin/sh\n")
    (layers / "bootstrap").chmod(0o555)
    fit = Fit(layers=layers, opt="/merged")
    assert command(PROVIDED, FOLDERS, package, "/var/task", fit) == ["/merged/bootstrap"]
    (layers / "bootstrap").chmod(0o444)
    with pytest.raises(InvalidEntrypoint, match="fork/exec /opt/bootstrap: permission denied"):
        command(PROVIDED, FOLDERS, package, "/var/task", fit)
    (package / "bootstrap").write_text("#!/bin/sh\n")
    (package / "bootstrap").chmod(0o555)
    assert command(PROVIDED, FOLDERS, package, "/var/task", fit) == ["/var/task/bootstrap"]
    wrapped = command(PYTHON, FOLDERS, package, "/var/task", Fit(wrapper="/opt/wrap", opt="/merged"))
    assert wrapped[3] == "/merged/wrap"


def test_java_finds_layers_that_are_not_at_opt(tmp_path: Path) -> None:
    arguments = command(JAVA, FOLDERS, tmp_path, "/var/task", Fit(layers=tmp_path, opt="/merged"))
    assert "/rt/java/*:/merged/java/lib/*" in arguments
