"""What a comparison of home and store found, as plain values."""

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
    """A row that is not on both sides alike."""

    kind: Literal["changed", "missing", "extra", "doubled"]
    """`missing` in the store, `extra` in it, `doubled`: not as often there as at home."""
    row: Mapping[str, str | None]
    """The row's key, by the names in the store; the whole row where no key is known."""
    home: int
    """How often it is at home."""
    store: int
    cells: tuple[Cell, ...] = ()
    """What differs in a changed row."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of comparing one entity's home with what its store holds."""

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
    """The columns that were compared, by their names in the store."""
    differing: tuple[str, ...] = ()
    """Those whose values are not the same on both sides, in whatever order."""
    differences: tuple[Difference, ...] = ()
    more: int = 0
    """Differing rows that are not among `differences`."""
    is_more_at_least: bool = False
    """Whether there may be yet others: not all of them were looked for."""
    waiting: int = 0
    """Rows of the home that the next move will bring."""
    notes: tuple[str, ...] = ()
    failure: Failure | None = None
