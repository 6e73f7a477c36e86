"""How columns are read from drivers that follow the standard, and which are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hygge.connectors.odbc.driver import Column
from hygge.connectors.sql.column_reading import ColumnReading, UnsafeError

if TYPE_CHECKING:
    import pyarrow as pa


Rule = Callable[[Column, str], ColumnReading]
"""Returns how a column is read, given its quoted name; raises `UnsafeError`."""

(
    BIT, TINY, SMALL, WHOLE, BIG, FLOAT, REAL, DOUBLE, NUMERIC, DECIMAL, DATE, TIME, STAMP,
) = -7, -6, 5, 4, -5, 6, 7, 8, 2, 3, 91, 92, 93  # fmt: skip
TEXTS = (1, 12, -1, -8, -9, -10)
LONG_TEXTS = (-1, -10)
BYTES = (-2, -3, -4)
_BITS = {TINY: 8, SMALL: 16, WHOLE: 32, BIG: 64}
_MOST_DIGITS = 76
_ZONED = ("tz", "zone", "offset")
_UNZONED = "without"


def field(column: Column, kind: pa.DataType) -> pa.Field:
    """Return the field of a column."""
    import pyarrow as pa

    return pa.field(column.name, kind, column.is_nullable)


def plain(column: Column, quoted: str) -> ColumnReading:
    """Return how a column is read from a driver that follows the standard."""
    import pyarrow as pa

    if column.code in _BITS:
        return whole(column, quoted)
    if column.code in (NUMERIC, DECIMAL):
        return decimal(column, quoted)
    if column.code in (FLOAT, REAL, DOUBLE):
        is_narrow = column.code == REAL and not {"double", "float8"} & {column.type_name}
        kind = pa.float32() if is_narrow else pa.float64()
        return ColumnReading(quoted, pa.float64(), field(column, kind))
    if column.code in (TIME, STAMP):
        return moment(column, quoted)
    kinds = {BIT: pa.bool_(), DATE: pa.date32(), **dict.fromkeys(BYTES, pa.binary())}
    kind = kinds.get(column.code, pa.string())
    return ColumnReading(quoted, kind, field(column, kind))


def whole(column: Column, quoted: str) -> ColumnReading:
    """Return how integers are read: unsigned ones with more bits, or as text."""
    import pyarrow as pa

    bits = _BITS[column.code]
    if not column.is_unsigned:
        kind = getattr(pa, f"int{bits}")()
        return ColumnReading(quoted, kind, field(column, kind))
    bound = pa.string() if column.code == BIG else pa.int64()
    return ColumnReading(quoted, bound, field(column, getattr(pa, f"uint{bits}")()))


def decimal(column: Column, quoted: str) -> ColumnReading:
    """Return how decimals are read: as text that is cast exactly."""
    import pyarrow as pa

    precision, scale = column.size, column.digits
    if not (1 <= precision <= _MOST_DIGITS and 0 <= scale <= precision):
        raise UnsafeError(
            f"the driver does not report the precision of {column.type_name or 'numbers'}"
        )
    make = pa.decimal128 if precision <= 38 else pa.decimal256
    return ColumnReading(quoted, pa.string(), field(column, make(precision, scale)))


def moment(column: Column, quoted: str) -> ColumnReading:
    """Return how times are read, with at least microseconds."""
    import pyarrow as pa

    name = column.type_name
    if any(word in name for word in _ZONED) and _UNZONED not in name:
        raise UnsafeError(f"drivers lose the time zone of {name}")
    unit = "us" if column.digits <= 6 else "ns"
    kind = pa.time64(unit) if column.code == TIME else pa.timestamp(unit)
    is_plain = column.code == STAMP and unit == "us"
    return ColumnReading(quoted, kind if is_plain else pa.string(), field(column, kind))


def declared(
    column: Column, sql: str, kind: pa.DataType, is_odd: str | None = None
) -> ColumnReading:
    """Return how a column is read as the type given in `types`: as text that is cast."""
    import pyarrow as pa

    bound = pa.binary() if pa.types.is_binary(kind) else pa.string()
    return ColumnReading(sql, bound, field(column, kind), is_odd)
