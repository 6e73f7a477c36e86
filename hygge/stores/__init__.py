"""One store a file, named after its type."""
