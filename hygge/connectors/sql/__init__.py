"""What database connectors share: names, connection pools, commit rows, targets, undo."""
