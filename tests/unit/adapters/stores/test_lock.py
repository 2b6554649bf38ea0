"""The lock of a data folder. Its life across processes is in tests/faults/test_store_kill.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tatami.adapters.stores.lock import DataFolderInUse, DataFolderLock


def test_the_second_holder_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    with DataFolderLock(tmp_path) as lock:
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
        with pytest.raises(DataFolderInUse, match=f"{tmp_path} is in use by process {os.getpid()}") as refusal:
            DataFolderLock(tmp_path)
        assert (refusal.value.folder, refusal.value.pid) == (tmp_path, os.getpid())
        assert "held" in repr(lock)
    assert "released" in repr(lock)


def test_released_it_can_be_taken_again(tmp_path: Path) -> None:
    lock = DataFolderLock(tmp_path)
    lock.release()
    lock.release()
    DataFolderLock(tmp_path).release()


def test_a_holder_that_has_not_written_its_name_yet_is_another_process(tmp_path: Path) -> None:
    with DataFolderLock(tmp_path):
        (tmp_path / "lock").write_text("")
        with pytest.raises(DataFolderInUse, match="by another process") as refusal:
            DataFolderLock(tmp_path)
        assert refusal.value.pid is None


def test_a_longer_name_of_the_last_holder_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("9" * 30)
    with DataFolderLock(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_the_folder_must_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        DataFolderLock(tmp_path / "missing")
