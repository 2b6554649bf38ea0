"""
The options a JVM is started with: memory that fits MemorySize, a quick start, and what AWS's client needs to work.

The command line wins over JAVA_TOOL_OPTIONS in a JVM, yet functions set that variable to win over the platform. So an
option of ours is left out when the variable says something about the same thing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_OUTSIDE_HEAP_MB = 64
"""What a JVM with AWS's client needs beside its heap: classes, compiled code, stacks (measured: 45 to 60 MB)."""
_HEAP_SHARE = 0.85
"""Of MemorySize, as on AWS: a function of 1024 MB sees a maximal heap of about 870 MB."""

_HEAP = re.compile(r"-Xmx|MaxHeapSize|MaxRAM")
_COLLECTOR = re.compile(r"-XX:\+Use\w+GC")
_COMPILER = re.compile(r"Tiered|-Xint|-Xcomp|EnableJVMCI")


def jvm_options(version: int, memory_mb: int, tool_options: str = "") -> list[str]:
    """Options for a JVM of major `version` in an environment of `memory_mb`. tool_options: JAVA_TOOL_OPTIONS."""
    return [*_tuning(version, memory_mb, tool_options), *_needed(version)]


def heap_mb(memory_mb: int) -> int:
    """The maximal heap: AWS's share of the memory, but always leaving what a JVM needs beside it."""
    return min(int(memory_mb * _HEAP_SHARE), memory_mb - _OUTSIDE_HEAP_MB)


def _tuning(version: int, memory_mb: int, tool_options: str) -> Iterator[str]:
    if not _HEAP.search(tool_options):
        yield f"-Xmx{heap_mb(memory_mb)}m"
    if not _COLLECTOR.search(tool_options):
        yield "-XX:+UseSerialGC"
    # Lambda guide, "Customize Java runtime startup behavior": from Java 17 on the first compiler only.
    if version >= 17 and not _COMPILER.search(tool_options):
        yield "-XX:TieredStopAtLevel=1"
    yield "-XX:-UsePerfData"  # no statistics in a file below /tmp, which costs a start 5 ms and shows in /tmp


def _needed(version: int) -> Iterator[str]:
    yield "-Djava.net.preferIPv4Stack=true"
    # AWS's client makes a FileDescriptor of the number in _LAMBDA_TELEMETRY_LOG_FD by reflection.
    yield "--add-opens=java.base/java.io=ALL-UNNAMED"
    if version >= 22:
        yield "--enable-native-access=ALL-UNNAMED"
    if version >= 23:
        yield "--sun-misc-unsafe-memory-access=allow"
