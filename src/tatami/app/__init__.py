"""Composition roots: the only place that names adapters."""
