"""What the disk says, in words: one place that turns system errors into `HomeError`."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from hygge.errors import HomeError

_PASSING = frozenset({errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE, errno.ENFILE, errno.EAGAIN})


class FileChangedError(HomeError):
    """A file is no longer the one that was listed; a new listing may read well."""

    code = "HG503"


class BusyDiskError(HomeError):
    """The system refused for a reason that may pass: too many open files, a lost mount."""

    code = "HG505"


class NoColumnsError(HomeError):
    """None of the files says what columns there are: all are empty."""


def disk_error(shown: str, error: OSError) -> HomeError:
    """Return what the system's refusal to list or read `shown` means for a person."""
    reason = error.strerror or str(error)
    if isinstance(error, PermissionError):
        return HomeError(
            f"{shown}: permission denied",
            hint=f"let the user who runs hygge read it: chmod u+r '{shown}' (and +x on folders)",
        )
    if error.errno in _PASSING:
        return BusyDiskError(f"{shown}: {reason}")
    return HomeError(f"{shown}: {reason}", hint=f"look at it with: ls -l '{shown}'")


@contextmanager
def listing(shown: str) -> Iterator[None]:
    """Turn system errors inside the `with` into `HomeError` about `shown`."""
    try:
        yield
    except OSError as error:
        raise disk_error(shown, error) from error
