"""The tables.

Groups and streams have numbers of their own (`log_numbers`), never used twice, so deleting either is a matter of its
own few rows: its events become invisible at once and are removed in small steps later (`log_discarded`, retention).

An event stands at (timestamp, sequence), the sequence counting the arrivals of its group. The primary key serves the
readers of one stream, `log_events_by_time` those of a whole group; it holds the columns that decide how many
events fit on a page, so that this is found without touching a message.
"""

from __future__ import annotations

MIGRATIONS = [
    """
    CREATE TABLE log_numbers (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL);

    CREATE TABLE log_groups (
        group_id BIGINT NOT NULL PRIMARY KEY,
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        name TEXT NOT NULL,
        created_ms BIGINT NOT NULL,
        retention_days BIGINT,
        stored_bytes BIGINT NOT NULL,
        next_sequence BIGINT NOT NULL,
        UNIQUE (account, region, name)
    );

    CREATE TABLE log_tags (
        group_id BIGINT NOT NULL,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (group_id, name)
    );

    CREATE TABLE log_streams (
        stream_id BIGINT NOT NULL PRIMARY KEY,
        group_id BIGINT NOT NULL,
        name TEXT NOT NULL,
        created_ms BIGINT NOT NULL,
        first_event_ms BIGINT NOT NULL,
        last_event_ms BIGINT NOT NULL,
        last_ingestion_ms BIGINT NOT NULL,
        stored_bytes BIGINT NOT NULL,
        UNIQUE (group_id, name)
    );
    CREATE INDEX log_streams_by_time ON log_streams (group_id, last_event_ms, name);

    CREATE TABLE log_events (
        stream_id BIGINT NOT NULL,
        timestamp_ms BIGINT NOT NULL,
        sequence BIGINT NOT NULL,
        group_id BIGINT NOT NULL,
        ingestion_ms BIGINT NOT NULL,
        size BIGINT NOT NULL,
        message TEXT NOT NULL,
        PRIMARY KEY (stream_id, timestamp_ms, sequence)
    );
    CREATE INDEX log_events_by_time ON log_events (group_id, timestamp_ms, sequence, size);

    CREATE TABLE log_discarded (stream_id BIGINT NOT NULL PRIMARY KEY);
    """,
]
