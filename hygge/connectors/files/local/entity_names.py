"""Which names entities of a store of files can have."""

from __future__ import annotations

import unicodedata

_LONGEST_NAME = 200


def refuse_name(into: str) -> str | None:
    """Return why an entity's name cannot be the name of a directory; None when it can."""
    if not into or into[0] in "._":
        return "it is empty or begins with '.' or '_', which readers of data directories skip"
    if "/" in into or "\\" in into:
        return "it holds a path separator"
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in into):
        return "it holds a control character"
    if unicodedata.normalize("NFC", into) != into:
        return "its accents are written in a way that some systems change (not Unicode NFC)"
    if len(into.encode()) > _LONGEST_NAME:
        return f"it is longer than {_LONGEST_NAME} bytes"
    return None
