"""Which names tables of SQL Server can have."""

from __future__ import annotations

_LONGEST_NAME = 128


def refuse_name(name: str) -> str | None:
    """Return what is wrong with the name of a table or column; None when nothing is."""
    if len(name.encode("utf-16-le")) > 2 * _LONGEST_NAME:
        return f"it is longer than the {_LONGEST_NAME} characters that a name may have"
    return None
