"""Files that hold one JSON array of objects."""
