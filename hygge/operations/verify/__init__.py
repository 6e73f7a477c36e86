"""Comparison of a home with its store, independent of row order and size."""
