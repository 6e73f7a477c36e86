"""The directory in which a next generation is built, and a file in it while it is written."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hygge.connectors.files.local.disk import data_file
from hygge.connectors.files.local.durable import create_file, sync_file
from hygge.connectors.files.local.record import aside
from hygge.connectors.files.reading.data_file import DataFile


class NewLocalFile:
    """A file that did not exist before; see `NewFile`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Not synced separately: publishing syncs the whole tree before it is visible.
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = create_file(path)

    def write(self, data: bytes | memoryview, /) -> int:
        """Append bytes."""
        return self._file.write(data)

    def finish(self) -> DataFile:
        """Sync and close the file; return it with its metadata on disk."""
        try:
            sync_file(self._file)
            self._file.close()
        except BaseException:
            self.abandon()
            raise
        return data_file(self._path)

    def abandon(self) -> None:
        """Close the file."""
        # Unflushed data is discarded.
        with suppress(OSError):
            self._file.close()


@dataclass(frozen=True, slots=True)
class LocalStaging:
    """A hidden directory; see `Staging`."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def create(self, name: str) -> NewLocalFile:
        """Create a file, under a name that no data glob matches."""
        return NewLocalFile(aside(self.path / name))

    def file(self, name: str) -> DataFile:
        """Return a finished file."""
        return data_file(aside(self.path / name))

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        aside(self.path / name).unlink(missing_ok=True)

    def spill(self) -> IO[bytes]:
        """Return an unnamed file on the same disk."""
        return tempfile.TemporaryFile(dir=self.path)
