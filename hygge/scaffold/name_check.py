"""Validation of names for new files."""

from __future__ import annotations

import unicodedata

from hygge.errors import UsageError
from hygge.project.name_rules import suggest, why_refused


def check_name(kind: str, name: str) -> str:
    """Return `name`; raise `UsageError` with a valid suggestion for an invalid one."""
    reason = why_refused(name)
    if reason is None:
        return name
    raise UsageError(
        f"invalid name for a {kind}: {reason}",
        hint=f"a valid name:  {lawful_name(name)}",
        code="HG208",
    )


def check_path(kind: str, text: str) -> str:
    """Return the last name of `text`, which may begin with folders, like `sales/daily`.

    Raises `UsageError` with a valid suggestion when a part is invalid.
    """
    *folders, name = text.split("/")
    for folder in folders:
        check_name("folder", folder)
    return check_name(kind, name)


def lawful_name(text: str) -> str:
    """Return a valid name similar to `text`, without accents."""
    return suggest(unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode())
