"""What of the machine an interpreter needs inside."""

from __future__ import annotations

from pathlib import Path

from tatami.adapters.sandboxes.confinement import interpreter_mounts, interpreter_place, linked_mounts


def shown(executable: Path) -> dict[str, str]:
    return {mount.place: str(mount.source) for mount in interpreter_mounts(executable)}


def test_an_interpreter_of_the_system_needs_nothing() -> None:
    assert shown(Path("/usr/bin/env")) == {}
    assert interpreter_place(Path("/usr/bin/env")) == "/usr/bin/env"


def test_one_of_its_own_prefix_needs_the_prefix(tmp_path: Path) -> None:
    program = tmp_path / "versions" / "3.12.1" / "bin" / "python3.12"
    program.parent.mkdir(parents=True)
    program.touch()
    prefix = str(tmp_path / "versions" / "3.12.1")
    assert shown(program) == {prefix: prefix, "/var/lang": prefix}
    assert interpreter_place(program) == "/var/lang/bin/python3.12"
    (program.parent / "python3").symlink_to("python3.12")
    assert shown(program.parent / "python3") == {prefix: prefix, "/var/lang": prefix}


def test_a_link_elsewhere_is_shown_as_a_file_only(tmp_path: Path) -> None:
    program = tmp_path / "versions" / "3.12.1" / "bin" / "python3.12"
    program.parent.mkdir(parents=True)
    program.touch()
    link = tmp_path / "venv" / "bin" / "python"
    link.parent.mkdir(parents=True)
    link.symlink_to(program)
    prefix = str(tmp_path / "versions" / "3.12.1")
    assert shown(link) == {str(link): str(link), prefix: prefix, "/var/lang": prefix}


def test_a_program_that_is_in_no_bin_needs_its_folder(tmp_path: Path) -> None:
    (tmp_path / "go").mkdir()
    (tmp_path / "go" / "tool").touch()
    assert shown(tmp_path / "go" / "tool") == {str(tmp_path / "go"): str(tmp_path / "go")}


def test_links_are_shown_as_what_they_lead_to(tmp_path: Path) -> None:
    (tmp_path / "site" / "boto3").mkdir(parents=True)
    (tmp_path / "site" / "six.py").touch()
    (tmp_path / "sdk").mkdir()
    for name in ("six.py", "boto3"):
        (tmp_path / "sdk" / name).symlink_to(tmp_path / "site" / name)
    assert [(str(mount.source), mount.place) for mount in linked_mounts(tmp_path / "sdk", "/var/sdk")] == [
        (str(tmp_path / "site" / "boto3"), "/var/sdk/boto3"),
        (str(tmp_path / "site" / "six.py"), "/var/sdk/six.py"),
    ]
