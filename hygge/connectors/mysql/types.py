"""The types of MySQL and MariaDB as Arrow's: exact, or refused.

Where the Arrow type is more specific than the server's (boolean, timestamp in UTC, UUID), a column
that hygge created has the type in its comment and is read by it.

Sources: https://mariadb.com/kb/en/data-types/,
https://dev.mysql.com/doc/refman/8.4/en/data-types.html and tests of what the servers send.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.types.ordering import Order, marks
from hygge.types.unfit import UnfitError

if TYPE_CHECKING:
    import pyarrow as pa

SAYS_BOOL = "hygge: bool"
SAYS_UTC = "hygge: UTC"
SAYS_UUID = "hygge: uuid"
MOST_KEY_BYTES = 3072
"""InnoDB's limit for all columns of a key together, in bytes; a character takes four."""

_SHAPE = re.compile(r"([a-z0-9_]+)(?:\((.*)\))?(.*)", re.DOTALL)
_WHOLE = {
    "tinyint": 8,
    "smallint": 16,
    "mediumint": 32,
    "int": 32,
    "integer": 32,
    "bigint": 64,
}
_BYTES = frozenset({"varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector"})
_SHAPES = frozenset({"geometry", "point", "linestring", "polygon", "geometrycollection"})
"""Also with the prefix `multi`; values are the server's internal bytes."""
_UNITS = {0: "s", 3: "ms", 6: "us"}
_TEXT = frozenset(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"))
_ORDERS = {
    **dict.fromkeys((*_WHOLE, "decimal", "numeric", "year", "bit"), Order.NUMBER),
    **dict.fromkeys(("date", "datetime", "timestamp"), Order.TIME),
    **dict.fromkeys(("inet6", "inet4", "uuid", "time", "enum", "set"), Order.EQUAL),
    **dict.fromkeys(("float", "double"), Order.EQUAL),
}
"""By type: how its texts are compared like its values; texts of other types cannot be."""
_DIGITS = {unit: digits for digits, unit in _UNITS.items()}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table or result."""

    name: str
    type: str
    """The type as `COLUMN_TYPE` of information_schema writes it: `decimal(10,2) unsigned`."""
    nullable: bool = True
    comment: str = ""
    fills_itself: bool = False
    """Whether it has a default, is AUTO_INCREMENT, or is computed."""
    is_computed: bool = False


@dataclass(frozen=True, slots=True)
class ColumnReading:
    """How a column is read: its SQL expression, and the field of its decoded texts."""

    sql: str
    """The expression of the SELECT list, without its alias."""
    field: pa.Field


def shape(type_name: str) -> tuple[str, str, str]:
    """Return a type's name, its arguments, and its attributes, in lower case."""
    match = _SHAPE.fullmatch(type_name.strip())
    assert match is not None
    return match[1].lower(), match[2] or "", match[3].lower()


def reading_of(column: Column, quoted: str, wanted: str | None = None) -> ColumnReading:
    """Return how a column is read.

    `wanted` is the type that the flow casts the column to. As a string, values outside the Arrow
    type can be read; a number replaces a boolean.
    """
    import pyarrow as pa

    base, inside, _ = shape(column.type)
    kind = arrow_type(column)
    if wanted == "string" and not pa.types.is_binary(kind):
        kind = pa.string()
    elif pa.types.is_boolean(kind) and base == "tinyint" and wanted not in (None, "bool"):
        kind = pa.int8()
    sql = quoted
    if base == "bit":
        sql = f"{quoted} + 0"
    elif base == "float" or (base == "double" and inside):
        # Without a cast the server prints a float with six digits.
        sql = f"{quoted} * 1e0"
    elif base == "uuid" and kind == pa.uuid():
        sql = f"UNHEX(REPLACE(CAST({quoted} AS CHAR), '-', ''))"
    is_told = base in _TEXT or not pa.types.is_string(kind)
    said = None if is_told else marks(_ORDERS.get(base, Order.UNKNOWN))
    return ColumnReading(sql, pa.field(column.name, kind, column.nullable, said))


def arrow_type(column: Column) -> pa.DataType:
    """Return the Arrow type that holds the values of a column."""
    import pyarrow as pa

    base, inside, rest = shape(column.type)
    if base in _WHOLE:
        if base == "tinyint" and column.comment == SAYS_BOOL:
            return pa.bool_()
        sign = "u" if "unsigned" in rest or "zerofill" in rest else ""
        return getattr(pa, f"{sign}int{_WHOLE[base]}")()
    if base in ("decimal", "numeric"):
        precision, _, scale = inside.partition(",")
        return _decimal(int(precision), int(scale or 0))
    if base == "bit":
        return _bits(int(inside or 1))
    plain = {
        "null": pa.null(),
        "float": pa.float32(),
        "double": pa.float64(),
        "year": pa.int16(),
        "date": pa.date32(),
        "uuid": pa.uuid(),
    }
    if base in plain:
        return plain[base]
    if base in ("datetime", "timestamp", "time"):
        return _moment(column, base, int(inside or 0))
    return _bytes(column, base, inside)


def _bytes(column: Column, base: str, inside: str) -> pa.DataType:
    import pyarrow as pa

    if base == "binary":
        size = int(inside or 1)
        if size == 0:
            return pa.null()  # the type that a view or CREATE TABLE AS gives to NULL
        return pa.uuid() if size == 16 and column.comment == SAYS_UUID else pa.binary(size)
    is_shape = base.removeprefix("multi") in _SHAPES or base == "geomcollection"
    return pa.binary() if base in _BYTES or is_shape else pa.string()


def _moment(column: Column, base: str, digits: int) -> pa.DataType:
    import pyarrow as pa

    unit = _UNITS[next(known for known in _UNITS if digits <= known)]
    if base == "time":
        return pa.time32(unit) if unit != "us" else pa.time64(unit)
    is_utc = base == "timestamp" or column.comment == SAYS_UTC
    return pa.timestamp(unit, "UTC" if is_utc else None)


def _decimal(precision: int, scale: int) -> pa.DataType:
    import pyarrow as pa

    return (pa.decimal128 if precision <= 38 else pa.decimal256)(precision, scale)


def _bits(size: int) -> pa.DataType:
    import pyarrow as pa

    if size == 1:
        return pa.bool_()
    return next(getattr(pa, f"uint{bits}")() for bits in (8, 16, 32, 64) if size <= bits)


def held_type(column: Column) -> str:
    """Return the type of an existing column, spelled like `sql_type` if it holds all values.

    A type that would silently round values keeps its own name.
    """
    base, inside, _ = shape(column.type)
    is_timed = base in ("datetime", "timestamp", "time")
    rounds = is_timed and int(inside or 0) not in _UNITS
    rounds = rounds or (base in ("float", "double") and bool(inside)) or base == "year"
    return column.type if rounds else sql_type(reading_of(column, "").field)


def fit(kind: pa.DataType) -> pa.DataType:
    """Return the Arrow type to stage for `kind`; raises `UnfitError`."""
    import pyarrow as pa

    is_ = pa.types
    if kind == pa.uuid() or is_.is_boolean(kind) or is_.is_integer(kind):
        return kind
    if isinstance(kind, pa.BaseExtensionType):
        return fit(kind.storage_type)
    if is_.is_dictionary(kind) or is_.is_run_end_encoded(kind):
        return fit(kind.value_type)
    if is_.is_floating(kind):
        return pa.float64() if is_.is_float64(kind) else pa.float32()
    if is_.is_decimal(kind):
        return _fit_decimal(kind)
    if is_.is_date(kind):
        return pa.date32()
    if is_.is_time(kind):
        return pa.time64("us") if kind.unit == "ns" else kind
    if is_.is_timestamp(kind):
        return pa.timestamp("us" if kind.unit == "ns" else kind.unit, kind.tz and "UTC")
    if is_.is_null(kind) or is_.is_string(kind) or is_.is_large_string(kind):
        return pa.string()
    return _fit_bytes(kind)


def _fit_decimal(kind: pa.DataType) -> pa.DataType:
    precision, scale = kind.precision, kind.scale
    if scale < 0:
        precision, scale = precision - scale, 0
    if precision > 65 or scale > 30:
        raise UnfitError("a decimal has a precision of at most 65 and a scale of at most 30")
    return _decimal(precision, scale)


def _fit_bytes(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    is_ = pa.types
    if is_.is_string_view(kind):
        return pa.string()
    if is_.is_fixed_size_binary(kind) and 0 < kind.byte_width <= 255:
        return kind
    if is_.is_fixed_size_binary(kind) or is_.is_binary_view(kind):
        return pa.binary()
    if is_.is_binary(kind) or is_.is_large_binary(kind):
        return pa.binary()
    if is_.is_duration(kind):
        raise UnfitError("TIME ends at 838 hours; cast to int64, the number of units is exact")
    raise UnfitError("MySQL and MariaDB do not have this type")


def key_share(keys: Sequence[pa.Field]) -> int:
    """Return the maximum bytes of each text or binary column of a key."""
    import pyarrow as pa

    is_ = pa.types
    free = [one for one in keys if is_.is_string(one.type) or is_.is_binary(one.type)]
    fixed = (one.type for one in keys if one not in free)
    taken = sum(kind.byte_width if is_.is_fixed_size_binary(kind) else 32 for kind in fixed)
    return max((MOST_KEY_BYTES - taken) // max(len(free), 1), 4)


def sql_type(field: pa.Field, *, key_bytes: int = 0) -> str:
    """Return the server's type for a fitted field, with the comment that records its Arrow type.

    `key_bytes` is the maximum size of a text that is part of a key.
    """
    import pyarrow as pa

    is_, kind = pa.types, field.type
    if is_.is_boolean(kind):
        return f"tinyint(1) COMMENT '{SAYS_BOOL}'"
    if is_.is_integer(kind):
        name = {8: "tinyint", 16: "smallint", 32: "int", 64: "bigint"}[kind.bit_width]
        return name if is_.is_signed_integer(kind) else f"{name} unsigned"
    if is_.is_floating(kind):
        return "double" if is_.is_float64(kind) else "float"
    if is_.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if is_.is_date(kind):
        return "date"
    if is_.is_time(kind):
        return f"time({_DIGITS[kind.unit]})"
    if is_.is_timestamp(kind):
        comment = f" COMMENT '{SAYS_UTC}'" if kind.tz else ""
        return f"datetime({_DIGITS[kind.unit]}){comment}"
    if kind == pa.uuid():
        return f"binary(16) COMMENT '{SAYS_UUID}'"
    if is_.is_fixed_size_binary(kind):
        return f"binary({kind.byte_width})"
    if is_.is_binary(kind):
        return f"varbinary({key_bytes})" if key_bytes else "longblob"
    return f"varchar({key_bytes // 4})" if key_bytes else "longtext"


def held_as(field: pa.Field) -> tuple[pa.Field, str] | None:
    """Return the staged field for `field` and its type on the server; None if it is refused."""
    try:
        fitted = field.with_type(fit(field.type))
    except UnfitError:
        return None
    return fitted, sql_type(fitted).partition(" COMMENT ")[0]
