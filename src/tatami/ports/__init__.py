"""Protocols with their promises in prose."""
