"""A range of a watermark column as an SQL condition, its ends as exact literals.

A condition may admit rows outside the range, since the flow checks every row again. It must never
exclude a row inside it, or a null. An end without an exact literal in the database is left open.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hygge.errors import HomeError
from hygge.values.model import Span

if TYPE_CHECKING:
    import pyarrow as pa

Literal = Callable[["pa.Scalar"], str | None]
"""Returns a value as an SQL literal; None where there is no exact one."""

_STEPS = {"s": 10**6, "ms": 10**3, "us": 1}


def where(*conditions: str | None) -> str:
    """Return a WHERE clause with all given conditions; an empty string without any."""
    given = [condition for condition in conditions if condition]
    return "\nWHERE " + " AND ".join(f"({one}\n)" for one in given) if given else ""


def within(span: Span, column: str, literal: Literal, *, compared: str | None = None) -> str | None:
    """Return the condition for rows of a range, and for nulls.

    `column` is the quoted name. `compared` is the expression that is ordered like the values, where
    it is not the column itself. None where no row can be excluded.
    """
    left = compared or column
    ends = ((">=", span.low), ("<", span.high))
    said = [(sign, literal(value)) for sign, value in ends if value is not None and value.is_valid]
    tests = [f"{left} {sign} {value}" for sign, value in said if value is not None]
    return f"({' AND '.join(tests)}) OR {column} IS NULL" if tests else None


def number(value: pa.Scalar) -> str | None:
    """Return an integer or decimal with all digits, without an exponent."""
    import pyarrow as pa

    if pa.types.is_integer(value.type):
        return str(value.as_py())
    return f"{value.as_py():f}" if pa.types.is_decimal(value.type) else None


def binary_float(value: pa.Scalar) -> str | None:
    """Return the shortest exact digits of a float, always with an exponent."""
    import pyarrow as pa

    if not pa.types.is_floating(value.type) or not math.isfinite(value.as_py()):
        return None
    text = repr(float(value.as_py()))
    return text if "e" in text else f"{text}e0"


def day(value: pa.Scalar) -> str | None:
    """Return a date in ISO 8601; None outside the years 1 to 9999."""
    import pyarrow as pa

    if not pa.types.is_date(value.type):
        return None
    days = value.cast(pa.date32()).cast(pa.int32()).as_py()
    found = _after_1970(timedelta(days=days)) if abs(days) < 10**7 else None
    return None if found is None else found.date().isoformat()


def moment(value: pa.Scalar) -> str | None:
    """Return a timestamp with microseconds, in UTC where it has a zone.

    None outside the years 1 to 9999, and for nanoseconds.
    """
    import pyarrow as pa

    if not pa.types.is_timestamp(value.type) or value.type.unit not in _STEPS:
        return None
    micros = value.cast(pa.int64()).as_py() * _STEPS[value.type.unit]
    found = _after_1970(timedelta(microseconds=micros)) if abs(micros) < 10**18 else None
    return None if found is None else found.isoformat(" ", "microseconds")


def _after_1970(distance: timedelta) -> datetime | None:
    try:
        return datetime(1970, 1, 1) + distance
    except OverflowError:
        return None


def text(value: pa.Scalar) -> str | None:
    """Return the characters of a text; None when it contains NUL, which ends an SQL string."""
    import pyarrow as pa

    is_ = pa.types
    if not (is_.is_string(value.type) or is_.is_large_string(value.type)):
        return None
    found = value.as_py()
    return None if "\0" in found else found


def collation_error(column: str, value: str, way: str) -> HomeError:
    """Return the error for a text watermark that the database orders by a collation."""
    return HomeError(
        f"'{column}' cannot be a watermark column: the database orders it by a collation, but "
        f"hygge by bytes, so the new row with '{value}' would look like an old one",
        hint=f"use a collation that orders by bytes ({way}), or a column of numbers or times",
        code="HG539",
    )
