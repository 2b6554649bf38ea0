"""Lambda's rules as functions on values: no I/O, clock, randomness or threads."""
