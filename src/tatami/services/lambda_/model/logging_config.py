"""LoggingConfig: where a function's log goes, in which format, and from which levels on."""

from __future__ import annotations

from typing import Any

from tatami.frame.operation import Values
from tatami.services.lambda_ import errors
from tatami.services.lambda_.model.functions import Configuration, log_group

TEXT = "Text"
JSON = "JSON"
DEFAULT_LEVEL = "INFO"
"""Of both levels in a log of format JSON (recorded)."""


def logging_config(name: str, configuration: Configuration) -> Values:
    """As answers show it: the levels only with JSON (recorded). name: of the function."""
    shown: Values = {"LogFormat": configuration.log_format, "LogGroup": log_group(name, configuration)}
    if configuration.log_format == JSON:
        shown |= {
            "ApplicationLogLevel": configuration.application_level,
            "SystemLogLevel": configuration.system_level,
        }
    return shown


def logging_changes(configuration: Configuration, given: Values) -> dict[str, Any]:
    """The fields of `configuration` that a request's LoggingConfig changes. Raises AwsError.

    Members that are absent keep their value (recorded: a LoggingConfig of LogGroup alone). A log of format Text has
    no levels; one that becomes JSON has INFO where the request says nothing (recorded).
    """
    changes: dict[str, Any] = {"log_format": given.get("LogFormat") or configuration.log_format}
    if given.get("LogGroup"):
        changes["log_group"] = given["LogGroup"]
    levels = {"application_level": given.get("ApplicationLogLevel"), "system_level": given.get("SystemLogLevel")}
    if changes["log_format"] == TEXT:
        if any(levels.values()):
            raise errors.invalid_parameter(
                'LogLevel is not supported when LogFormat is set to "Text". '
                'Remove LogLevel from your request or change the LogFormat to "Json" and try again.'
            )
        return changes | dict.fromkeys(levels, "")
    for field, asked in levels.items():
        changes[field] = asked or getattr(configuration, field) or DEFAULT_LEVEL
    return changes
