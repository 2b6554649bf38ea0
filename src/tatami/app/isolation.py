"""Which sandboxes this platform makes: the strongest that the machine lets it have, unless a kind is asked for."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

from tatami.adapters.sandboxes.namespaces import NamespaceSandboxes, NamespacesUnavailable
from tatami.adapters.sandboxes.process import ProcessSandboxes
from tatami.app.config import Config
from tatami.app.errors import StartupError
from tatami.ports.sandbox import SandboxProvider

log = logging.getLogger(__name__)


async def open_sandboxes(config: Config, run: Path, endpoint_port: Callable[[], int]) -> SandboxProvider:
    """The provider of sandboxes; what killed platforms left in `run` is gone. Raises StartupError.

    run: folder of living environments. endpoint_port: the platform's port on loopback, asked when it is needed.
    """
    plain = ProcessSandboxes(run)
    swept = await plain.sweep()
    provider: SandboxProvider = plain
    if config.isolation != "process":
        confined = await _namespaces(config, run, endpoint_port)
        if confined is not None:
            provider = confined
            swept += await confined.sweep()
    if provider is plain and config.egress == "none":
        raise StartupError("egress: 'none' needs isolation 'namespaces': plain processes share the machine's network")
    if swept:
        log.warning("removed %d things that a killed platform had left", swept)
    return provider


async def _namespaces(config: Config, run: Path, endpoint_port: Callable[[], int]) -> NamespaceSandboxes | None:
    """Namespaces, or None when they were only preferred and are not to be had."""
    reason = "only Linux has them"
    if sys.platform == "linux":
        try:
            return await NamespaceSandboxes.open(run, endpoint_port, egress=config.egress == "host")
        except NamespacesUnavailable as refused:
            reason = str(refused)
    if config.isolation == "namespaces":
        raise StartupError(f"isolation: namespaces are not to be had here: {reason}")
    log.warning("functions run as plain processes: namespaces are not to be had here: %s", reason)
    return None
