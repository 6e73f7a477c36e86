"""Settings of Arrow IPC homes and stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from hygge.connector import HomeConfig, ProjectContext
from hygge.connectors.files.formats import FileFormat
from hygge.connectors.files.reading.home import FileHomeConfig
from hygge.connectors.files.writing.store import FileStoreConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.arrow.home import ArrowHome


class ArrowHomeConfig(FileHomeConfig, type="arrow"):
    """Reads Arrow IPC files and streams, Feather v2 among them; every type arrives as it is."""

    extensions: ClassVar[tuple[str, ...]] = (".arrow", ".arrows", ".feather", ".ipc")

    def home(self, context: ProjectContext) -> ArrowHome:
        """Return the home; touches nothing on the disk."""
        from hygge.connectors.arrow.home import ArrowHome

        return ArrowHome(self, context)


class ArrowStoreConfig(FileStoreConfig, type="arrow"):
    """Writes Arrow IPC files. Dictionaries are written as their values: a file holds one only."""

    suffixes = (".arrow", ".feather", ".ipc")

    compression: Literal["none", "lz4", "zstd"] = "none"
    """Compression of buffers. Uncompressed files can be memory-mapped."""

    def as_home(self, held: pa.Schema | None = None) -> HomeConfig:
        """Return the home that reads these files."""
        return self.read_files_by(ArrowHomeConfig)

    def format(self) -> FileFormat:
        """Return the format."""
        from hygge.connectors.arrow.store import IpcFormat

        return IpcFormat(None if self.compression == "none" else self.compression)
