"""A home and a store in this process's memory: the whole contract at its plainest.

Every member of the contract is here, written to be read and to be broken on purpose. Real
connectors differ in one way that matters: what they promise holds across processes.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, ClassVar, NoReturn

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from hygge.connector import (
    Ability,
    Changes,
    Commit,
    Home,
    HomeConfig,
    Inspection,
    Mode,
    Part,
    ProjectContext,
    ReadRequest,
    Source,
    Span,
    Split,
    Store,
    StoreConfig,
    Target,
    WriteRequest,
)
from hygge.errors import HomeError, StoreError
from hygge.values.requests import DELETED_AT, MOST_MISSING

Rows = list[dict[str, Any]]
LONGEST_NAME = 100
LARGEST_DOUBLE = 2**53


@dataclass
class Generation:
    commit: Commit
    table: pa.Table


@dataclass
class Place:
    """One entity: what lies there, who writes it, and the commits that made it."""

    pieces: list[pa.Table] = field(default_factory=list)
    coming: pa.Table | None = None
    """Rows of a transaction that has not ended."""
    is_broken: bool = False
    chain: list[Generation] = field(default_factory=list)
    taken_by: str | None = None


SHELVES: dict[str, dict[str, Place]] = {}
"""All that there is, by the names of shelves and entities."""


def shelf(name: str) -> dict[str, Place]:
    return SHELVES.setdefault(name, {})


class MemoryHomeConfig(HomeConfig, type="shelf"):
    """Reads entities of a shelf."""

    can: ClassVar = frozenset({Ability.SNAPSHOT, Ability.FILES, Ability.WHERE, Ability.QUERY})

    shelf: str
    """The shelf's name."""

    @classmethod
    def type_samples(cls) -> Mapping[str, pa.Field]:
        return {"number": pa.field("n", pa.int64())}

    def places(self, context: ProjectContext, name: str) -> list[str]:
        return [f"memory://{self.shelf}/{name}"]

    def home(self, context: ProjectContext) -> MemoryHome:
        return MemoryHome(self.shelf)


class MemoryHome(Home):
    def __init__(self, name: str) -> None:
        self.name = name

    def check(self) -> None:
        shelf(self.name)

    def entities(self, pattern: str = "*") -> list[str]:
        return sorted(name for name in self.seen() if fnmatchcase(name, pattern))

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Source]:
        held = request.snapshot if isinstance(request.snapshot, dict) else self.seen()
        if request.entity not in held:
            raise self.unknown(request.entity)
        yield MemorySource(shelf(self.name)[request.entity], held[request.entity], request)

    def seen(self) -> dict[str, tuple[pa.Table, ...]]:
        places = shelf(self.name).items()
        return {name: tuple(place.pieces) for name, place in places if place.pieces}

    def unknown(self, entity: str) -> HomeError:
        (nearest, *_) = [*get_close_matches(entity, self.seen(), 1), "nothing"]
        return HomeError(f"there is no '{entity}'; did you mean '{nearest}'?", code="HG501")

    @contextmanager
    def snapshot(self, requests: Sequence[ReadRequest] = ()) -> Iterator[object]:
        yield self.seen()

    def retry_after(self, error: BaseException) -> float | None:
        return 0.0 if isinstance(error, ConnectionError) else None


class MemorySource(Source):
    def __init__(self, place: Place, pieces: Sequence[pa.Table], request: ReadRequest) -> None:
        self.place, self.request = place, request
        if place.is_broken:
            raise HomeError(f"'{request.entity}' is broken")
        stamps = {f"piece {n}": f"{piece.num_rows} rows" for n, piece in enumerate(pieces)}
        if request.positions is not None:
            self.positions = stamps
            known = request.positions
            pieces = [one for n, one in zip(stamps, pieces, strict=True) if n not in known]
        self.table = pa.concat_tables(pieces) if pieces else place.pieces[0].slice(0, 0)
        self.select()
        self.schema = self.table.schema
        self.total_rows = self.table.num_rows
        self.upper = self.bound()

    def select(self) -> None:
        sql = self.request.query
        if sql is None and self.request.where is not None:
            sql = f"SELECT * FROM entity WHERE {self.request.where}"
        if sql is not None:
            with duckdb.connect() as connection:
                connection.register("entity", self.table)
                self.table = connection.sql(sql).to_arrow_table()

    def bound(self) -> pa.Scalar | None:
        """Return the highest value below those of rows that are still to come."""
        column, coming = self.request.watermark, self.place.coming
        if column is None or coming is None:
            return None
        values = self.table[column]
        low = pc.min(coming[column])
        return pc.max(values.filter(pc.less(values, low)))

    def narrow(self, columns: Sequence[str]) -> None:
        self.table = self.table.select([n for n in self.schema.names if n in columns])
        self.schema = self.table.schema

    def within(self, span: Span) -> None:
        column = self.table[span.column]
        if span.low is not None:
            self.keep(pc.greater_equal(column, span.low.cast(column.type)))
        column = self.table[span.column]
        if span.high is not None:
            self.keep(pc.less(column, span.high.cast(column.type)))
        self.total_rows = None

    def keep(self, wanted: pa.ChunkedArray) -> None:
        """Keep rows that are wanted and those of which nobody can tell."""
        self.table = self.table.filter(pc.fill_null(wanted, True))

    def splits(self, wanted: int) -> list[Split]:
        step = max(-(-self.table.num_rows // wanted), 1)
        starts = range(0, max(self.table.num_rows, 1), step)
        return [Split(n, f"rows from {start}", (start, step)) for n, start in enumerate(starts)]

    @contextmanager
    def read(self, split: Split) -> Iterator[pa.RecordBatchReader]:
        with pa.RecordBatchReader.from_batches(self.schema, self.batches(*split.detail)) as reader:
            yield reader

    def batches(self, start: int, length: int) -> Generator[pa.RecordBatch]:
        rows = self.table.slice(start, length)
        width = max(rows.nbytes // max(rows.num_rows, 1), 1)
        for batch in rows.to_batches(max_chunksize=max(self.request.batch_bytes // width, 1)):
            if self.place.is_broken:
                raise HomeError("'things' broke while it was read")
            yield batch


class MemoryStoreConfig(StoreConfig, type="shelf"):
    """Writes entities of a shelf."""

    modes: ClassVar = frozenset(Mode)
    answers_sql: ClassVar = True

    shelf: str
    """The shelf's name."""

    @classmethod
    def held_as(cls, field: pa.Field) -> tuple[pa.Field, str] | None:
        return None if pa.types.is_map(field.type) else (field, str(field.type))

    def places(self, context: ProjectContext, name: str) -> list[str]:
        return [f"memory://{self.shelf}/{name}"]

    def as_home(self, held: pa.Schema | None = None) -> HomeConfig:
        return self.read_by(MemoryHomeConfig)

    def refuse_name(self, into: str) -> str | None:
        too_long = f"names have at most {LONGEST_NAME} characters"
        return too_long if len(into) > LONGEST_NAME else None

    def store(self, context: ProjectContext) -> MemoryStore:
        return MemoryStore(self.shelf)


class MemoryStore(Store):
    def __init__(self, name: str) -> None:
        self.name = name

    def check(self) -> None:
        shelf(self.name)

    def last_commit(self, into: str) -> Commit | None:
        place = shelf(self.name).get(into)
        return place.chain[-1].commit if place is not None and place.chain else None

    def checked(self, request: WriteRequest) -> Place:
        """Return a place that this request may write; raise `StoreError` otherwise."""
        if len(request.into) > LONGEST_NAME:
            raise StoreError(f"'{request.into}' is too long a name", hint="choose a shorter one")
        place = shelf(self.name).setdefault(request.into, Place())
        if place.taken_by is not None:
            raise StoreError(f"run {place.taken_by} is writing '{request.into}'")
        last = self.last_commit(request.into)
        is_foreign = bool(place.pieces) if last is None else last.flow != request.flow
        if is_foreign and not request.adopt:
            owner = "nobody knows whom" if last is None else f"flow '{last.flow}'"
            raise StoreError(f"'{request.into}' belongs to {owner}", hint="take it by --adopt")
        return place

    @contextmanager
    def open(self, request: WriteRequest) -> Iterator[Target]:
        place = self.checked(request)
        place.taken_by = request.run_id
        try:
            yield MemoryTarget(place, request)
        finally:
            place.taken_by = None

    @contextmanager
    def inspect(self, request: WriteRequest) -> Iterator[Inspection]:
        yield MemoryTarget(self.checked(request), request)

    def retry_after(self, error: BaseException) -> float | None:
        return 0.0 if isinstance(error, ConnectionError) else None


class MemoryTarget(Target):
    sees_changes = True

    def __init__(self, place: Place, request: WriteRequest) -> None:
        self.place, self.request = place, request
        self.staged: dict[int, pa.Table] = {}
        self.kept: tuple[str, ...] = ()

    def last_commit(self) -> Commit | None:
        return self.request.taken_over(self.place.chain[-1].commit if self.place.chain else None)

    def schema(self) -> pa.Schema | None:
        return self.place.chain[-1].commit.schema if self.place.chain else None

    def accept(self, schema: pa.Schema) -> pa.Schema:
        for name, count in Counter(schema.names).items():
            if count > 1:
                raise StoreError(f"two columns are called '{name}'", hint="rename one")
        for column in schema:
            if pa.types.is_map(column.type):
                raise StoreError(f"column '{column.name}' is a map", hint="leave it out")
        return schema

    def foresee(self, schema: pa.Schema) -> None:
        self.accept(schema)

    def fits_double(self, column: str) -> bool:
        ends = pc.min_max(self.table()[column]).as_py().values()
        return all(end is None or abs(end) <= LARGEST_DOUBLE for end in ends)

    def table(self) -> pa.Table:
        """Return what is published."""
        return pa.concat_tables(self.place.pieces)

    def stage(self, batches: pa.RecordBatchReader, split: Split) -> Part:
        self.staged.pop(split.number, None)
        table = self.staged[split.number] = batches.read_all()
        return Part(split.number, table.num_rows, table.nbytes)

    def all_staged(self) -> pa.Table:
        return pa.concat_tables(self.staged[n] for n in sorted(self.staged))

    def duplicate(self, columns: Sequence[str]) -> Mapping[str, Any] | None:
        rows = self.all_staged().select(columns).to_pylist()
        counts = Counter(tuple(row.values()) for row in rows if None not in row.values())
        found = [values for values, count in counts.items() if count > 1]
        return dict(zip(columns, found[0], strict=True)) if found else None

    def ask(self, sql: str, most: int) -> tuple[int, list[tuple[Any, ...]]]:
        with duckdb.connect() as connection:
            connection.register("staged", self.all_staged())
            try:
                query = f"SELECT * FROM ({sql.replace('{staged}', 'staged')})"
                rows = connection.execute(query).fetchall()
            except duckdb.Error as error:
                raise StoreError(f"a check by sql cannot be made: {error}", code="HG528") from None
        return len(rows), rows[:most]

    def keep_columns(self, columns: Sequence[str]) -> None:
        self.kept = tuple(columns)

    def previous(self) -> Commit | None:
        chain = self.place.chain
        if len(chain) < 2 or chain[-1].commit.undoes is not None:
            return None
        if not chain[-1].table.equals(self.table()):
            raise StoreError("rows were changed by others since the last commit", code="HG529")
        return chain[-2].commit

    def undo(self, commit: Commit) -> None:
        if self.previous() is None:
            raise StoreError("nothing was kept to bring back", code="HG529")
        self.publish(self.place.chain[-2].table, commit)

    def commit(self, parts: Sequence[Part], commit: Commit) -> None:
        new = self.all_staged()
        if new.num_rows != commit.rows:
            raise StoreError(f"{new.num_rows} rows are staged, not {commit.rows}")
        mode = self.request.mode
        if mode is Mode.REPLACE or not self.place.pieces:
            old = new.slice(0, 0)
        else:
            old = conform(self.table(), commit.schema)
        if mode is Mode.MERGE:
            new = self.merged(old, new, commit)
        elif mode is Mode.APPEND:
            new = pa.concat_tables([self.cleared(old), conform(new, commit.schema)])
        self.publish(new, replace(commit, total_rows=new.num_rows))
        self.staged.clear()

    def cleared(self, old: pa.Table) -> pa.Table:
        span = self.request.clears
        if span is None:
            return old
        inside = [
            check(old[span.column].cast(pa.binary() if text else end.type), bound)
            for check, end in ((pc.greater_equal, span.low), (pc.less, span.high))
            if end is not None
            for text in [pa.types.is_string(end.type)]
            for bound in [pa.scalar(end.as_py().encode()) if text else end]
        ]
        return old.filter(pc.invert(pc.fill_null(pc.and_(*inside), False)))

    def publish(self, table: pa.Table, commit: Commit) -> None:
        last = self.place.chain[-1].commit.seq if self.place.chain else 0
        if commit.seq != last + 1:
            raise StoreError(f"commit {commit.seq} cannot follow commit {last}", code="HG514")
        self.place.pieces = [table]
        self.place.chain.append(Generation(commit, table))

    def owner(self, seq: int) -> str | None:
        runs = {one.commit.seq: one.commit.run_id for one in self.place.chain}
        return runs.get(seq)

    def discard(self) -> None:
        self.staged.clear()

    def merged(self, old: pa.Table, new: pa.Table, commit: Commit) -> pa.Table:
        """Return the rows after a merge; raise `StoreError` where it cannot be told."""
        key, winners = self.request.primary_key, self.winners(new.to_pylist())
        rows: Rows = old.to_pylist()
        held = Counter(tuple(row[name] for name in key) for row in rows)
        for one in winners:
            if held[one] > 1:
                self.refuse(one, held[one], "are in the store")
        for row in rows:
            if (one := tuple(row[name] for name in key)) in winners:
                new_row = winners[one]
                row.update({n: v for n, v in new_row.items() if n not in self.kept})
        rows += [row for one, row in winners.items() if one not in held]
        gone = [one for one in held if one not in winners] if self.request.delete_missing else []
        rows = self.without(rows, {*gone}, commit, total=sum(held.values()))
        changed = sum(one in held for one in winners)
        self.changes = Changes(len(winners) - changed, changed, len(gone))
        return pa.Table.from_pylist(rows, schema=commit.schema)

    def winners(self, rows: Rows) -> dict[tuple[Any, ...], dict[str, Any]]:
        """Return the row of each key that is highest in the columns of `dedupe_by`."""
        by, groups = self.request.dedupe_by, dict[tuple[Any, ...], Rows]()
        for row in rows:
            groups.setdefault(tuple(row[n] for n in self.request.primary_key), []).append(row)
        found = {}
        for key, group in groups.items():
            ranks = [tuple((row[n] is not None, row[n]) for n in by) for row in group]
            tops = [row for row, rank in zip(group, ranks, strict=True) if rank == max(ranks)]
            if any(row != tops[0] for row in tops):
                self.refuse(key, len(tops), "were read")
            found[key] = tops[0]
        return found

    def refuse(self, key: tuple[Any, ...], count: int, what: str) -> NoReturn:
        names = ", ".join(self.request.primary_key)
        message = f"{count} rows of the key {names} = {', '.join(map(str, key))} {what}"
        raise StoreError(message, hint="say which wins by `dedupe_by`", code="HG547")

    def without(self, rows: Rows, gone: set[Any], commit: Commit, total: int) -> Rows:
        """Return the rows without those that are gone from the home, or with their marks."""
        how, key = self.request.delete_missing, self.request.primary_key
        if how == "soft":
            marked = {tuple(r[n] for n in key) for r in rows if r[DELETED_AT] is not None}
            gone -= marked
        share = MOST_MISSING if self.request.max_shrink is None else self.request.max_shrink
        if len(gone) > share * total:
            raise StoreError(f"{len(gone)} of {total} rows would go", code="HG533")
        if how == "hard":
            return [row for row in rows if tuple(row[n] for n in key) not in gone]
        for row in rows:
            if tuple(row[n] for n in key) in gone:
                row[DELETED_AT] = dt.datetime.fromisoformat(commit.committed_at)
        return rows


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the rows with the columns of a schema, null where they have none."""
    columns = [
        table[column.name].cast(column.type)
        if column.name in table.schema.names
        else pa.nulls(table.num_rows, column.type)
        for column in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)
