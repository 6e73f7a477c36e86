"""Directories that hold data hygge did not write: refused, or taken over when asked to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from hygge.connector import WriteRequest
from hygge.connectors.files.formats import FileFormat, checksum
from hygge.connectors.files.local.generations import Generation
from hygge.connectors.files.local.record import PartFile, Record
from hygge.errors import StoreError
from hygge.values.plurals import listed


def visible_files(folder: Path) -> list[str]:
    """Return what a reader of a data directory sees, as sorted paths below it.

    Names that begin with `.` or `_` are not seen, and nothing below such a directory.
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


def foreign_files(live: Path, record: Record | None) -> list[str]:
    """Return the visible files that no commit of hygge put there."""
    known = set() if record is None else {part.name for part in record.parts}
    return [name for name in visible_files(live) if name not in known]


def check_adoption(generation: Generation, request: WriteRequest) -> None:
    """Raise `StoreError` when the place holds what another flow, or no flow, wrote.

    Does nothing when the request says to adopt it.
    """
    if request.adopt:
        return
    live, record = generation.place.live, generation.live
    names = foreign_files(live, record)
    if names:
        raise StoreError(
            f"{live} holds data that hygge did not write: {listed(names, 3)}",
            hint=f"take it over with  hygge go {request.flow} --adopt  (append keeps it, replace "
            "moves it aside), or choose another name with  into: <name>",
            code="HG534",
        )
    if record is not None and record.commit.flow != request.flow:
        raise StoreError(
            f"{live} was written by flow '{record.commit.flow}', not by '{request.flow}'",
            hint=f"choose another name with  into: <name>, or, when the flow was renamed, take it "
            f"over with  hygge go {request.flow} --adopt",
            code="HG534",
        )


def adopted_parts(generation: Generation, file_format: FileFormat) -> list[PartFile]:
    """Return the foreign files as parts, counted from the files.

    Raises `StoreError` for a link and for a file of another format.
    """
    live = generation.place.live
    return [_adopted(live, name, file_format) for name in foreign_files(live, generation.live)]


def _adopted(live: Path, name: str, file_format: FileFormat) -> PartFile:
    path = live / name
    if path.is_symlink() or not path.is_file() or not name.endswith(file_format.suffix):
        raise StoreError(
            f"{path} cannot be taken over: it is not a plain *{file_format.suffix} file",
            hint="move it away, or give the store the settings that fit it",
        )
    return PartFile(name, file_format.count(path), path.stat().st_size, checksum(path))
