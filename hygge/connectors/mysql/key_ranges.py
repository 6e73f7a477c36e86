"""Ranges of an integer key with about equal numbers of rows, by the server's estimates.

EXPLAIN estimates the rows between two values without reading them. The range of the key is cut into
pieces, and pieces with too many rows are cut again, so outliers do no harm. A wrong estimate makes
splits uneven; together the splits always cover all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from hygge.connectors.sql.range_condition import where

if TYPE_CHECKING:
    from hygge.connectors.mysql.connections import Rows

_PIECES = 8
"""Number of pieces per range, and per piece that holds too many rows."""
_SHARE = 4
"""A piece holds at most 1/_SHARE of a range, unless it is a single value."""
_AT_ONCE = 64
"""Number of estimates in one statement."""

Piece = tuple[int, int]
"""The first and the last value of a piece."""
Estimate = Callable[[Sequence[Piece]], Sequence[int]]
"""Returns the estimated number of rows in each piece."""


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """The server's plan for a query on one table."""

    index: str | None
    """Name of the index it uses; None for a table scan."""
    rows: int
    """Estimated number of rows examined."""


def described(run: Rows, sql: str) -> list[dict[str, Any]]:
    """Return the lines of a statement's EXPLAIN as mappings from column name to value."""
    connection = run.connection
    lines = run(f"EXPLAIN FORMAT=TRADITIONAL {sql}")
    names = [field.name for field in connection._result.fields]
    return [dict(zip(names, line, strict=True)) for line in lines]


def query_plan(run: Rows, sql: str, table: str) -> QueryPlan:
    """Return the plan for the rows of a table; 0 rows where the server knows there are none."""
    lines = [line for line in described(run, sql) if line["table"] == table]
    if not lines:
        return QueryPlan(None, 0)
    index = lines[0]["key"]
    return QueryPlan(None if index == "PRIMARY" else index, int(lines[0]["rows"] or 0))


def estimate_of(run: Rows, table: str, column: str, within: str | None) -> Estimate:
    """Return an `Estimate` for pieces of a key. Table and key are quoted."""

    def asked(pieces: Sequence[Piece]) -> list[int]:
        selects = [
            f"SELECT {column} FROM {table} FORCE INDEX (PRIMARY)"
            + where(within, f"{column} BETWEEN {first} AND {last}")
            for first, last in pieces
        ]
        lines = {line["id"]: line["rows"] for line in described(run, " UNION ALL ".join(selects))}
        return [int(lines[number] or 0) for number in range(1, len(pieces) + 1)]

    def estimate(pieces: Sequence[Piece]) -> list[int]:
        parts = [pieces[at : at + _AT_ONCE] for at in range(0, len(pieces), _AT_ONCE)]
        return [rows for part in parts for rows in asked(part)]

    return estimate


def edges(estimate: Estimate, whole: Piece, number: int) -> list[int]:
    """Return the lowest values of all ranges but the first, at most `number - 1`."""
    pieces = [(piece, rows) for piece, rows in _finest(estimate, whole, number) if rows]
    before = [0, *accumulate(rows for _, rows in pieces)]
    found = set()
    for nth in range(1, number):
        ideal = before[-1] * nth / number
        near = sorted(range(1, len(pieces)), key=lambda at: abs(before[at] - ideal))
        found |= {pieces[at][0][0] for at in near[:1]}
    return sorted(found)


def _finest(estimate: Estimate, whole: Piece, number: int) -> list[tuple[Piece, int]]:
    """Return pieces in key order with their estimated rows: few, or those of a single value."""
    rows: dict[Piece, int] = {}
    coarse, into = [whole], number * _PIECES
    while coarse:
        finer = [new for piece in coarse for new in _cut(piece, into)]
        rows = {piece: known for piece, known in rows.items() if piece not in coarse}
        rows |= zip(finer, estimate(finer), strict=True)
        most = sum(rows.values()) / (number * _SHARE)
        coarse = [piece for piece in rows if rows[piece] > most and piece[0] < piece[1]]
        into = _PIECES
    return sorted(rows.items())


def _cut(piece: Piece, into: int) -> Iterator[Piece]:
    first, last = piece
    size = (last - first) // into + 1
    yield from ((low, min(low + size - 1, last)) for low in range(first, last + 1, size))
