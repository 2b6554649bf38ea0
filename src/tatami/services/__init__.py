"""One room per AWS-compatible service; the rooms do not know each other."""
