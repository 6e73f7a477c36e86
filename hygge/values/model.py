"""Plain frozen values that every layer speaks. All of them can be pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa


BY_HAND = "by hand: "
"""How the note of an outcome begins that tells what somebody set with `hygge state`."""


WARNING = "warning: "
"""How the note of an outcome begins that a person should not miss."""


class Mode(StrEnum):
    """How a commit meets what is already there."""

    REPLACE = "replace"
    APPEND = "append"
    MERGE = "merge"


class Ability(StrEnum):
    """What some homes can do and others cannot, by the key of a flow that asks for it."""

    QUERY = "query"
    WHERE = "where"
    SNAPSHOT = "snapshot"
    FILES = "files"
    """Tells which files have been moved: `incremental: files`."""


class Purpose(StrEnum):
    """Why a home is opened."""

    MOVE = "move"
    """To publish the rows: `hygge go`. `Source.settle` then says how that ended."""
    LOOK = "look"
    """To look at schema or rows: every command beside `go`. The home stays as it is.

    Nothing is consumed, reserved, acknowledged or advanced, so that a later move gets every row.
    """
    PLAN = "plan"
    """To look, and to make the checks of a move: no row is read, and nobody is waited for."""


class Result(StrEnum):
    """How a move ended."""

    OK = "ok"
    KEPT = "kept"
    """Nothing was published because a guard (`on_empty: keep`) kept the store as it was."""
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far a column has been moved: its highest value, as text at full precision."""

    column: str
    """The column's name in the home."""
    value: str
    type: str
    """The value's Arrow type, such as `timestamp[us, tz=UTC]`."""
    ties: tuple[str, ...] = ()
    """A digest of each moved row that has this very value, column by column."""
    ties_of: tuple[str, ...] = ()
    """Names of the digested columns."""


@dataclass(frozen=True, slots=True)
class Span:
    """A range of a column's values: from `low` to before `high`; None has no end."""

    column: str
    low: pa.Scalar | None = None
    high: pa.Scalar | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """A part of an entity that can be read on its own."""

    number: int
    """Position among the entity's splits, from 0; parts are published in this order."""
    label: str
    """What a person calls it, for messages: a file name, a key range."""
    detail: Any = None
    """The connector's own picklable description of what to read."""


@dataclass(frozen=True, slots=True)
class Part:
    """One staged split: counted by the store from what is durable."""

    split: int
    rows: int
    bytes: int
    detail: Any = None
    """The connector's own picklable description of what was staged."""


@dataclass(frozen=True, slots=True)
class ColumnReceipt:
    """Figures of one column as texts at full precision; None where a figure is not told."""

    name: str
    """The column's name in the store."""
    nulls: int
    min: str | None = None
    max: str | None = None
    sum: str | None = None
    """The exact sum; of booleans how many are true."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was staged for a commit, as it was counted while it passed."""

    rows: int
    columns: tuple[ColumnReceipt, ...] = ()
    left_out: int = 0
    """Columns of which nothing is told because there are too many."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a commit did to the rows of an entity."""

    added: int
    """Rows whose key was not there before."""
    changed: int
    """Rows that were there and were written again, with other values or the same."""
    deleted: int
    """Rows that were deleted, or marked as deleted."""


@dataclass(frozen=True, slots=True)
class Origin:
    """How a flow makes one column of its store."""

    source: str = ""
    """The column of the home that it is; empty where the flow adds it."""
    mask: str = ""
    """Its mask; a hash with a digest of the salt behind a colon."""
    type: str = ""
    """The type that the flow declares."""
    made: str = ""
    """What the flow adds: `compute` or `value` with a digest, or `metadata`."""


@dataclass(frozen=True, slots=True)
class ShapeRecord:
    """How a flow chose and shaped the rows of a commit, for the next move to compare."""

    columns: Mapping[str, Origin] = field(default_factory=dict)
    """By their names in the store, those that are not simply the home's of that name."""
    select: tuple[str, ...] = ()
    """`select` of the flow, as it was written."""
    rows: str = ""
    """A digest of `query` and `where`; empty without both."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One published step of an entity's chain; travels with the data it describes."""

    flow: str
    entity: str
    seq: int
    """Number of this commit for its target, from 1."""
    run_id: str
    mode: Mode
    rows: int
    """Rows this commit moved."""
    total_rows: int
    """Rows in the target after this commit."""
    schema: pa.Schema
    committed_at: str
    """UTC, ISO 8601."""
    watermark: Watermark | None = None
    primary_key: tuple[str, ...] = ()
    """The columns that identified a row, by their names in the store."""
    positions: Mapping[str, str] = field(default_factory=dict)
    """How far the home was read, as `Source.positions` said: only the home knows what it means."""
    undoes: int | None = None
    """The commit that this one took back."""
    receipt: Receipt | None = None
    """What was staged; None for a commit that moved nothing, or of an older hygge."""
    shape: ShapeRecord | None = None
    """How the flow shaped the rows; None for a commit of an older hygge."""
    masked: tuple[str, ...] = ()
    """The columns that are masked in every row of the target, by their names in the store."""


@dataclass(frozen=True, slots=True)
class EntityFacts:
    """What a home can tell of an entity without reading its rows."""

    name: str
    schema: pa.Schema
    rows: int | None = None
    """How many rows it has; an estimate where the home keeps no count."""
    primary_key: tuple[str, ...] = ()
    """The columns that identify a row, where the home itself declares them."""
    kind: str = "table"
    """What the home calls such a thing: `table`, `view`, …"""
    bytes: int | None = None
    """How much room it takes in the home, where that costs nothing to know."""
    is_estimate: bool = False
    """Whether `rows` is an estimate."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that `hygge doctor` looked at."""

    text: str
    """What was found, as a sentence."""
    level: Literal["ok", "warning", "error"] = "ok"
    """`warning`: works, but may surprise; `error`: a move will fail."""
    hint: str | None = None
    """What to do about it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a move failed, as plain text that can be printed, logged and stored."""

    code: str
    message: str
    hint: str | None = None
    where: str | None = None
    """The file and line of the flow, e.g. `flows/users.yml:1`."""
    trace: str | None = None
    """The traceback without locals, only when the failure is a bug in hygge (exit 70)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one move."""

    flow: str
    entity: str
    into: str
    home: str
    store: str
    mode: Mode
    result: Result
    rows: int = 0
    """Rows published by this move; 0 unless the result is `ok`."""
    bytes: int = 0
    """Bytes published, as they lie in the store."""
    seconds: float = 0.0
    attempts: int = 0
    seq: int | None = None
    failure: Failure | None = None
    notes: tuple[str, ...] = ()
    """Things a person should know although nothing failed."""
    undoes: int | None = None
    """The commit that was taken back, when this was no move but an undo."""
    receipt: Receipt | None = None
    """What was staged for the commit."""
    added: int | None = None
    """Rows of a merge whose key was new; None where the store does not report it."""
    changed: int | None = None
    """Rows of a merge whose key was there already, or None."""
    deleted: int | None = None
    """Rows that a merge deleted or marked as deleted, or None."""
    rows_before: int | None = None
    """Rows of the place that a replace took the place of; None for other moves and the first."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a run differs from a plain one: the options of `hygge go` that change what it moves."""

    full_refresh: bool = False
    adopt: bool = False
    limit: int | None = None
    low: str | None = None
    """Move again from this value of the watermark column on."""
    high: str | None = None
    """Move again to before this value of the watermark column."""
    into_scratch: bool = False
    backfill: bool = False
    """Merge every row of the home again."""
    accept_changes: bool = False
    """Leave rows that were moved in another shape as they are."""

    @property
    def is_partial(self) -> bool:
        """Whether a move that ends well may leave rows of its home out of its place."""
        bounds = (self.limit, self.low, self.high)
        return self.into_scratch or any(one is not None for one in bounds)

    def words(self) -> tuple[str, ...]:
        """Return the options as a person types them."""
        flags = {
            "--full-refresh": self.full_refresh,
            "--adopt": self.adopt,
            "--into-scratch": self.into_scratch,
            "--backfill": self.backfill,
            "--accept-changes": self.accept_changes,
        }
        values = {"--limit": self.limit, "--from": self.low, "--to": self.high}
        given = [(name, str(value)) for name, value in values.items() if value is not None]
        return (
            *(name for name, is_set in flags.items() if is_set),
            *(word for pair in given for word in pair),
        )


PLAIN = Manner()
"""The manner of a run without such options."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened during a run; renderers and the journal listen."""

    run_id: str


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """The plan is made and moves begin."""

    moves: tuple[tuple[str, str], ...]
    """Flow and entity of every planned move, in order."""
    started_at: str
    env: str | None = None
    """The environment that the run works in."""
    manner: Manner = PLAIN
    is_partial: bool = False
    """Whether entities of its flows were left out on purpose."""


@dataclass(frozen=True, slots=True)
class MoveStarted(Event):
    """An attempt of a move begins."""

    flow: str
    entity: str
    attempt: int
    total_rows: int | None = None
    """Rows the home says it holds, where it can tell before reading."""


@dataclass(frozen=True, slots=True)
class MoveProgress(Event):
    """How far an attempt has come: at most a few times a second."""

    flow: str
    entity: str
    attempt: int
    rows: int
    bytes: int
    """Arrow bytes read so far."""
    total_rows: int | None = None
    share: float | None = None
    """How much of the entity was read, from 0 to 1, by rows or else by the size of files."""


@dataclass(frozen=True, slots=True)
class MovePublishing(Event):
    """All rows are staged and checked, and the commit begins."""

    flow: str
    entity: str
    attempt: int


@dataclass(frozen=True, slots=True)
class MoveRetried(Event):
    """An attempt failed in a way that may pass; the next one follows after `wait` seconds."""

    flow: str
    entity: str
    attempt: int
    reason: str
    wait: float
    left: float = 0.0
    """Seconds that may still be spent waiting after that."""


@dataclass(frozen=True, slots=True)
class MoveFinished(Event):
    """A move ended, one way or another."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """Every move ended."""

    seconds: float
    outcomes: tuple[Outcome, ...]
    finished_at: str
    env: str | None = None
    """The environment that the run worked in."""


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """A sentence for the person at the terminal."""

    text: str
    extra: Mapping[str, str] = field(default_factory=dict)
