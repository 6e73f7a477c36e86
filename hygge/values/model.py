"""Plain frozen values that every layer speaks. All of them can be pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa


BY_HAND = "by hand: "
"""Prefix of the note of an outcome on a value set with `hygge state`."""


WARNING = "warning: "
"""Prefix of the note of an outcome that is a warning."""


class Mode(StrEnum):
    """How a commit treats existing rows."""

    REPLACE = "replace"
    APPEND = "append"
    MERGE = "merge"


class Ability(StrEnum):
    """Optional abilities of homes, by the key of a flow that requires them."""

    QUERY = "query"
    WHERE = "where"
    SNAPSHOT = "snapshot"
    FILES = "files"
    """Tells which files have been moved: `incremental: files`."""
    POSITIONS = "positions"
    """Tells how far its entities were read, such as an offset: `incremental: positions`.

    An append or a merge always uses it, because the home may not have earlier rows any more.
    """


class Purpose(StrEnum):
    """Why a home is opened."""

    MOVE = "move"
    """To publish the rows: `hygge go`. `Source.settle` then receives the outcome."""
    LOOK = "look"
    """To look at schema or rows: every command except `go`, and `go` with `--limit` or
    `--into-scratch`, whose rows must come again. The home is not changed.

    Nothing is consumed, reserved, acknowledged or advanced, so that a later move gets every row.
    """
    PLAN = "plan"
    """To look, and to make the checks of a move: reads no rows and never waits."""


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
    """The highest moved value of a column, as text at full precision."""

    column: str
    """The column's name in the home."""
    value: str
    type: str
    """The value's Arrow type, such as `timestamp[us, tz=UTC]`."""
    ties: tuple[str, ...] = ()
    """Digests of the moved rows with this value, column by column."""
    ties_of: tuple[str, ...] = ()
    """Names of the digested columns."""


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of a column's values, [low, high); None is unbounded."""

    column: str
    low: pa.Scalar | None = None
    high: pa.Scalar | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """A part of an entity that can be read on its own."""

    number: int
    """Position among the entity's splits, from 0; parts are published in this order."""
    label: str
    """Name for messages: a file name, a key range."""
    detail: Any = None
    """The connector's picklable description of what to read."""


@dataclass(frozen=True, slots=True)
class Part:
    """One staged split, with counts from the store's durable data."""

    split: int
    rows: int
    bytes: int
    detail: Any = None
    """The connector's picklable description of what was staged."""


@dataclass(frozen=True, slots=True)
class ColumnReceipt:
    """Figures of one column as texts at full precision; None for a figure that is not recorded."""

    name: str
    """The column's name in the store."""
    nulls: int
    min: str | None = None
    max: str | None = None
    sum: str | None = None
    """The exact sum; for booleans the number of true values."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Figures of the rows staged for a commit, counted in transit."""

    rows: int
    columns: tuple[ColumnReceipt, ...] = ()
    left_out: int = 0
    """Number of columns without figures, because there are too many."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Counts of changed rows of a commit."""

    added: int
    """Rows with a new key."""
    changed: int
    """Existing rows that were written again, with the same or other values."""
    deleted: int
    """Rows that were deleted, or marked as deleted."""


@dataclass(frozen=True, slots=True)
class Origin:
    """How a flow derives one column of its store."""

    source: str = ""
    """Column of the home; empty for a column that the flow adds."""
    mask: str = ""
    """Its mask; for a hash followed by a colon and a digest of the salt."""
    type: str = ""
    """The type that the flow declares."""
    made: str = ""
    """Kind of an added column: `compute` or `value` with a digest, or `metadata`."""


@dataclass(frozen=True, slots=True)
class ShapeRecord:
    """How a flow chose and shaped the rows of a commit, for the next move to compare."""

    columns: Mapping[str, Origin] = field(default_factory=dict)
    """By their names in the store: columns that are not unchanged columns of the home."""
    select: tuple[str, ...] = ()
    """`select` of the flow, as written."""
    rows: str = ""
    """A digest of `query` and `where`; empty without both."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of an entity's chain, stored with the data it describes."""

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
    """How far the home was read, from `Source.positions`; only the home interprets it."""
    undoes: int | None = None
    """The commit that this one reverts."""
    receipt: Receipt | None = None
    """The receipt; None for a commit without moved rows, or of an older hygge."""
    shape: ShapeRecord | None = None
    """How the flow shaped the rows; None for a commit of an older hygge."""
    masked: tuple[str, ...] = ()
    """The columns that are masked in every row of the target, by their names in the store."""


@dataclass(frozen=True, slots=True)
class EntityFacts:
    """Facts that a home has about an entity without reading its rows."""

    name: str
    schema: pa.Schema
    rows: int | None = None
    """Number of rows; an estimate where the home has no count."""
    primary_key: tuple[str, ...] = ()
    """The primary key declared in the home."""
    kind: str = "table"
    """The home's term for it: `table`, `view`, …"""
    bytes: int | None = None
    """Size in the home in bytes, where it is known at no cost."""
    is_estimate: bool = False
    """Whether `rows` is an estimate."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of `hygge doctor`."""

    text: str
    """The result as a sentence."""
    level: Literal["ok", "warning", "error"] = "ok"
    """`warning`: works, but may surprise; `error`: a move will fail."""
    hint: str | None = None
    """How to fix it."""


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
    """The outcome of one move."""

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
    """Bytes published, in the store's format."""
    seconds: float = 0.0
    attempts: int = 0
    seq: int | None = None
    failure: Failure | None = None
    notes: tuple[str, ...] = ()
    """Remarks for the user, although nothing failed."""
    undoes: int | None = None
    """The commit that was reverted, when this was an undo and not a move."""
    receipt: Receipt | None = None
    """What was staged for the commit."""
    added: int | None = None
    """Rows of a merge whose key was new; None where the store does not report it."""
    changed: int | None = None
    """Rows of a merge with an existing key, or None."""
    deleted: int | None = None
    """Rows that a merge deleted or marked as deleted, or None."""
    rows_before: int | None = None
    """Rows that a replace replaced; None for other moves and the first commit."""


@dataclass(frozen=True, slots=True)
class Manner:
    """The options of `hygge go` that change what a run moves."""

    full_refresh: bool = False
    adopt: bool = False
    limit: int | None = None
    low: str | None = None
    """Lower bound (inclusive) of the watermark values to move again."""
    high: str | None = None
    """Upper bound (exclusive) of the watermark values to move again."""
    into_scratch: bool = False
    backfill: bool = False
    """Merge every row of the home again."""
    accept_changes: bool = False
    """Keep rows that were moved in another shape unchanged."""

    @property
    def is_partial(self) -> bool:
        """Whether a successful move may leave out rows of its home."""
        bounds = (self.limit, self.low, self.high)
        return self.into_scratch or any(one is not None for one in bounds)

    def words(self) -> tuple[str, ...]:
        """Return the options as command-line arguments."""
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
"""The value without any such option."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a run, for renderers and the journal."""

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
    command: str = "go"
    """The command that made it: `go`, `undo` or `state`."""


@dataclass(frozen=True, slots=True)
class MoveStarted(Event):
    """An attempt of a move begins."""

    flow: str
    entity: str
    attempt: int
    total_rows: int | None = None
    """Rows of the home, where they are known before reading."""


@dataclass(frozen=True, slots=True)
class MoveProgress(Event):
    """Progress of an attempt, sent at most a few times a second."""

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
    """An attempt failed with a transient error; the next one follows after `wait` seconds."""

    flow: str
    entity: str
    attempt: int
    reason: str
    wait: float
    left: float = 0.0
    """Seconds left for waiting after that."""


@dataclass(frozen=True, slots=True)
class MoveFinished(Event):
    """A move ended, with any outcome."""

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
    """A sentence for the user at the terminal."""

    text: str
    extra: Mapping[str, str] = field(default_factory=dict)
