"""Ranges of a whole-number key with about as many rows each, by the guesses of the server's index.

The server guesses how many rows lie between two values without reading them (EXPLAIN). The span of
the key is cut into pieces, and those with too many rows into finer ones, so a few numbers far away
from all others do no harm. A bad guess makes splits uneven; together they are all rows anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from hygge.connectors.sql.literals import where

if TYPE_CHECKING:
    from hygge.connectors.mysql.connecting import Rows

_PIECES = 8
"""Into how many the span is cut for each range, and a piece that holds too many rows."""
_SHARE = 4
"""A piece holds at most this part of a range, unless it is a single value."""
_AT_ONCE = 64
"""Guesses that are asked for in one statement."""

Piece = tuple[int, int]
"""The first and the last value of a piece."""
Guess = Callable[[Sequence[Piece]], Sequence[int]]
"""Returns about how many rows lie in each piece."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the server would find the rows of a query on one table."""

    index: str | None
    """The index that it goes by; None for the table itself."""
    rows: int
    """How many rows it expects to look at."""


def described(run: Rows, sql: str) -> list[dict[str, Any]]:
    """Return the lines of a statement's EXPLAIN, by the names of their columns."""
    connection = run.connection
    lines = run(f"EXPLAIN FORMAT=TRADITIONAL {sql}")
    names = [field.name for field in connection._result.fields]
    return [dict(zip(names, line, strict=True)) for line in lines]


def plan_of(run: Rows, sql: str, table: str) -> Plan:
    """Return the plan for the rows of a table; no rows where the server knows that none come."""
    lines = [line for line in described(run, sql) if line["table"] == table]
    if not lines:
        return Plan(None, 0)
    index = lines[0]["key"]
    return Plan(None if index == "PRIMARY" else index, int(lines[0]["rows"] or 0))


def guess_of(run: Rows, table: str, column: str, within: str | None) -> Guess:
    """Return what guesses the rows of pieces of a key, both quoted, by its index."""

    def asked(pieces: Sequence[Piece]) -> list[int]:
        selects = [
            f"SELECT {column} FROM {table} FORCE INDEX (PRIMARY)"
            + where(within, f"{column} BETWEEN {first} AND {last}")
            for first, last in pieces
        ]
        lines = {line["id"]: line["rows"] for line in described(run, " UNION ALL ".join(selects))}
        return [int(lines[number] or 0) for number in range(1, len(pieces) + 1)]

    def guess(pieces: Sequence[Piece]) -> list[int]:
        parts = [pieces[at : at + _AT_ONCE] for at in range(0, len(pieces), _AT_ONCE)]
        return [rows for part in parts for rows in asked(part)]

    return guess


def edges(guess: Guess, whole: Piece, number: int) -> list[int]:
    """Return the first values of all ranges but the first, at most `number - 1` of them."""
    pieces = [(piece, rows) for piece, rows in _finest(guess, whole, number) if rows]
    before = [0, *accumulate(rows for _, rows in pieces)]
    found = set()
    for nth in range(1, number):
        ideal = before[-1] * nth / number
        near = sorted(range(1, len(pieces)), key=lambda at: abs(before[at] - ideal))
        found |= {pieces[at][0][0] for at in near[:1]}
    return sorted(found)


def _finest(guess: Guess, whole: Piece, number: int) -> list[tuple[Piece, int]]:
    """Return pieces in order with about how many rows each holds: few, or those of one value."""
    rows: dict[Piece, int] = {}
    coarse, into = [whole], number * _PIECES
    while coarse:
        finer = [new for piece in coarse for new in _cut(piece, into)]
        rows = {piece: known for piece, known in rows.items() if piece not in coarse}
        rows |= zip(finer, guess(finer), strict=True)
        most = sum(rows.values()) / (number * _SHARE)
        coarse = [piece for piece in rows if rows[piece] > most and piece[0] < piece[1]]
        into = _PIECES
    return sorted(rows.items())


def _cut(piece: Piece, into: int) -> Iterator[Piece]:
    first, last = piece
    size = (last - first) // into + 1
    yield from ((low, min(low + size - 1, last)) for low in range(first, last + 1, size))
