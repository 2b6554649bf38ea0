"""Tatami: AWS Lambda and what belongs around it, on your own machines."""

__version__ = "0.1.0"
