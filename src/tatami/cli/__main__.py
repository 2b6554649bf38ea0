"""`python -m tatami.cli` is the `tatami` command."""

from __future__ import annotations

from tatami.cli.main import run

run()
