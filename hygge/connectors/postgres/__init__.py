"""The PostgreSQL home and store."""
