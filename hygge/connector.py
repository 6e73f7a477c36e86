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
    """What a file in `homes/` or `stores/` says. A field's docstring is its documentation."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        populate_by_name=True,
        defer_build=True,  # no validator of a class that is only a base of others
    )

    type: str
    """Which connector this is; `hygge types` lists them."""

    type_name: ClassVar[str]
    """The name this class is registered under."""
    extra: ClassVar[str | None] = None
    """The extra of hygge-data that installs the drivers, when the base install lacks them."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """What people call the type in place of its name, in lower case; suggested, not accepted."""
    drivers: ClassVar[tuple[str, ...]] = ()
    """Import names of the packages the connector needs at run time."""
    libraries: ClassVar[Mapping[str, str]] = {}
    """Libraries of the system that the drivers need on Linux, with the Debian package of each."""

    @classmethod
    def missing_libraries(cls) -> list[str]:
        """Return the libraries that this system does not have."""
        return [name for name in cls.libraries if sys.platform == "linux" and not _loads(name)]

    @classmethod
    def missing_drivers(cls) -> list[str]:
        """Return the drivers that are not installed, without importing any."""
        return [name for name in cls.drivers if find_spec(name) is None]

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return where entity `name` lies, as absolute paths or URLs.

        The project uses them to refuse a home and a store that overlap and two flows that write
        one place. Touches neither the network nor the disk. Empty when it cannot be told.
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
    """What `homes/<name>.yml` says. `class X(HomeConfig, type="x")` registers itself."""

    registry: ClassVar[Registry[HomeConfig]] = Registry("home", "hygge.homes")

    can: ClassVar[frozenset[Ability]] = frozenset()
    """The abilities that not every home has; a flow that needs another one is refused.

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
        """Return the config that `data` describes: `{"type": "…", …}`, or a config as it is.

        Raises `ConfigError` for a missing or unknown type and pydantic's `ValidationError` for
        anything the type refuses.
        """
        if isinstance(data, HomeConfig):
            return data
        return HomeConfig.registry.named(data).model_validate(dict(data))

    @classmethod
    def type_samples(cls) -> Mapping[str, pa.Field]:
        """Return how columns of the home's own types are read, by their names; for its page."""
        return {}

    @abstractmethod
    def home(self, context: ProjectContext) -> Home:
        """Return the home these settings describe. Connects to nothing."""


class StoreConfig(ConnectorConfig, ABC):
    """What `stores/<name>.yml` says. `class X(StoreConfig, type="x")` registers itself."""

    registry: ClassVar[Registry[StoreConfig]] = Registry("store", "hygge.stores")

    modes: ClassVar[frozenset[Mode]] = frozenset({Mode.REPLACE, Mode.APPEND})
    """The modes this store can publish atomically."""

    answers_sql: ClassVar[bool] = False
    """Whether `Target.ask` answers, so that a flow may check staged rows by SQL."""

    stages_elsewhere: ClassVar[bool] = False
    """Whether `Target.writer` can be pickled, so that other processes can stage splits."""

    def __init_subclass__(cls, type: str | None = None) -> None:
        super().__init_subclass__()
        if type is not None:
            cls.type_name = type
            StoreConfig.registry.add(type, cls)

    @classmethod
    def create(cls, data: Mapping[str, Any] | StoreConfig) -> StoreConfig:
        """Return the config that `data` describes; see `HomeConfig.create`."""
        if isinstance(data, StoreConfig):
            return data
        return StoreConfig.registry.named(data).model_validate(dict(data))

    @classmethod
    def held_as(cls, field: pa.Field) -> tuple[pa.Field, str] | None:
        """Return the field staged for `field` and the store's name of its type; None if refused."""
        return field, str(field.type)

    def as_home(self, held: pa.Schema | None = None) -> HomeConfig | None:
        """Return the home that reads this store's entities by their names; None when none can.

        `held` is the schema of an entity's newest commit, for files that do not tell their columns.
        """
        return None

    def read_by(self, home: type[HomeConfig], **more: object) -> HomeConfig:
        """Return a home of a class with what this store says of all that both know, and `more`."""
        known = self.model_fields_set & home.model_fields.keys() - {"type"}
        said = {name: getattr(self, name) for name in known}
        return home.model_validate({**said, **more, "type": home.type_name})

    def refuse_name(self, into: str) -> str | None:
        """Return why no entity can be called `into` here; None when one can. Asks nobody."""
        return None

    @abstractmethod
    def store(self, context: ProjectContext) -> Store:
        """Return the store these settings describe. Connects to nothing."""


class Home(ABC):
    """Where data lives. Holds settings, not connections."""

    @abstractmethod
    def check(self) -> None:
        """Make one cheap round trip; raise `HomeError` with a hint when the home cannot be read."""

    @abstractmethod
    def entities(self, pattern: str = "*") -> list[str]:
        """Return the names of what could be moved that match a glob, sorted."""

    @abstractmethod
    def open(self, request: ReadRequest) -> AbstractContextManager[Source]:
        """Open one consistent view on one entity.

        A `request.purpose` of `look` leaves the home as it is: what a home hands out once only, as
        a queue does, is taken by a `move` alone.

        Raises `HomeError` when there is no such entity, naming the nearest. Everything opened is
        closed when the `with` ends, also on an error and when the reader stops early.
        """

    def survey(self, pattern: str = "*") -> list[EntityFacts]:
        """Return what can be told cheaply of each entity that matches a glob, sorted by name."""
        found = []
        for name in self.entities(pattern):
            with self.open(ReadRequest(name)) as source:
                facts = EntityFacts(name, source.schema, source.total_rows, source.primary_key)
            found.append(facts)
        return found

    def examine(self) -> Iterator[Finding]:
        """Yield what a person should know of how well the home can be read; for `hygge doctor`.

        Raises `HomeError` where nothing more can be said.
        """
        self.check()
        yield Finding("it answers and can be read")

    def snapshot(self, requests: Sequence[ReadRequest] = ()) -> AbstractContextManager[object]:
        """Hold one instant at which several entities can be read, for homes that say they `can`.

        What it yields goes into `ReadRequest.snapshot` of each, from several threads. `requests`
        are those to come that have a watermark: a home that tells a `Source.upper` finds it now.
        """
        return nullcontext()

    def attach(self, reader: Reader) -> Reader:
        """Return a `Source.reader` of another process with what it may not carry: credentials."""
        return reader

    def retry_after(self, error: BaseException) -> float | None:
        """Return after how many seconds, at least, trying again may help; None when it cannot.

        0.0 leaves the wait to the flow; more than that is what the system itself asked for, such as
        a `Retry-After`. Always None for bad data, names or permissions.
        """
        return None


class Reader(ABC):
    """Reads the splits of one view."""

    @abstractmethod
    def read(self, split: Split) -> AbstractContextManager[pa.RecordBatchReader]:
        """Open a reader on one split, its batches exactly of the view's `schema`.

        Called from several threads at once, each with a split of its own. Raises `HomeError`
        naming file, line, column or row for what cannot be read exactly; never yields fewer rows
        instead.
        """


class Source(Reader):
    """One consistent view on one entity, for the length of a `with`."""

    schema: pa.Schema
    """Column names, types and order of every batch; known before the first one.

    A column of type `null` has no value anywhere, so its type is the store's to choose.
    """
    upper: pa.Scalar | None = None
    """The highest value of the watermark column up to which this view lacks no row.

    None where no row can still be on its way, or the home cannot tell.
    """
    positions: Mapping[str, str] | None = None
    """How far the home is read once all rows of this view are: a stamp of each file, an offset of
    each partition.

    Set where `ReadRequest.positions` is. The rows of the view are those behind the request's
    positions. It goes into the commit as it is, all or nothing with the rows, and comes back with
    the next request; so it repeats what the request says of things that are not read now. A view
    whose positions are all in the request has nothing new, and is not read.
    """
    repeats: tuple[str, ...] = ()
    """What the view reads once more although it was moved before, such as files that changed."""
    total_rows: int | None = None
    """Rows of the entity, where that costs nothing to know."""
    estimated_rows: int | None = None
    """About how many rows the entity has, where a catalog tells that; not part of any check."""
    primary_key: tuple[str, ...] = ()
    """The columns that identify a row, where the home itself declares them; never guessed."""
    is_proved: bool = False
    """Whether every text is valid UTF-8 and every value within `max_value_bytes` for sure.

    The flow proves the batches of other sources, and can name a row by its number only.
    """

    put_aside: Callable[[str, bytes, str], None] | None = None
    """Takes place, text and fault of what cannot be read as a row, where the request says so."""

    def notes(self) -> Sequence[str]:
        """Return what a person should know of how this view reads its data, as sentences.

        Asked for when all rows were read, and by `plan` before any is.
        """
        return ()

    def narrow(self, columns: Sequence[str]) -> None:
        """Hear which columns of `schema` are wanted, at least one, before `splits` and `read`.

        A source that can reads only these and narrows its `schema`; others leave it as it is.
        """

    def within(self, span: Span) -> None:
        """Hear which values of the watermark column are wanted, before `splits` and `read`.

        A source that can leaves out rows below `span.low` and from `span.high` on, and never one
        without a value; it then forgets `total_rows`. The flow leaves out what remains.
        """

    def foresee(self) -> None:
        """Raise `HomeError` where no row can be read, whatever it holds: for want of a right.

        Called after `narrow` and `within`, before `splits`; also where nothing is read then.
        """

    def settle(self, commit: Commit | None) -> None:
        """Learn how the move ended: the commit that covers this view's rows, or None.

        For acknowledgements and slots. Called once, as the last call, when `ReadRequest.purpose` is
        `move`. `commit` is durable; it is an earlier one when all of the view had been moved
        before. With None nothing was published, or nobody knows, and the rows must come again.

        What is raised here becomes a warning of the move, never a second move: a system that then
        hands out the same rows again needs `positions` to leave them out.
        """

    def share_read(self) -> float | None:
        """Return how much of the entity was read so far, from 0 to 1; None when nobody knows.

        Asked for from any thread while splits are read, where `total_rows` is not known.
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
        """Yield what a person should know of how well the store can be written.

        For `hygge doctor`. Raises `StoreError` where nothing more can be said.
        """
        self.check()
        yield Finding("it answers and can be written")

    @abstractmethod
    def last_commit(self, into: str) -> Commit | None:
        """Return the newest published commit of an entity; takes nothing and writes nothing.

        For telling what happened; a run asks its `Target`, which holds the place while it moves.
        """

    @abstractmethod
    def open(self, request: WriteRequest) -> AbstractContextManager[Target]:
        """Take an entity's place in the store for one attempt.

        First recovers what a dead run left behind. Raises `StoreError` when another live run
        holds the place, or when it holds data hygge did not write and `adopt` is not set.
        """

    @contextmanager
    def inspect(self, request: WriteRequest) -> Iterator[Inspection]:
        """Show an entity's place as `open` would; takes nothing and writes nothing.

        For `hygge plan`. Makes every check of `open`, and raises the same `StoreError`, so a store
        whose `open` checks more than its newest commit overrides this.
        """
        yield _Committed(request.taken_over(self.last_commit(request.into)))

    def retry_after(self, error: BaseException) -> float | None:
        """Return after how many seconds, at least, trying again may help; None when it cannot.

        0.0 leaves the wait to the flow; more than that is what the system itself asked for, such as
        a `Retry-After`. Always None for bad data, names or permissions.
        """
        return None


class Inspection(ABC):
    """One entity's place in a store as it is: what a move asks of it before its first row."""

    @abstractmethod
    def last_commit(self) -> Commit | None:
        """Return the newest published commit; None when nothing was ever published here."""

    @abstractmethod
    def schema(self) -> pa.Schema | None:
        """Return the schema of what is published; None when there is nothing yet."""

    @abstractmethod
    def accept(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema to stage for rows of `schema`, changing only what the store must.

        Raises `StoreError` naming the column and the way out for a type it cannot hold exactly.
        """

    def fits_double(self, column: str) -> bool:
        """Return whether a double holds every whole number that is published in a column.

        Then the column may become `float64` when the home has decimals; false where nobody can
        tell.
        """
        return False

    def foresee(self, schema: pa.Schema) -> None:  # noqa: B027  (a choice, not a duty)
        """Raise `StoreError` when no rows of `schema` could be published, whatever they hold.

        For what would refuse the commit itself, such as a view on a column that must change.
        """


class _Committed(Inspection):
    """A place of which nothing but its newest commit is known."""

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
        """Write a split where no reader of the store looks, durably.

        Called from several threads at once, each with a split of its own. The part's rows are
        counted from what was written. Also stages zero batches: the part then holds the schema.
        """


class Target(Inspection, Writer):
    """One entity's place in a store, for one attempt of one run.

    When anything raises before `commit` returns, the store is as it was.
    """

    changes: Changes | None = None
    """What the commit of a merge did, once it is published; None where that is not counted."""
    sees_changes: bool = False
    """Whether `previous` raises where others changed rows in place that undo would take away."""

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
        """Return values of `columns` that several staged rows share; None when no two do.

        After all parts are staged and before `commit`. Nulls are no values here.
        """
        raise StoreError("this store cannot look for rows with the same key", code="HG528")

    def ask(self, sql: str, most: int) -> tuple[int, list[tuple[Any, ...]]]:
        """Return how many rows a query finds in what is staged, `{staged}`, and the first `most`.

        It may read whatever the store holds, and change nothing: what would is refused (HG528).
        """
        raise StoreError("this store answers no SQL", code="HG528")

    def keep(self, columns: Sequence[str]) -> None:
        """Hear, before `commit`, which columns a merge leaves as they are in rows it updates.

        They are staged as null: the home has them no more, and the flow keeps what they held.
        """

    def previous(self) -> Commit | None:
        """Return the commit whose rows `undo` would bring back; None when they were not kept."""
        return None

    def undo(self, commit: Commit) -> None:
        """Publish the rows of `previous()` again with this record, or nothing; as `commit`."""
        raise StoreError("this store cannot bring back what it held before", code="HG529")

    @abstractmethod
    def commit(self, parts: Sequence[Part], commit: Commit) -> None:
        """Publish all parts together with the commit record, or nothing at all.

        A merge updates rows by the key and adds the others; it raises `StoreError` HG547 for
        several rows of one key that `dedupe_by` does not tell apart, here or in the store.

        When it returns, everything is durable. Raises `StoreError` when another run owns
        `commit.seq` and `CommitUnknownError` when that cannot be found out.
        """

    @abstractmethod
    def owner(self, seq: int) -> str | None:
        """Return the run that published commit `seq`, or None: what a lost reply did."""

    @abstractmethod
    def discard(self) -> None:
        """Remove what this attempt staged, and only that. Does nothing after a commit."""


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
