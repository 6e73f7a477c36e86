"""Errors of SQLite: their message, a hint, and whether a retry may help."""

from __future__ import annotations

import re

from hygge.errors import HomeError, HyggeError

_TWICE = (
    "rows have the same key, or their keys already exist: use  mode: merge  to update rows, or "
    "append without primary_key"
)
_NOISE = re.compile(
    r"^(?:[A-Z_]+: )*(?:\[SQLite\] )?(?:Failed to \w+(?: \w+)*: ?|failed to open '[^']*': )?"
)
_QUERY = re.compile(r"\n(?:query|SQL): .*", re.DOTALL)


class ChangedError(Exception):
    """The file was written while it was read, so a later reader would see other rows."""


class BusyError(Exception):
    """Another program had the file locked for longer than `busy_timeout`."""


_PASSING = ("database is locked", "database table is locked", "schema has changed")


def message_of(error: BaseException) -> str:
    """Return SQLite's message without the driver's additions."""
    text = _QUERY.sub("", str(error)).strip()
    return _NOISE.sub("", text).strip() or type(error).__name__


def is_passing(error: BaseException) -> bool:
    """Return whether an error may pass on retry: only where another process had the file."""
    import adbc_driver_manager

    if isinstance(error, HyggeError):
        return error.__cause__ is not None and is_passing(error.__cause__)
    if isinstance(error, ChangedError):
        return True
    if not isinstance(error, adbc_driver_manager.Error | OSError):
        return False
    return any(text in str(error) for text in _PASSING)


def fault(error: BaseException, side: type[HyggeError], what: str) -> HyggeError:
    """Return the error of type `side` for a driver's error; `what` is the task that failed."""
    text = message_of(error)
    for sign, hint, is_access in _WAYS:
        if sign in text:
            code = ("HG507" if issubclass(side, HomeError) else "HG516") if is_access else None
            return side(f"{what}: {text}", hint=hint, code=code)
    return side(f"{what}: {text}")


_WAYS = (
    ("file is not a database", "it is not a SQLite file, or it is encrypted: check `path`", True),
    (
        "malformed",
        "the file is damaged: restore it from a backup, or recover what is readable with  sqlite3 "
        "FILE .recover",
        False,
    ),
    (
        "database is locked",
        "another program is writing to the file, or has a long read open: raise busy_timeout, end "
        "that program, or allow concurrent reads with  PRAGMA journal_mode=WAL",
        False,
    ),
    (
        "readonly database",
        "this user needs write permission for the file and its folder; after a crash of its "
        "writer, a user with permission must open the file once",
        True,
    ),
    (
        "unable to open database file",
        "check that this user may read the file and its folder; copy a file in WAL mode from a "
        "read-only disk to another, or convert it there with  PRAGMA journal_mode=DELETE",
        True,
    ),
    ("disk is full", "free some space on the disk, then run again", False),
    (
        "NOT NULL constraint",
        "exclude such rows, or allow nulls in the column",
        False,
    ),
    ("UNIQUE constraint", _TWICE, False),
)
