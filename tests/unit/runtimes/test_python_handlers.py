"""Python runtime: finding the handler, its search path, and the errors of the initialisation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.unit.runtimes.running_function import Starter

ECHO = "def handler(event, context):\n    return event\n"


@pytest.mark.parametrize(
    ("file", "handler"),
    [("app.py", "app.handler"), ("a/b/app.py", "a.b.app.handler"), ("a/b.py", "a/b.handler")],
)
def test_finds_handlers_in_modules_packages_and_folders(start_newest: Starter, file: str, handler: str) -> None:
    assert start_newest({file: ECHO}, handler).result({"x": 1}) == {"x": 1}


INIT_ERRORS = [
    (
        "handler",
        "Runtime.MalformedHandlerName",
        "Bad handler 'handler': not enough values to unpack (expected 2, got 1)",
    ),
    ("app.nothing", "Runtime.HandlerNotFound", "Handler 'nothing' missing on module 'app'"),
    ("gone.handler", "Runtime.ImportModuleError", "Unable to import module 'gone': No module named 'gone'"),
    ("x/gone.handler", "Runtime.ImportModuleError", "Unable to import module 'x/gone': No module named 'x'"),
    ("needs.handler", "Runtime.ImportModuleError", "Unable to import module 'needs': No module named 'no_such_thing'"),
    ("sys.exit", "Runtime.BuiltInModuleConflict", "Cannot use built-in module sys as a handler module"),
]


@pytest.mark.parametrize(("handler", "error_type", "message"), INIT_ERRORS)
def test_init_errors_have_the_texts_of_aws(start_newest: Starter, handler: str, error_type: str, message: str) -> None:
    function = start_newest({"app.py": ECHO, "needs.py": "import no_such_thing"}, handler)
    posted = function.outcome()
    assert posted.what == "init_error"
    assert posted.headers["lambda-runtime-function-error-type"] == error_type
    assert list(posted.json.items()) == [
        ("errorMessage", message),
        ("errorType", error_type),
        ("requestId", ""),
        ("stackTrace", []),
    ]
    assert function.outcome().exit_code == 1
    assert function.log_texts == [f"[ERROR] {error_type}: {message}\nTraceback (most recent call last):"]


def test_syntax_error_names_file_and_line(start_python: Starter) -> None:
    function = start_python("import os\ndef handler(event context):\n    pass\n")
    document = function.outcome().json
    assert document["errorType"] == "Runtime.UserCodeSyntaxError"
    assert document["errorMessage"].startswith("Syntax error in module 'app': ")
    assert document["stackTrace"][0].startswith(f'  File "{function.task_root}/app.py" Line ')
    assert document["stackTrace"][0].endswith(" Line 2\n    def handler(event context):\n")


def test_exception_at_import_has_the_recorded_shape(start_python: Starter) -> None:
    """Recorded on AWS: test_lambda_runtime_error. Only line numbers and folders differ between interpreters."""
    function = start_python('raise Exception("Runtime startup fails")\n')
    document = function.outcome().json
    assert list(document) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert (document["errorMessage"], document["errorType"], document["requestId"]) == (
        "Runtime startup fails",
        "Exception",
        "",
    )
    shape = [re.sub(r'"[^"<]*/', '"', re.sub(r"line \d+", "line N", entry)) for entry in document["stackTrace"]]
    assert shape == [
        '  File "__init__.py", line N, in import_module\n'
        "    return _bootstrap._gcd_import(name[level:], package, level)\n",
        '  File "<frozen importlib._bootstrap>", line N, in _gcd_import\n',
        '  File "<frozen importlib._bootstrap>", line N, in _find_and_load\n',
        '  File "<frozen importlib._bootstrap>", line N, in _find_and_load_unlocked\n',
        '  File "<frozen importlib._bootstrap>", line N, in _load_unlocked\n',
        '  File "<frozen importlib._bootstrap_external>", line N, in exec_module\n',
        '  File "<frozen importlib._bootstrap>", line N, in _call_with_frames_removed\n',
        '  File "app.py", line N, in <module>\n    raise Exception("Runtime startup fails")\n',
    ]
    assert function.outcome().exit_code == 1


@pytest.mark.parametrize(("statement", "exit_code"), [("exit(0)", 0), ("import sys; sys.exit(3)", 3), ("quit(4)", 4)])
def test_exit_at_import_posts_nothing(start_newest: Starter, statement: str, exit_code: int) -> None:
    assert start_newest(statement).outcome().exit_code == exit_code


PATHS = """
import sys, os, __main__
def handler(event, context):
    return {"path": sys.path, "argv": sys.argv, "cwd": os.getcwd(), "main": __main__.__name__,
            "file": __file__, "site": "site" in sys.modules, "bytecode": sys.dont_write_bytecode,
            "no_site_packages": not any("site-packages" in p for p in sys.path)}
"""


def test_search_path_order(start_python: Starter, tmp_path: Path) -> None:
    sdk = tmp_path / "sdk"
    sdk.mkdir()
    (sdk / "fake_sdk.py").write_text("NAME = 'sdk'")
    layer = tmp_path / "layer"
    layer.mkdir()
    files = {"app.py": "import fake_sdk\n" + PATHS}
    function = start_python(files, environment={"PYTHONPATH": str(layer)}, arguments=(str(sdk),))
    facts = function.result()
    path = facts["path"]
    assert path[0] == str(function.task_root) == facts["cwd"]
    assert path[-1] == str(sdk)
    runtime = next(folder for folder in path if folder.endswith("runtimes/python"))
    library = next(folder for folder in path if re.search(r"/lib/python3\.\d+$", folder))
    assert path.index(runtime) < path.index(str(layer)) < path.index(library)
    assert facts["no_site_packages"]
    assert [Path(argument).name for argument in facts["argv"]] == ["bootstrap.py"]
    assert (facts["main"], facts["site"], facts["bytecode"]) == ("__main__", False, True)


def test_files_named_like_the_standard_library_do_not_break_the_runtime(start_python: Starter) -> None:
    broken = "raise RuntimeError('the function has a file of this name')"
    names = ("token", "types", "string", "traceback", "logging", "json", "enum", "weakref", "warnings")
    code = (
        "import logging, json, traceback\ndef handler(event, context):\n    logging.error('x')\n    raise KeyError(1)"
    )
    function = start_python({"app.py": code, **{f"{name}.py": broken for name in names}})
    assert function.invoke().json["errorType"] == "KeyError"
    assert function.log_texts[0].startswith("[ERROR]\t")


def test_handler_that_is_not_callable_fails_each_invocation(start_newest: Starter) -> None:
    function = start_newest("handler = 'text'")
    assert function.invoke().json["errorMessage"] == "'str' object is not callable"
    assert function.invoke().json["errorType"] == "TypeError"


def test_processes_of_multiprocessing_do_not_start_a_second_runtime(start_python: Starter) -> None:
    code = """
import multiprocessing, os
def child(pipe):
    print("in the child")
    pipe.send(os.getpid())
def handler(event, context):
    methods = multiprocessing.get_context(event)
    here, there = methods.Pipe()
    process = methods.Process(target=child, args=(there,))
    process.start()
    pid = here.recv()
    process.join()
    return pid != os.getpid()
"""
    function = start_python(code)
    assert function.result("spawn") is True
    assert function.result("fork") is True
