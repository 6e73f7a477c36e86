"""The DuckDB home and store."""
