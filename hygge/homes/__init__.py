"""One home a file, named after its type."""
