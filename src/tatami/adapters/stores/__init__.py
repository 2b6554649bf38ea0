"""The durable store: SQLite on one machine, and the same without durability in memory."""
