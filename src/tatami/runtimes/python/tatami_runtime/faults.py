"""Errors as the Runtime API and the log want them.

Shapes recorded on AWS: `{"errorMessage", "errorType", "requestId", "stackTrace": [one text per frame]}`, the
frames of the runtime itself left out, `requestId` empty during the initialisation.
"""

import os

RUNTIME_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Fault(Exception):
    """An error the runtime finds itself: `error_type` is one of AWS's `Runtime.*` names."""

    def __init__(self, error_type, message, stack_trace=None):
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.stack_trace = stack_trace or []


def error_document(message, error_type, request_id, stack_trace):
    """The JSON object of an error, in AWS's key order."""
    return {"errorMessage": message, "errorType": error_type, "requestId": request_id, "stackTrace": stack_trace}


def message_of(error):
    """`str(error)`, or a remark when the exception's own `__str__` fails. Lone surrogates, which no UTF-8 can carry,
    become question marks."""
    try:
        return str(error).encode("utf-8", "replace").decode("utf-8")
    except Exception:
        return "<exception str() failed>"


def frames_of(error):
    """[(file, line, function, source)] from the outermost frame that is not the runtime's own."""
    import traceback

    summary = traceback.extract_tb(error.__traceback__)
    frames = [(frame.filename, frame.lineno, frame.name, frame.line) for frame in summary]
    for index, frame in enumerate(frames):
        if not frame[0].startswith(RUNTIME_FOLDER):
            return frames[index:]
    return frames


def describe(error, request_id):
    """(error document, X-Ray cause) of any exception that left the function's code."""
    if isinstance(error, Fault):
        document = error_document(error.message, error.error_type, request_id, error.stack_trace)
        return document, xray_cause("LambdaValidationError", error.message, [])
    import traceback

    frames = frames_of(error)
    message, name = message_of(error), type(error).__name__
    document = error_document(message, name, request_id, traceback.format_list(frames))
    return document, xray_cause(name, message, frames)


def xray_cause(error_type, message, frames):
    """The object of the header Lambda-Runtime-Function-XRay-Error-Cause."""
    try:
        folder = os.getcwd()
    except OSError:  # the function has removed it
        folder = ""
    stack = [{"label": frame[2], "path": frame[0], "line": frame[1]} for frame in frames]
    return {
        "working_directory": folder,
        "exceptions": [{"message": message, "type": error_type, "stack": stack}],
        "paths": sorted({frame[0] for frame in frames}),
    }


def text_lines(document):
    """The lines of the one log event of an error; indentation in no-break spaces, as AWS's log has it."""
    head = "[ERROR]"
    if document["errorType"]:
        head += " " + document["errorType"]
    if document["errorMessage"]:
        head += (": " if document["errorType"] else " ") + document["errorMessage"]
    lines = [head, "Traceback (most recent call last):"]
    for entry in document["stackTrace"]:
        for line in entry.splitlines():
            text = line.lstrip(" ")
            lines.append("\u00a0" * (len(line) - len(text)) + text)
    return lines
