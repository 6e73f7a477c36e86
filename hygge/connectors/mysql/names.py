"""Which names tables of MySQL and MariaDB can have."""

from __future__ import annotations

_LONGEST_NAME = 64


def refuse_name(name: str) -> str | None:
    """Return what is wrong with the name of a table or column; None when nothing is."""
    if len(name) > _LONGEST_NAME or name.endswith(" ") or any(ord(c) > 0xFFFF for c in name):
        return f"it may have {_LONGEST_NAME} characters, no blank at its end, no sign beyond U+FFFF"
    return None
