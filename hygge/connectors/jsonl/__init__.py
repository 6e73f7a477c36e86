"""Lines of JSON objects."""
