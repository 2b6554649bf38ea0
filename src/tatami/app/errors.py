"""Why a platform cannot start."""

from __future__ import annotations


class StartupError(Exception):
    """The platform cannot serve with these settings on this machine; the text is one line for the user."""
