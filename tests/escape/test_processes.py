"""Attacks on processes: the platform's, the neighbours', and ways to outlive one's own end."""

from __future__ import annotations

import os
from pathlib import Path

from tests.escape.conftest import Arena


def test_only_its_own_processes_are_seen(arena: Arena) -> None:
    arena.attack("""
        def attack():
            return {int(name) for name in os.listdir("/proc") if name.isdigit()} - {1, os.getpid()}
    """)


def test_the_platform_cannot_be_signalled(arena: Arena) -> None:
    arena.attack(f"def attack(): os.kill({arena.pid}, 9); return True")


def test_a_neighbour_cannot_be_signalled(arena: Arena) -> None:
    arena.attack(f"def attack(): os.kill({arena.neighbour}, 9); return True")


def test_signals_to_everybody_reach_nobody_else(arena: Arena) -> None:
    arena.run("import os; os.kill(-1, 9)")
    assert Path(f"/proc/{arena.pid}").exists()


def test_process_1_cannot_be_ended(arena: Arena) -> None:
    answer = arena.run("""
        import os
        for number in (9, 19, 15, 11):
            try:
                os.kill(1, number)
            except PermissionError:
                pass
        os.stat("/proc/self")
        print("still here")
    """)
    assert answer["output"] == "still here\n"


def test_a_daemon_does_not_outlive_its_sandbox(arena: Arena) -> None:
    arena.needs("process_limit")
    answer = arena.run("""
        import os, select, signal
        for _ in range(3):
            if os.fork() == 0:
                os.setsid()
                if os.fork():
                    os._exit(0)
                os.environ.clear()
                os.closerange(0, 100)
                for number in range(1, 30):
                    try:
                        signal.signal(number, signal.SIG_IGN)
                    except (OSError, ValueError):
                        pass
                select.select([], [], [])
        print("left")
    """)
    assert answer["output"] == "left\n"
    assert answer["left"] == 0


def test_an_end_by_signal_is_seen_as_one(arena: Arena) -> None:
    """Process 1 would ignore these signals: a function is none."""
    for number in (9, 15, 6, 11):
        assert arena.run(f"import os; os.kill(os.getpid(), {number})")["exit"] == [None, number]


def test_tmp_stays_when_the_processes_are_ended(arena: Arena) -> None:
    answer = arena.run(
        "open('/tmp/kept', 'w').write('x')",
        then="import os; print(open('/tmp/kept').read(), [n for n in os.listdir('/proc') if n.isdigit()])",
    )
    assert answer["again"].startswith("x ")
    assert answer["again"].count(",") <= 1, "its /proc shows the new process namespace"


def test_queues_and_segments_of_the_host_are_out_of_sight(arena: Arena) -> None:
    arena.attack("""
        def attack():
            return any(len(open(f"/proc/sysvipc/{kind}").readlines()) > 1 for kind in ("shm", "sem", "msg"))
    """)


def test_the_platform_is_still_there(arena: Arena) -> None:
    """The last word, whatever came before in this worker."""
    os.stat(f"/proc/{arena.pid}")
    os.stat(f"/proc/{arena.neighbour}")
    assert arena.run("print('fine')")["output"] == "fine\n"
