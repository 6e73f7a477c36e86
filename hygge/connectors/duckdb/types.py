"""DuckDB's types as Arrow's: exact, or as text that a DuckDB store turns back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.connectors.sql.table_names import quote
from hygge.types.ordering import Order, marks
from hygge.types.type_names import NATIVE_TYPE
from hygge.types.unfit import UnfitError

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection as Connection
    from duckdb.sqltypes import DuckDBPyType as Type

VENDOR = "duckdb:"

TOO_LONG = "contains more than 38 digits"
_AS_TEXT = frozenset(
    ("interval", "enum", "bit", "time with time zone", "union", "variant", "bignum", "geometry")
)
"""Types that DuckDB exports to Arrow as another type, or as one that no other system supports."""
_ORDERS = {
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint", "hugeint"), Order.NUMBER),
    **dict.fromkeys(("utinyint", "usmallint", "uinteger", "ubigint", "uhugeint"), Order.NUMBER),
    **dict.fromkeys(("decimal", "bignum"), Order.NUMBER),
    **dict.fromkeys(("date", "timestamp", "timestamp with time zone"), Order.TIME),
    **dict.fromkeys(("timestamp_s", "timestamp_ms", "timestamp_ns"), Order.TIME),
    **dict.fromkeys(("uuid", "boolean"), Order.TEXT),
    **dict.fromkeys(("enum", "bit", "time", "time with time zone", "float", "double"), Order.EQUAL),
}
"""By type: how its texts are compared like its values; texts of other types cannot be."""
_WIDE = ("hugeint", "uhugeint")
_NESTED = ("list", "array", "struct", "map")


@dataclass(frozen=True, slots=True)
class ColumnReading:
    """How a column is read."""

    name: str
    sql: str
    """The expression of the SELECT list, without its alias."""
    nullable: bool = True
    native: str | None = None
    """Type of a column that is read as text; a DuckDB store converts it back."""
    is_uuid: bool = False
    order: Order | None = None
    """Order of the values, where they are texts of another type."""


def reading_of(name: str, kind: Type, *, nullable: bool, as_text: bool) -> ColumnReading:
    """Return how a column is read; with `as_text` always as text."""
    quoted = quote(name)
    order = Order.EQUAL if str(kind) == "JSON" else _ORDERS.get(kind.id, Order.UNKNOWN)
    if as_text and str(kind) not in ("VARCHAR", "BLOB"):  # bytes are cast by UTF-8, or refused
        return ColumnReading(name, f"CAST({quoted} AS VARCHAR)", nullable, order=order)
    if kind.id == "uuid":
        hexadecimal = f"replace(CAST({quoted} AS VARCHAR), '-', '')"
        return ColumnReading(name, f"unhex({hexadecimal})", nullable, is_uuid=True)
    if kind.id in _WIDE:
        edge = "9" * 38
        low = f" OR {quoted} < -{edge}" if kind.id == "hugeint" else ""
        problem = f"column '{name}' {TOO_LONG}".replace("'", "''")
        sql = (
            f"CASE WHEN {quoted} > {edge}{low} THEN error('{problem}') "
            f"ELSE CAST({quoted} AS DECIMAL(38,0)) END"
        )
        return ColumnReading(name, sql, nullable)
    if str(kind) == "JSON" or _holds_odd(kind):
        sql = f"CAST({quoted} AS VARCHAR)"
        return ColumnReading(name, sql, nullable, str(kind), order=order)
    return ColumnReading(name, quoted, nullable)


def _holds_odd(kind: Type) -> bool:
    """Return whether a type is or contains one that must be read as text."""
    if kind.id in _AS_TEXT:
        return True
    if kind.id not in _NESTED:
        return False
    inside = [child for _, child in kind.children if not isinstance(child, int | list)]
    return any(child.id in (*_WIDE, "uuid") or _holds_odd(child) for child in inside)


def native_type(field: pa.Field) -> str | None:
    """Return the DuckDB type whose texts a field holds; None for any other field."""
    import pyarrow as pa

    text = (field.metadata or {}).get(NATIVE_TYPE, b"").decode()
    is_text = pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
    return text.removeprefix(VENDOR) if is_text and text.startswith(VENDOR) else None


def field_of(reading: ColumnReading, field: pa.Field) -> pa.Field:
    """Return the field of a reading's batches, for the field that DuckDB exports."""
    import pyarrow as pa

    kind = pa.uuid() if reading.is_uuid else plain(field.type)
    native = f"{VENDOR}{reading.native}" if reading.native else None
    return pa.field(reading.name, kind, reading.nullable, marks(reading.order, native))


def plain(kind: pa.DataType) -> pa.DataType:
    """Return a type that DuckDB exports, with UTC and list items named as usual in Arrow."""
    import pyarrow as pa

    is_ = pa.types
    if is_.is_timestamp(kind) and kind.tz:
        return pa.timestamp(kind.unit, "UTC")
    if is_.is_fixed_size_list(kind):
        return pa.list_(plain(kind.value_type), kind.list_size)
    if is_.is_list(kind):
        return pa.list_(plain(kind.value_type))
    if is_.is_map(kind):
        return pa.map_(plain(kind.key_type), plain(kind.item_type))
    if is_.is_struct(kind):
        return pa.struct([field.with_type(plain(field.type)) for field in kind])
    return kind


def fit(kind: pa.DataType) -> pa.DataType:
    """Return the Arrow type to stage for `kind`; raises `UnfitError`."""
    import pyarrow as pa

    is_ = pa.types
    if kind == pa.uuid():
        return kind
    if isinstance(kind, pa.BaseExtensionType):
        return fit(kind.storage_type)
    if is_.is_dictionary(kind) or is_.is_run_end_encoded(kind):
        return fit(kind.value_type)
    if is_.is_nested(kind):
        return _fit_nested(kind)
    if is_.is_decimal(kind):
        return _fit_decimal(kind)
    if is_.is_time(kind):
        return pa.time64("ns" if kind.unit == "ns" else "us")
    if is_.is_timestamp(kind) and kind.tz:
        return pa.timestamp("ns" if kind.unit == "ns" else "us", "UTC")
    if is_.is_interval(kind):
        raise UnfitError("intervals can only be compared as text")
    return {
        pa.null(): pa.string(),
        pa.float16(): pa.float32(),
        pa.date64(): pa.date32(),
        pa.string_view(): pa.string(),
        pa.binary_view(): pa.binary(),
    }.get(kind, pa.binary() if is_.is_fixed_size_binary(kind) else kind)


def _fit_decimal(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    digits = kind.precision - min(kind.scale, 0)
    if digits > 38:
        raise UnfitError("DuckDB has at most 38 digits")
    return pa.decimal128(digits, max(kind.scale, 0))


def _fit_nested(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    is_ = pa.types
    if is_.is_fixed_size_list(kind):
        return pa.list_(fit(kind.value_type), kind.list_size)
    if is_.is_list(kind) or is_.is_large_list(kind):
        return pa.list_(fit(kind.value_type))
    if is_.is_map(kind):
        return pa.map_(fit(kind.key_type), fit(kind.item_type))
    if is_.is_struct(kind) and kind.num_fields:
        return pa.struct([field.with_type(fit(field.type)) for field in kind])
    raise UnfitError("DuckDB does not have this type")


def sql_types(cursor: Connection, schema: pa.Schema) -> list[str]:
    """Return DuckDB's types for the columns of a fitted schema, queried from DuckDB."""
    relation = cursor.from_arrow(schema.empty_table())
    return [
        native_type(field) or str(kind) for field, kind in zip(schema, relation.types, strict=True)
    ]


SAMPLES = (
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
    "UBIGINT", "FLOAT", "DOUBLE", "DECIMAL(12,2)", "BOOLEAN", "VARCHAR", "BLOB", "DATE", "TIME",
    "TIME_NS", "TIME WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP", "TIMESTAMP_NS",
    "TIMESTAMP WITH TIME ZONE", "INTERVAL", "UUID", "ENUM('a', 'b')", "BIT", "BIGNUM", "JSON",
    "INTEGER[]", "INTEGER[3]", "STRUCT(a INTEGER)", "MAP(VARCHAR, INTEGER)", "UUID[]",
    "UNION(a INTEGER)",
)  # fmt: skip
"""Sample types for the docs page: one for each way of reading."""


def samples(cursor: Connection) -> dict[str, pa.Field]:
    """Return the fields that columns of DuckDB's types are read as."""
    found = {}
    for name in SAMPLES:
        relation = cursor.sql(f"SELECT CAST(NULL AS {name}) AS x")
        reading = reading_of("x", relation.types[0], nullable=True, as_text=False)
        with cursor.sql(
            f"SELECT {reading.sql} FROM ({relation.sql_query()})"
        ).to_arrow_reader() as r:
            found[name] = field_of(reading, r.schema.field(0))
    return found


def held_as(cursor: Connection, field: pa.Field) -> tuple[pa.Field, str] | None:
    """Return the staged field for `field` and its DuckDB type; None if it is refused."""
    import pyarrow as pa

    try:
        fitted = field.with_type(fit(field.type))
    except UnfitError:
        return None
    return fitted, sql_types(cursor, pa.schema([fitted]))[0]
