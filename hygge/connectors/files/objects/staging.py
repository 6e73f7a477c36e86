"""Where a next generation's objects are until it is published, and one while it is written."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.systems import FileStat

if TYPE_CHECKING:
    from hygge.connectors.files.objects.bucket import Upload
    from hygge.connectors.files.objects.system import ObjectFiles

ASIDE = ".aside"
"""Ending of staged and kept objects, so that no pattern of data files matches them."""


class NewObject:
    """An object while it is written; see `NewFile`."""

    def __init__(self, system: ObjectFiles, key: str) -> None:
        self._system = system
        self._key = key
        self._upload: Upload = system.bucket.upload(key)

    def write(self, data: bytes | memoryview, /) -> int:
        """Append bytes."""
        return self._upload.write(data)

    def finish(self) -> DataFile:
        """Complete the object; return it with its metadata on the server."""
        return data_file(self._system, self._key, self._upload.finish())

    def abandon(self) -> None:
        """End the upload."""
        self._upload.abandon()


@dataclass(frozen=True, slots=True)
class ObjectStaging:
    """The objects below one prefix, which no reader lists; see `Staging`."""

    system: ObjectFiles
    prefix: str

    def __str__(self) -> str:
        return self.system.shown(f"/{self.prefix}")

    def key(self, name: str) -> str:
        """Return the object name of a staged file."""
        return f"{self.prefix}/{name}{ASIDE}"

    def create(self, name: str) -> NewObject:
        """Begin an object; names are unique to an attempt of a run."""
        return NewObject(self.system, self.key(name))

    def file(self, name: str) -> DataFile:
        """Return a finished object."""
        key = self.key(name)
        return data_file(self.system, key, self.system.bucket.head(key))

    def remove(self, name: str) -> None:
        """Remove an object; a missing one is no error."""
        self.system.bucket.delete([self.key(name)])

    def spill(self) -> IO[bytes]:
        """Return a file on the local disk."""
        return tempfile.TemporaryFile()


def data_file(system: ObjectFiles, key: str, stat: FileStat) -> DataFile:
    """Return an object as a data file."""
    return DataFile.of(system, f"/{key}", stat)
