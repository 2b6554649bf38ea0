"""Decisions without I/O, clock, randomness or threads."""
