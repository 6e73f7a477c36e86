"""SQL Server's types as Arrow's, both ways: exact, or refused by name.

Sources: https://learn.microsoft.com/sql/t-sql/data-types and the driver's own tests of Arrow.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hygge.connectors.mssql.catalog import Column
from hygge.connectors.sql.column_reading import ColumnReading, UnsafeError
from hygge.types.unfit import UnfitError

if TYPE_CHECKING:
    import pyarrow as pa

_NAME = re.compile(r"(\w+)(?:\((\w+)(?:, *(\d+))?\))?")
_PLAIN = {
    "tinyint": "uint8",
    "smallint": "int16",
    "int": "int32",
    "bigint": "int64",
    "bit": "bool_",
    "real": "float32",
    "float": "float64",
    "date": "date32",
    **dict.fromkeys(("char", "varchar", "nchar", "nvarchar", "sysname"), "string"),
    **dict.fromkeys(("binary", "varbinary"), "binary"),
}
_AS_LONG_TEXT = ("text", "ntext", "xml", "json")
_MONEY = {"money": (19, 4), "smallmoney": (10, 4)}
_COARSE = {"datetime": "datetime2(3)", "smalldatetime": "datetime2(0)"}
MOST_DIGITS = 38


def reading_of(column: Column, quoted: str, *, as_text: bool = False) -> ColumnReading:
    """Return how a column is read; raises `UnsafeError` for values that the driver would change."""
    import pyarrow as pa

    match = _NAME.match(column.type or "")
    base = match[1] if match else ""

    def read(sql: str, kind: pa.DataType, odd: str | None = None) -> ColumnReading:
        return ColumnReading(sql, kind, pa.field(column.name, kind, column.nullable), odd)

    if base in _PLAIN:
        return read(quoted, getattr(pa, _PLAIN[base])())
    if base in ("decimal", "numeric") and match is not None:
        return read(quoted, pa.decimal128(int(match[2]), int(match[3] or 0)))
    if base in _MONEY:
        precision, scale = _MONEY[base]
        sql = f"CAST({quoted} AS decimal({precision},{scale}))"
        return read(sql, pa.decimal128(precision, scale))
    if base in _AS_LONG_TEXT:
        return read(f"CAST({quoted} AS nvarchar(max))", pa.string())
    if base == "image":
        return read(f"CAST({quoted} AS varbinary(max))", pa.binary())
    if base in ("timestamp", "rowversion"):
        return read(f"CAST({quoted} AS binary(8))", pa.binary())
    if base == "uniqueidentifier":
        return read(f"CAST({quoted} AS char(36))", pa.uuid())
    if base == "hierarchyid":
        return read(f"{quoted}.ToString()", pa.string())
    if base in ("time", "datetime", "smalldatetime", "datetime2", "datetimeoffset"):
        return _moment(column, quoted, as_text=as_text)
    if as_text:
        sql = f"{quoted}.ToString()" if base in ("geography", "geometry") else quoted
        return read(f"CAST({sql} AS nvarchar(max))", pa.string())
    raise UnsafeError(f"{column.type or 'its type'} has no equivalent in Arrow")


def any_reading_of(column: Column, quoted: str) -> ColumnReading:
    """Return how a column is read; as text where Arrow has no equivalent type."""
    try:
        return reading_of(column, quoted)
    except UnsafeError:
        return reading_of(column, quoted, as_text=True)


def _moment(column: Column, quoted: str, *, as_text: bool) -> ColumnReading:
    import pyarrow as pa

    base, _, digits = column.type.rstrip(")").partition("(")
    scale = int(digits or 7)
    zone = "UTC" if base == "datetimeoffset" else None
    sql = f"CAST({quoted} AS {_COARSE[base]})" if base in _COARSE else quoted
    if as_text:
        text, kind = f"CONVERT(nvarchar(40), {quoted}, 121)", pa.string()
        return ColumnReading(text, kind, pa.field(column.name, kind, column.nullable))
    if base == "time":
        kind = pa.time64("us" if scale < 7 else "ns")
        return ColumnReading(sql, kind, pa.field(column.name, kind, column.nullable))
    # The driver cuts the seventh digit of a second.
    is_cut = base not in _COARSE and scale > 6
    odd = f"DATEPART(nanosecond, {quoted}) % 1000 <> 0" if is_cut else None
    kind = pa.timestamp("us", zone)
    return ColumnReading(sql, kind, pa.field(column.name, kind, column.nullable), odd)


def fit(kind: pa.DataType) -> pa.DataType:
    """Return the type to stage a column with; raises `UnfitError`."""
    import pyarrow as pa

    is_ = pa.types
    if kind == pa.uuid() or str(kind) in _WRITTEN:
        return kind
    if is_.is_dictionary(kind):
        return fit(kind.value_type)
    wider = {
        "int8": pa.int16(),
        "uint16": pa.int32(),
        "uint32": pa.int64(),
        "uint64": pa.decimal128(20, 0),
        "halffloat": pa.float32(),
        "null": pa.string(),
        "large_string": pa.string(),
        "string_view": pa.string(),
        "date64[ms]": pa.date32(),
    }
    if str(kind) in wider:
        return wider[str(kind)]
    if is_.is_decimal(kind):
        if kind.precision > MOST_DIGITS:
            raise UnfitError(f"decimals of SQL Server have a precision of at most {MOST_DIGITS}")
        if not 0 <= kind.scale <= kind.precision:
            raise UnfitError("the scale of a decimal must be between 0 and its precision")
        return pa.decimal128(kind.precision, kind.scale)
    if is_.is_time(kind):
        return pa.time64("us")
    if is_.is_timestamp(kind):
        return pa.timestamp("ns" if kind.unit == "ns" else "us", None if kind.tz is None else "UTC")
    if "binary" in str(kind):
        return pa.binary()
    raise UnfitError("SQL Server does not have this type")


_WRITTEN = {
    "uint8": "tinyint",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "float": "real",
    "double": "float",
    "bool": "bit",
    "string": "nvarchar(max)",
    "binary": "varbinary(max)",
    "date32[day]": "date",
    "time64[us]": "time(6)",
    "time64[ns]": "time(7)",
    "timestamp[us]": "datetime2(6)",
    "timestamp[ns]": "datetime2(7)",
    "timestamp[us, tz=UTC]": "datetimeoffset(6)",
    "timestamp[ns, tz=UTC]": "datetimeoffset(7)",
}


def sql_type(kind: pa.DataType) -> str:
    """Return the SQL Server type for a fitted type, spelled as in the catalog."""
    import pyarrow as pa

    if kind == pa.uuid():
        return "uniqueidentifier"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    return _WRITTEN[str(kind)]


def held_as(field: pa.Field) -> tuple[pa.Field, str] | None:
    """Return the staged field for `field` and its SQL Server type; None if it is refused."""
    try:
        kind = fit(field.type)
    except UnfitError:
        return None
    return field.with_type(kind), sql_type(kind)


SAMPLES = (
    "tinyint",
    "smallint",
    "int",
    "bigint",
    "bit",
    "real",
    "float",
    "decimal(18,4)",
    "money",
    "smallmoney",
    "date",
    "time(6)",
    "time(7)",
    "datetime",
    "smalldatetime",
    "datetime2(7)",
    "datetimeoffset(7)",
    "nvarchar(max)",
    "varchar(20)",
    "varbinary(max)",
    "rowversion",
    "uniqueidentifier",
    "xml",
    "hierarchyid",
)
"""Sample types for the docs page."""


def sample(type_name: str) -> pa.Field:
    """Return the field that a column of a type is read as."""
    return reading_of(Column("x", type_name, True), "[x]").field


def staged(array: pa.Array, name: str) -> pa.Array:
    """Return a column converted for bulk copy; raises `UnfitError` for a changed value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_ = pa.types
    if array.type == pa.uuid():
        texts = [None if one is None else str(one) for one in array.to_pylist()]
        return pa.array(texts, pa.string())
    if is_.is_temporal(array.type) and getattr(array.type, "unit", "") == "ns":
        ticks = array.cast(pa.int64()) if is_.is_timestamp(array.type) else array.view(pa.int64())
        whole = pc.multiply(pc.divide(ticks, 100), 100)
        if pc.all(pc.equal(whole, ticks)).as_py() is False:
            raise UnfitError(f"column '{name}' contains times finer than 100 nanoseconds")
    is_day = is_.is_date32(array.type)
    if is_day or (is_.is_timestamp(array.type) and array.type.unit == "us"):
        ends = pc.min_max(array.view(pa.int32() if is_day else pa.int64())).as_py()
        size = _DAY if is_day else 1
        if ends["min"] is not None and not (
            ends["min"] * size >= _FIRST and ends["max"] * size <= _LAST
        ):
            raise UnfitError(f"column '{name}' contains times outside of the years 1 to 9999")
    return array


_DAY = 86_400_000_000
_FIRST = -62_135_596_800_000_000
_LAST = 253_402_300_799_999_999
"""First and last microsecond of the years 1 to 9999, since 1970."""
