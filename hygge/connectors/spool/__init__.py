"""Rows of systems that hand them out once, kept on disk until the move has ended."""
