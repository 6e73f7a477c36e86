"""A range of a column as a condition in SQL Server."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hygge.connectors.sql import range_condition
from hygge.values.model import Span

if TYPE_CHECKING:
    import pyarrow as pa

_NUMBERS = ("tinyint", "smallint", "int", "bigint", "decimal", "numeric")
_ROUNDED = {"datetime": "DATEADD(second, {}1, {})", "smalldatetime": "DATEADD(minute, {}1, {})"}
"""Types whose values are rounded when read: the range is widened by this much."""


def condition(span: Span, column: str, type_name: str) -> str | None:
    """Return the condition for a range of a quoted column; None where no condition is safe.

    None for texts: no collation orders all of them by UTF-8 bytes.
    """
    base = type_name.partition("(")[0]
    low = Span(span.column, low=span.low)
    high = Span(span.column, high=span.high)
    if base not in _ROUNDED:
        return range_condition.within(span, column, partial(_literal, base=base))
    sides = ((low, "-"), (high, ""))
    tests = [
        range_condition.within(one, column, partial(_rounded, base, sign)) for one, sign in sides
    ]
    return " AND ".join(f"({test})" for test in tests if test) or None


def _literal(value: pa.Scalar, base: str) -> str | None:
    if base in _NUMBERS:
        return range_condition.number(value)
    if base in ("real", "float"):
        return _cast(range_condition.binary_float(value), "float")
    if base == "date":
        return _cast(range_condition.day(value), "date")
    moment = range_condition.moment(value)
    if base == "datetimeoffset":
        return _cast(None if moment is None else f"{moment} +00:00", "datetimeoffset(7)")
    return _cast(moment, "datetime2(7)") if base == "datetime2" else None


def _rounded(base: str, sign: str, value: pa.Scalar) -> str | None:
    found = _literal(value, "datetime2")
    return None if found is None else _ROUNDED[base].format(sign, found)


def _cast(text: str | None, kind: str) -> str | None:
    return None if text is None else f"CAST('{text}' AS {kind})"
