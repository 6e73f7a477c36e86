"""Requests of a flow to a home and a store, and the project's context for connectors."""

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
"""Column with the time at which a merge with `delete_missing: soft` found that a row is gone."""
MOST_MISSING = 0.5
"""Default maximum share of a store's rows that `delete_missing` may delete."""


@dataclass(frozen=True, slots=True)
class ProjectContext:
    """The project's context for connectors."""

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
    """Return an absolute path; cached, because it is used for each of many entities."""
    try:
        return Path(root, Path(local_path(text)).expanduser())
    except ValueError as error:
        raise ConfigError(f"the path '{text}' cannot be used: {error}", code="HG106") from error


def no_stop() -> None:
    """Return: the move may go on."""


def nothing_held(_: str) -> pa.DataType | None:
    """Return None: the store holds no column."""
    return None


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """The request of a flow to a home."""

    entity: str
    purpose: Purpose = Purpose.LOOK
    """Whether the rows will be published, or only looked at."""
    siblings: frozenset[str] = frozenset()
    """Other entities of the home that flows name; a home of files assigns files by them."""
    batch_bytes: int = 8 * 2**20
    """Aim for record batches of about this many Arrow bytes; a single larger row is fine."""
    max_value_bytes: int = 2**29
    """Reject a larger value, if possible before it is in memory (HG576)."""
    thorough: bool = False
    """Infer types from the whole input instead of a sample (see `LateTypeError`)."""
    query: str | None = None
    """Read the rows of this SQL instead of the entity's; only for homes that `can`."""
    where: str | None = None
    """Read only rows that meet this condition in the home's SQL; like `query`."""
    types: Mapping[str, str] = field(default_factory=dict)
    """The type that the flow casts a column to, by the column's name in the home.

    A home whose type for a column cannot hold every value (a date of year 0, NaN in a decimal)
    reads it as text where text is requested; a home of text files returns the file's text.
    """
    held: Callable[[str], pa.DataType | None] = nothing_held
    """Returns the type in which the store holds a column, by the column's name in the home.

    None where the store lacks the column, or the flow casts or masks it. A home that infers types
    uses this type if it holds every value.
    """
    snapshot: object | None = None
    """The value of `Home.snapshot`, when all entities of the flow share a snapshot."""
    watermark: str | None = None
    """The watermark column, for which the flow needs an upper bound."""
    reads_back: bool = False
    """The flow reads rows again (`lookback`): a bound that is not found in time is no error.

    The bound is then below every value, so that the next move begins where this one did.
    """
    quarantines: bool = False
    """The flow quarantines bad rows: an unreadable row is no error for a source that supports it.

    It is passed to `Source.put_aside`, where that is set, and left out.
    """
    after: str | None = None
    """The lowest value of the watermark column that the flow still wants, as text.

    None for all rows. A home that fetches its rows when it is opened may exclude those below; the
    flow excludes the rest.
    """
    go_on: Callable[[], None] = no_stop
    """Called at intervals while a home fetches rows; raises when the move must end."""
    exact: bool = False
    """The flow requires `guarantee: exactly-once`: a home without a bound raises `HomeError` with
    the reason instead of a warning.
    """
    positions: Mapping[str, str] | None = None
    """Positions of the newest commit; see `Source.positions`.

    Empty when nothing was moved yet; None when the flow does not use positions.
    """


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """The request of a flow to a store."""

    flow: str
    entity: str
    """The entity's name in its home."""
    into: str
    """The entity's name in the store."""
    run_id: str
    attempt: int
    mode: Mode
    adopt: bool = False
    """Adopt a place with data that hygge did not write."""
    buffer_bytes: int = 2**25
    """Maximum Arrow bytes to buffer of each split."""
    commit_bytes: int = 2**26
    """Maximum Arrow bytes in memory in a commit that processes rows, such as a merge."""
    go_on: Callable[[], None] = lambda: None
    """Called at intervals by a long commit; raises when the move must end."""
    primary_key: tuple[str, ...] = ()
    """The flow's primary key, by names in the store.

    The flow checks that they exist and have no nulls.
    """
    dedupe_by: tuple[str, ...] = ()
    """A merge keeps, of several rows with one key, the highest in these columns.

    By names in the store; nulls are lowest. Without them, and for ties of different rows, the merge
    is refused.
    """
    delete_missing: Literal["soft", "hard"] | None = None
    """A merge of all rows of the home also deletes rows of other keys.

    `soft` sets the column `_hygge_deleted_at`, which is staged as null, to the commit's time where
    it is null.
    """
    max_shrink: float | None = None
    """Maximum share of the store's rows that `delete_missing` may delete."""
    keep_generations: int = 1
    """Number of commits that `undo` must be able to revert."""
    clears: Span | None = None
    """Delete the rows of the store in this range, in the same commit; for an append."""

    def taken_over(self, commit: Commit | None) -> Commit | None:
        """Return the newest commit of the place for this flow to continue from.

        A commit of another flow is ignored, unless the place is adopted and the entity is the same,
        as after renaming a flow.
        """
        if commit is None or commit.flow == self.flow:
            return commit
        if self.adopt and commit.entity == self.entity:
            return commit
        return replace(commit, watermark=None, positions={})
