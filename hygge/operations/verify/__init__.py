"""Comparing a home with what its store holds, whatever the order and size of both."""
