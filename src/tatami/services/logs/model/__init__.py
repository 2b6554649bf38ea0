"""Shapes and rules of the logs service: values in, values out."""
