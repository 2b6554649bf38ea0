"""Content-addressed contents: files, and the same in memory."""
