"""A fake platform for every test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.unit.client.fake_platform import FakePlatform, serving


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    """A fake platform on a free port, empty."""
    with serving() as fake:
        yield fake
