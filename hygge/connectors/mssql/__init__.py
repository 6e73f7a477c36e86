"""The SQL Server home and store."""
