"""Whether a table took all rows, and let all go that were to: triggers and rules can keep some."""

from __future__ import annotations

from hygge.errors import StoreError


def check_went_in(rows: int, staged: int, place: str) -> None:
    """Raise `StoreError` unless all staged rows went into a table."""
    if rows != staged:
        raise _kept_back(f"{staged:,} rows were staged for {place} but {rows:,} went in")


def check_gone(rows: int, wanted: int, place: str, what: str) -> None:
    """Raise `StoreError` unless all rows were changed that were to be."""
    if rows != wanted:
        raise _kept_back(f"{wanted:,} rows of {place} were to be {what}, but {rows:,} were")


def check_replaced(has_rows: bool, place: str) -> None:
    """Raise `StoreError` when a table that was emptied has rows."""
    if has_rows:
        raise _kept_back(f"the rows of {place} were to be replaced, but stay")


def _kept_back(what: str) -> StoreError:
    hint = "a trigger or rule of the table may keep rows out, or in"
    return StoreError(f"{what}; nothing was published", hint=hint, code="HG531")
