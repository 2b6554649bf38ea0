"""Identifiers have AWS's shapes and do not repeat."""

from __future__ import annotations

import re

import pytest

from tatami.kit.ids import hex_id, request_id


def test_request_ids_are_lower_case_uuids() -> None:
    made = {request_id() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", name) for name in made)


@pytest.mark.parametrize("length", [1, 7, 8, 16, 32, 33])
def test_hex_ids_have_the_length_asked_for(length: int) -> None:
    assert re.fullmatch(rf"[0-9a-f]{{{length}}}", hex_id(length))
