"""The house rules that a machine can check: budgets, names, no late imports, runtimes that stand apart."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "tatami").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in SOURCES]

FILE_LINES = 500
FUNCTION_LINES = 60
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "base", "misc"}
LATE_IMPORTS = {"src/tatami/cli/up.py"}
"""`up` alone loads the platform; importing it for every command would make each several times slower."""


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_a_source_file_keeps_its_budget(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= FILE_LINES
    assert path.stem not in FORBIDDEN_NAMES
    tree = ast.parse(text)
    assert ast.get_docstring(tree) or not text.strip(), "the first line says what the module is"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= FUNCTION_LINES or _is_a_long_signature(node), f"{node.name} has {length} lines"


def _is_a_long_signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A command's options are its signature; they are not what the budget is about."""
    return (node.end_lineno or 0) - node.body[0].lineno + 1 <= FUNCTION_LINES


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_no_first_party_import_hides_in_a_function(path: Path) -> None:
    if str(path.relative_to(ROOT)) in LATE_IMPORTS or "runtimes" in path.parent.parts[-3:]:
        pytest.skip("allowed, with a reason in the file")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for inner in ast.walk(node):
                assert not (isinstance(inner, ast.ImportFrom) and (inner.module or "").startswith("tatami"))


def test_the_runtimes_import_nothing_of_tatami() -> None:
    for path in (ROOT / "src" / "tatami" / "runtimes").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] != "tatami", path
            if isinstance(node, ast.Import):
                assert all(alias.name.split(".")[0] != "tatami" for alias in node.names), path


def test_no_test_sleeps_to_wait() -> None:
    """A sleep that is the stimulus itself (a client that trickles) carries the comment `# paces`."""
    sleepers = [f"{path.relative_to(ROOT)}:{line}" for path in TESTS for line in _sleeps(path.read_text())]
    assert not sleepers


def _sleeps(text: str) -> list[int]:
    """Lines with a call of time.sleep or asyncio.sleep for a real time that do not pace a stimulus."""
    paced = {number for number, line in enumerate(text.splitlines(), 1) if "# paces" in line}
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return [node.lineno for node in calls if _is_sleep(node) and node.lineno not in paced]


def _is_sleep(call: ast.Call) -> bool:
    function = call.func
    if not (isinstance(function, ast.Attribute) and function.attr == "sleep" and isinstance(function.value, ast.Name)):
        return False
    zero = bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0
    return function.value.id in {"time", "asyncio"} and not zero


def test_the_lock_names_no_host() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert "--index-url" not in lock
    assert "--find-links" not in lock
