"""Sandbox providers: `process` now."""
