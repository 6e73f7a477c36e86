"""What homes and stores of MySQL and MariaDB share: who may come in, the wire, types, catalog."""
