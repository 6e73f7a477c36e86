"""Delimited text and JSON as Arrow, exactly, both ways."""
