"""Events and results between JSON bytes and Python values, as AWS's runtime converts them.

AWS's client uses simplejson, so beyond the standard library's rules: a Decimal is a number, a named tuple an
object, bytes inside a value are UTF-8 text, and bytes as the whole result go out untouched. NaN and Infinity
go out under these names. Python 3.12 and later write other characters than ASCII as they are.

The C scanner and encoder behind `json` are called directly (`import json` would double the start), with
`json` itself for every text they refuse, so that the messages of errors are its own.
"""

import sys

from tatami_runtime.faults import Fault

try:
    import _json

    class _Settings:
        """What the C scanner reads from a JSONDecoder."""

        strict = True
        object_hook = None
        object_pairs_hook = None
        parse_float = float
        parse_int = int
        parse_constant = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}.__getitem__
        memo = {}  # noqa: RUF012

    _scan = _json.make_scanner(_Settings)
    _make_encoder = _json.make_encoder
    _quote, _quote_ascii = _json.encode_basestring, _json.encode_basestring_ascii
    _make_encoder({}, None, _quote, None, ": ", ", ", False, False, True)
except (ImportError, AttributeError, TypeError):  # another interpreter, or a CPython that changed these
    _scan = _make_encoder = None

ASCII_ONLY = sys.version_info < (3, 12)
LEAVES = frozenset((str, int, float, bool, type(None)))
JSON = "application/json"
UNKNOWN = "application/unknown"


def event_of(body, content_type):
    """The handler's event. Raises Fault Runtime.UnmarshalError; a body that is not JSON by its type stays bytes."""
    if content_type != JSON:
        return body
    try:
        return decode(str(body, "utf-8", "surrogatepass"))
    except Exception as error:
        raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error) from error


def result_of(value):
    """(body in bytes, content type) of what a handler returned. Raises Fault Runtime.MarshalError."""
    if isinstance(value, bytes):
        return value, UNKNOWN
    try:
        return encode(value).encode("utf-8"), JSON
    except Exception as error:
        raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % error) from error


def decode(text):
    """The value of a JSON text. Raises json.JSONDecodeError (a ValueError) or RecursionError."""
    if _scan is not None:
        stripped = text.strip(" \t\n\r")
        try:
            value, end = _scan(stripped, 0)
            if end == len(stripped):
                return value
        except (StopIteration, ValueError):
            pass
    import json

    return json.loads(text)


def encode(value, ascii_only=ASCII_ONLY):
    """The JSON text of a value. Raises TypeError, ValueError or RecursionError with json's messages."""
    if _has_named_tuple(value):
        value = _rewritten(value)
    try:
        return _encode(value, ascii_only)
    except TypeError as error:
        if "not bytes" not in str(error):
            raise
        return _encode(_rewritten(value), ascii_only)


def _encode(value, ascii_only):
    numbers = _RawNumbers()
    if _make_encoder is None:
        import json

        text = json.dumps(value, default=numbers.default, ensure_ascii=ascii_only)
    else:
        quote = _quote_ascii if ascii_only else _quote
        encoder = _make_encoder({}, numbers.default, quote, None, ": ", ", ", False, False, True)
        text = "".join(encoder(value, 0))
    return numbers.restore(text)


class _RawNumbers:
    """Carries Decimals through an encoder that has no raw numbers: as marked strings, unquoted afterwards."""

    def __init__(self):
        self.mark = ""

    def default(self, value):
        if isinstance(value, bytes):
            return value.decode("utf-8")
        decimal = sys.modules.get("decimal")
        if decimal is None or not isinstance(value, decimal.Decimal):
            raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)
        if value.is_nan():
            return float("nan")
        if not self.mark:
            import os

            # Nobody can put this into a string of his own result on purpose or by accident.
            self.mark = "decimal:%s:" % os.urandom(16).hex()
        return self.mark + str(value)

    def restore(self, text):
        if not self.mark:
            return text
        import re

        return re.sub('"%s([^"]*)"' % self.mark, r"\1", text)


def _has_named_tuple(value):
    """Whether a named tuple is anywhere inside; each container is looked at once."""
    if type(value) in LEAVES:
        return False
    waiting, seen = [value], set()
    while waiting:
        container = waiting.pop()
        if id(container) in seen:
            continue
        seen.add(id(container))
        if isinstance(container, dict):
            waiting += [item for item in container.values() if type(item) not in LEAVES]
        elif isinstance(container, (list, tuple)):
            if _is_named_tuple(container):
                return True
            waiting += [item for item in container if type(item) not in LEAVES]
    return False


def _is_named_tuple(value):
    return isinstance(value, tuple) and callable(getattr(value, "_asdict", None))


def _rewritten(value):
    """A copy with named tuples as dicts and keys of bytes as text."""
    if _is_named_tuple(value):
        value = value._asdict()
    if isinstance(value, dict):
        return {key.decode("utf-8") if isinstance(key, bytes) else key: _rewritten(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rewritten(item) for item in value]
    return value
