"""The checks of `hygge doctor` on a SQLite file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hygge.connector import Finding
from hygge.errors import HyggeError

if TYPE_CHECKING:
    from hygge.connectors.sql.chain import Run

_QUICK_BYTES = 2**30
_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs")


def examine_reading(run: Run, file: Path) -> Iterator[Finding]:
    """Yield findings for reading and writing: version, journal, damage, network file systems."""
    version, mode = run("SELECT sqlite_version(), journal_mode FROM pragma_journal_mode")[0]
    size = file.stat().st_size
    yield Finding(f"SQLite {version} reads {file}, {size:,} bytes, in journal mode {mode}")
    kind = _disk(file)
    if kind in _NETWORK:
        yield Finding(
            f"the file is on a network disk ({kind}), where locks of SQLite may not work",
            "warning",
            "move it to a disk of the machine that writes it",
        )
    if size > _QUICK_BYTES:
        return
    damage = _damage(run)
    if damage == ["ok"]:
        yield Finding("its pages are intact")
    else:
        yield Finding(
            f"the file is damaged: {'; '.join(damage)}",
            "error",
            "restore it from a backup, or recover what is readable with  sqlite3 FILE .recover",
        )


def _damage(run: Run) -> list[str]:
    try:
        return [text for (text,) in run("PRAGMA main.quick_check(5)")]
    except HyggeError as error:
        return [error.message]


def examine_writing(run: Run, file: Path) -> Iterator[Finding]:
    """Yield findings for a store: also whether the journal can be written."""
    yield from examine_reading(run, file)
    if os.access(file, os.W_OK) and os.access(file.parent, os.W_OK):
        yield Finding("the file and its folder are writable")
    else:
        yield Finding(
            "this user has no write permission for the file or its folder",
            "error",
            f"grant this user write permission for {file} and for {file.parent}, which contains "
            "the journal",
        )


def _disk(file: Path) -> str:
    """Return the type of a file's file system; an empty string where it is unknown."""
    try:
        mounts = [line.split(" ") for line in Path("/proc/self/mounts").read_text().splitlines()]
    except OSError:
        return ""
    inside = [(mount[1], mount[2]) for mount in mounts if file.is_relative_to(mount[1])]
    return max(inside, key=lambda mount: len(mount[0]), default=("", ""))[1]
