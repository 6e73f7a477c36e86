"""Redis: its streams."""
