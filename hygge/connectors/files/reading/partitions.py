"""Hive partitioning: directories with column values, `country=NO/year=2024/`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from hygge.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

NULL_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""Directory name of a null value."""
_LONGEST_NAME = 255


def empty_folder(columns: Sequence[str]) -> str:
    """Return the directory for a file without rows: every column null."""
    return "".join(f"{_escape(column)}={NULL_VALUE}/" for column in columns)


def check_partitions(schema: pa.Schema, columns: Sequence[str]) -> None:
    """Raise `StoreError` when rows of `schema` cannot be partitioned by `columns`."""
    for column in columns:
        if column not in schema.names:
            raise StoreError(
                f"partition_by has the column '{column}', which does not exist",
                hint=f"columns: {', '.join(schema.names)}",
            )
        _check_type(column, schema.field(column).type)
    if columns and set(columns) == set(schema.names):
        raise StoreError("partition_by has all columns, so that no column is left for the files")


def _check_type(column: str, kind: pa.DataType) -> None:
    import pyarrow as pa

    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    is_plain = pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_date32(kind)
    if not (is_text or is_plain):
        raise StoreError(
            f"rows cannot be partitioned by column '{column}': the name of a directory cannot "
            f"represent a {kind} exactly",
            hint="partition by a column of text, whole numbers, booleans or dates",
        )


def partitions(
    batch: pa.RecordBatch, columns: Sequence[str]
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield the directory and the rows, in their order and without `columns`, of each partition."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = [_folders(column, batch.column(column)) for column in columns]
    folders = pc.binary_join_element_wise(*names, "").dictionary_encode()
    order = pc.sort_indices(folders.indices)
    sorted_rows = batch.drop_columns(list(columns)).take(order)
    counts = pc.value_counts(folders.indices.take(order))
    start = 0
    for index, count in zip(counts.field("values"), counts.field("counts"), strict=True):
        folder = folders.dictionary[index.as_py()].as_py()
        yield folder, pa.RecordBatch.slice(sorted_rows, start, count.as_py())
        start += count.as_py()


def _folders(column: str, values: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    coded = pc.cast(values, pa.string()).dictionary_encode(null_encoding="encode")
    names = [_folder(column, value) for value in coded.dictionary.to_pylist()]
    return pa.array(names, pa.string()).take(coded.indices)


def _folder(column: str, value: str | None) -> str:
    if value in (NULL_VALUE, ""):
        raise StoreError(
            f"column '{column}' contains {value!r}, which means null in the name of a directory",
            hint="remove the column from partition_by",
        )
    name = f"{_escape(column)}={NULL_VALUE if value is None else _escape(value)}"
    if len(name) > _LONGEST_NAME:
        raise StoreError(
            f"column '{column}' contains a value that is too long for the name of a directory: "
            f"{(value or '')[:60]}…",
            hint="remove the column from partition_by",
        )
    return name + "/"


def _escape(text: str) -> str:
    # Dots are escaped too where they would mean `.` or `..`.
    return quote(text, safe=" ") if text.strip(".") else text.replace(".", "%2E")
