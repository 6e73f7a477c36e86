"""Batches as one file has them, turned into batches of the entity's schema."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hygge.batches import data_bytes
from hygge.casting import exact_cast
from hygge.errors import HomeError
from hygge.files.layout import DataFile, partition_names

if TYPE_CHECKING:
    import pyarrow as pa

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_INT64 = range(-(2**63), 2**63)


def add_partitions(schema: pa.Schema, files: Sequence[DataFile]) -> pa.Schema:
    """Return `schema` with the columns that the folders of `files` name.

    A column is int64 when every value of the whole listing is a 64-bit integer written the usual
    way, else string: `01` stays text. Raises `HomeError` when a file has such a column itself.
    """
    import pyarrow as pa

    for name in partition_names(files):
        if name in schema.names:
            raise HomeError(
                f"column '{name}' is in the files as well as in their folders' names "
                f"({files[0].path})",
                hint="name the folders without '=', or leave the column out of the files",
            )
        values = {dict(file.partitions).get(name) for file in files} - {None}
        is_integer = all(_is_integer(value) for value in values if value is not None)
        schema = schema.append(pa.field(name, pa.int64() if is_integer else pa.string()))
    return schema


def _is_integer(text: str) -> bool:
    return _INTEGER.fullmatch(text) is not None and int(text) in _INT64


class Fitting:
    """Fits the batches of one file to `schema`: by name, missing columns null, types widened."""

    def __init__(self, schema: pa.Schema, file: DataFile) -> None:
        self.schema = schema
        self.file = file
        self.partitions = dict(file.partitions)

    def fit(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return `batch` with exactly the columns of the schema; raise `HomeError` naming one."""
        import pyarrow as pa

        if batch.schema.equals(self.schema, check_metadata=True):
            return batch
        unknown = set(batch.schema.names) - set(self.schema.names)
        if unknown:
            raise HomeError(f"{self.file.path} has columns that were not listed: {sorted(unknown)}")
        columns = [self._column(batch, field) for field in self.schema]
        if not columns:
            return batch.replace_schema_metadata(self.schema.metadata)
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _column(self, batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
        import pyarrow as pa

        place = batch.schema.get_field_index(field.name)
        if place < 0:
            value = self.partitions.get(field.name)
            typed = int(value) if value is not None and pa.types.is_int64(field.type) else value
            return pa.repeat(pa.scalar(typed, field.type), batch.num_rows)
        column = batch.column(place)
        if column.type == field.type:
            return column
        try:
            return exact_cast(column, field.type)
        except pa.ArrowException as error:
            raise HomeError(
                f"{self.file.path}: column '{field.name}' is {column.type} here and {field.type} "
                f"in the entity: {error}",
                hint="give the column one type in every file",
            ) from error


def row_width(batch: pa.RecordBatch) -> float:
    """Return the Arrow bytes of a row of `batch`, at least 1, dictionaries not counted."""
    rows: int = max(batch.num_rows, 1)
    return max(data_bytes(batch) / rows, 1.0)


def sliced(batch: pa.RecordBatch, batch_bytes: int) -> Iterator[pa.RecordBatch]:
    """Yield `batch` in slices of about `batch_bytes`; nothing for a batch without rows."""
    rows = batch.num_rows
    if rows <= 1 or row_width(batch) * rows <= 2 * batch_bytes:
        if rows:
            yield batch
        return
    step = max(int(batch_bytes / row_width(batch)), 1)
    for start in range(0, rows, step):
        yield batch.slice(start, step)
