"""What this room keeps in the durable store."""
