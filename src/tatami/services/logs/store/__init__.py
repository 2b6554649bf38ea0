"""The tables of the logs service, one module per noun; every function works inside a transaction."""
