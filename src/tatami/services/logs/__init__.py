"""Amazon CloudWatch Logs: groups, streams, events, retention, tags.

For the composition root: `room` and `MIGRATIONS` (room.py), `purge` (purge.py), `append_many` (ingestion.py).
"""
