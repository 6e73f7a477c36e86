"""A cache of the names in a folder, valid while the folder is unchanged."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

SETTLED_NS = 5 * 10**9
"""A folder changed less than this ago may change again within the resolution of its mtime."""


def names_like(folder: Path, stem: str) -> Sequence[str]:
    """Return all names in a folder that equal `stem` up to their first dot.

    Raises `OSError` where the folder cannot be listed.
    """
    stat = folder.stat()
    is_settled = time.time_ns() - stat.st_ctime_ns > SETTLED_NS
    read = _remembered if is_settled else names_by_beginning
    found = read(str(folder), stat.st_ctime_ns, stat.st_ino)
    return found.get(stem, ())


def names_by_beginning(folder: str, _changed_ns: int, _inode: int) -> Mapping[str, Sequence[str]]:
    """Return the names in a folder by their part before the first dot."""
    found: dict[str, list[str]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            found.setdefault(entry.name.partition(".")[0], []).append(entry.name)
    return found


@lru_cache(maxsize=8)
def _remembered(folder: str, changed_ns: int, inode: int) -> Mapping[str, Sequence[str]]:
    return names_by_beginning(folder, changed_ns, inode)
