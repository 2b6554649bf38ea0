"""The root logger of a function: its handler, its text and its JSON. Imported only after `logging`."""

import logging
import os
import time

from tatami_runtime.context import CURRENT
from tatami_runtime.log_sink import JSON, TEXT
from tatami_runtime.marshal import encode

JSON_TIME = "%Y-%m-%dT%H:%M:%SZ"
# Attributes every record has; any other attribute is an `extra` of the caller and goes into the JSON.
STANDARD_ATTRIBUTES = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
    "asctime",
    "aws_request_id",
    "message",
    "taskName",
    "tenant_id",
}


def wants_json(environment):
    """Whether AWS_LAMBDA_LOG_FORMAT asks for JSON."""
    return environment.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"


def configure(sink):
    """Gives the root logger its one handler and, if AWS_LAMBDA_LOG_LEVEL says so, its level."""
    as_json = wants_json(os.environ)
    handler = LambdaLoggerHandler(sink, JSON if as_json else TEXT)
    handler.setFormatter(JsonFormatter() if as_json else text_formatter())
    handler.addFilter(InvocationFilter())
    root = logging.getLogger()
    root.addHandler(handler)
    # In JSON an unset level means INFO; in text the logger keeps Python's own WARNING.
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "INFO" if as_json else "").upper()
    level = {"TRACE": "DEBUG"}.get(level, level)
    if level in ("DEBUG", "INFO", "WARN", "WARNING", "ERROR", "CRITICAL", "FATAL"):
        root.setLevel(level)


def text_formatter():
    """`[LEVEL]\\t<time>\\t<request id>\\t<message>\\n`, the time in UTC with milliseconds."""
    pattern = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
    formatter = logging.Formatter(pattern, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    return formatter


class InvocationFilter(logging.Filter):
    """Marks each record with the invocation it belongs to."""

    def filter(self, record):
        record.aws_request_id = CURRENT.request_id
        record.tenant_id = CURRENT.tenant_id
        return True


class LambdaLoggerHandler(logging.Handler):
    """Sends each record to the sink as one event."""

    def __init__(self, sink, text_or_json):
        super().__init__()
        self.sink = sink
        self.text_or_json = text_or_json

    def emit(self, record):
        try:
            text = self.format(record)
        except Exception:
            self.handleError(record)
            return
        self.sink.write(text, record.levelno, self.text_or_json)


class JsonFormatter(logging.Formatter):
    """One JSON object per record: timestamp, level, message, logger, error fields, requestId, extras."""

    def format(self, record):
        level = min(50, max(0, record.levelno)) // 10 * 10
        as_is = isinstance(record.msg, dict) and not record.args
        document = {
            "timestamp": time.strftime(JSON_TIME, time.gmtime(record.created)),
            "level": logging.getLevelName(level),
            "message": record.msg if as_is else record.getMessage(),
            "logger": record.name,
            **_error_fields(record),
            "requestId": getattr(record, "aws_request_id", None),
            "location": "%s:%s:%s" % (record.pathname, record.funcName, record.lineno) if record.exc_info else None,
            "tenantId": getattr(record, "tenant_id", None),
        }
        for name, value in vars(record).items():
            if name not in STANDARD_ATTRIBUTES:
                document.setdefault(name, value)
        return json_line(document)


def _error_fields(record):
    if not record.exc_info or record.exc_info[0] is None:
        return {}
    import traceback

    return {
        "stackTrace": traceback.format_tb(record.exc_info[2]),
        "errorType": record.exc_info[0].__name__,
        "errorMessage": str(record.exc_info[1]),
    }


def json_line(document):
    """The line of a JSON event; fields that are None are left out, what JSON cannot say becomes its `str`."""
    present = {name: value for name, value in document.items() if value is not None}
    try:
        return encode(present, ascii_only=False) + "\n"
    except (TypeError, ValueError):
        import json

        return json.dumps(present, ensure_ascii=False, default=str, skipkeys=True) + "\n"
