"""What a database itself counts must be what was staged, or nothing is published."""

from __future__ import annotations

from hygge.errors import StoreError


def check_counted(rows: int, counted: int, shown: str) -> None:
    """Raise `StoreError` unless the staging tables hold as many rows as were staged."""
    if counted != rows:
        raise StoreError(
            f"{rows:,} rows were staged for {shown}, but the database counts {counted:,} in the "
            "staging table; nothing was published",
            hint="somebody changed the staging table, or rows were lost in the database: run again",
            code="HG531",
        )


def check_inserted(rows: int, inserted: int, shown: str) -> None:
    """Raise `StoreError` unless all staged rows went into the table."""
    if inserted != rows:
        raise StoreError(
            f"{rows:,} rows were staged for {shown} but {inserted:,} went in; nothing was "
            "published",
            hint="a trigger or rule of the table may keep rows out",
            code="HG531",
        )
