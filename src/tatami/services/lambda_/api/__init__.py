"""The operations: one file per resource, one function per operation."""
