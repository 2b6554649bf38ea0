"""The Ruby client: what handlers get, what becomes of what they return or raise, and when the process ends."""

from __future__ import annotations

import json

import pytest
from tests.unit.runtimes.running_function import Starter

ECHO = """
def handler(event:, context:)
  event
end
"""


@pytest.mark.parametrize("event", [None, {"a": [1, 2.5, None, True]}, "ümläut 日本", 0, [], "x" * 300_000])
def test_an_event_comes_back_as_it_went(start_ruby: Starter, event: object) -> None:
    function = start_ruby(ECHO)
    for _ in range(2):
        posted = function.invoke(event)
        assert (posted.what, posted.headers["content-type"], posted.json) == ("response", "application/json", event)


def test_a_chunked_event_and_one_that_is_not_json(start_ruby: Starter) -> None:
    function = start_ruby(ECHO)
    function.api.hand_out(b'{"a": 1}', chunked=True)
    assert function.outcome().json == {"a": 1}
    assert function.result(b"plain", {"Content-Type": "text/plain"}) == "plain"
    broken = function.invoke(b"{")
    assert (broken.what, broken.json["errorType"]) == ("error", "Function<JSON::ParserError>")
    assert function.result({}) == {}


CONTEXT = """
def handler(event:, context:)
  names = %i[aws_request_id invoked_function_arn log_group_name log_stream_name function_name memory_limit_in_mb
             function_version identity client_context tenant_id]
  facts = names.to_h { |name| [name, context.public_send(name)] }
  facts.merge(left: context.get_remaining_time_in_millis, deadline: context.deadline_ms, trace: ENV["_X_AMZN_TRACE_ID"],
              encoding: "".encoding.to_s, external: Encoding.default_external.to_s, home: ENV["LC_CTYPE"],
              descriptor: ENV["_LAMBDA_TELEMETRY_LOG_FD"])
end
"""


def test_the_context_has_what_the_guide_names(start_ruby: Starter) -> None:
    function = start_ruby(CONTEXT)
    headers = {
        "Lambda-Runtime-Client-Context": '{"custom": {"k": "v"}}',
        "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId": "i"}',
        "Lambda-Runtime-Trace-Id": "Root=1-5-6",
        "Lambda-Runtime-Aws-Tenant-Id": "blue",
    }
    posted = function.invoke({}, headers)
    facts = posted.json
    assert 50_000 < facts.pop("left") <= 60_000
    assert facts.pop("deadline") > 1_700_000_000_000
    assert facts == {
        "aws_request_id": posted.request_id,
        "invoked_function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:f:live",
        "log_group_name": "/aws/lambda/f",
        "log_stream_name": "2026/01/02/[7]0123",
        "function_name": "f",
        "memory_limit_in_mb": "512",
        "function_version": "7",
        "identity": {"cognitoIdentityId": "i"},
        "client_context": {"custom": {"k": "v"}},
        "tenant_id": "blue",
        "trace": "Root=1-5-6",
        "encoding": "UTF-8",
        "external": "UTF-8",
        "home": None,
        "descriptor": None,
    }
    plain = function.result({}, {"Lambda-Runtime-Deadline-Ms": "1"})
    assert (plain["identity"], plain["client_context"], plain["tenant_id"]) == (None, None, None)
    assert (plain["left"], plain["trace"]) == (0, None)


def test_a_class_method_in_a_folder_of_the_package(start_ruby: Starter) -> None:
    code = "module Shop\n class Cart\n  def self.add(event:, context:) = { got: event, at: __FILE__ }\n end\nend\n"
    function = start_ruby({"lib/cart.rb": code}, "lib/cart.Shop::Cart.add")
    assert function.result(1) == {"got": 1, "at": f"{function.task_root}/lib/cart.rb"}


def test_what_can_be_read_goes_out_as_it_is(start_ruby: Starter) -> None:
    function = start_ruby('require "stringio"\ndef handler(event:, context:) = StringIO.new("raw \\xff".b)')
    posted = function.invoke()
    assert (posted.headers["content-type"], posted.body) == ("application/unknown", b"raw \xff")


def test_an_error_of_the_handler(start_ruby: Starter) -> None:
    code = "def inner = raise('Error: some_error_msg')\ndef handler(event:, context:)\n  inner\nend\n"
    function = start_ruby(code)
    posted = function.invoke()
    assert posted.what == "error"
    assert list(posted.json) == ["errorMessage", "errorType", "stackTrace"]
    assert (posted.json["errorMessage"], posted.json["errorType"]) == (
        "Error: some_error_msg",
        "Function<RuntimeError>",
    )
    lines = [frame.split(":in ")[0] for frame in posted.json["stackTrace"]]
    assert lines == [f"{function.task_root}/app.rb:1", f"{function.task_root}/app.rb:3"]
    assert posted.headers["lambda-runtime-function-error-type"] == "Function<UserException>"
    cause = json.loads(posted.headers["lambda-runtime-function-xray-error-cause"])
    assert cause["working_directory"] == str(function.task_root)
    assert (cause["exceptions"][0]["type"], cause["exceptions"][0]["stack"][0]["line"]) == ("Function<RuntimeError>", 1)
    assert function.log_texts[0] == "Error raised from handler method\n"
    assert json.loads(function.log_texts[1]) == posted.json
    assert function.invoke().what == "error"


@pytest.mark.parametrize(
    ("body", "error_type", "message"),
    [
        ("nil.nothing", "Function<NoMethodError>", "undefined method"),
        ("nowhere", "Function<NameError>", "undefined local variable or method"),
        ("exit 3", "Function<SystemExit>", "exit"),
        ("raise NotImplementedError, 'later'", "Function<NotImplementedError>", "later"),
        ("require 'no/such/file'", "Function<LoadError>", "cannot load such file -- no/such/file"),
        ("def deep = deep\n  deep", "Function<SystemStackError>", "stack level too deep"),
    ],
)
def test_critical_errors_are_told_and_end_the_process(
    start_ruby: Starter, body: str, error_type: str, message: str
) -> None:
    function = start_ruby(f"def handler(event:, context:)\n  {body}\nend")
    posted = function.invoke()
    assert (posted.what, posted.json["errorType"]) == ("error", error_type)
    assert message in posted.json["errorMessage"]
    assert function.log_texts[0] == "Critical exception from handler\n"
    assert function.outcome().exit_code == 255


def test_results_that_json_cannot_say_are_errors_of_the_function(start_ruby: Starter) -> None:
    function = start_ruby("def handler(event:, context:) = event == 1 ? Float::NAN : 'ok'")
    posted = function.invoke(1)
    assert (posted.what, posted.json["errorType"]) == ("error", "Function<JSON::GeneratorError>")
    assert function.result(2) == "ok"


def test_messages_of_any_encoding_arrive(start_ruby: Starter) -> None:
    code = (
        'def handler(event:, context:) = raise(event == 1 ? "b\\xf6se".b : "b\\xf6se".dup.force_encoding("ISO-8859-1"))'
    )
    function = start_ruby(code)
    assert function.invoke(1).json["errorMessage"] == "b\ufffdse"
    assert function.invoke(2).json["errorMessage"] == "böse"


@pytest.mark.parametrize(
    ("code", "handler", "error_type", "message"),
    [
        ("raise 'at once'", "app.handler", "Init<RuntimeError>", "at once"),
        ("def handler(", "app.handler", "Init<SyntaxError>", "app.rb"),
        ("", "missing.handler", "Init<LoadError>", "cannot load such file -- missing"),
        ("require 'no/such/gem'", "app.handler", "Init<LoadError>", "cannot load such file -- no/such/gem"),
        ("exit", "app.handler", "Init<SystemExit>", "exit"),
        ("", "app", "Init<ArgumentError>", 'Invalid handler ["app"], must be of form FILENAME.METHOD'),
        ("", "a.b.c.d", "Init<ArgumentError>", "must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD"),
    ],
)
def test_errors_before_the_first_invocation(
    start_ruby: Starter, code: str, handler: str, error_type: str, message: str
) -> None:
    function = start_ruby(code, handler)
    posted = function.outcome()
    assert (posted.what, posted.json["errorType"]) == ("init_error", error_type)
    assert message in posted.json["errorMessage"]
    assert function.log_texts[0] == f"Init error when loading handler {handler}\n"
    assert function.outcome().exit_code == 252


def test_a_handler_that_is_not_there_is_noticed_when_it_is_called(start_ruby: Starter) -> None:
    posted = start_ruby("", "app.handler").invoke()
    assert (posted.what, posted.json["errorType"]) == ("error", "Function<NoMethodError>")
    assert "handler" in posted.json["errorMessage"]
    assert "LambdaHandler" in posted.json["errorMessage"]


def test_a_connection_that_breaks_is_made_again(start_ruby: Starter) -> None:
    function = start_ruby(ECHO)
    function.result(1)
    function.api.hang_up()
    assert function.result(2) == 2
    function.api.statuses = [413]
    assert function.invoke(3).what == "response"
    assert function.result(4) == 4
    function.api.statuses = [500]
    assert function.invoke(5).what == "response"
    assert function.outcome().exit_code == 1


def test_the_attempt_is_named_when_the_platform_named_it(start_ruby: Starter) -> None:
    posted = start_ruby(ECHO).invoke(1, {"Lambda-Runtime-Invocation-Id": "attempt-1"})
    assert posted.headers["lambda-runtime-invocation-id"] == "attempt-1"


def test_gems_of_the_package_and_of_the_interpreter(start_ruby: Starter) -> None:
    """The interpreter's own gems stay within reach when GEM_PATH says where the function's are."""
    code = 'require "mine"\ndef handler(event:, context:) = [Mine::VALUE, Gem.default_path - Gem.path]'
    specification = (
        'Gem::Specification.new { |s| s.name = "mine"; s.version = "1.0"; s.summary = "-"; s.authors = ["-"] }'
    )
    folder = "vendor/bundle/ruby/0"
    files = {
        "app.rb": code,
        f"{folder}/specifications/mine-1.0.gemspec": specification,
        f"{folder}/gems/mine-1.0/lib/mine.rb": "module Mine\n  VALUE = 7\nend",
    }
    function = start_ruby(files, environment={"GEM_HOME": "/nonexistent", "GEM_PATH": folder})
    assert function.result() == [7, []]
