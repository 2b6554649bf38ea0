"""Page tokens come back as they were given, and only to whom they were given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tatami.frame.paging import InvalidToken, decode_token, encode_token

POSITIONS = st.lists(st.integers() | st.text(st.characters(codec="utf-8")), max_size=4)


@given(POSITIONS)
def test_a_token_comes_back_as_its_position(position: list[int | str]) -> None:
    token = encode_token("logs:Filter", *position)
    assert decode_token("logs:Filter", token) == position
    assert token.replace("-", "").replace("_", "").isalnum()


@given(POSITIONS, st.integers(0, 200))
def test_a_foreign_or_damaged_token_is_refused(position: list[int | str], index: int) -> None:
    token = encode_token("logs:Filter", *position)
    with pytest.raises(InvalidToken):
        decode_token("logs:Describe", token)
    index %= len(token)
    with pytest.raises(InvalidToken):
        decode_token("logs:Filter", token[:index] + "!" + token[index + 1 :])


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidToken):
        decode_token("logs:Filter", text)
