"""AWS front door: accept, identify, authenticate, authorize, decode, call, encode."""
