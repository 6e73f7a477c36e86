"""The contract between hygge and a connector: the only file a connector's author must read.

A connector is one module: a config class (what YAML says) and a `Home` or `Store` (what it does).

    class LedgerHomeConfig(HomeConfig, type="ledger"):
        "Reads the books of a ledger server."

        host: str
        "Name or address of the server."

        def home(self, context: ProjectContext) -> Home:
            return LedgerHome(self, context)

The module is imported whenever a project that names the type is validated, so it imports nothing
heavy at its top: drivers, pyarrow and a large `Home` or `Store` are imported inside functions.

What the flow promises to a connector: it alone counts, retries, logs, sizes batches, reads ahead
and wraps errors. What a connector promises to the flow is in the docstrings below, and
`hygge.testing` holds the suites that prove it.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ConfigDict

from hygge.errors import StoreError
from hygge.registry import Registry
from hygge.values.described import Described
from hygge.values.model import (
    Ability,
    Changes,
    Commit,
    EntityFacts,
    Finding,
    Mode,
    Part,
    Purpose,
    Span,
    Split,
    Watermark,
)
from hygge.values.requests import ProjectContext, ReadRequest, WriteRequest

if TYPE_CHECKING:
    import pyarrow as pa


class ConnectorConfig(Described):
    """The settings of a home or store. A field's docstring is its documentation."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        populate_by_name=True,
        defer_build=True,  # no validator of a class that is only a base of others
    )

    type: str
    """Type of the connector; `hygge types` lists all types."""

    type_name: ClassVar[str]
    """The name this class is registered under."""
    extra: ClassVar[str | None] = None
    """The extra of hygge-data that installs the drivers, when the base install lacks them."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Other names of the type, in lower case; suggested in errors, not accepted."""
    drivers: ClassVar[tuple[str, ...]] = ()
    """Import names of the packages the connector needs at run time."""
    libraries: ClassVar[Mapping[str, str]] = {}
    """System libraries that the drivers need on Linux, with the Debian package of each."""

    @classmethod
    def missing_libraries(cls) -> list[str]:
        """Return the system libraries that are missing."""
        return [name for name in cls.libraries if sys.platform == "linux" and not _loads(name)]

    @classmethod
    def missing_drivers(cls) -> list[str]:
        """Return the drivers that are not installed, without importing any."""
        return [name for name in cls.drivers if find_spec(name) is None]

    def missing(self) -> tuple[list[str], str | None]:
        """Return the drivers that these settings need and that are not installed, and the extra."""
        return self.missing_drivers(), self.extra

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return the places of entity `name`, as absolute paths or URLs.

        The project uses them to refuse a home and a store that overlap and two flows that write one
        place. Touches neither the network nor the disk. Empty when unknown.
        """
        return []


def _loads(library: str) -> bool:
    import ctypes

    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


class HomeConfig(ConnectorConfig, ABC):
    """The settings of a home. `class X(HomeConfig, type="x")` registers itself."""

    registry: ClassVar[Registry[HomeConfig]] = Registry("home", "hygge.homes")

    can: ClassVar[frozenset[Ability]] = frozenset()
    """The optional abilities of this home; a flow that needs another one is refused.

    Each is named: `frozenset(Ability)` less some would switch on every ability of a later hygge.
    """

    reads_elsewhere: ClassVar[bool] = False
    """Whether `Source.reader` can be pickled, so that other processes can read splits."""

    def __init_subclass__(cls, type: str | None = None) -> None:
        super().__init_subclass__()
        if type is not None:
            cls.type_name = type
            HomeConfig.registry.add(type, cls)

    @classmethod
    def create(cls, data: Mapping[str, Any] | HomeConfig) -> HomeConfig:
        """Return the config for `data`: `{"type": "…", …}`, or a config, which is returned.

        Raises `ConfigError` for a missing or unknown type and pydantic's `ValidationError` for
        invalid settings.
        """
        if isinstance(data, HomeConfig):
            return data
        return HomeConfig.registry.named(data).model_validate(dict(data))

    @classmethod
    def type_samples(cls) -> Mapping[str, pa.Field]:
        """Return the fields that columns of the home's own types are read as, for the docs."""
        return {}

    @abstractmethod
    def home(self, context: ProjectContext) -> Home:
        """Return the home with these settings. Connects to nothing."""


class StoreConfig(ConnectorConfig, ABC):
    """The settings of a store. `class X(StoreConfig, type="x")` registers itself."""

    registry: ClassVar[Registry[StoreConfig]] = Registry("store", "hygge.stores")

    modes: ClassVar[frozenset[Mode]] = frozenset({Mode.REPLACE, Mode.APPEND})
    """The modes this store can publish atomically."""

    answers_sql: ClassVar[bool] = False
    """Whether `Target.ask` is supported, so that a flow may check staged rows by SQL."""

    stages_elsewhere: ClassVar[bool] = False
    """Whether `Target.writer` can be pickled, so that other processes can stage splits."""

    def __init_subclass__(cls, type: str | None = None) -> None:
        super().__init_subclass__()
        if type is not None:
            cls.type_name = type
            StoreConfig.registry.add(type, cls)

    @classmethod
    def create(cls, data: Mapping[str, Any] | StoreConfig) -> StoreConfig:
        """Return the config for `data`; see `HomeConfig.create`."""
        if isinstance(data, StoreConfig):
            return data
        return StoreConfig.registry.named(data).model_validate(dict(data))

    @classmethod
    def held_as(cls, field: pa.Field) -> tuple[pa.Field, str] | None:
        """Return the staged field for `field` and the store's type name; None if it is refused."""
        return field, str(field.type)

    def as_home(self, held: pa.Schema | None = None) -> HomeConfig | None:
        """Return the home that reads this store's entities by their names; None without one.

        `held` is the schema of an entity's newest commit, for files without column types.
        """
        return None

    def read_by(self, home: type[HomeConfig], **more: object) -> HomeConfig:
        """Return a home of a class with the settings that both classes share, and `more`."""
        known = self.model_fields_set & home.model_fields.keys() - {"type"}
        said = {name: getattr(self, name) for name in known}
        return home.model_validate({**said, **more, "type": home.type_name})

    def refuse_name(self, into: str) -> str | None:
        """Return why `into` is not a valid name here; None when it is. Connects to nothing."""
        return None

    @abstractmethod
    def store(self, context: ProjectContext) -> Store:
        """Return the store with these settings. Connects to nothing."""


class Home(ABC):
    """Where data lives. Holds settings, not connections."""

    @abstractmethod
    def check(self) -> None:
        """Make one cheap round trip; raise `HomeError` with a hint when the home cannot be read."""

    @abstractmethod
    def entities(self, pattern: str = "*") -> list[str]:
        """Return the names of the entities that match a glob, sorted."""

    @abstractmethod
    def open(self, request: ReadRequest) -> AbstractContextManager[Source]:
        """Open one consistent view on one entity.

        With a `request.purpose` of `look` the home is not changed: rows that a home delivers only
        once, like a queue, are consumed by a `move` only.

        Raises `HomeError` for an unknown entity, with a similar name. Everything opened is closed
        when the `with` ends, also on an error and when the reader stops early.
        """

    def survey(self, pattern: str = "*") -> list[EntityFacts]:
        """Return the cheap facts of each entity that matches a glob, sorted by name."""
        found = []
        for name in self.entities(pattern):
            with self.open(ReadRequest(name)) as source:
                facts = EntityFacts(name, source.schema, source.total_rows, source.primary_key)
            found.append(facts)
        return found

    def examine(self) -> Iterator[Finding]:
        """Yield findings on how well the home can be read, for `hygge doctor`.

        Raises `HomeError` where no further check is possible.
        """
        self.check()
        yield Finding("connected and readable")

    def snapshot(self, requests: Sequence[ReadRequest] = ()) -> AbstractContextManager[object]:
        """Hold a snapshot from which several entities can be read, for homes that `can`.

        The yielded value is passed in each `ReadRequest.snapshot`, from several threads. `requests`
        are the later requests with a watermark: a home with a `Source.upper` computes it now.
        """
        return nullcontext()

    def attach(self, reader: Reader) -> Reader:
        """Return a `Source.reader` of another process with what it may not carry: credentials."""
        return reader

    def retry_after(self, error: BaseException) -> float | None:
        """Return the minimum seconds after which a retry may help; None for a lasting error.

        0.0 leaves the wait to the flow; a larger value is what the system requested, such as a
        `Retry-After`. Always None for bad data, names or permissions.
        """
        return None


class Reader(ABC):
    """Reads the splits of one view."""

    @abstractmethod
    def read(self, split: Split) -> AbstractContextManager[pa.RecordBatchReader]:
        """Open a reader on one split, its batches exactly of the view's `schema`.

        Called from several threads at once, each with its own split. Raises `HomeError` with file,
        line, column or row for a value that cannot be read exactly; never drops rows instead.
        """


class Source(Reader):
    """One consistent view on one entity, for the length of a `with`."""

    schema: pa.Schema
    """Column names, types and order of every batch; known before the first one.

    A column of type `null` has no values; the store chooses its type.
    """
    upper: pa.Scalar | None = None
    """The highest value of the watermark column up to which this view is complete.

    None where no row can be committed late, or the home does not know.
    """
    positions: Mapping[str, str] | None = None
    """How far the home is read after all rows of this view: a stamp of each file, an offset of each
    partition.

    Set where `ReadRequest.positions` is. The rows of the view are those after the request's
    positions. They are stored in the commit, atomically with the rows, and passed in the next
    request; so they repeat the request's positions of what is not read now. A view whose positions
    are all in the request has nothing new, and is not read.
    """
    is_exhausted: bool = False
    """Whether no row is left above `ReadRequest.after`; the view is not read then, and its `schema`
    is unknown. Only where the request has `after`.
    """
    repeats: tuple[str, ...] = ()
    """What the view reads again although it was moved before, such as changed files."""
    total_rows: int | None = None
    """Rows of the entity, where known at no cost."""
    estimated_rows: int | None = None
    """Estimated rows of the entity, from a catalog; not used in checks."""
    primary_key: tuple[str, ...] = ()
    """The primary key declared in the home; never guessed."""
    is_proved: bool = False
    """Whether every text is surely valid UTF-8 and every value within `max_value_bytes`.

    The flow checks the batches of other sources, and can report a row by its number only.
    """

    put_aside: Callable[[str, bytes, str], None] | None = None
    """Receives place, text and error of an unreadable row, where the request allows it."""

    def notes(self) -> Sequence[str]:
        """Return notes on how this view reads its data, as sentences.

        Called after all rows were read, and by `plan` before any is.
        """
        return ()

    def narrow(self, columns: Sequence[str]) -> None:
        """Receive the wanted columns of `schema`, at least one, before `splits` and `read`.

        A source may read only these and narrow its `schema`, or ignore the call.
        """

    def within(self, span: Span) -> None:
        """Receive the wanted range of the watermark column, before `splits` and `read`.

        A source may exclude rows outside [span.low, span.high), but never a null; it then clears
        `total_rows`. The flow excludes the rest.
        """

    def foresee(self) -> None:
        """Raise `HomeError` where no row can be read, such as for a missing privilege.

        Called after `narrow` and `within`, before `splits`; also where nothing is read later.
        """

    def settle(self, commit: Commit | None) -> None:
        """Receive the outcome of the move: the commit that covers this view's rows, or None.

        For acknowledgements and replication slots. Called once, as the last call, when
        `ReadRequest.purpose` is `move`. `commit` is durable; it is an earlier one when all of the
        view was moved before. None means that nothing was published, or that the outcome is
        unknown, and the rows must be delivered again.

        What is raised here becomes a warning of the move, never a second move: a system that then
        hands out the same rows again needs `positions` to leave them out.
        """

    def share_read(self) -> float | None:
        """Return the share of the entity that was read so far, from 0 to 1; None when unknown.

        Called from any thread while splits are read, where `total_rows` is unknown.
        """
        return None

    @abstractmethod
    def splits(self, wanted: int) -> list[Split]:
        """Return at least one split; together they are exactly the entity."""

    def reader(self) -> Reader:
        """Return what reads the splits, asked for after `splits`; valid while the source is open.

        Where the config says `reads_elsewhere` it is small and can be pickled: it opens files and
        connections of its own, carries no credentials, which `Home.attach` adds on the other side,
        and needs the same paths there. It then counts for itself what `notes` and `share_read` say.
        """
        return self


class Store(ABC):
    """Where data rests. Holds settings, not connections."""

    @abstractmethod
    def check(self) -> None:
        """Make one cheap round trip; raise `StoreError` with a hint when it cannot be written."""

    def examine(self) -> Iterator[Finding]:
        """Yield findings on how well the store can be written.

        For `hygge doctor`. Raises `StoreError` where no further check is possible.
        """
        self.check()
        yield Finding("connected and writable")

    @abstractmethod
    def last_commit(self, into: str) -> Commit | None:
        """Return the newest published commit of an entity; takes no lock and writes nothing.

        For reports; a run uses its `Target`, which locks the place during the move.
        """

    @abstractmethod
    def open(self, request: WriteRequest) -> AbstractContextManager[Target]:
        """Lock an entity's place in the store for one attempt.

        First recovers from dead runs. Raises `StoreError` when another live run holds the place, or
        when it has data that hygge did not write and `adopt` is not set.
        """

    @contextmanager
    def inspect(self, request: WriteRequest) -> Iterator[Inspection]:
        """Inspect an entity's place like `open`; takes no lock and writes nothing.

        For `hygge plan`. Makes every check of `open`, and raises the same `StoreError`, so a store
        whose `open` checks more than its newest commit overrides this.
        """
        yield _Committed(request.taken_over(self.last_commit(request.into)))

    def retry_after(self, error: BaseException) -> float | None:
        """Return the minimum seconds after which a retry may help; None for a lasting error.

        0.0 leaves the wait to the flow; a larger value is what the system requested, such as a
        `Retry-After`. Always None for bad data, names or permissions.
        """
        return None


class Inspection(ABC):
    """The state of one entity's place in a store, for the steps of a move before its first row."""

    @abstractmethod
    def last_commit(self) -> Commit | None:
        """Return the newest published commit; None without one."""

    @abstractmethod
    def schema(self) -> pa.Schema | None:
        """Return the schema of the published rows; None when there are none yet."""

    @abstractmethod
    def accept(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema to stage for rows of `schema`, with only the necessary changes.

        Raises `StoreError` with column and hint for a type that it cannot hold exactly.
        """

    def fits_double(self, column: str) -> bool:
        """Return whether doubles hold every published integer of a column exactly.

        Then the column may become `float64` when the home has decimals. False where unknown.
        """
        return False

    def foresee(self, schema: pa.Schema) -> None:  # noqa: B027  (optional)
        """Raise `StoreError` when rows of `schema` could never be published.

        For reasons that would fail the commit, such as a view on a column that must change.
        """


class _Committed(Inspection):
    """A place of which only the newest commit is known."""

    def __init__(self, commit: Commit | None) -> None:
        self._commit = commit

    def last_commit(self) -> Commit | None:
        return self._commit

    def schema(self) -> pa.Schema | None:
        return None if self._commit is None else self._commit.schema

    def accept(self, schema: pa.Schema) -> pa.Schema:
        return schema


class Writer(ABC):
    """Stages the splits of one move."""

    @abstractmethod
    def stage(self, batches: pa.RecordBatchReader, split: Split) -> Part:
        """Write a split durably where no reader of the store sees it.

        Called from several threads at once, each with a split of its own. The part's rows are
        counted from what was written. Also stages zero batches: the part then holds the schema.
        """


class Target(Inspection, Writer):
    """One entity's place in a store, for one attempt of one run.

    After an error before `commit` returns, the store is unchanged.
    """

    changes: Changes | None = None
    """Counts of the published merge; None where the store does not count."""
    sees_changes: bool = False
    """Whether `previous` raises where others changed rows that undo would delete."""

    @abstractmethod
    def stage(self, batches: pa.RecordBatchReader, split: Split) -> Part:
        """Stage a split; staging it again leaves one part's worth of rows. See `Writer.stage`."""

    def writer(self, schema: pa.Schema) -> Writer:
        """Return what stages splits of rows of `schema`; valid while the target is open.

        Where the config says `stages_elsewhere` it is small, carries no credentials and can be
        pickled. `receive` then gets the parts, one of each split.
        """
        return self

    def receive(self, part: Part) -> None:
        """Learn of a part that a `writer` staged; what else was staged of its split is no part."""

    def duplicate(self, columns: Sequence[str]) -> Mapping[str, Any] | None:
        """Return values of `columns` that several staged rows share; None without duplicates.

        Called after all parts are staged and before `commit`. Nulls are not compared.
        """
        raise StoreError("this store cannot find rows with the same key", code="HG528")

    def ask(self, sql: str, most: int) -> tuple[int, list[tuple[Any, ...]]]:
        """Return the number of rows of a query on `{staged}`, and the first `most` rows.

        It may read the whole store and change nothing; a change is refused (HG528).
        """
        raise StoreError("this store does not support SQL", code="HG528")

    def keep_columns(self, columns: Sequence[str]) -> None:
        """Receive, before `commit`, the columns that a merge leaves unchanged in updated rows.

        They are staged as null, because the home no longer has them and the flow keeps their
        values.
        """

    def previous(self) -> Commit | None:
        """Return the commit whose rows `undo` would restore; None when they were not kept."""
        return None

    def undo(self, commit: Commit) -> None:
        """Publish the rows of `previous()` again with this record, or nothing; like `commit`."""
        raise StoreError("this store cannot restore earlier rows", code="HG529")

    @abstractmethod
    def commit(self, parts: Sequence[Part], commit: Commit) -> None:
        """Publish all parts together with the commit record, or nothing at all.

        A merge updates rows by the key and adds the others. It raises `StoreError` HG547 for
        duplicate keys that `dedupe_by` does not resolve, among the staged rows or in the store.

        When it returns, everything is durable. Raises `StoreError` when another run owns
        `commit.seq` and `CommitUnknownError` when the outcome cannot be determined.
        """

    @abstractmethod
    def owner(self, seq: int) -> str | None:
        """Return the run that published commit `seq`, or None; for a lost reply."""

    @abstractmethod
    def discard(self) -> None:
        """Remove the rows staged by this attempt only. Does nothing after a commit."""


__all__ = [
    "Ability",
    "Changes",
    "Commit",
    "ConnectorConfig",
    "EntityFacts",
    "Finding",
    "Home",
    "HomeConfig",
    "Inspection",
    "Mode",
    "Part",
    "ProjectContext",
    "Purpose",
    "ReadRequest",
    "Reader",
    "Source",
    "Span",
    "Split",
    "Store",
    "StoreConfig",
    "Target",
    "Watermark",
    "WriteRequest",
    "Writer",
]
