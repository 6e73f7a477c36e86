"""Row-count checks around a publish."""

from __future__ import annotations

from hygge.errors import StoreError
from hygge.values.plurals import plural


def check_counted(rows: int, counted: int, place: str) -> None:
    """Raise `StoreError` unless the staging tables hold as many rows as were staged."""
    if counted != rows:
        raise StoreError(
            f"{plural(rows, 'row was', 'rows were')} staged for {place}, but the database counts "
            f"{counted:,} in the staging table; nothing was published",
            hint="another session changed the staging table, or the database lost rows: run again",
            code="HG531",
        )


def check_went_in(rows: int, staged: int, place: str) -> None:
    """Raise `StoreError` unless all staged rows went into a table."""
    if rows != staged:
        came = plural(staged, "row was", "rows were")
        raise _kept_back(f"{came} staged for {place} but {rows:,} were inserted")


def check_gone(rows: int, wanted: int, place: str, what: str) -> None:
    """Raise `StoreError` unless `wanted` rows were changed."""
    if rows != wanted:
        meant = plural(wanted, f"row of {place} was", f"rows of {place} were")
        raise _kept_back(f"{meant} to be {what}, but {rows:,} were")


def check_replaced(has_rows: bool, place: str) -> None:
    """Raise `StoreError` when a table that was emptied still has rows."""
    if has_rows:
        raise _kept_back(f"the rows of {place} should have been replaced, but are unchanged")


def _kept_back(what: str) -> StoreError:
    hint = "a trigger or rule of the table may reject rows, or prevent their deletion"
    return StoreError(f"{what}; nothing was published", hint=hint, code="HG531")
