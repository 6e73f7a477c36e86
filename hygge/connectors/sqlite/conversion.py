"""Conversion of Arrow columns to SQLite's storage classes and back, exact and vectorized."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygge.connectors.files.text.json_text import nested_text
from hygge.errors import StoreError
from hygge.types.casting import exact_cast, timestamp_texts

if TYPE_CHECKING:
    import pyarrow as pa

_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31 in days since 1970: years with four digits in ISO 8601."""
_TICKS = {"us": 86_400 * 10**6, "ns": 86_400 * 10**9}


def to_stored(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch of a fitted schema as integers, floats, texts and bytes.

    Raises `StoreError` naming the column of a value that SQLite would change.
    """
    import pyarrow as pa

    arrays = [
        _stored(array, field) for array, field in zip(batch.columns, batch.schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def stored_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema of `to_stored` for batches of a fitted schema."""
    import pyarrow as pa

    empty = pa.RecordBatch.from_pylist([], schema=schema)
    return to_stored(empty).schema


def _stored(array: pa.Array, field: pa.Field) -> pa.Array:
    import pyarrow as pa

    is_, kind = pa.types, field.type
    if is_.is_nested(kind):
        return nested_text(field.name, array)
    if kind == pa.uuid():
        return exact_cast(array, pa.string())
    if is_.is_boolean(kind):
        return array.cast(pa.int8()).cast(pa.int64())
    if is_.is_integer(kind):
        return array.cast(pa.int64())
    if is_.is_floating(kind):
        _check_floats(array, field)
        return array.cast(pa.float64())
    if is_.is_date(kind) or is_.is_timestamp(kind):
        _check_years(array, field)
    if is_.is_timestamp(kind):
        return timestamp_texts(array)
    if is_.is_date(kind) or is_.is_time(kind) or is_.is_decimal(kind):
        return array.cast(pa.string())
    return array


def _check_floats(array: pa.Array, field: pa.Field) -> None:
    """Raise `StoreError` for NaN, which SQLite stores as NULL, and -0.0, stored as 0.0."""
    import pyarrow as pa
    import pyarrow.compute as pc

    low = pc.equal(array, pa.scalar(0.0, array.type))
    for found, shown, becomes in (
        (pc.is_nan(array), "NaN", "NULL"),
        (pc.and_(low, pc.less(pc.divide(pa.scalar(1.0, array.type), array), 0)), "-0.0", "0.0"),
    ):
        if pc.any(found).as_py():
            raise StoreError(
                f"SQLite would store {shown} in column '{field.name}' as {becomes}",
                hint=f"write it as text with  columns: {{{field.name}: {{type: string}}}}",
                code="HG535",
            )


def _check_years(array: pa.Array, field: pa.Field) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    is_date = pa.types.is_date(array.type)
    per_day = 1 if is_date else _TICKS[array.type.unit]
    ends = pc.min_max(array.view(pa.int32() if is_date else pa.int64())).as_py()
    if ends["min"] is None:
        return
    if ends["min"] < _FIRST_DAY * per_day or ends["max"] >= (_LAST_DAY + 1) * per_day:
        raise StoreError(
            f"column '{field.name}' contains a date outside of the years 1 to 9999, which the "
            "functions of SQLite cannot read",
            hint=f"write it as text with  columns: {{{field.name}: {{type: string}}}}",
            code="HG535",
        )


def from_stored(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return SQLite's values as `kind`; raises `pa.ArrowInvalid` for a value outside the type."""
    import pyarrow as pa

    is_ = pa.types
    if is_.is_null(kind):
        return pa.nulls(len(array))
    if is_.is_string(kind):
        array.validate(full=True)
        return array
    if kind == pa.uuid():
        return pa.ExtensionArray.from_storage(kind, array.cast(pa.binary(16)))
    if is_.is_boolean(kind):
        return array.cast(kind)
    return array if array.type.equals(kind) else exact_cast(array, kind)


def first_unreadable(array: pa.Array, kind: pa.DataType) -> int:
    """Return the position of the first value that `from_stored` refuses, by bisection."""
    low, high = 0, len(array)
    while high - low > 1:
        middle = (low + high) // 2
        if _is_readable(array.slice(low, middle - low), kind):
            low = middle
        else:
            high = middle
    return low


def _is_readable(array: pa.Array, kind: pa.DataType) -> bool:
    import pyarrow as pa

    try:
        from_stored(array, kind)
    except pa.ArrowException:
        return False
    return True
