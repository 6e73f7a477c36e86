"""The MySQL and MariaDB home and store."""
