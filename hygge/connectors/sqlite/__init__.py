"""What homes and stores of SQLite share: connections, types by declaration, its catalog."""
