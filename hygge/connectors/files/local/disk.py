"""The local file system, as `connectors/files` sees it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from hygge.connectors.files.entity_names import refuse_name
from hygge.connectors.files.local.folders import names_like
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.systems import FileStat, FileSystem

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.files.generations import Generations


def stat_of(status: os.stat_result) -> FileStat:
    """Return what a status says of a file: its inode and the time of its last write are a stamp."""
    stamp = f"{status.st_ino:x}-{status.st_mtime_ns:x}"
    return FileStat(status.st_size, status.st_mtime_ns, stamp)


class _Entry:
    """One directory entry; its type usually comes with the listing."""

    __slots__ = ("_entry", "name", "path")

    def __init__(self, entry: os.DirEntry[str]) -> None:
        self._entry = entry
        self.name = entry.name
        self.path = entry.path

    def is_dir(self) -> bool:
        return self._entry.is_dir()

    def is_symlink(self) -> bool:
        return self._entry.is_symlink()

    def stat(self) -> FileStat:
        return stat_of(self._entry.stat())


@dataclass(frozen=True)
class LocalFiles(FileSystem, scheme="file"):
    """Files on the disks of this machine."""

    has_single_files = True

    @classmethod
    def at(cls, location: str) -> tuple[Self, str]:
        """Return the file system and the absolute path; see `FileSystem`."""
        return cls(), os.path.abspath(location)  # noqa: PTH100

    def shown(self, path: str) -> str:
        """Return the path."""
        return path

    def is_dir(self, path: str) -> bool:
        """Return whether a path is a directory; see `FileSystem`."""
        return Path(path).is_dir()

    def is_file(self, path: str) -> bool:
        """Return whether a path is a file; see `FileSystem`."""
        return Path(path).is_file()

    def is_there(self, path: str) -> bool:
        """Return whether something has the name."""
        return os.path.lexists(path)

    def stat(self, path: str) -> FileStat:
        """Return the metadata of a file; see `FileSystem`."""
        return stat_of(Path(path).stat())

    def identity(self, folder: str) -> str:
        """Return the inode."""
        return f"{Path(folder).stat().st_ino:x}"

    def entries(self, folder: str) -> Sequence[_Entry]:
        """Return the entries of a directory, unordered."""
        with os.scandir(folder) as entries:
            return [_Entry(entry) for entry in entries]

    def check_listing(self, folder: str) -> None:
        """Open the directory and read one name."""
        with os.scandir(folder) as entries:
            next(entries, None)

    def names(self, folder: str, stem: str) -> Sequence[str]:
        """Return the names with a stem; see `FileSystem`."""
        return names_like(Path(folder), stem)

    def resolved(self, path: str) -> str:
        """Return the path without links."""
        return os.path.realpath(path)

    def can_read(self, path: str) -> bool:
        """Return whether this user may read a file."""
        return os.access(path, os.R_OK)

    def open(self, path: str) -> BinaryIO:
        """Open a file by its descriptor; see `FileSystem`."""
        return Path(path).open("rb", buffering=0)

    def arrow_file(self, path: str, *, mapped: bool = False) -> pa.NativeFile:
        """Open a file for Arrow without Python objects in between; see `FileSystem`."""
        import pyarrow as pa

        return pa.memory_map(path) if mapped else pa.OSFile(path)

    def generations(self, root: str) -> Generations:
        """Return the generations of directories below `root`."""
        from hygge.connectors.files.local.generations import LocalGenerations

        return LocalGenerations(Path(root))

    def single_files(self, folder: str, name: str) -> Generations:
        """Return what swaps single files in `folder`."""
        from hygge.connectors.files.local.single import SingleFiles

        return SingleFiles(Path(folder), name)

    @classmethod
    def refuse_name(cls, into: str) -> str | None:
        """Return why `into` is not a valid directory name."""
        return refuse_name(into)


def data_file(path: Path) -> DataFile:
    """Return a file as it is now. Raises `OSError`."""
    return DataFile.of(LocalFiles(), str(path), stat_of(path.stat()))
