"""Function URLs: what is kept of one, how its address is built and read, how answers show it."""

from __future__ import annotations

import datetime
import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tatami.domain.arn import function_arn
from tatami.frame.operation import Values

BUFFERED = "BUFFERED"
RESPONSE_STREAM = "RESPONSE_STREAM"
AWS_IAM = "AWS_IAM"
NONE = "NONE"

PATH = "/_tatami/url/"
"""Where URLs are found by path, for clients that cannot resolve their host names."""

_HOST = re.compile(r"(?P<id>[a-z0-9]{32})\.lambda-url\.(?P<region>[a-z0-9-]+)\.[^/]+", re.IGNORECASE)


class UrlConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One function URL.

    id: 32 letters and digits. qualifier: an alias or "". cors: as CreateFunctionUrlConfig takes it. Times: seconds
    since the epoch.
    """

    id: str
    account: str
    region: str
    name: str
    partition: str
    qualifier: str
    auth_type: str
    created: float
    last_modified: float
    invoke_mode: str = BUFFERED
    cors: dict[str, Any] = {}

    @property
    def function(self) -> tuple[str, str, str]:
        """Account, Region and name of its function."""
        return (self.account, self.region, self.name)

    @property
    def arn(self) -> str:
        """Of the function or alias that it calls."""
        return function_arn(self.account, self.region, self.name, self.qualifier, self.partition)


def changed(config: UrlConfig, values: Values, now: float) -> UrlConfig:
    """`config` with the members that UpdateFunctionUrlConfig was given."""
    return msgspec.structs.replace(
        config,
        auth_type=values.get("AuthType") or config.auth_type,
        invoke_mode=values.get("InvokeMode") or config.invoke_mode,
        cors=dict(values["Cors"]) if values.get("Cors") is not None else config.cors,
        last_modified=now,
    )


def address(config: UrlConfig, endpoint: str) -> str:
    """The FunctionUrl for a caller who reaches the platform under `endpoint` (`http://host:port`).

    A caller on this machine gets a host of its own below `localhost`, which curl and browsers resolve to this
    machine by themselves (RFC 6761); any other gets the form by path, because no such name leads here.
    """
    parts = urlsplit(endpoint)
    if not _is_local(parts.hostname or ""):
        return f"{endpoint}{PATH}{config.id}/"
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{config.id}.lambda-url.{config.region}.localhost{port}/"


def located(host: str, path: str) -> tuple[str, str] | None:
    """The id of the URL that a request is for, and its path below it (raw); None when it is for none.

    host: the header, as sent. A name counts whatever stands behind the Region: `.localhost:4566`, `.on.aws`.
    """
    if (named := _HOST.fullmatch(host)) is not None:
        return named["id"].lower(), path
    if path.startswith(PATH):
        url_id, _, rest = path[len(PATH) :].partition("/")
        return url_id, f"/{rest}"
    return None


def described(config: UrlConfig, endpoint: str, *, mode: bool, modified: bool) -> Values:
    """As answers show it. mode, modified: whether this answer has InvokeMode and LastModifiedTime (recorded)."""
    answer: Values = {
        "FunctionUrl": address(config, endpoint),
        "FunctionArn": config.arn,
        "AuthType": config.auth_type,
        "CreationTime": _instant(config.created),
    }
    if config.cors:
        answer["Cors"] = dict(config.cors)
    if mode:
        answer["InvokeMode"] = config.invoke_mode
    if modified:
        answer["LastModifiedTime"] = _instant(config.last_modified)
    return answer


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _instant(seconds: float) -> str:
    return f"{datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
