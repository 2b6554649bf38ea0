"""
One function as it is kept, and every change that it can go through.

`configuration` is what the API shows. `serving` is what invocations run: None until the first activation, and
the configuration before while an update is in progress or after it failed (Lambda guide, functions-states).
Each of them carries its own generation; environments of one generation never serve another.
"""

from __future__ import annotations

import datetime

import msgspec

from tatami.domain.arn import LATEST, function_arn
from tatami.domain.invocation import FunctionVersion

PENDING = "Pending"
ACTIVE = "Active"
FAILED = "Failed"
IN_PROGRESS = "InProgress"
SUCCESSFUL = "Successful"

CREATING_REASON = "The function is being created."
CREATING_CODE = "Creating"

INVALID_ZIP_CODE = "InvalidZipFileException"
INTERNAL_ERROR_CODE = "InternalError"


class UsedLayer(msgspec.Struct, frozen=True, kw_only=True):
    """A layer version as its function keeps it. arn: of the version. code: blob digest. Sizes in bytes."""

    arn: str
    code: str
    code_size: int
    unzipped: int


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller can set, and the code. Sizes: memory and ephemeral in MB, timeout in seconds, code in bytes.

    generation: drawn anew for every configuration. variables: None when no Environment was ever given, which
    answers tell apart from an empty one. code: the package's blob digest; unzipped: its bytes when unpacked.
    application_level, system_level: "" in a log of format Text. layers: in the order in which they are unpacked.
    empty_vpc: VpcConfig was given, empty.
    """

    generation: str
    runtime: str
    handler: str
    role: str
    code: str
    code_size: int
    architecture: str
    description: str = ""
    timeout: int = 3
    memory: int = 128
    ephemeral: int = 512
    variables: dict[str, str] | None = None
    log_group: str = ""
    log_format: str = "Text"
    application_level: str = ""
    system_level: str = ""
    unzipped: int = 0
    layers: tuple[UsedLayer, ...] = ()
    empty_vpc: bool = False


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """A function with its state. last_modified: seconds since the epoch, as created: when it was created."""

    account: str
    region: str
    name: str
    partition: str
    configuration: Configuration
    revision: str
    created: float
    last_modified: float
    serving: Configuration | None = None
    state: str = PENDING
    state_reason: str = CREATING_REASON
    state_reason_code: str = CREATING_CODE
    update_status: str = ""
    update_reason: str = ""
    update_reason_code: str = ""
    tags: dict[str, str] = {}

    @property
    def arn(self) -> str:
        """The unqualified ARN."""
        return function_arn(self.account, self.region, self.name, partition=self.partition)

    @property
    def key(self) -> tuple[str, str, str]:
        """Account, Region and name: what identifies a function."""
        return (self.account, self.region, self.name)

    @property
    def packages(self) -> frozenset[str]:
        """Digests of the packages and layers that it needs kept."""
        shown = [self.configuration] if self.serving is None else [self.configuration, self.serving]
        return frozenset(each.code for each in shown) | self.layer_codes

    @property
    def layer_codes(self) -> frozenset[str]:
        """Digests of the layers among them."""
        shown = [self.configuration] if self.serving is None else [self.configuration, self.serving]
        return frozenset(layer.code for each in shown for layer in each.layers)

    @property
    def is_settled(self) -> bool:
        """False while a background transition is due."""
        return self.state != PENDING and self.update_status != IN_PROGRESS


def updated(function: Function, configuration: Configuration, revision: str, now: float) -> Function:
    """`function` with an update begun: the new configuration is shown, the old one goes on serving."""
    return msgspec.structs.replace(
        function,
        configuration=configuration,
        revision=revision,
        last_modified=now,
        update_status=IN_PROGRESS,
        update_reason=CREATING_REASON,  # AWS says so for updates too (recorded)
        update_reason_code=CREATING_CODE,
    )


def previewed(function: Function, configuration: Configuration) -> Function:
    """`function` as a dry run shows it: with the new configuration and nothing begun."""
    return msgspec.structs.replace(function, configuration=configuration)


def activated(function: Function, revision: str) -> Function:
    """`function` with its creation or its update completed."""
    return msgspec.structs.replace(
        function,
        serving=function.configuration,
        revision=revision,
        state=ACTIVE,
        state_reason="",
        state_reason_code="",
        update_status=SUCCESSFUL,
        update_reason="",
        update_reason_code="",
    )


def failed(function: Function, revision: str, reason: str, code: str) -> Function:
    """`function` with its creation or its update failed; a failed update leaves what serves as it was.

    code: one of the model's StateReasonCode values.
    """
    if function.state == PENDING:
        return msgspec.structs.replace(
            function, revision=revision, state=FAILED, state_reason=reason, state_reason_code=code
        )
    return msgspec.structs.replace(
        function, revision=revision, update_status=FAILED, update_reason=reason, update_reason_code=code
    )


def runnable(function: Function, configuration: Configuration) -> FunctionVersion:
    """The `$LATEST` version of `function` with `configuration`, as a node must know it."""
    return FunctionVersion(
        account=function.account,
        region=function.region,
        name=function.name,
        version=LATEST,
        generation=configuration.generation,
        arn=function.arn,
        runtime=configuration.runtime,
        handler=configuration.handler,
        code=configuration.code,
        role=configuration.role,
        memory_mb=configuration.memory,
        timeout_seconds=configuration.timeout,
        ephemeral_mb=configuration.ephemeral,
        variables=dict(configuration.variables or {}),
        log_group=log_group(function.name, configuration),
        layers=tuple(layer.code for layer in configuration.layers),
        log_format=configuration.log_format,
        application_level=configuration.application_level,
        system_level=configuration.system_level,
    )


def log_group(name: str, configuration: Configuration) -> str:
    """Where the function's logs go."""
    return configuration.log_group or f"/aws/lambda/{name}"


def timestamp(seconds: float) -> str:
    """`seconds` since the epoch as Lambda prints LastModified: `2023-01-21T11:30:00.000+0000`."""
    moment = datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"
