"""Files in object stores: objects by their names, and commits that are put where none is yet."""
