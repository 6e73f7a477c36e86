"""Errors of DuckDB: their message, a hint, and whether a retry may help."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hygge.connectors.duckdb.listing import Listing
from hygge.errors import HomeError, HyggeError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

_TWICE = (
    "rows have the same key, or their keys already exist: use  mode: merge  to update rows, or "
    "append without primary_key"
)
_PASSING = ("Conflicting lock is held", "Transaction conflict", "write-write conflict")
_NOISE = re.compile(r"^(?:[A-Z]\w*(?: [A-Z]\w*)* Error: )+")
_REST = re.compile(r"\n\n(?:LINE \d+:|For more info|Extension ).*|\. See also https?://\S+", re.S)


def message_of(error: BaseException) -> str:
    """Return DuckDB's message without the error class and the query."""
    return _REST.sub("", _NOISE.sub("", str(error))).strip() or type(error).__name__


def is_passing(error: BaseException) -> bool:
    """Return whether an error may pass on retry: only where another had the file or the rows."""
    if isinstance(error, HyggeError):
        return error.__cause__ is not None and is_passing(error.__cause__)
    return any(text in str(error) for text in _PASSING)


def fault(error: BaseException, side: type[HyggeError], what: str) -> HyggeError:
    """Return the error of type `side` for DuckDB's error; `what` is the task that failed."""
    text = message_of(error)
    for sign, hint, is_access in _WAYS:
        if sign in text:
            code = ("HG507" if issubclass(side, HomeError) else "HG516") if is_access else None
            return side(f"{what}: {text}", hint=hint, code=code)
    return side(f"{what}: {text}")


_WAYS = (
    ("database does not exist", "check `path`", True),
    (
        "not a valid DuckDB database",
        "it is not a DuckDB file, or it is damaged: check `path`, or delete an empty file",
        True,
    ),
    ("Failed to download extension", "it is not a DuckDB file: check `path`", True),
    (
        "different version",
        "open it with the version of DuckDB that wrote it, and export it from there",
        True,
    ),
    ("Permission denied", "check that this user has permission for the file and its folder", True),
    ("file system operations are disabled", "queries can only read the tables of this file", False),
    ("No space left", "free some space on the disk, then run again", False),
    ("Out of Memory", "raise memory_limit of this home or store", False),
    ("NOT NULL constraint", "exclude such rows, or allow nulls in the column", False),
    ("Duplicate key", _TWICE, False),
    ("PRIMARY KEY or UNIQUE constraint", _TWICE, False),
)


class Rows:
    """Runs statements on a cursor, one at a time; errors are raised as `side`."""

    def __init__(
        self,
        cursor: Connection,
        side: type[HyggeError],
        what: str,
        listing: Listing | None = None,
    ) -> None:
        self.cursor = cursor
        self.listing = Listing() if listing is None else listing
        self._side = side
        self._what = what

    def __call__(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of one statement."""
        import duckdb

        try:
            rows: list[tuple[Any, ...]] = self.cursor.execute(sql, list(values)).fetchall()
        except duckdb.Error as error:
            raise fault(error, self._side, self._what) from error
        return rows
