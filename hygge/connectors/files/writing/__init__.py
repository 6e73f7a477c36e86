"""Rows into data files, and merges of staged files into live ones."""
