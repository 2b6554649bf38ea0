"""A small HTTP client of a running Tatami."""
