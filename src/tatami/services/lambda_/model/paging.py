"""Markers of lists by name, with Lambda's error for one that is not ours."""

from __future__ import annotations

from tatami.frame.paging import InvalidToken, decode_token, encode_token
from tatami.services.lambda_ import errors


def marker_of(operation: str, name: str) -> str:
    """The marker behind the item called `name`; good for the same operation only."""
    return encode_token(operation, name)


def name_of(operation: str, marker: str) -> str:
    """The name that `marker` stands behind, "" for no marker. Raises AwsError for a marker that we never gave."""
    if not marker:
        return ""
    try:
        (name,) = decode_token(operation, marker)
    except (InvalidToken, ValueError) as error:
        raise errors.invalid_parameter(f"Invalid marker: {marker}") from error
    return str(name)
