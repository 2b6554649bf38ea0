"""Tags of log groups."""

from __future__ import annotations

from collections.abc import Mapping

from tatami.services.logs.errors import invalid_parameter, too_many_tags

MOST_TAGS = 50


def merged(resource: str, present: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """`present` with `added` over it. Raises AwsError for reserved names and for more tags than allowed."""
    if any(name.lower().startswith("aws:") for name in added):
        raise invalid_parameter("aws: prefixed tag key names are not allowed for external use.")
    tags = {**present, **added}
    if len(tags) > MOST_TAGS:
        raise too_many_tags(resource, MOST_TAGS)
    return tags
