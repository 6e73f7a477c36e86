"""A range of a column as a PostgreSQL condition that can use an index."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hygge.connectors.sql import range_condition
from hygge.values.model import Span

if TYPE_CHECKING:
    import pyarrow as pa

_WHOLE = ("smallint", "integer", "bigint")
_FLOATS = ("real", "double precision")
_TEXTS = ("text", "character varying")
_READ_AS_TEXT = ("numeric", "xid8", "pg_lsn", "bit varying", "macaddr", "macaddr8")
"""Types that are read as text and whose order is known."""
_PLAIN = re.compile(r"[-+.:/0-9A-Fa-f]+")


def condition(span: Span, column: str, type_name: str, *, is_utf8: bool) -> str | None:
    """Return the condition for a range of a quoted column; None where no condition is safe.

    `type_name` is as `format_type` writes it. Texts are compared by their bytes, as Arrow does.
    """
    base = re.sub(r"\([\d, -]*\)", "", type_name)

    def literal(value: pa.Scalar) -> str | None:
        return _literal(value, base)

    if base in _TEXTS:
        compared = f'{column} COLLATE "C"'
        return range_condition.within(span, column, literal, compared=compared) if is_utf8 else None
    found = range_condition.within(span, column, literal)
    is_cut = base in ("numeric", *_FLOATS) and span.high is not None
    # NaN is ordered above all numbers.
    return f"{found} OR {column} = 'NaN'" if found and is_cut else found


def overlooked(span: Span, column: str, type_name: str) -> str | None:
    """Return the condition for rows that are below a range by bytes but not by collation.

    None for types that have no collation.
    """
    base = re.sub(r"\([\d, -]*\)", "", type_name)
    low = None if base not in _TEXTS or span.low is None else _text(range_condition.text(span.low))
    return None if low is None else f'{column} >= {low} AND {column} COLLATE "C" < {low}'


def _literal(value: pa.Scalar, base: str) -> str | None:
    if base in _TEXTS:
        return _text(range_condition.text(value))
    if base in _READ_AS_TEXT and (text := range_condition.text(value)):
        return f"'{text}'::{base}" if _PLAIN.fullmatch(text) else None
    said: tuple[str | None, str] = {
        **dict.fromkeys(_WHOLE, (range_condition.number(value), "bigint")),
        **dict.fromkeys(_FLOATS, (range_condition.binary_float(value), "double precision")),
        "numeric": (range_condition.number(value), "numeric"),
        "date": (range_condition.day(value), "date"),
        "timestamp without time zone": (range_condition.moment(value), "timestamp"),
        "timestamp with time zone": (_zoned(range_condition.moment(value)), "timestamptz"),
    }.get(base, (None, ""))
    return None if said[0] is None else f"'{said[0]}'::{said[1]}"


def _zoned(moment: str | None) -> str | None:
    return None if moment is None else f"{moment}+00"


def _text(found: str | None) -> str | None:
    """Return a literal that is independent of `standard_conforming_strings`."""
    if found is None:
        return None
    doubled = found.replace("\\", "\\\\").replace("'", "''")
    return f"E'{doubled}'"
