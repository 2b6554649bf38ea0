"""The `tatami` command: talks to a running platform through `client`; `up` alone calls `app`."""
