"""One node's execution environments: sandbox, runtime session, code."""
