"""Files of a data directory that readers see."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def visible_files(folder: Path) -> list[str]:
    """Return the visible files of a data directory, as sorted relative paths.

    Names that begin with `.` or `_`, and everything below them, are hidden.
    """
    return sorted(_walk(folder, ""))


def _walk(folder: Path, prefix: str) -> Iterator[str]:
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name[0] in "._":
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), f"{prefix}{entry.name}/")
            else:
                yield prefix + entry.name
