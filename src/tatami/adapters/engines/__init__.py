"""Engines: what runs environments."""
