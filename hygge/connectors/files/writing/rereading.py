"""Reading of a store's own data files, with the types recorded in its commits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from hygge.connector import ReadRequest
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.reading.home import FileHome, FileSource
from hygge.connectors.files.reading.listing import read_partitions
from hygge.connectors.files.records import PartFile
from hygge.errors import HomeError, LateTypeError, StoreError
from hygge.types.casting import exact_cast
from hygge.values.plurals import plural

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_BATCH_BYTES = 4 * 2**20


class PartReader:
    """Reads the files of one entity with the home of the store's type."""

    def __init__(
        self,
        home: FileHome,
        find: Callable[[str], DataFile],
        schema: pa.Schema,
        go_on: Callable[[], None] = lambda: None,
    ) -> None:
        self.schema = schema
        """The columns of all rows; those that a file lacks are null."""
        self._home = home
        self._find = find
        self._go_on = go_on

    def batches(
        self, part: PartFile, columns: Sequence[str] | None = None
    ) -> Generator[pa.RecordBatch]:
        """Yield the rows of a file in order, with some or all columns, in small batches.

        Raises `StoreError` with the file's name when it is not what was written.
        """
        if not part.rows:  # some formats have no schema in a file without rows
            return
        names = self.schema.names if columns is None else columns
        file, rows = self._file(part), 0
        try:
            for batch in self._read(file, names):
                rows += batch.num_rows
                self._go_on()
                yield self._fitted(batch, names)
        except HomeError as error:
            raise StoreError(f"cannot read the written file: {error.message}") from error
        if rows != part.rows:
            raise StoreError(
                f"{file} has {plural(rows, 'row')}, but its record has {part.rows:,}",
                hint="restore the file, or write the entity again with  hygge go FLOW "
                "--full-refresh",
            )

    def _file(self, part: PartFile) -> DataFile:
        file, lower = self._find(part.name), part.name.lower()
        packings = self._home.layout.compressions
        return replace(
            file,
            compression=next((c for c in packings if lower.endswith(c)), ""),
            partitions=read_partitions(part.name.rpartition("/")[0], str(file)),
        )

    def _read(self, file: DataFile, names: Sequence[str]) -> Generator[pa.RecordBatch]:
        """Yield rows with types from a sample, then with types from the whole file where needed."""
        done = 0
        try:
            for batch in self._rows(file, names, thorough=False):
                done += batch.num_rows
                yield batch
            return
        except LateTypeError as error:
            log.info("%s; reading %s again with types inferred from all of it", error.message, file)
        for batch in self._rows(file, names, thorough=True):
            known = min(done, batch.num_rows)
            done -= known
            yield batch.slice(known)

    def _rows(
        self, file: DataFile, names: Sequence[str], *, thorough: bool
    ) -> Generator[pa.RecordBatch]:
        request = ReadRequest(file.name, batch_bytes=_BATCH_BYTES, thorough=thorough)
        source = cast("FileSource", self._home.source(request, [file]))
        held = [name for name in source.schema.names if name in names]
        source.narrow(held or source.schema.names[:1])
        for split in source.splits(1):
            with source.read(split) as batches:
                yield from batches

    def _fitted(self, batch: pa.RecordBatch, names: Sequence[str]) -> pa.RecordBatch:
        import pyarrow as pa

        fields = [self.schema.field(name) for name in names]
        held = set(batch.schema.names)
        arrays = [
            exact_cast(batch.column(field.name), field.type)
            if field.name in held
            else pa.nulls(batch.num_rows, field.type)
            for field in fields
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))
