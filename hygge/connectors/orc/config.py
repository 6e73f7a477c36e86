"""Settings of ORC homes and stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from hygge.connector import HomeConfig, ProjectContext
from hygge.connectors.files.formats import FileFormat
from hygge.connectors.files.reading.home import FileHomeConfig
from hygge.connectors.files.writing.store import FileStoreConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.orc.home import OrcHome


class OrcHomeConfig(FileHomeConfig, type="orc"):
    """Reads ORC files; timestamps arrive in nanoseconds, so between the years 1677 and 2262."""

    extensions: ClassVar[tuple[str, ...]] = (".orc",)

    def home(self, context: ProjectContext) -> OrcHome:
        """Return the home; touches nothing on the disk."""
        from hygge.connectors.orc.home import OrcHome

        return OrcHome(self, context)


class OrcStoreConfig(FileStoreConfig, type="orc"):
    """Writes ORC files.

    ORC has fewer types than Arrow: unsigned and short integers are written as the next larger type,
    timestamps in nanoseconds (years 1678 to 2261), those with a time zone in UTC, dictionaries as
    their values. Times of day and durations are errors.
    """

    suffixes = (".orc",)

    compression: Literal["zstd", "snappy", "zlib", "lz4", "none"] = "zstd"
    """Compression of stripes."""

    def as_home(self, held: pa.Schema | None = None) -> HomeConfig:
        """Return the home that reads these files."""
        return self.read_files_by(OrcHomeConfig)

    def format(self) -> FileFormat:
        """Return the format."""
        from hygge.connectors.orc.store import OrcFormat

        return OrcFormat("uncompressed" if self.compression == "none" else self.compression)
