"""Fitting of a file's batches to the entity's schema."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.reading.listing import partition_names
from hygge.errors import HomeError
from hygge.types.batches import data_bytes
from hygge.types.casting import exact_cast

if TYPE_CHECKING:
    import pyarrow as pa

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_INT64 = range(-(2**63), 2**63)


def add_partitions(schema: pa.Schema, files: Sequence[DataFile]) -> pa.Schema:
    """Return `schema` with the partition columns of `files`.

    A column is int64 when every value of the whole listing is a 64-bit integer written the usual
    way, else string: `01` stays text. A column that is also in the files keeps their type.
    """
    import pyarrow as pa

    for name in partition_names(files):
        if name in schema.names:
            continue
        values = {dict(file.partitions).get(name) for file in files} - {None}
        is_integer = all(_is_integer(value) for value in values if value is not None)
        schema = schema.append(pa.field(name, pa.int64() if is_integer else pa.string()))
    return schema


def _is_integer(text: str) -> bool:
    return _INTEGER.fullmatch(text) is not None and int(text) in _INT64


class Fitting:
    """Fits the batches of one file to `schema`: by name, nulls for missing columns, wider types."""

    def __init__(self, schema: pa.Schema, file: DataFile) -> None:
        self.schema = schema
        self.file = file
        self.partitions = dict(file.partitions)
        self._known = frozenset(schema.names)

    def fit(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return `batch` with exactly the columns of the schema; raise `HomeError` naming one."""
        import pyarrow as pa

        batch = self._spelled(batch)
        self._check_partitions(batch)
        if batch.schema.equals(self.schema, check_metadata=True):
            return batch
        unknown = set(batch.schema.names) - set(self.schema.names)
        if unknown:
            raise HomeError(f"{self.file} has unexpected columns: {sorted(unknown)}")
        columns = [self._column(batch, field) for field in self.schema]
        if not columns:
            return batch.replace_schema_metadata(self.schema.metadata)
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _spelled(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return `batch` with the schema's spelling of names; see `Spelling`."""
        names = batch.schema.names
        if self._known.issuperset(names):
            return batch
        taken = set(names)
        first = {n.casefold(): n for n in self.schema.names if n not in taken}
        return batch.rename_columns(
            [n if n in self._known else first.get(n.casefold(), n) for n in names]
        )

    def _partition(self, field: pa.Field) -> pa.Scalar:
        """Return a partition column's value from the folders."""
        import pyarrow as pa

        value = pa.scalar(self.partitions.get(field.name), pa.string())
        return value if field.type == value.type else value.cast(field.type)

    def _check_partitions(self, batch: pa.RecordBatch) -> None:
        """Raise `HomeError` where a column of the file differs from its folder's value."""
        import pyarrow as pa
        import pyarrow.compute as pc

        for name in self.partitions.keys() & set(batch.schema.names):
            field = batch.schema.field(name)
            column = batch.column(name)
            try:
                value = self._partition(field)
                same = pc.is_valid(column) if value.is_valid else pc.is_null(column)
                if value.is_valid:
                    same = pc.and_(same, pc.fill_null(pc.equal(column, value), fill_value=False))
            except pa.ArrowException:
                same = pa.repeat(pa.scalar(value=False), len(column))
            if not pc.all(same).as_py():
                odd = column[pc.index(same, value=False).as_py()]
                raise HomeError(
                    f"{self.file}: column '{name}' contains {odd.as_py()!r}, but the name of its "
                    f"folder has {self.partitions[name]!r}",
                    hint="move the file to the right folder, or rename the folders without '='",
                    code="HG577",
                )

    def _column(self, batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
        import pyarrow as pa

        place = batch.schema.get_field_index(field.name)
        if place < 0:
            return pa.repeat(self._partition(field), batch.num_rows)
        column = batch.column(place)
        if column.type == field.type:
            return column
        try:
            return exact_cast(column, field.type)
        except pa.ArrowException as error:
            raise HomeError(
                f"{self.file}: column '{field.name}' is {column.type} in this file, but "
                f"{field.type} in the entity: {error}",
                hint=f"set its type with  columns: {{{field.name}: {{type: …}}}}, or use the same "
                "type in every file",
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
