"""What a JVM is told: memory by MemorySize, and nothing that JAVA_TOOL_OPTIONS has already said."""

from __future__ import annotations

import pytest

from tatami.environments.java_options import heap_mb, jvm_options


@pytest.mark.parametrize(
    ("memory", "heap"), [(128, 64), (256, 192), (426, 362), (512, 435), (1024, 870), (3008, 2556), (10240, 8704)]
)
def test_the_heap_grows_with_the_memory_and_leaves_room(memory: int, heap: int) -> None:
    assert heap_mb(memory) == heap
    assert f"-Xmx{heap}m" in jvm_options(21, memory)


def test_from_java_17_on_the_first_compiler_only() -> None:
    assert "-XX:TieredStopAtLevel=1" not in jvm_options(11, 512)
    assert "-XX:TieredStopAtLevel=1" in jvm_options(17, 512)


@pytest.mark.parametrize(
    ("said", "left_out"),
    [
        ("-Xmx300m", "-Xmx435m"),
        ("-XX:MaxRAMPercentage=50", "-Xmx435m"),
        ("-XX:MaxHeapSize=300m", "-Xmx435m"),
        ("-XX:+UseParallelGC", "-XX:+UseSerialGC"),
        ("-XX:+TieredCompilation -XX:TieredStopAtLevel=4", "-XX:TieredStopAtLevel=1"),
        ("-XX:-TieredCompilation", "-XX:TieredStopAtLevel=1"),
    ],
)
def test_the_functions_own_options_win(said: str, left_out: str) -> None:
    plain, changed = jvm_options(21, 512), jvm_options(21, 512, said)
    assert left_out in plain
    assert changed == [option for option in plain if option != left_out]


def test_agents_and_properties_change_nothing() -> None:
    assert jvm_options(21, 512, "-javaagent:/opt/agent.jar -Dmy.size=3") == jvm_options(21, 512)


def test_what_newer_machines_need_to_be_quiet() -> None:
    """Java 22 warns of native code, Java 24 of sun.misc.Unsafe; older ones do not know these options."""
    assert not any("native" in option or "unsafe" in option for option in jvm_options(21, 512))
    assert "--enable-native-access=ALL-UNNAMED" in jvm_options(25, 512)
    assert "--sun-misc-unsafe-memory-access=allow" in jvm_options(25, 512)
