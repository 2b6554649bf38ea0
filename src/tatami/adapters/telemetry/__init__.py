"""Where the logs of functions go."""
