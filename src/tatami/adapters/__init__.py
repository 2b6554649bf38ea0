"""Implementations of the ports. Only `app` names them."""
