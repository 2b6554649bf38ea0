"""Control groups on folders that look like those of the kernel: versions 1, 2 and both at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tatami.adapters.sandboxes.maker import cgroups
from tatami.adapters.sandboxes.maker.cgroups import Group, Hierarchies


@pytest.fixture(autouse=True)
def files_appear(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel makes the files of a group; here they are made when they are written."""

    def write(path: Path, value: str, needed: bool) -> None:
        path.write_text(value)

    monkeypatch.setattr(cgroups, "_write", write)


def machine(monkeypatch: pytest.MonkeyPatch, mounts: list[str], groups: list[str]) -> None:
    """A machine with these mounted hierarchies and these groups of the platform."""
    texts = {"/proc/self/mountinfo": mounts, "/proc/self/cgroup": groups}
    monkeypatch.setattr(cgroups, "_lines", lambda path: texts.get(str(path), _lines(path)))


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_version_1_has_a_folder_for_each_controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("memory/system/tatami.service", "cpu,cpuacct", "pids", "freezer"):
        (tmp_path / name).mkdir(parents=True)
    machine(
        monkeypatch,
        [
            f"1 0 0:1 / {tmp_path}/memory rw - cgroup cgroup rw,memory",
            f"2 0 0:2 / {tmp_path}/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
            f"3 0 0:3 / {tmp_path}/pids rw - cgroup cgroup rw,pids",
            f"4 0 0:4 / {tmp_path}/freezer rw - cgroup cgroup rw,freezer",
            "5 0 0:5 / / rw - ext4 /dev/x rw",
        ],
        ["4:memory:/system/tatami.service", "3:cpu,cpuacct:/", "2:pids:/", "1:freezer:/", "0::/"],
    )
    found = cgroups.discover("abc")
    assert found.unified == frozenset()
    assert found.folders == {
        "memory": tmp_path / "memory/system/tatami.service/tatami-abc",
        "cpu": tmp_path / "cpu,cpuacct/tatami-abc",
        "pids": tmp_path / "pids/tatami-abc",
        "freezer": tmp_path / "freezer/tatami-abc",
    }


def test_in_a_container_the_mount_shows_a_part_of_the_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory").mkdir()
    machine(
        monkeypatch,
        [f"1 0 0:1 /docker/1234 {tmp_path}/memory rw - cgroup cgroup rw,memory"],
        ["4:memory:/docker/1234"],
    )
    assert cgroups.discover("abc").folders == {"memory": tmp_path / "memory/tatami-abc"}


def test_version_2_hands_controllers_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, [f"1 0 0:1 / {tmp_path} rw - cgroup2 cgroup2 rw"], ["0::/"])
    (tmp_path / "tatami-abc").mkdir()
    (tmp_path / "tatami-abc" / "cgroup.controllers").write_text("cpu memory pids\n")
    found = cgroups.discover("abc")
    assert dict.fromkeys(cgroups.CONTROLLERS, tmp_path / "tatami-abc") == dict(found.folders)
    assert found.unified == frozenset(cgroups.CONTROLLERS)
    assert (tmp_path / "cgroup.subtree_control").read_text().startswith("+")


def test_an_empty_version_2_beside_version_1_gives_its_freezer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "unified" / "tatami-abc").mkdir(parents=True)
    (tmp_path / "unified" / "tatami-abc" / "cgroup.controllers").write_text("")
    machine(
        monkeypatch,
        [
            f"1 0 0:1 / {tmp_path}/memory rw - cgroup cgroup rw,memory",
            f"2 0 0:2 / {tmp_path}/unified rw - cgroup2 cgroup2 rw",
        ],
        ["1:memory:/", "0::/"],
    )
    found = cgroups.discover("abc")
    assert set(found.folders) == {"memory", "freezer"}
    assert found.unified == {"freezer"}


def test_a_machine_without_groups_has_no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, [], [])
    found = cgroups.discover("abc")
    assert found.folders == {}
    group = found.group("one")
    group.make(128)
    group.join()
    group.set_cpu(1.0)
    group.set_frozen(True)
    assert (group.peak_memory(), group.oom_kills(), group.is_frozen(), group.remove()) == (0, 0, False, True)


def written(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_limits_of_version_1(tmp_path: Path) -> None:
    group = group_in(tmp_path, frozenset())
    group.make(442)
    assert written(tmp_path / "memory" / "one") == {
        "memory.limit_in_bytes": str(442 << 20),
        "memory.memsw.limit_in_bytes": str(442 << 20),
        "memory.swappiness": "0",
    }
    assert written(tmp_path / "cpu" / "one") == {
        "cpu.cfs_period_us": "20000",
        "cpu.cfs_quota_us": "4997",
        "cpu.shares": "256",
    }
    assert written(tmp_path / "pids" / "one") == {"pids.max": "1024"}


def test_limits_of_version_2(tmp_path: Path) -> None:
    group = group_in(tmp_path, frozenset(cgroups.CONTROLLERS))
    group.make(3538)
    assert written(tmp_path / "one") == {
        "memory.max": str(3538 << 20),
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "cpu.max": "40000 20000",
        "cpu.weight": "200",
        "pids.max": "1024",
    }


def group_in(folder: Path, unified: frozenset[str]) -> Group:
    """The group `one`; with version 2 all controllers share a folder."""
    folders = {name: folder if unified else folder / name for name in cgroups.CONTROLLERS}
    for path in folders.values():
        path.mkdir(exist_ok=True)
    return Hierarchies(folders, unified).group("one")


def test_a_tiny_share_is_what_the_kernel_can_count(tmp_path: Path) -> None:
    group = group_in(tmp_path, frozenset())
    group.make(64)
    assert (tmp_path / "cpu" / "one" / "cpu.cfs_quota_us").read_text() == "1000"


@pytest.mark.parametrize("unified", [False, True])
def test_what_is_read(tmp_path: Path, unified: bool) -> None:
    group = group_in(tmp_path, frozenset(cgroups.CONTROLLERS) if unified else frozenset())
    group.make(128)
    if unified:
        (tmp_path / "one" / "memory.peak").write_text("4096\n")
        (tmp_path / "one" / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
        (tmp_path / "one" / "cgroup.events").write_text("populated 1\nfrozen 1\n")
    else:
        (tmp_path / "memory" / "one" / "memory.max_usage_in_bytes").write_text("4096\n")
        (tmp_path / "memory" / "one" / "memory.oom_control").write_text("under_oom 0\noom_kill 2\n")
        (tmp_path / "freezer" / "one" / "freezer.state").write_text("FROZEN\n")
    assert group.peak_memory() == 4096
    assert group.oom_kills() == 2
    assert group.is_frozen()


@pytest.mark.parametrize("unified", [False, True])
def test_a_boost_lifts_the_share(tmp_path: Path, unified: bool) -> None:
    group = group_in(tmp_path, frozenset(cgroups.CONTROLLERS) if unified else frozenset())
    group.make(128)
    group.set_cpu(1.0)
    path = tmp_path / "one" / "cpu.max" if unified else tmp_path / "cpu" / "one" / "cpu.cfs_quota_us"
    assert path.read_text() == ("20000 20000" if unified else "20000")
    group.set_cpu(None)
    assert path.read_text() == ("max 20000" if unified else "-1")
