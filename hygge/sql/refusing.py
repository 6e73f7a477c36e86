"""The error for rows that a table did not take or did not let go: triggers can do that."""

from __future__ import annotations

from hygge.errors import StoreError


def kept_back(what: str) -> StoreError:
    """Return the error for rows that did not go where they were to."""
    hint = "a trigger or rule of the table may keep rows out, or in"
    return StoreError(f"{what}; nothing was published", hint=hint, code="HG531")
