"""Error answers of the JSON protocols become ApiError."""

from __future__ import annotations

import pytest

from tatami.client.errors import api_error


@pytest.mark.parametrize(
    ("headers", "body", "code", "message"),
    [
        ({"x-amzn-errortype": "TooManyRequestsException"}, b'{"Message": "slow"}', "TooManyRequestsException", "slow"),
        ({"x-amzn-errortype": "A:http://internal/"}, b"{}", "A", "{}"),
        ({}, b'{"__type": "com.amazonaws.logs#ResourceNotFoundException", "message": "gone"}', None, "gone"),
        ({}, b"Bad Gateway", "HTTP502", "Bad Gateway"),
        ({}, b"", "HTTP502", ""),
        ({}, b"[1]", "HTTP502", "[1]"),
    ],
)
def test_code_and_message(headers: dict[str, str], body: bytes, code: str | None, message: str) -> None:
    error = api_error(502, headers, body)
    assert (error.code, error.message, error.status) == (code or "ResourceNotFoundException", message, 502)
