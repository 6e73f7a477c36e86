"""Which names tables of PostgreSQL can have."""

from __future__ import annotations

LONGEST_NAME = 63


def refuse_name(name: str) -> str | None:
    """Return what is wrong with the name of a table or column; None when nothing is."""
    if len(name.encode()) > LONGEST_NAME:
        return f"it is longer than the {LONGEST_NAME} bytes that a name may have"
    return None
