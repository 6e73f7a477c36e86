"""SQLite's declared types as Arrow types, both ways.

In SQLite each value has a type; a column has only an affinity
(https://www.sqlite.org/datatype3.html). Values that SQLite has no type for are stored as texts:
dates and times in ISO 8601, decimals with all digits, because NUMERIC affinity keeps fifteen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.connectors.files.text.json_text import fit_json
from hygge.types.ordering import Order
from hygge.types.unfit import UnfitError

if TYPE_CHECKING:
    import pyarrow as pa

_DECIMAL = re.compile(r"(?:DECIMAL_TEXT|DECIMAL|NUMERIC|DEC) ?\( ?(\d+) ?(?:, ?(\d+) ?)?\)")
_MOMENT = re.compile(
    r"(DATETIME|TIMESTAMPTZ|TIMESTAMP|TIME)(?: ?\( ?(\d) ?\))?( WITH TIME ZONE| WITHOUT TIME ZONE)?"
)
_BINARY_DIGITS = 15
"""Decimal digits that every 64-bit float preserves."""
_WHOLE_DIGITS = 18
"""Decimal digits that every 64-bit integer preserves."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How values of one type are selected and checked."""

    type: pa.DataType
    """Arrow type of the values."""
    stored: str
    """Storage class: `integer`, `real`, `text` or `blob`."""
    sql: str = "{0}"
    """SQL expression; `{0}` is the column's quoted name."""
    fits: str = "typeof({0}) = '{1}'"
    """SQL condition for values of the type; `{0}` is the quoted name, `{1}` the storage class."""


def declared_kind(declared: str) -> Kind | None:
    """Return the kind of a declared type; None where the declaration has no meaning."""
    import pyarrow as pa

    name = " ".join(declared.upper().split())
    if match := _DECIMAL.fullmatch(name):
        return decimal_kind(int(match[1]), int(match[2] or 0))
    if match := _MOMENT.fullmatch(name):
        return _moment_kind(match[1], match[2], match[3])
    if name in ("BOOLEAN", "BOOL"):
        return Kind(pa.bool_(), "integer", fits="typeof({0}) = 'integer' AND {0} IN (0, 1)")
    if name == "DATE":
        return Kind(pa.date32(), "text")
    if name == "UUID":
        return _uuid_kind()
    if name == "JSON":
        return Kind(pa.string(), "text")
    affinity = affinity_of(declared)
    plain = {"integer": pa.int64(), "text": pa.string(), "real": pa.float64()}
    if affinity == "blob" and name:
        return Kind(pa.binary(), "blob")
    return stored_kind(plain[affinity]) if affinity in plain else None


def order_of(declared: str, kind: Kind) -> Order | None:
    """Return the order of values read as `kind`; None for the order of their Arrow type.

    A value read as text may have any storage class.
    """
    import pyarrow as pa

    if kind not in (text_kind(), any_text_kind()):
        return None
    own = declared_kind(declared)
    is_ = pa.types
    if own is None:
        return Order.UNKNOWN
    if is_.is_string(own.type):
        return None
    if is_.is_integer(own.type) or is_.is_decimal(own.type):
        return Order.NUMBER
    return Order.TIME if is_.is_date(own.type) or is_.is_timestamp(own.type) else Order.UNKNOWN


def affinity_of(declared: str) -> str:
    """Return the affinity of a declared type."""
    name = declared.upper()
    if "INT" in name:
        return "integer"
    if any(word in name for word in ("CHAR", "CLOB", "TEXT")):
        return "text"
    if "BLOB" in name or not name:
        return "blob"
    return "real" if any(word in name for word in ("REAL", "FLOA", "DOUB")) else "numeric"


def stored_kind(kind: pa.DataType) -> Kind:
    """Return the kind of a storage class."""
    import pyarrow as pa

    if pa.types.is_floating(kind):
        whole = f"typeof({{0}}) = 'integer' AND {{0}} BETWEEN {-(2**53)} AND {2**53}"
        return Kind(kind, "real", fits=f"(typeof({{0}}) = 'real' OR {whole})")
    names = {pa.int64(): "integer", pa.string(): "text", pa.binary(): "blob"}
    return Kind(kind, names[kind])


def text_kind() -> Kind:
    """Return the kind that reads any value except blobs as text."""
    import pyarrow as pa

    return Kind(pa.string(), "text", "CAST({0} AS TEXT)", "typeof({0}) <> 'blob'")


def any_text_kind() -> Kind:
    """Return how any value is read as text, bytes by UTF-8."""
    import pyarrow as pa

    return Kind(pa.string(), "text", "CAST({0} AS TEXT)", "1")


def bytes_kind() -> Kind:
    """Return the kind that reads texts and blobs as bytes."""
    import pyarrow as pa

    return Kind(pa.binary(), "blob", "CAST({0} AS BLOB)", "typeof({0}) IN ('blob', 'text')")


def decimal_kind(precision: int, scale: int) -> Kind | None:
    """Return the kind of decimals: numbers and numeric texts, read by their shortest digits."""
    import pyarrow as pa

    if not 1 <= precision <= 76 or scale > precision:
        return None
    kind = (pa.decimal128 if precision <= 38 else pa.decimal256)(precision, scale)
    return Kind(kind, "text", "CAST({0} AS TEXT)", "typeof({0}) <> 'blob'")


def _moment_kind(word: str, digits: str | None, zone: str | None) -> Kind:
    import pyarrow as pa

    unit = "ns" if digits and int(digits) > 6 else "us"
    if word == "TIME":
        return Kind(pa.time64(unit), "text")
    is_zoned = word == "TIMESTAMPTZ" or zone == " WITH TIME ZONE"
    return Kind(pa.timestamp(unit, "UTC" if is_zoned else None), "text")


def _uuid_kind() -> Kind:
    import pyarrow as pa

    sql = "CASE typeof({0}) WHEN 'blob' THEN {0} ELSE unhex(replace({0}, '-', '')) END"
    fits = (
        "(typeof({0}) = 'blob' AND length({0}) = 16 OR typeof({0}) = 'text' "
        "AND length({0}) = 36 AND length(unhex(replace({0}, '-', ''))) = 16)"
    )
    return Kind(pa.uuid(), "blob", sql, fits)


# Writing


def fit(kind: pa.DataType) -> pa.DataType:
    """Return the Arrow type to stage for `kind`; raises `UnfitError`."""
    import pyarrow as pa

    is_ = pa.types
    plain = (is_.is_boolean, is_.is_string, is_.is_large_string, is_.is_date32, is_.is_float32)
    if kind == pa.uuid() or any(test(kind) for test in (*plain, is_.is_float64)):
        return kind
    if isinstance(kind, pa.BaseExtensionType):
        return fit(kind.storage_type)
    if is_.is_dictionary(kind) or is_.is_run_end_encoded(kind):
        return fit(kind.value_type)
    if is_.is_uint64(kind):
        return pa.decimal128(20, 0)
    if is_.is_integer(kind):
        return kind
    if is_.is_decimal(kind):
        digits = kind.precision - min(kind.scale, 0)
        return (pa.decimal128 if digits <= 38 else pa.decimal256)(digits, max(kind.scale, 0))
    return _fit_other(kind)


def _fit_other(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    is_ = pa.types
    if is_.is_null(kind) or is_.is_string_view(kind):
        return pa.string()
    if is_.is_float16(kind):
        return pa.float32()
    if is_.is_date64(kind):
        return pa.date32()
    if is_.is_time(kind):
        return pa.time64("ns" if kind.unit == "ns" else "us")
    if is_.is_timestamp(kind):
        unit = "ns" if kind.unit == "ns" else "us"
        return pa.timestamp(unit, None if kind.tz is None else "UTC")
    if is_.is_nested(kind):
        return fit_json(kind)
    tests = (is_.is_binary, is_.is_binary_view, is_.is_fixed_size_binary)
    if any(test(kind) for test in tests):
        return pa.binary()
    if is_.is_large_binary(kind):
        return kind
    raise UnfitError("SQLite does not have this type")


def sql_type(kind: pa.DataType) -> str:
    """Return the type to declare for a fitted one."""
    import pyarrow as pa

    is_ = pa.types
    if kind == pa.uuid():
        return "UUID"
    if is_.is_decimal(kind):
        return f"DECIMAL_TEXT({kind.precision},{kind.scale})"
    if is_.is_time(kind):
        return "TIME(9)" if kind.unit == "ns" else "TIME"
    if is_.is_timestamp(kind):
        return ("TIMESTAMPTZ" if kind.tz else "TIMESTAMP") + ("(9)" if kind.unit == "ns" else "")
    for test, name in (
        (is_.is_boolean, "BOOLEAN"),
        (is_.is_integer, "INTEGER"),
        (is_.is_floating, "REAL"),
        (is_.is_date, "DATE"),
        (is_.is_binary, "BLOB"),
        (is_.is_large_binary, "BLOB"),
        (is_.is_nested, "JSON"),
    ):
        if test(kind):
            return name
    return "TEXT"


def holds(declared: str, kind: pa.DataType) -> bool:
    """Return whether a declared type stores every value of a fitted type unchanged."""
    import pyarrow as pa

    is_ = pa.types
    affinity, own = affinity_of(declared), declared_kind(declared)
    is_bytes = is_.is_binary(kind) or is_.is_large_binary(kind)
    if is_.is_nested(kind):
        return own is not None and bool(is_.is_string(own.type))
    if own is None:
        is_text = not (is_.is_integer(kind) or is_.is_boolean(kind) or is_bytes)
        return affinity == "blob" or not is_text
    if is_.is_decimal(kind):
        return _holds_decimal(own.type, kind, affinity)
    if is_.is_time(kind) or is_.is_timestamp(kind):
        return _holds_moment(own.type, kind)
    if is_.is_string(kind) or is_.is_large_string(kind):
        return affinity == "text" and bool(is_.is_string(own.type))
    for test, held in (
        (is_.is_integer(kind), pa.int64()),
        (is_.is_floating(kind), pa.float64()),
        (is_bytes, pa.binary()),
    ):
        if test:
            return bool(own.type == held)
    return bool(own.type == kind)


def _holds_moment(own: pa.DataType, kind: pa.DataType) -> bool:
    if type(own) is not type(kind) or getattr(own, "tz", None) != getattr(kind, "tz", None):
        return False
    return bool(own.unit in (kind.unit, "ns"))


def _holds_decimal(own: pa.DataType, kind: pa.DataType, affinity: str) -> bool:
    import pyarrow as pa

    if not pa.types.is_decimal(own) or own.scale < kind.scale:
        return False
    if own.precision - own.scale < kind.precision - kind.scale:
        return False
    most = _BINARY_DIGITS if own.scale else _WHOLE_DIGITS
    return affinity == "text" or bool(kind.precision <= most)


SAMPLES = (
    "INTEGER", "BIGINT", "REAL", "DOUBLE", "DECIMAL(12,2)", "DECIMAL_TEXT(40,10)", "BOOLEAN",
    "TEXT", "VARCHAR(10)", "BLOB", "DATE", "TIME", "TIME(9)", "DATETIME", "TIMESTAMP",
    "TIMESTAMP(9)", "TIMESTAMPTZ", "UUID", "JSON",
)  # fmt: skip
"""Sample types for the docs page: one for each way of reading."""


def sample(declared: str) -> pa.Field:
    """Return the field that a column of a declared type is read as."""
    import pyarrow as pa

    kind = declared_kind(declared)
    assert kind is not None
    return pa.field("x", kind.type)


def held_as(field: pa.Field) -> tuple[pa.Field, str] | None:
    """Return the staged field for `field` and its SQLite type; None if it is refused."""
    try:
        fitted = field.with_type(fit(field.type))
    except UnfitError:
        return None
    return fitted, sql_type(fitted.type)
