"""Settings of Parquet homes and stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from hygge.connector import HomeConfig, ProjectContext
from hygge.connectors.files.formats import FileFormat
from hygge.connectors.files.reading.home import FileHomeConfig
from hygge.connectors.files.writing.store import FileStoreConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.parquet.home import ParquetHome


class ParquetHomeConfig(FileHomeConfig, type="parquet"):
    """Reads Parquet files; every type arrives as the file has it."""

    extensions: ClassVar[tuple[str, ...]] = (".parquet", ".pq")

    def home(self, context: ProjectContext) -> ParquetHome:
        """Return the home; touches nothing on the disk."""
        from hygge.connectors.parquet.home import ParquetHome

        return ParquetHome(self, context)


class ParquetStoreConfig(FileStoreConfig, type="parquet"):
    """Writes Parquet files (format version 2.6, with page checksums) of exactly typed columns."""

    suffixes = (".parquet", ".pq", ".parq")

    compression: Literal["zstd", "snappy", "gzip", "brotli", "lz4", "none"] = "zstd"
    """Compression of pages."""
    compression_level: Annotated[int, Field(ge=1, le=22)] | None = None
    """Compression level of zstd (1-22), gzip (1-9) or brotli (1-11); by default that of the
    codec."""
    row_group_size: Annotated[int, Field(ge=1, le=2**30)] = 131072
    """Maximum rows of a row group; fewer if rows are wide, to limit memory."""

    def as_home(self, held: pa.Schema | None = None) -> HomeConfig:
        """Return the home that reads these files."""
        return self.read_files_by(ParquetHomeConfig)

    def format(self) -> FileFormat:
        """Return the format."""
        from hygge.connectors.parquet.store import ParquetFormat

        return ParquetFormat(self)
