"""A logs room for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.unit.services.logs.harness import Logs


@pytest.fixture
def logs() -> Iterator[Logs]:
    with Logs() as logs:
        yield logs
