"""Markers of lists by name and by number, with Lambda's error for one that is not ours."""

from __future__ import annotations

from tatami.frame.paging import InvalidToken, decode_token, encode_token
from tatami.services.lambda_ import errors


def marker_of(operation: str, name: str) -> str:
    """The marker behind the item called `name`; good for the same operation only."""
    return encode_token(operation, name)


def name_of(operation: str, marker: str) -> str:
    """The name that `marker` stands behind, "" for no marker. Raises AwsError for a marker that we never gave."""
    return str(_position(operation, marker)) if marker else ""


def marker_of_number(operation: str, number: int) -> str:
    """The marker behind the item of this number."""
    return encode_token(operation, number)


def number_of(operation: str, marker: str, none: int) -> int:
    """The number that `marker` stands behind, `none` for no marker. Raises AwsError for a marker that we never gave."""
    return int(_position(operation, marker)) if marker else none


def _position(operation: str, marker: str) -> int | str:
    try:
        (position,) = decode_token(operation, marker)
        return position
    except (InvalidToken, ValueError) as error:
        raise errors.invalid_parameter(f"Invalid marker: {marker}") from error
