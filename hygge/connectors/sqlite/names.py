"""Which names tables of SQLite can have."""

from __future__ import annotations


def refuse_name(name: str) -> str | None:
    """Return what is wrong with the name of a table; None when nothing is."""
    if name.casefold().startswith("sqlite_"):
        return "names that begin with 'sqlite_' are those of SQLite's own tables"
    return None
