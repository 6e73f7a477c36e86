"""Values of SQL Server compared exactly.

Its `=` ignores case and accents depending on the collation, and trailing spaces always. Trailing
zero bytes may be padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.connectors.mssql import types
from hygge.connectors.mssql.catalog import Column, bracketed

if TYPE_CHECKING:
    import pyarrow as pa

BINARY = "Latin1_General_100_BIN2"
"""The collation that compares texts by their characters alone."""
_TEXTS = ("char", "varchar", "nchar", "nvarchar")
_PADDED = ("char", "nchar")
_BYTES = ("binary", "varbinary")
_MOMENTS = ("date", "time", "datetime", "smalldatetime", "datetime2", "datetimeoffset")
_NUMBERS = ("tinyint", "smallint", "int", "bigint", "real", "float", "decimal", "numeric")
_OTHERS = ("bit", "money", "smallmoney", "uniqueidentifier")
_SOUGHT = frozenset((*_TEXTS, *_BYTES, *_MOMENTS, *_NUMBERS, *_OTHERS))
"""Types that `=` compares and that an index may contain."""


@dataclass(frozen=True, slots=True)
class Held:
    """Type of an existing column, with its collation where it is text."""

    type: str
    collation: str | None = None

    @property
    def base(self) -> str:
        """The type without its length."""
        return self.type.partition("(")[0]


def key(field: pa.Field, column: str) -> str:
    """Return a staged column as a SELECT term beside `GROUP BY group_terms(…)`."""
    return f"{column} COLLATE {BINARY}" if _is_text(field) else column


def group_terms(field: pa.Field, column: str) -> str:
    """Return GROUP BY terms under which no two values of a staged column are equal."""
    found = key(field, column)
    return f"{found}, DATALENGTH({column})" if _is_text(field) or _is_bytes(field) else found


def content(field: pa.Field, column: str) -> str:
    """Return an expression that `min` accepts, injective on the values of a staged column."""
    import pyarrow as pa

    if _is_text(field):
        return f"({column} + N'.') COLLATE {BINARY}"
    if _is_bytes(field):
        return f"CONVERT(varchar(max), {column}, 2)"
    if pa.types.is_boolean(field.type):
        return f"CAST({column} AS tinyint)"
    return ordered(field, column)


def ordered(field: pa.Field, column: str) -> str:
    """Return an expression ordered like a staged column; texts and UUIDs by character."""
    import pyarrow as pa

    if field.type == pa.uuid():
        return f"CAST({column} AS char(36)) COLLATE {BINARY}"
    return key(field, column)


def in_range(field: pa.Field, column: str) -> str:
    """Return the expression that is compared with the ends of a range: a text as its UTF-8 bytes.

    That needs SQL Server 2019: no older collation orders all texts like their bytes.
    """
    if not _is_text(field):
        return column
    encoded = f"CAST(CAST({column} AS nvarchar(max)) COLLATE {BINARY}_UTF8 AS varchar(max))"
    return f"CAST({encoded} AS varbinary(max))"


def shown(field: pa.Field, column: str) -> str:
    """Return a staged column as text for messages, truncated."""
    digits = f"CONVERT(varchar(80), {column}, 2)"
    return digits if _is_bytes(field) else f"CAST({column} AS nvarchar(80))"


def alike(name: str, base: str) -> str:
    """Return the condition of equal values of `t` and `s` in a column of one type and collation.

    `name` is quoted; `base` is the type without its length.
    """
    left, right = f"t.{name}", f"s.{name}"
    tests = [f"{left} = {right}"]
    if base in _TEXTS:
        tests.append(f"{left} COLLATE {BINARY} = {right} COLLATE {BINARY}")
    if base in (*_TEXTS, *_BYTES):
        tests.append(_as_long(left, right))
    return " AND ".join(tests)


def same(field: pa.Field, held: Held | None) -> str:
    """Return the condition that rows of the table, `t`, and staged, `s`, have equal values.

    `held` is None for a column of its staged type. The first test can use an index of the table;
    the second, where they differ, is exact.
    """
    name = bracketed(field.name)
    left, right = f"t.{name}", f"s.{name}"
    staged = types.sql_type(field.type)
    held = held or Held(staged)
    tests = [f"{left} = {_as_held(held, right, staged)}"] if held.base in _SOUGHT else []
    exact = _exactly(field, held, left, right)
    return " AND ".join([*tests, *(test for test in exact if test not in tests)])


def changes(field: pa.Field, held: Held) -> str | None:
    """Return the condition that a column of the table would change a staged value.

    None where the server itself raises an error. Padding of a `char` is no change.
    """
    staged = types.sql_type(field.type)
    held = Held("varchar(max)", held.collation) if held.type == "text" else held
    if held.type == staged or held.base not in _SOUGHT:
        return None
    name = bracketed(field.name)
    there = _as_held(held, name, staged)
    exact = " AND ".join(_exactly(field, held, there, name))
    return f"{name} IS NOT NULL AND ({there} IS NULL OR NOT ({exact}))"


def _as_held(held: Held, column: str, staged: str) -> str:
    """Return a staged column cast to the type and collation of the table; null where it fails."""
    column = f"{column} COLLATE {held.collation}" if held.collation else column
    return column if held.type == staged else f"TRY_CAST({column} AS {held.type})"


def _exactly(field: pa.Field, held: Held, left: str, right: str) -> list[str]:
    """Return the tests that a value of the table equals a staged one character by character."""
    read = types.any_reading_of(Column(field.name, held.type, True), left).sql
    if _is_text(field):
        if held.base in ("char", "varchar"):
            read = f"CAST({read} AS nvarchar(max))"
        tests = [f"{read} COLLATE {BINARY} = {right} COLLATE {BINARY}"]
        return tests if held.base in _PADDED else [*tests, _as_long(read, right)]
    tests = [f"{left if _is_uuid(field) else read} = {right}"]
    return [*tests, _as_long(read, right)] if _is_bytes(field) else tests


def _as_long(left: str, right: str) -> str:
    return f"DATALENGTH({left}) = DATALENGTH({right})"


def _is_uuid(field: pa.Field) -> bool:
    import pyarrow as pa

    return bool(field.type == pa.uuid())


def _is_text(field: pa.Field) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(field.type))


def _is_bytes(field: pa.Field) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(field.type))
