"""The filter pattern syntax, by the examples of the CloudWatch Logs user guide and by properties."""

from __future__ import annotations

import json
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tatami.domain import log_regex
from tatami.domain.log_pattern import InvalidPattern, compile_pattern

BAD = "[ERROR 400] BAD REQUEST"
MISSING = "[ERROR 419] MISSING ARGUMENTS"
TRAIL = json.dumps(
    {
        "eventType": "UpdateTrail",
        "sourceIPAddress": "111.111.111.111",
        "arrayKey": ["value", "another value"],
        "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
        "SomeObject": None,
        "flag": True,
        "cluster.name": "c",
        "bandwidth": 80.5,
        "errorCode": 400,
        "tiny": 1e-3,
        "detail-type": "x",
        "text": "404",
    }
)
PEOPLE = json.dumps(
    {
        "user": {"id": 1, "email": "John.Stiles@example.com"},
        "users": [{"id": 2, "email": "John.Doe@example.com"}, {"id": 3, "email": "Jane.Doe@example.com"}],
        "actions": ["GET", "PUT", "DELETE"],
        "coordinates": [[0, 1, 2], [4, 5, 6]],
    }
)
APACHE = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@pytest.mark.parametrize(
    ("pattern", "message", "selected"),
    [
        ("", "anything", True),
        ("ERROR", BAD, True),
        ("error", BAD, False),
        ("ERROR", "Exiting with ERRORCODE: -1", True),
        ("ERROR ARGUMENTS", MISSING, True),
        ("ERROR ARGUMENTS", BAD, False),
        ("?ERROR ?ARGUMENTS", BAD, True),
        ("?WARN ?ARGUMENTS", BAD, False),
        ("?WARN ?ARGUMENTS REQUEST", BAD, True),
        ("?WARN -ARGUMENTS", BAD, True),
        ('"BAD REQUEST"', BAD, True),
        ('"REQUEST BAD"', BAD, False),
        ('"say \\"hi\\""', 'they say "hi"', True),
        ("ERROR -ARGUMENTS", BAD, True),
        ("ERROR -ARGUMENTS", MISSING, False),
        ('-"BAD REQUEST"', BAD, False),
        ('" "', "oneword", True),
        ("%ERROR%", "SOMEERRORS", True),
        (r"%\d{3}% BAD", BAD, True),
        (r"%4[2-9]0%", BAD, False),
    ],
)
def test_words(pattern: str, message: str, selected: bool) -> None:
    assert compile_pattern(pattern).matches(message) is selected


@pytest.mark.parametrize(
    ("pattern", "selected"),
    [
        ('{ $.eventType = "UpdateTrail" }', True),
        ('{$.eventType="UpdateT*"}', True),
        ("{ $.eventType = UpdateTrail }", True),
        ('{ $.eventType != "UpdateTrail" }', False),
        ("{ $.sourceIPAddress != 123.123.* }", True),
        ("{ $.sourceIPAddress = 111.111.* }", True),
        ('{ $.arrayKey[0] = "value" }', True),
        ('{ $.arrayKey[2] = "value" }', False),
        ('{ $.arrayKey = "value" }', False),
        ("{ $.eventType = %Trail% }", True),
        ("{ $.arrayKey[*] = %val.{2}% }", True),
        (r"{ $.* = %111\.111\.111\.1[0-9]{1,2}% }", True),
        ("{ $.['cluster.name'] = \"c\" }", True),
        ("{ $['cluster.name'] = \"c\" }", True),
        ('{ $.detail-type = "x" }', True),
        ("{ $.objectList[*].id = 2 }", True),
        ("{ $.SomeObject IS NULL }", True),
        ("{ $.SomeOtherObject IS NULL }", False),
        ("{ $.flag IS TRUE }", True),
        ("{ $.flag IS FALSE }", False),
        ("{ $.flag = true }", True),
        ("{ $.SomeOtherObject NOT EXISTS }", True),
        ("{ $.SomeObject NOT EXISTS }", False),
        ("{ $.bandwidth > 75 }", True),
        ("{ $.bandwidth <= 75 }", False),
        ("{ $.errorCode = 4e+2 }", True),
        ("{ $.errorCode = 4* }", True),
        ("{ $.errorCode != 500 }", True),
        ("{ $.tiny = 1e-3 }", True),
        ("{ $.text = 404 }", True),
        ("{ $.missing != 1 }", False),
        ("{ $.eventType > 1 }", False),
        ('{ $.errorCode = "*" }', True),
        ('{ $.missing = "*" }', False),
    ],
)
def test_json(pattern: str, selected: bool) -> None:
    assert compile_pattern(pattern).matches(TRAIL) is selected
    assert not compile_pattern(pattern).matches("no json " + TRAIL)


@pytest.mark.parametrize(
    ("pattern", "selected"),
    [
        ('{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }', True),
        ('{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "n" && $.actions[2] = "n" }', True),
        ('{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "n") && $.actions[2] = "n" }', False),
        ('{ ($.user.id = 2 && $.users[0].email = "n") || $.actions[2] = "GET" }', False),
        ("{ $.coordinates[1][2] = 6 }", True),
    ],
)
def test_compound_json(pattern: str, selected: bool) -> None:
    assert compile_pattern(pattern).matches(PEOPLE) is selected


@pytest.mark.parametrize(
    ("pattern", "message", "selected"),
    [
        (r"[ip=%127\.0\.0\.[1-9]%, user, username, timestamp, request =*.html*, code = 4*, bytes]", APACHE, True),
        ("[ip, user, username, timestamp, request, status_code = 404 || status_code = 410, bytes]", APACHE, True),
        ("[..., request =*.html*, status_code = 4*, bytes]", APACHE, True),
        ("[ip, ..., bytes > 1000]", APACHE, True),
        ("[ip, ..., bytes > 2000]", APACHE, False),
        ("[ip, user, username, timestamp, request = GET*, ...]", APACHE, True),
        ('[,,, timestamp = "10/Oct/2000:13:25:15 -0700", ...]', APACHE, True),
        ("[a, b, c, d, e, f, g, h]", APACHE, False),
        ("[w1=ERROR, w2]", "ERROR 09/25/2014 12:00:02 Failed to process request", True),
        ("[w1=ERROR, w2]", "[ERROR] Unhandled Exception", True),
        ("[w1=ERROR || w1=%WARN%, w2]", "WARNING 09/25/2014 Invalid", True),
        ("[w1!=ERROR&&w1!=WARNING, w2]", "INFO 09/25/2014 GET", True),
        ("[w1!=ERROR&&w1!=WARNING, w2]", "ERROR 09/25/2014 GET", False),
        ("[r=REPORT,...]", "REPORT RequestId: 1", True),
        ("[]", "whatever it is", True),
    ],
)  # fmt: skip
def test_lines(pattern: str, message: str, selected: bool) -> None:
    assert compile_pattern(pattern).matches(message) is selected


@pytest.mark.parametrize(
    "pattern",
    [
        "Status: timeout", "a,b", "ERR*", '"open', "%open", "%(a)%", "%a b%", "%é%", r"%\b%", "%[%", "%a**b%",
        "%a% %b% %c%", "%a*+%", "%a{9999}%",
        "{", "{}", "{ $ = 1 }", "{ $.a }", "{ $.a = }", "{ $.a EXISTS }", "{ $.a IS NOT NULL }", "{ $.a > b }",
        "{ $.a == 1 }",
        '{ $."a" = 1 }', "{ $.a[*].* = 1 }", "{ $.a[-1] = 1 }", "{ ($.a = 1 }", "{ $.a = 1 } x", '{ "v": [1] }',
        "{ $.*=1 || $.*=2 || $.*=3 || $.*=4 }", "[", "[a", "[a=]", "[..., a, ...]", "[a] b",
    ],
)  # fmt: skip
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPattern):
        compile_pattern(pattern)


def test_the_refusal_names_the_characters() -> None:
    with pytest.raises(InvalidPattern, match=r"^Invalid character\(s\) in term ':'$"):
        compile_pattern("Status: timeout")


PIECES = [
    "a",
    "b",
    ".",
    "[ab]",
    "[^a]",
    "\\d",
    "\\.",
    "^",
    "$",
    "|",
    "x{2}",
    "a*",
    "b+",
    "a?",
    "b{1,3}",
    "a{2,}",
    ".*?",
]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=8), st.text("abx.1\n", max_size=12))
def test_both_engines_for_regexes_agree(pieces: list[str], message: str) -> None:
    source = "".join(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_regex, "_MOST_BACKTRACKING", -1)
        assert compile_pattern(f"%{source}%").matches(message) is bool(re.search(source, message, re.ASCII))


@pytest.mark.parametrize("source", ["a*a*a*a*a*a*b", "a?" * 40 + "a{40}b", "[ab]+[ab]+[ab]+c"])
def test_no_regex_holds_up_the_others(source: str) -> None:
    assert not compile_pattern(f"%{source}%").matches("a" * 20_000)
    assert compile_pattern(f"%{source}%").matches("a" * 20_000 + "baabc")


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_is_a_pattern_or_refused(pattern: str, message: str) -> None:
    try:
        compiled = compile_pattern(pattern)
    except InvalidPattern:
        return
    assert compiled.matches(message) in (True, False)


@given(st.text("{}[]$.*\"'%=<>!&|()? -ab01,", max_size=40), st.sampled_from([TRAIL, APACHE, "", "a b"]))
def test_near_misses_are_patterns_or_refused(pattern: str, message: str) -> None:
    test_any_text_is_a_pattern_or_refused.hypothesis.inner_test(pattern, message)  # type: ignore[attr-defined]


@given(st.text(min_size=1), st.text(), st.text())
def test_a_quoted_phrase_is_found_wherever_it_is(phrase: str, before: str, after: str) -> None:
    quoted = phrase.replace("\\", "\\\\").replace('"', '\\"')
    assert compile_pattern(f'"{quoted}"').matches(before + phrase + after)
    if phrase != " ":
        assert not compile_pattern(f'-"{quoted}"').matches(before + phrase + after)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-1000, 1000))
def test_numbers_are_in_one_order(value: float, limit: int) -> None:
    message = json.dumps({"n": value})
    verdicts = [compile_pattern(f"{{ $.n {op} {limit} }}").matches(message) for op in ("<", "=", ">")]
    assert verdicts.count(True) == 1
    assert compile_pattern(f"{{ $.n != {limit} }}").matches(message) is not verdicts[1]


@given(st.lists(st.text(string.ascii_letters, min_size=1), min_size=1, max_size=6))
def test_a_line_of_as_many_fields_matches(words: list[str]) -> None:
    line = " ".join(words)
    assert compile_pattern("[" + ", ".join(f"w{i}={word}" for i, word in enumerate(words)) + "]").matches(line)
    assert compile_pattern(f"[..., w={words[-1]}]").matches(line)
    assert not compile_pattern("[" + ", ".join(f"w{i}" for i in range(len(words) + 1)) + "]").matches(line)
