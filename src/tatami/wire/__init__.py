"""AWS protocols: bytes to values and back."""
