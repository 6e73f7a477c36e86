"""Conversion of system errors to `HomeError`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hygge.errors import HomeError
from hygge.runtime.system import PASSING, PlaceError


class FileChangedError(HomeError):
    """A file changed since it was listed; a new listing may succeed."""

    code = "HG503"


class BusyDiskError(HomeError):
    """A transient system error: too many open files, a lost mount."""

    code = "HG505"


class NoColumnsError(HomeError):
    """All files are empty and have no columns."""


def disk_error(shown: str, error: OSError) -> HomeError:
    """Return the `HomeError` for a system error while `shown` is listed or read."""
    reason = error.strerror or str(error)
    if isinstance(error, PlaceError) and error.hint:
        kind = BusyDiskError if error.errno in PASSING else HomeError
        return kind(f"{shown}: {reason}", hint=error.hint)
    if isinstance(error, PermissionError):
        return HomeError(
            f"{shown}: permission denied",
            hint=f"give the user who runs hygge read permission: chmod u+r '{shown}' (and +x on "
            "folders)",
        )
    if error.errno in PASSING:
        return BusyDiskError(f"{shown}: {reason}")
    return HomeError(f"{shown}: {reason}", hint=f"to see details:  ls -l '{shown}'")


@contextmanager
def listing(shown: str) -> Iterator[None]:
    """Convert system errors in the block to `HomeError` about `shown`."""
    try:
        yield
    except OSError as error:
        raise disk_error(shown, error) from error
