"""Attacks by taking everything: memory, processes, disk, inodes, descriptors, the processor."""

from __future__ import annotations

from tests.escape.conftest import Arena


def test_memory(arena: Arena) -> None:
    arena.needs("memory_limit")
    answer = arena.run("x = bytearray(300 << 20); print('ESCAPED')", memory_mb=128)
    assert answer["exit"] == [None, 9]
    assert answer["oom_kills"] >= 1
    assert 120 << 20 < answer["peak"] <= 128 << 20


def test_memory_of_many_children(arena: Arena) -> None:
    arena.needs("memory_limit")
    answer = arena.run(
        """
        import os
        for _ in range(8):
            if os.fork() == 0:
                x = bytearray(40 << 20)
                os.read(0, 1)
                os._exit(0)
        ends = [os.wait()[1] for _ in range(8)]
        print(sum(end == 9 for end in ends))
        """,
        memory_mb=128,
    )
    assert answer["oom_kills"] >= 1
    assert answer["peak"] <= 128 << 20


def test_processes(arena: Arena) -> None:
    arena.needs("process_limit")
    answer = arena.run(
        """
        import os, signal
        count, ends = 0, os.pipe()
        try:
            while count < 3000:
                if os.fork() == 0:
                    os.close(ends[1])
                    os.read(ends[0], 1)
                    os._exit(0)
                count += 1
        except OSError as refused:
            print(count, refused.errno)
        """,
        memory_mb=1769,
    )
    count, number = map(int, answer["output"].split())
    assert 500 < count < 1024
    assert number == 11


def test_a_fork_bomb(arena: Arena) -> None:
    arena.needs("process_limit")
    answer = arena.run(
        """
        import os, time
        until = time.monotonic() + 1
        while time.monotonic() < until:
            try:
                os.fork()
            except OSError:
                pass
        """,
        memory_mb=512,
        seconds=20,
    )
    assert answer["left"] == 0
    assert arena.run("print('fine')")["output"] == "fine\n"


def test_threads(arena: Arena) -> None:
    arena.needs("process_limit")
    answer = arena.run(
        """
        import threading
        stay, count = threading.Event(), 0
        threading.stack_size(65536)
        try:
            while count < 3000:
                threading.Thread(target=stay.wait, daemon=True).start()
                count += 1
        except RuntimeError:
            print(count)
        """,
        memory_mb=1769,
    )
    assert 500 < int(answer["output"]) < 1024


FILL = """
def attack():
    written, block = 0, bytes(1 << 20)
    file = os.open("/tmp/fill", os.O_WRONLY | os.O_CREAT)
    try:
        while written < 2000:
            written += os.write(file, block) >> 20
    except OSError as refused:
        print(written, refused.errno, flush=True)
        os._exit(0)
    return written
"""


def test_the_disk(arena: Arena) -> None:
    """More than /tmp holds is refused; what AWS gives is there, in a function of little memory."""
    arena.needs("tmp_on_disk")
    answer = arena.run("import os\n" + FILL + "attack()", memory_mb=256, seconds=60)
    written, number = map(int, answer["output"].split())
    assert 512 <= written <= 560
    assert number == 28
    assert answer["oom_kills"] == 0


def test_the_disk_in_memory(arena: Arena) -> None:
    if arena.isolation["tmp_on_disk"]:
        return
    answer = arena.run("import os\n" + FILL + "attack()", memory_mb=1769, ephemeral_mb=64)
    written, number = map(int, answer["output"].split())
    assert written <= 64
    assert number == 28


def test_inodes(arena: Arena) -> None:
    answer = arena.run(
        """
        import os
        count = 0
        try:
            while count < 200_000:
                os.close(os.open(f"/tmp/{count}", os.O_WRONLY | os.O_CREAT))
                count += 1
        except OSError as refused:
            print(count, refused.errno)
        """,
        memory_mb=1769,
        seconds=60,
    )
    count, number = map(int, answer["output"].split())
    assert count < 40_000
    assert number == 28


def test_descriptors(arena: Arena) -> None:
    answer = arena.run("""
        import os
        count = 0
        try:
            while count < 5000:
                os.open("/dev/null", os.O_RDONLY)
                count += 1
        except OSError as refused:
            print(count, refused.errno)
    """)
    assert answer["output"] == "1021 24\n"


def test_the_processor(arena: Arena) -> None:
    """442 MB are a quarter of a core."""
    arena.needs("cpu_share")
    answer = arena.run(
        """
        import time
        begin, used = time.monotonic(), time.process_time()
        while time.monotonic() - begin < 1.5:
            pass
        print((time.process_time() - used) / (time.monotonic() - begin))
        """,
        memory_mb=442,
        throttled=True,
    )
    assert float(answer["output"]) < 0.30


def test_a_flood_of_output_stops_at_the_pipe(arena: Arena) -> None:
    """The platform reads when it wants to; the function waits, and can still be ended."""
    answer = arena.run("while True: print('x' * 1000)", seconds=1)
    assert answer["exit"] is None
    assert answer["left"] == 0
