"""One file of an entity: opening it, and checking that it is unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from hygge.connectors.files.reading.faults import FileChangedError, disk_error
from hygge.connectors.files.systems import FileStat, FileSystem

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of an entity, as it was when it was listed. `str()` is its name for users."""

    system: FileSystem
    path: str
    """Path in its file system. Formats use `open` and `arrow_file` instead."""
    size: int
    """Bytes."""
    modified_ns: int
    stamp: str
    """A value that changes when another file gets its name; see `FileStat`."""
    compression: str = ""
    """The suffix that says how the whole file is packed, e.g. `.gz`; empty when it is not."""
    partitions: tuple[tuple[str, str | None], ...] = ()
    """Partition columns and values from the folders (`year=2024/`), outermost first."""
    start: int = 0
    """Bytes at its beginning with rows that were moved before."""

    @classmethod
    def of(cls, system: FileSystem, path: str, stat: FileStat) -> DataFile:
        """Return the file for the metadata of a file system."""
        return cls(system, path, stat.size, stat.modified_ns, stat.stamp)

    def __str__(self) -> str:
        return self.system.shown(self.path)

    @property
    def name(self) -> str:
        """The last step of its path."""
        return self.path.rpartition("/")[2]

    def open(self) -> BinaryIO:
        """Open it to read any range of it, not buffered. Raises `OSError`."""
        return self.system.open(self.path)

    def arrow_file(self, *, mapped: bool = False) -> pa.NativeFile:
        """Open it for Arrow, on a local disk without Python in between. Raises `OSError`.

        `mapped` into memory where its file system can: a file that shrinks then ends the process.
        """
        return self.system.arrow_file(self.path, mapped=mapped)

    def check_unchanged(self) -> None:
        """Raise `FileChangedError` unless the name still refers to the listed file."""
        try:
            now = self.system.stat(self.path)
        except FileNotFoundError as error:
            raise FileChangedError(f"{self} was removed while it was read") from error
        except OSError as error:
            raise disk_error(str(self), error) from error
        if (now.size, now.stamp) != (self.size, self.stamp):
            raise FileChangedError(
                f"{self} changed while it was read",
                hint="wait until the program that writes it has finished, then run  hygge go FLOW",
            )
