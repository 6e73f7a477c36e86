"""A range of a column as a condition in MySQL and MariaDB.

The session's time zone is UTC, so a timestamp literal is in UTC.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hygge.connectors.sql import range_condition
from hygge.values.model import Span

if TYPE_CHECKING:
    import pyarrow as pa

_NUMBERS = frozenset(
    ("tinyint", "smallint", "mediumint", "int", "integer", "bigint", "decimal", "numeric")
)
_TEXTS = frozenset(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"))


def condition(span: Span, column: str, base: str) -> str | None:
    """Return the condition for a range of a quoted column of type `base`.

    Texts are compared by UTF-8 bytes, as in Arrow. The server's binary collations do not, because
    they ignore trailing spaces.
    """
    compared = in_order(column, base)
    return range_condition.within(span, column, partial(_literal, base=base), compared=compared)


def in_order(column: str, base: str) -> str | None:
    """Return the expression that is ordered like the values read; None where none is known."""
    if base in _TEXTS:
        return f"CAST(CONVERT({column} USING utf8mb4) AS BINARY)"
    return column if base in _NUMBERS | {"double", "date", "datetime", "timestamp"} else None


def overlooked(span: Span, column: str, base: str) -> str | None:
    """Return the condition for rows that are below a range by bytes but not by collation.

    None for types that have no collation.
    """
    low = None if base not in _TEXTS or span.low is None else range_condition.text(span.low)
    if low is None:
        return None
    text = f"X'{low.encode().hex()}'"
    # A literal is compared by the column's collation; the result of CONVERT would not be.
    return f"{column} >= _utf8mb4 {text} AND {in_order(column, base)} < {text}"


def _literal(value: pa.Scalar, base: str) -> str | None:
    if base in _NUMBERS:
        return range_condition.number(value)
    if base == "double":
        return range_condition.binary_float(value)
    if base == "date":
        return _typed("DATE", range_condition.day(value))
    if base in ("datetime", "timestamp"):
        return _typed("TIMESTAMP", range_condition.moment(value))
    text = range_condition.text(value) if base in _TEXTS else None
    return None if text is None else f"CAST(X'{text.encode().hex()}' AS BINARY)"


def _typed(name: str, value: str | None) -> str | None:
    return None if value is None else f"{name}'{value}'"
