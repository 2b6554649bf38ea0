"""The operations of the logs service, one module per noun."""
