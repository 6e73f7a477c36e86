"""PostgreSQL's types as Arrow's: exact, or as text that a PostgreSQL store turns back.

Sources: https://www.postgresql.org/docs/current/datatype.html and tests of the driver.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.connectors.files.text.json_text import fit_json
from hygge.types.ordering import Order, marks
from hygge.types.type_names import NATIVE_TYPE
from hygge.types.unfit import UnfitError

if TYPE_CHECKING:
    import pyarrow as pa

VENDOR = "postgresql:"

_PLAIN = {
    "smallint": "int16",
    "integer": "int32",
    "bigint": "int64",
    "real": "float32",
    "double precision": "float64",
    "boolean": "bool_",
    "text": "string",
    "bytea": "binary",
    "date": "date32",
}
_TEXTS = ("character varying", "character", "name", '"char"', "bpchar")
_WHOLE_IDS = ("oid", "regproc", "regclass", "regtype")
_COUNTERS = ("xid", "cid")
"""Integers that wrap around: the server has no order for them and no cast to a number."""
_ORDERS = {
    **dict.fromkeys(("numeric", "xid8", "smallint", "integer", "bigint", "money", "oid"), "number"),
    "pg_lsn": "hexadecimal",
    **dict.fromkeys(("date", "timestamp without time zone", "timestamp with time zone"), "time"),
    **dict.fromkeys(("bit", "bit varying", "macaddr", "macaddr8", "boolean", "uuid"), "text"),
    **dict.fromkeys(("inet", "cidr", "time without time zone", "time with time zone"), "equal"),
    **dict.fromkeys(("int4range", "int8range", "daterange", "tsrange", "tstzrange"), "equal"),
    **dict.fromkeys(("xid", "cid", "bytea", "real", "double precision"), "equal"),
}
"""By type: how its texts are compared like its values; texts of other types cannot be."""
_IN_LISTS = ("smallint", "integer", "bigint", "real", "double precision", "boolean", "text")
_NUMERIC = re.compile(r"numeric\((\d+),(-?\d+)\)")
_MONEY_SHAPE = (21, 2)


@dataclass(frozen=True, slots=True)
class ColumnReading:
    """How a column is read: its SQL expression and the resulting field."""

    sql: str
    """The expression of the SELECT list, without its alias."""
    field: pa.Field
    is_number_text: bool = False
    """Whether the driver returns decimals as text, to be cast to the field's type."""


def reading_of(
    name: str,
    quoted: str,
    type_name: str,
    *,
    nullable: bool,
    as_text: bool = False,
    as_bytes: bool = False,
    is_enum: bool = False,
    is_folded: bool = False,
) -> ColumnReading:
    """Return how a column of `type_name` (as `format_type` has it) is read.

    With `as_text` a type that Arrow holds only in part comes as text, with every value. With
    `as_bytes` text comes as its bytes, which may be no UTF-8 in a database of SQL_ASCII.
    """
    import pyarrow as pa

    kind = arrow_type(type_name)
    if as_bytes and kind is not None and pa.types.is_string(kind):
        sql = f"convert_to({quoted}::text, 'SQL_ASCII')"
        return ColumnReading(sql, pa.field(name, pa.binary(), nullable))
    as_text = as_text and type_name != "bytea"  # bytes are cast by UTF-8, or refused
    if type_name == "money":
        shape = pa.decimal128(*_MONEY_SHAPE)
        return ColumnReading(f"{quoted}::numeric", pa.field(name, shape, nullable), True)
    if type_name in _WHOLE_IDS and not as_text:
        return ColumnReading(f"{quoted}::int8", pa.field(name, pa.int64(), nullable))
    if type_name in _COUNTERS and not as_text:
        said = marks(Order.EQUAL, f"{VENDOR}{type_name}")
        counts = pa.field(name, pa.int64(), nullable, said)
        return ColumnReading(f"{quoted}::text::int8", counts)
    if is_folded and kind is not None and pa.types.is_string(kind):
        return ColumnReading(quoted, pa.field(name, kind, nullable, marks(Order.FOLDED)))
    if kind is None or (as_text and not pa.types.is_string(kind)):
        # Arrow lacks some times, such as infinity. A column read as text because of them is
        # converted back by a store that knows its type.
        is_whole = kind is not None and not pa.types.is_temporal(kind)
        native = None if as_text and is_whole else f"{VENDOR}{type_name}"
        order = Order.EQUAL if is_enum else order_of_text(type_name)
        said = marks(order, native)
        return ColumnReading(f"{quoted}::text", pa.field(name, pa.string(), nullable, said))
    if pa.types.is_list(kind):
        sql = _one_dimensional(name, quoted, type_name)
        return ColumnReading(sql, pa.field(name, kind, nullable))
    is_decimal = pa.types.is_decimal(kind)
    return ColumnReading(quoted, pa.field(name, kind, nullable), is_decimal)


def order_of_text(type_name: str) -> Order:
    """Return the order under which texts of a type compare like its values."""
    base = re.sub(r"\([\d, -]*\)", "", type_name)
    return Order(_ORDERS.get(base, "unknown"))


def _one_dimensional(name: str, quoted: str, type_name: str) -> str:
    """Return an expression that fails in the server for arrays that an Arrow list cannot hold.

    The server's error quotes the text, which contains the column's name.
    """
    column = name.replace("'", "''")
    return (
        f"CASE WHEN array_ndims({quoted}) > 1 OR array_lower({quoted}, 1) <> 1 THEN "
        f"('column ''{column}'' contains an array ' || array_dims({quoted}))::{type_name} "
        f"ELSE {quoted} END"
    )


def arrow_type(type_name: str) -> pa.DataType | None:
    """Return the Arrow type that holds a type's values exactly, or None when text must."""
    import pyarrow as pa

    if type_name in _PLAIN:
        return getattr(pa, _PLAIN[type_name])()
    base = type_name.partition("(")[0]
    if base in _TEXTS:
        return pa.string()
    if type_name.endswith("[]"):
        return pa.list_(arrow_type(type_name[:-2])) if type_name[:-2] in _IN_LISTS else None
    if base == "uuid":
        return pa.uuid()
    if match := _NUMERIC.fullmatch(type_name):
        return _decimal(int(match[1]), int(match[2]))
    return _time_type(re.sub(r"\(\d\)", "", type_name))


def _decimal(precision: int, scale: int) -> pa.DataType | None:
    import pyarrow as pa

    if scale > precision or scale < 0 or precision > 76:
        return None
    return (pa.decimal128 if precision <= 38 else pa.decimal256)(precision, scale)


def _time_type(type_name: str) -> pa.DataType | None:
    import pyarrow as pa

    return {
        "time without time zone": pa.time64("us"),
        "timestamp without time zone": pa.timestamp("us"),
        "timestamp with time zone": pa.timestamp("us", "UTC"),
    }.get(type_name)


def ordered_type(field: pa.Field) -> str | None:
    """Return the PostgreSQL type of a text field whose order is known; None for any other."""
    own = native_type(field)
    return None if own is None or order_of_text(own) in _WITHOUT_ORDER else own


_WITHOUT_ORDER = (Order.EQUAL, Order.UNKNOWN)


def native_type(field: pa.Field) -> str | None:
    """Return the PostgreSQL type whose texts a field holds; None for any other field."""
    import pyarrow as pa

    text = (field.metadata or {}).get(NATIVE_TYPE, b"").decode()
    is_text = pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
    return text.removeprefix(VENDOR) if is_text and text.startswith(VENDOR) else None


SAMPLES = (
    "smallint", "integer", "bigint", "real", "double precision", "numeric", "numeric(12,2)",
    "numeric(50,10)", "money", "boolean", "text", "character varying(10)", "character(10)", "bytea",
    "date", "time without time zone", "time with time zone", "timestamp without time zone",
    "timestamp with time zone", "interval", "uuid", "json", "jsonb", "xml", "inet", "cidr",
    "macaddr", "bit(3)", "bit varying", "integer[]", "text[]", "numeric(12,2)[]", "date[]", "point",
    "int4range", "tsvector", "oid", "an enum",
)  # fmt: skip
"""Sample types for the docs page: one for each way of reading."""


def sample(type_name: str) -> pa.Field:
    """Return the field that a column of a type is read as."""
    return reading_of("x", "x", type_name, nullable=True).field


def held_as(field: pa.Field) -> tuple[pa.Field, str] | None:
    """Return the staged field for `field` and its PostgreSQL type; None if it is refused."""
    try:
        fitted = field.with_type(fit(field.type))
    except UnfitError:
        return None
    return fitted, sql_type(fitted)


_WRITTEN = {
    "int8": "smallint",
    "uint8": "smallint",
    "int16": "smallint",
    "uint16": "integer",
    "int32": "integer",
    "uint32": "bigint",
    "int64": "bigint",
    "float": "real",
    "double": "double precision",
    "bool": "boolean",
    "date32[day]": "date",
    "time64[us]": "time without time zone",
    "timestamp[us]": "timestamp without time zone",
    "timestamp[us, tz=UTC]": "timestamp with time zone",
    "month_day_nano_interval": "interval",
    "duration[us]": "interval",
    "string": "text",
    "large_string": "text",
    "binary": "bytea",
    "large_binary": "bytea",
}


def fit(kind: pa.DataType) -> pa.DataType:
    """Return the Arrow type to stage for `kind`; raises `UnfitError`."""
    import pyarrow as pa

    is_ = pa.types
    if kind == pa.uuid() or str(kind) in _WRITTEN:
        return kind
    if isinstance(kind, pa.BaseExtensionType):
        return fit(kind.storage_type)
    if is_.is_dictionary(kind) or is_.is_run_end_encoded(kind):
        return fit(kind.value_type)
    if is_.is_null(kind):
        return pa.string()
    if is_.is_uint64(kind):
        return pa.decimal128(20, 0)
    if is_.is_float16(kind):
        return pa.float32()
    if is_.is_decimal(kind):
        return _fit_decimal(kind)
    if is_.is_list(kind) or is_.is_large_list(kind) or is_.is_fixed_size_list(kind):
        return _fit_list(kind)
    if is_.is_nested(kind):
        return fit_json(kind)
    return _fit_time_or_bytes(kind)


def _fit_decimal(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    if kind.scale >= 0:
        return (pa.decimal128 if kind.precision <= 38 else pa.decimal256)(
            kind.precision, kind.scale
        )
    return (pa.decimal128 if kind.precision - kind.scale <= 38 else pa.decimal256)(
        kind.precision - kind.scale, 0
    )


def _fit_list(kind: pa.DataType) -> pa.DataType:
    """Return the list type of an array, or of elements that only JSON can hold."""
    import pyarrow as pa

    if pa.types.is_nested(kind.value_type):
        return fit_json(kind)
    return pa.list_(fit(kind.value_type))


def is_json(kind: pa.DataType) -> bool:
    """Return whether values of a fitted type are written as JSON: all but plain arrays.

    Decimals in JSON are texts, because most JSON readers parse numbers as floats.
    """
    import pyarrow as pa

    return pa.types.is_nested(kind) and not (
        pa.types.is_list(kind) and not pa.types.is_nested(kind.value_type)
    )


def _fit_time_or_bytes(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    is_ = pa.types
    if is_.is_date64(kind):
        return pa.date32()
    if is_.is_time(kind):
        return pa.time64("us")
    if is_.is_timestamp(kind):
        return pa.timestamp("us", None if kind.tz is None else "UTC")
    if is_.is_duration(kind):
        return pa.duration("us")
    if is_.is_string_view(kind):
        return pa.string()
    if is_.is_binary_view(kind) or is_.is_fixed_size_binary(kind):
        return pa.binary()
    raise UnfitError("PostgreSQL does not have this type")


def sql_type(field: pa.Field) -> str:
    """Return the PostgreSQL type for a fitted field, spelled like `format_type`."""
    return native_type(field) or _sql_type(field.type)


def _sql_type(kind: pa.DataType) -> str:
    import pyarrow as pa

    if kind == pa.uuid():
        return "uuid"
    if pa.types.is_decimal(kind):
        return f"numeric({kind.precision},{kind.scale})"
    if is_json(kind):
        return "jsonb"
    if pa.types.is_list(kind):
        return f"{_sql_type(kind.value_type)}[]"
    return _WRITTEN[str(kind)]
