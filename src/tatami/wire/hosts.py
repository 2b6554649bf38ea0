"""
What a Host header says: service, region, bucket.

`lambda.us-east-1.amazonaws.com`, `sqs.us-east-1.localhost:4566`, `bucket.s3.localhost`,
`123456789012.s3-control.us-east-1.amazonaws.com`, `sync-states.eu-west-1.localhost`. An address or a bare
`localhost` says nothing. Source: "Service endpoints" of the AWS General Reference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from tatami.wire.service_table import HOST_ALIASES, HOST_PREFIXES, SERVICES

_SUFFIXES = (".amazonaws.com.cn", ".amazonaws.com", ".api.aws", ".localhost")
_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}$")
_S3_DASH_REGION = re.compile(r"s3-([a-z]{2,4}(?:-[a-z]+)+-\d{1,2})$")

_BY_PREFIX: dict[str, tuple[str, ...]] = {}
for _entry in SERVICES:
    for _label in {_entry.endpoint_prefix, _entry.name}:
        _BY_PREFIX[_label] = (*_BY_PREFIX.get(_label, ()), _entry.name)
for _label, _name in HOST_ALIASES.items():
    _BY_PREFIX.setdefault(_label, (_name,))


@dataclass(frozen=True, slots=True)
class Host:
    """
    services: candidates by botocore's names, empty when the host names none.

    bucket: what stands before S3's label, or all that stands before `.localhost` where the label is not S3's:
    a bucket only if the request is signed for S3.
    """

    services: tuple[str, ...] = ()
    region: str | None = None
    bucket: str | None = None


@lru_cache(maxsize=4096)
def parse(host: str) -> Host:
    """What `host` (with or without port) says."""
    name = host.lower().rsplit(":", 1)[0] if not host.endswith("]") else host
    suffix = next((suffix for suffix in _SUFFIXES if name.endswith(suffix)), None)
    if suffix is None:
        return Host()
    labels = name[: -len(suffix)].split(".")
    region = next((label for label in reversed(labels) if _REGION.fullmatch(label)), None)
    for position, label in enumerate(labels):
        if (match := _S3_DASH_REGION.fullmatch(label)) is not None:
            return Host(("s3",), match[1], ".".join(labels[:position]) or None)
    local = ".".join(labels) if suffix == ".localhost" else None
    position, services = _find_service(labels)
    if "s3" not in services:
        return Host(services, region, local)
    return Host(services, region, ".".join(labels[:position]) or None)


def _find_service(labels: list[str]) -> tuple[int, tuple[str, ...]]:
    """Where the service's label (or pair) begins and what it means; the last counts, as buckets may have any name."""
    for end in range(len(labels), 0, -1):
        for start in (end - 2, end - 1):
            services = _meaning(".".join(labels[start:end])) if start >= 0 else ()
            if services:
                return start, services
    return 0, ()


def _meaning(label: str) -> tuple[str, ...]:
    if label in _BY_PREFIX:
        return _BY_PREFIX[label]
    bare = (label.removeprefix(prefix) for prefix in HOST_PREFIXES if label.startswith(prefix))
    return next((_BY_PREFIX[name] for name in bare if name in _BY_PREFIX), ())
