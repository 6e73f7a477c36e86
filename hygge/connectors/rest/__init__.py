"""APIs that answer requests over HTTP with pages of JSON."""
