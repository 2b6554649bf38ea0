"""No serverless knowledge: clock, ids, tasks, logging."""
