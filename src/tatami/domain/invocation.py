"""What is run and what comes of it: a function version, an invocation, its outcome. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

UNHANDLED = "Unhandled"
"""The value of `X-Amz-Function-Error` in every answer recorded from AWS."""

MAX_SYNCHRONOUS_PAYLOAD = 6 * 1024 * 1024
"""Bytes of a synchronous request payload (AWS quota: 6 MB)."""

MAX_RESPONSE_PAYLOAD = 6 * 1024 * 1024 + 100
"""Bytes of a buffered response; AWS's error text names this very number, 6291556."""


MAX_STREAMED_RESPONSE = 200 * 1024 * 1024
"""Bytes of a streamed response (AWS quota: 200 MB)."""


@dataclass(frozen=True)
class FunctionVersion:
    """Everything a node must know to run one version of a function; immutable.

    generation: drawn anew whenever code or configuration changes; environments of another generation
    are never used for it. arn: of the function, unqualified. code: blob digest of the zip package. layers: those of its
    layers, in the order in which they are unpacked. log_format: `Text` or `JSON`, which alone has the two levels.
    """

    account: str
    region: str
    name: str
    version: str
    generation: str
    arn: str
    runtime: str
    handler: str
    code: str
    role: str = ""
    memory_mb: int = 128
    timeout_seconds: int = 3
    ephemeral_mb: int = 512
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    log_group: str = ""
    layers: tuple[str, ...] = ()
    log_format: str = "Text"
    application_level: str = ""
    system_level: str = ""

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """Identity of the pool of environments that may run it."""
        return (self.account, self.region, self.name, self.version, self.generation)


@dataclass(frozen=True)
class Invocation:
    """One event on its way to a function.

    payload: the raw event (JSON text). invoked_arn: as invoked, with its qualifier if one was given.
    client_context, cognito_identity: JSON text or "". trace_id: `Root=...;Parent=...;Sampled=...` or "".
    log_tail: whether the caller wants the end of the log, and so waits until the runtime is done.
    streaming: whether the caller wants the response as it comes, if the runtime streams it.
    """

    request_id: str
    payload: bytes
    invoked_arn: str
    client_context: str = ""
    cognito_identity: str = ""
    trace_id: str = ""
    log_tail: bool = False
    streaming: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of an invocation that ran, successfully or not. A function's error is a value, not an exception.

    function_error: "" or `Unhandled`. error_type: such as `Sandbox.Timedout`, "" without error.
    log_tail: the last 4 KB of its log. Times in milliseconds; init_ms is None when nothing was initialised on demand.
    """

    payload: bytes
    executed_version: str
    function_error: str = ""
    error_type: str = ""
    log_tail: bytes = b""
    duration_ms: float = 0.0
    billed_ms: int = 0
    init_ms: float | None = None
    max_memory_mb: int = 0
    environment: str = ""
