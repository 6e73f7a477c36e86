"""The result of a comparison, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hygge.values.model import Failure


@dataclass(frozen=True, slots=True)
class Cell:
    """A value that differs, as text; None is null."""

    column: str
    home: str | None
    store: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that differs between the sides."""

    kind: Literal["changed", "missing", "extra", "doubled"]
    """`missing` in the store, `extra` in it, or `doubled`: the counts differ."""
    row: Mapping[str, str | None]
    """The row's key, by the names in the store; the whole row where no key is known."""
    home: int
    """Its count in the home."""
    store: int
    cells: tuple[Cell, ...] = ()
    """The differing values of a changed row."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of comparing one entity."""

    flow: str
    entity: str
    into: str
    home: str
    store: str
    state: Literal["equal", "different", "failed"]
    home_rows: int = 0
    store_rows: int = 0
    seq: int | None = None
    """The commit that was compared."""
    committed_at: str | None = None
    key: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    """Compared columns, by their names in the store."""
    differing: tuple[str, ...] = ()
    """Columns whose values differ, independent of order."""
    differences: tuple[Difference, ...] = ()
    more: int = 0
    """Number of differing rows beyond `differences`."""
    is_more_at_least: bool = False
    """Whether there may be more, because the search was limited."""
    waiting: int = 0
    """Rows of the home that the next move will bring."""
    notes: tuple[str, ...] = ()
    failure: Failure | None = None
