"""Node.js runtime: finding the handler, and the errors of the initialisation."""

from __future__ import annotations

import pytest
from tests.unit.runtimes.running_function import Starter

COMMON = "exports.handler = async (event) => event;"
MODULE = "export const handler = async (event) => event;"
PACKAGE_MODULE = '{"type": "module"}'

FOUND = [
    ({"index.js": COMMON}, "index.handler"),
    ({"index.cjs": COMMON}, "index.handler"),
    ({"index.mjs": MODULE}, "index.handler"),
    ({"index.js": MODULE, "package.json": PACKAGE_MODULE}, "index.handler"),
    ({"a/b.js": MODULE, "package.json": PACKAGE_MODULE}, "a/b.handler"),
    ({"a/b.js": COMMON, "a/package.json": "{}", "package.json": PACKAGE_MODULE}, "a/b.handler"),
    ({"a/b.c/d.js": COMMON}, "a/b.c/d.handler"),
    ({"index.js": "exports.one = {two: {handler: async (event) => event}};"}, "index.one.two.handler"),
    ({"index.mjs": "export default {handler: async (event) => event};"}, "index.handler"),
    ({"index.js": "exports.handler = (event) => Promise.resolve(event);"}, "index.handler"),
    ({"index.mjs": "await new Promise((r) => setTimeout(r, 1));\n" + MODULE}, "index.handler"),
    ({"index/index.js": COMMON}, "index.handler"),
    ({"index.js": "module.exports = require('./other')", "other.json": "1", "other.js": COMMON}, "index.handler"),
]


@pytest.mark.parametrize(("files", "handler"), FOUND)
def test_finds_handlers(start_node: Starter, files: dict[str, str], handler: str) -> None:
    assert start_node(files, handler).result({"x": "é😀"}) == {"x": "é😀"}


def test_node_path_reaches_modules_of_layers(start_node: Starter, tmp_path_factory: pytest.TempPathFactory) -> None:
    layer = tmp_path_factory.mktemp("layer")
    (layer / "from-layer.js").write_text("module.exports = 'layer';")
    code = "const layer = require('from-layer'); exports.handler = async () => layer;"
    assert start_node(code, environment={"NODE_PATH": str(layer)}).result() == "layer"


INIT_ERRORS = [
    ({}, "gone.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'gone'\nRequire stack:"),
    ({}, "a/gone.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'a/gone'\nRequire stack:"),
    (
        {"index.js": "require('no-such')"},
        "index.handler",
        "Runtime.ImportModuleError",
        "Error: Cannot find module 'no-s",
    ),
    ({"index.js": COMMON}, "index.nope", "Runtime.HandlerNotFound", "index.nope is undefined or not exported"),
    ({"index.js": COMMON}, "index.handler.x.y", "Runtime.HandlerNotFound", "index.handler.x.y is undefined or not exp"),
    (
        {"index.js": "exports.handler = 5"},
        "index.handler",
        "Runtime.HandlerNotFound",
        "index.handler is not a function",
    ),
    ({}, "index", "Runtime.MalformedHandlerName", "Bad handler"),
    ({}, "../index.handler", "Runtime.MalformedHandlerName", "'../index.handler' is not a valid handler name"),
    ({"index.js": "exports.handler = {"}, "index.handler", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected"),
    ({"index.mjs": "export const = 1"}, "index.handler", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected"),
    ({"index.js": "throw new TypeError('böse')"}, "index.handler", "TypeError", "böse"),
    ({"index.mjs": "import 'no-such'"}, "index.handler", "Error", "Cannot find package 'no-such' imported from "),
    ({"index.mjs": "await Promise.reject('why')"}, "index.handler", "string", "why"),
    ({"index.js": "Promise.reject(new Error('why'))"}, "index.nope", "Runtime.", ""),
    ({"index.js": "process.nextTick(() => { throw new RangeError('later') })"}, "index.handler", "", ""),
]


@pytest.mark.parametrize(("files", "handler", "error_type", "message"), INIT_ERRORS)
def test_init_errors(start_node: Starter, files: dict[str, str], handler: str, error_type: str, message: str) -> None:
    function = start_node(files, handler)
    posted = function.outcome()
    assert posted.what == "init_error"
    document = posted.json
    assert list(document) == ["errorType", "errorMessage", "trace"]
    assert document["errorType"].startswith(error_type)
    assert document["errorMessage"].startswith(message)
    assert posted.headers["lambda-runtime-function-error-type"] == document["errorType"]
    assert function.outcome().exit_code in (128, 129)
    assert len(function.frames) == 1
    assert "\tundefined\tERROR\tU" in function.log_texts[0]
    assert function.frames[0].type == 0xA55A0017


@pytest.mark.parametrize(("code", "exit_code"), [("process.exit(0)", 0), ("process.exit(3)", 3)])
def test_exit_at_import_posts_nothing(start_node: Starter, code: str, exit_code: int) -> None:
    assert start_node(code).outcome().exit_code == exit_code


def test_top_level_await_that_nothing_settles_ends_the_process(start_node: Starter) -> None:
    assert start_node({"index.mjs": "await new Promise(() => {})"}).outcome().exit_code == 13
