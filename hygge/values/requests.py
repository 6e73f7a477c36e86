"""What a flow asks of a home and of a store, and what a connector may know of the project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hygge.errors import ConfigError
from hygge.values.locations import LOCAL, local_path, scheme_of
from hygge.values.model import Commit, Mode, Purpose, Span

if TYPE_CHECKING:
    import pyarrow as pa

DELETED_AT = "_hygge_deleted_at"
"""When a merge with `delete_missing: soft` found that a row is gone from the home."""
MOST_MISSING = 0.5
"""The share of a store's rows that `delete_missing` may take away where the flow says nothing."""


@dataclass(frozen=True, slots=True)
class ProjectContext:
    """What a connector may know of the project it works for."""

    root: Path
    """The directory that holds `hygge.yml`; relative paths in YAML start here."""

    def path(self, text: str) -> Path:
        """Return `text` as an absolute path, relative ones taken from the root, `~` expanded.

        Raises `ConfigError` for a URL other than `file:///…`.
        """
        return _absolute(self.root, text)

    def location(self, text: str) -> str:
        """Return `text` as an absolute path, or as it is where it is a URL of another scheme."""
        return text if scheme_of(text) not in (None, LOCAL) else str(self.path(text))


@lru_cache(maxsize=64)
def _absolute(root: Path, text: str) -> Path:
    """Return a path that is asked for once for each of many entities."""
    try:
        return Path(root, Path(local_path(text)).expanduser())
    except ValueError as error:
        raise ConfigError(f"the path '{text}' cannot be used: {error}", code="HG106") from error


def nothing_held(_: str) -> pa.DataType | None:
    """Return None: the store holds no column."""
    return None


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What a flow asks of a home."""

    entity: str
    purpose: Purpose = Purpose.LOOK
    """Whether the rows are to be published, or only looked at."""
    siblings: frozenset[str] = frozenset()
    "Other entities of the home that flows name; a home of files tells by them whose a file is."
    batch_bytes: int = 8 * 2**20
    """Aim for record batches of about this many Arrow bytes; a single larger row is fine."""
    max_value_bytes: int = 2**29
    """Refuse a larger value, before it is in memory where its size is known by then (HG576)."""
    thorough: bool = False
    """Take types from the whole input instead of a sample (see `LateTypeError`)."""
    query: str | None = None
    """Read the rows of this SQL instead of the entity's; only to homes that say they `can`."""
    where: str | None = None
    """Read only rows that meet this condition of the home's own SQL; as for `query`."""
    types: Mapping[str, str] = field(default_factory=dict)
    """The type that the flow casts a column to, by the column's name in the home.

    A home whose own type for a column cannot hold every value (a date of the year 0, NaN in a
    decimal) reads it as text where text is wanted; one of text files gives the file's own text.
    """
    held: Callable[[str], pa.DataType | None] = nothing_held
    """Returns the type in which the store holds a column, by the column's name in the home.

    None where the store holds no such column, or the flow casts or masks it. A home that guesses
    types from values keeps to this one wherever it holds every value.
    """
    snapshot: object | None = None
    """What `Home.snapshot` yielded, when all entities of the flow are read at one instant."""
    watermark: str | None = None
    """The column of which the flow wants to know up to where no row is missing."""
    reads_back: bool = False
    """The flow reads rows again (`lookback`): a bound that cannot be had in time is no error.

    Then it is lower than every value, so that the next move begins where this one did.
    """
    quarantines: bool = False
    """The flow puts bad rows aside: what cannot be read as a row is no error of a source that can.

    It then goes to `Source.put_aside`, where that is set, and is left out.
    """
    exact: bool = False
    """The flow asks for `guarantee: exactly-once`: a home that cannot tell up to where no row is
    missing raises `HomeError` with the reason, where it would warn otherwise."""
    positions: Mapping[str, str] | None = None
    """How far the entity was read before: `Source.positions` of the newest commit.

    Empty when nothing was moved yet; None when the flow does not go on by positions, and wants all.
    """


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """What a flow asks of a store."""

    flow: str
    entity: str
    """The entity's name in its home."""
    into: str
    """The entity's name in the store."""
    run_id: str
    attempt: int
    mode: Mode
    adopt: bool = False
    """Take over a place that holds data hygge did not write."""
    buffer_bytes: int = 2**25
    """Hold back at most about this many Arrow bytes of each split before writing them."""
    commit_bytes: int = 2**26
    """Hold about this many Arrow bytes at once in a commit that sorts rows out, as merges do."""
    go_on: Callable[[], None] = lambda: None
    """To be called now and then by a commit that takes long: raises when the move has to end."""
    primary_key: tuple[str, ...] = ()
    """The columns that identify a row, by their names in the store, where the flow says so.

    The flow has seen to it that they are there, and lets no null into them.
    """
    dedupe_by: tuple[str, ...] = ()
    """A merge of several rows with one key takes the one that is highest in these columns.

    By their names in the store, nulls lowest. Without them, and where they are equal in rows that
    differ, the merge is refused.
    """
    delete_missing: Literal["soft", "hard"] | None = None
    """A merge that was given all rows of the home also takes away those of other keys.

    `soft` writes the time of the commit into the column `_hygge_deleted_at`, which is staged as
    null, of rows that have none.
    """
    max_shrink: float | None = None
    """The largest share of the store's rows that `delete_missing` may take away."""
    keep_generations: int = 1
    """How many commits back `undo` must be able to go."""
    clears: Span | None = None
    """Take away the rows of the store in this range, in the same commit; for an append."""

    def taken_over(self, commit: Commit | None) -> Commit | None:
        """Return the newest commit of the place as this flow goes on from it.

        What another flow has moved is its own affair, unless the place is taken over and the
        entity is the same one, as after a flow got another name.
        """
        if commit is None or commit.flow == self.flow:
            return commit
        if self.adopt and commit.entity == self.entity:
            return commit
        return replace(commit, watermark=None, positions={})
