"""The contract runs on every adapter of the store."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contract.store.openers import OPENERS, Opener


@pytest.fixture(params=sorted(OPENERS))
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    return OPENERS[request.param](tmp_path)
