"""Messages for errors of the operating system: the reason, the path, a hint."""

from __future__ import annotations

import errno
import os

from hygge.errors import HyggeError

NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
"""Errors of a file system without locks."""

PASSING = frozenset({errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE, errno.ENFILE, errno.EAGAIN})
"""Errors that may pass."""

_HINTS = {
    errno.ENOSPC: "free some space there, then run again; what was staged is removed",
    errno.EDQUOT: "the disk quota is exceeded: free some space there, then run again",
    errno.EFBIG: "the file is larger than the limit there: raise ulimit -f, or set file_max_bytes",
    errno.EEXIST: "a file is where a directory should be: move it, or choose another path",
    errno.ENOTDIR: "a file is where a directory should be: move it, or choose another path",
    errno.EROFS: "the file system is mounted read-only",
    errno.EACCES: "grant this user write permission there",
    errno.EPERM: "grant this user write permission there",
    errno.EMFILE: "raise the limit of open files:  ulimit -n 4096",
    errno.ENFILE: "too many files are open on this machine: close some programs, then run again",
    errno.ENOENT: "another program removed it: stop that program, then run again",
    errno.ENOTEMPTY: "another program writes there: stop that program, then run again",
    errno.EIO: "the disk or its connection failed: check it, then run again",
    errno.ESTALE: "the network disk was remounted or lost the file: run again",
    errno.ETIMEDOUT: "the network disk does not answer: check it, then run again",
    errno.ELOOP: "a symbolic link is not allowed here, or links form a cycle",
    errno.ENAMETOOLONG: "the name is too long for the file system: choose another path or  into:",
    errno.EXDEV: "the store's directory must be on one file system: remove the mount inside it",
    errno.ENOTSUP: "the file system does not support what hygge needs: use another disk",
    errno.ENOSYS: "the file system does not support what hygge needs: use another disk",
    errno.ENOLCK: "the file system cannot lock files: use another disk",
}


class PlaceError(OSError):
    """An error of a place that is no local disk; its reason is `strerror`."""

    hint: str | None = None
    """The next step, instead of that of the number."""


class SystemRefusalError(HyggeError):
    """The operating operating system error a call outside of homes and stores."""

    code = "HG546"

    @classmethod
    def of(cls, error: OSError) -> SystemRefusalError:
        """Return the error with a message and a hint."""
        return cls(f"the operating system error: {explain(error)}", hint=way_out(error))


def explain(error: OSError, known: str = "") -> str:
    """Return the system's reason and the path it is about, unless `known` text names it."""
    reason = error.strerror or str(error)
    paths = [
        os.fsdecode(name)
        for name in (error.filename, error.filename2)
        if isinstance(name, str | bytes)
    ]
    new = [path for path in paths if path not in known and path not in reason]
    return f"{reason} ({' -> '.join(new)})" if new else reason


def way_out(error: OSError) -> str:
    """Return the hint for an error."""
    if isinstance(error, PlaceError) and error.hint:
        return error.hint
    return _HINTS.get(error.errno or 0, "check the path and its disk, then run again")
