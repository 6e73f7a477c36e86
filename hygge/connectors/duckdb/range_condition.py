"""A range of a column as a DuckDB condition that can skip row groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygge.connectors.sql import range_condition
from hygge.values.model import Span

if TYPE_CHECKING:
    import pyarrow as pa


def condition(span: Span, column: str, kind: pa.DataType) -> str | None:
    """Return the condition for a range of a quoted column that is read as `kind`.

    Texts are compared by bytes, as in Arrow, whatever the column's collation.
    """
    import pyarrow as pa

    if pa.types.is_string(kind):
        return range_condition.within(span, column, literal, compared=f"encode({column})")
    found = range_condition.within(span, column, literal)
    # NaN is ordered above all numbers.
    is_cut = pa.types.is_floating(kind) and span.high is not None
    return f"{found} OR isnan({column})" if found and is_cut else found


def literal(value: pa.Scalar) -> str | None:
    """Return a value as a DuckDB literal."""
    import pyarrow as pa

    kind, is_ = value.type, pa.types
    if is_.is_string(kind):
        text = range_condition.text(value)
        return None if text is None else f"from_hex('{text.encode().hex()}')"
    if is_.is_timestamp(kind) and kind.unit == "ns":
        return f"make_timestamp_ns({value.cast(pa.int64()).as_py()})" if kind.tz is None else None
    if is_.is_decimal(kind):
        return f"CAST('{range_condition.number(value)}' AS DECIMAL({kind.precision},{kind.scale}))"
    day, moment = range_condition.day(value), range_condition.moment(value)
    if day or moment:
        zoned = moment is not None and kind.tz is not None
        name = "DATE" if day else "TIMESTAMPTZ" if zoned else "TIMESTAMP"
        return f"{name} '{day or moment}{'+00' if zoned else ''}'"
    found = range_condition.binary_float(value)
    return range_condition.number(value) if found is None else f"CAST('{found}' AS DOUBLE)"
