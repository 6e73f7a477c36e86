"""Rules for names of entities in a store of files."""

from __future__ import annotations

import unicodedata

_LONGEST_NAME = 200


def refuse_name(into: str) -> str | None:
    """Return why an entity's name is not a valid directory name; None when it is."""
    if not into or into[0] in "._":
        return "it is empty or begins with '.' or '_', which readers of data directories skip"
    if "/" in into or "\\" in into:
        return "it contains a path separator"
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in into):
        return "it contains a control character"
    if unicodedata.normalize("NFC", into) != into:
        return "its accents are not in Unicode normal form NFC, which some systems change"
    if len(into.encode()) > _LONGEST_NAME:
        return f"it is longer than {_LONGEST_NAME} bytes"
    return None
