"""The part of `tatami up` that loads the platform; imported by that command only, when it runs."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

import uvloop

from tatami.app import head
from tatami.app.config import Config, ConfigError, load
from tatami.app.errors import StartupError
from tatami.cli.session import CommandError


def serve(flags: Mapping[str, object], config_file: Path | None) -> None:
    """Serve with these settings until SIGINT or SIGTERM. Raises CommandError when that cannot begin."""
    try:
        config = load(flags, config_file=config_file)
    except ConfigError as error:
        raise CommandError(str(error)) from error
    log_to_stderr(config)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(head.run(config, announce))
    except (StartupError, OSError) as error:
        raise CommandError(f"cannot serve on {config.host}:{config.port}: {error}") from error


def announce(url: str) -> None:
    """Say on stdout that requests are taken at `url`: whoever started us may be waiting for this line."""
    print(f"ready {url}", flush=True)


def log_to_stderr(config: Config) -> None:
    """Send the platform's log, from the configured level on, to stderr."""
    logging.basicConfig(
        stream=sys.stderr,
        level=config.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )
