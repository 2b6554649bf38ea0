"""The one door for invocations: leases, placement and (later) the durable queue."""
