"""The functions' door: the Lambda Runtime API."""
