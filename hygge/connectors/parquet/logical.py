"""Logical types of Parquet that Arrow reads as bytes: ENUM becomes text, others are reported.

See https://github.com/apache/parquet-format/blob/master/LogicalTypes.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from hygge.connectors.files.formats import map_type

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_VARIANT = re.compile(r"^  \w+ group field_id=-?\d+ (.*) \(Variant\(\d+\)\) \{$", re.MULTILINE)
_SPATIAL = ("GEOMETRY", "GEOGRAPHY")


def schema_of(parquet: pq.ParquetFile) -> pa.Schema:
    """Return the columns of a file, with text for each ENUM also inside of lists and structs."""
    import pyarrow as pa

    schema = parquet.schema_arrow
    enums = [kind == "ENUM" for kind in _kinds(parquet)]
    if not any(enums):
        return schema
    leaves = iter(enums)

    def leaf(kind: pa.DataType) -> pa.DataType:
        is_enum = next(leaves, False)
        return pa.string() if is_enum and pa.types.is_binary(kind) else kind

    fields = [field.with_type(map_type(field.type, leaf)) for field in schema]
    return pa.schema(fields, schema.metadata)


def texts_of(parquet: pq.ParquetFile) -> dict[str, pa.DataType]:
    """Return the types of columns that `schema_of` changes."""
    fields = zip(schema_of(parquet), parquet.schema_arrow, strict=True)
    return {field.name: field.type for field, own in fields if field.type != own.type}


def with_texts(batch: pa.RecordBatch, texts: Mapping[str, pa.DataType]) -> pa.RecordBatch:
    """Return a batch with some columns cast to text, without checking for valid UTF-8."""
    import pyarrow as pa

    for place, name in enumerate(batch.schema.names if texts else ()):
        kind, column = texts.get(name), batch.column(place)
        if kind is not None:
            values = column.view(kind) if pa.types.is_string(kind) else column.cast(kind)
            batch = batch.set_column(place, pa.field(name, kind), values)
    return batch


def encoded_columns(parquet: pq.ParquetFile) -> Iterator[tuple[str, str]]:
    """Yield each column that is moved as encoded bytes, with its type."""
    paths = [parquet.schema.column(n).path for n in range(len(parquet.schema))]
    yield from ((name, "GEOMETRY") for name in _geo_columns(parquet.schema_arrow))
    yield from (pair for pair in zip(paths, _kinds(parquet), strict=True) if pair[1] in _SPATIAL)
    if any(path.endswith(".metadata") for path in paths):
        yield from ((name, "VARIANT") for name in _VARIANT.findall(str(parquet.schema)))


def _kinds(parquet: pq.ParquetFile) -> list[str]:
    columns = (parquet.schema.column(n) for n in range(len(parquet.schema)))
    return [column.logical_type.type for column in columns]


def _geo_columns(schema: pa.Schema) -> list[str]:
    """Return the geometry columns of a GeoParquet file."""
    text = (schema.metadata or {}).get(b"geo")
    try:
        columns = json.loads(text or b"{}").get("columns", {})
    except (ValueError, AttributeError):
        return []
    return [name for name in columns if name in schema.names]
