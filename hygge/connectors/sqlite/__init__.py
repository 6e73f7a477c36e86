"""The SQLite home and store."""
