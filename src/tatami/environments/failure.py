"""Function errors that the platform itself words, as AWS words them (answers recorded from AWS, November 2025)."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass

from tatami.ports.sandbox import Exit

EXIT_ERROR = "Runtime.ExitError"
TIMED_OUT = "Sandbox.Timedout"
INVALID_ENTRYPOINT = "Runtime.InvalidEntrypoint"

_SIGNAL_NAMES = {
    signal.SIGSEGV: "segmentation fault",
    signal.SIGABRT: "aborted",
    signal.SIGFPE: "floating point exception",
    signal.SIGBUS: "bus error",
    signal.SIGILL: "illegal instruction",
    signal.SIGKILL: "killed",
    signal.SIGTERM: "terminated",
    signal.SIGINT: "interrupt",
    signal.SIGHUP: "hangup",
    signal.SIGPIPE: "broken pipe",
    signal.SIGALRM: "alarm clock",
    signal.SIGQUIT: "quit",
    signal.SIGTRAP: "trace/breakpoint trap",
}
"""As Go's syscall.Signal prints them, which is where AWS's text comes from."""


@dataclass(frozen=True)
class Failure:
    """An error of the runtime process. body: what the runtime itself posted, or None when the platform words it."""

    error_type: str
    text: str = ""
    body: bytes | None = None

    @property
    def status(self) -> str:
        """What REPORT and INIT_REPORT call it."""
        return "timeout" if self.error_type == TIMED_OUT else "error"

    def payload(self, request_id: str) -> bytes:
        """The answer to the invocation that met it."""
        if self.body is not None:
            return self.body
        error = {"errorType": self.error_type, "errorMessage": f"RequestId: {request_id} Error: {self.text}"}
        return json.dumps(error, separators=(",", ":")).encode()


def ending(how: Exit) -> str:
    """How a process ended, as Go words it: `exit status 1`, `signal: killed`; "" when it ended well."""
    if how.signal is not None:
        name = _SIGNAL_NAMES.get(signal.Signals(how.signal)) if how.signal in set(signal.Signals) else None
        return f"signal: {name or how.signal}"
    return f"exit status {how.code}" if how.code else ""


def exited(how: Exit) -> Failure:
    """The runtime process ended without an answer."""
    text = ending(how)
    return Failure(
        EXIT_ERROR, f"Runtime exited with error: {text}" if text else "Runtime exited without providing a reason"
    )


def timed_out(seconds: float) -> Failure:
    """The function did not answer within its timeout."""
    return Failure(TIMED_OUT, f"Task timed out after {seconds:.2f} seconds")


def invalid_entrypoint(text: str) -> Failure:
    """There is no program to start."""
    return Failure(INVALID_ENTRYPOINT, text)
