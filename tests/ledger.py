"""A home of a third party that can do what files cannot: queries, conditions, one instant.

It reads a SQLite database, whose write-ahead log lets others write while one reads.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from hygge.connector import (
    Ability,
    Commit,
    Home,
    HomeConfig,
    ProjectContext,
    ReadRequest,
    Source,
    Split,
)


@dataclass
class Told:
    """What a test is told of its ledger, and may do meanwhile."""

    requests: list[ReadRequest] = field(default_factory=list)
    snapshots: list[str] = field(default_factory=list)
    """`open` and `close`, as they happen."""
    threads: set[str] = field(default_factory=set)
    """The threads that opened and closed snapshots."""
    on_snapshot: Callable[[int], object] = lambda opening: None
    """Called with the number of the opening, before it opens."""
    on_close: Callable[[], object] = lambda: None
    """Called when a snapshot closes."""
    on_open: Callable[[str], object] = lambda entity: None
    """Called with the entity before its rows are read."""
    settled: list[Commit | None] = field(default_factory=list)
    on_settle: Callable[[Commit | None], object] = lambda commit: None
    """Called with how a move ended."""


TOLD: dict[str, Told] = {}


class LedgerHomeConfig(HomeConfig, type="testledger"):
    """Reads the books of a SQLite ledger."""

    path: str
    """The database."""

    can: ClassVar[frozenset[Ability]] = frozenset({Ability.QUERY, Ability.WHERE, Ability.SNAPSHOT})

    def places(self, context: ProjectContext, name: str) -> list[str]:
        return [str(context.path(self.path) / name)]

    def home(self, context: ProjectContext) -> Home:
        return LedgerHome(context.path(self.path))


class LedgerHome(Home):
    def __init__(self, path: Path) -> None:
        self.path = path
        self.told = TOLD.setdefault(str(path), Told())

    def check(self) -> None:
        self.entities()

    def entities(self, pattern: str = "*") -> list[str]:
        with connected(self.path) as ledger:
            rows = ledger.execute("select name from sqlite_master where type = 'table'").fetchall()
        return sorted(name for (name,) in rows if fnmatchcase(name, pattern))

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Source]:
        self.told.requests.append(request)
        self.told.on_open(request.entity)
        if isinstance(request.snapshot, Instant):
            with request.snapshot.lock:
                table = rows_of(request.snapshot.ledger, request)
        else:
            with connected(self.path) as ledger:
                table = rows_of(ledger, request)
        yield LedgerSource(table, self.told)

    @contextmanager
    def snapshot(self, requests: Sequence[ReadRequest] = ()) -> Iterator[object]:
        told = self.told
        told.threads.add(threading.current_thread().name)
        told.on_snapshot(told.snapshots.count("open") + 1)
        with connected(self.path) as ledger:
            ledger.execute("begin")
            ledger.execute("select count(*) from sqlite_master").fetchone()
            told.snapshots.append("open")
            try:
                yield Instant(ledger)
            finally:
                told.threads.add(threading.current_thread().name)
                told.snapshots.append("close")
                told.on_close()

    def retry_after(self, error: BaseException) -> float | None:
        return 0.0 if isinstance(error, ConnectionError) else None


@dataclass
class Instant:
    ledger: sqlite3.Connection
    lock: threading.Lock = field(default_factory=threading.Lock)


class LedgerSource(Source):
    def __init__(self, table: pa.Table, told: Told) -> None:
        self.table = table
        self.told = told
        self.schema = table.schema

    def splits(self, wanted: int) -> list[Split]:
        return [Split(0, "all")]

    @contextmanager
    def read(self, split: Split) -> Iterator[pa.RecordBatchReader]:
        yield self.table.to_reader()

    def settle(self, commit: Commit | None) -> None:
        self.told.settled.append(commit)
        self.told.on_settle(commit)


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    ledger = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        yield ledger
    finally:
        ledger.close()


def rows_of(ledger: sqlite3.Connection, request: ReadRequest) -> pa.Table:
    sql = request.query or f'select * from "{request.entity}"'
    if request.where:
        sql = f"select * from ({sql}) where {request.where}"
    found = ledger.execute(sql)
    names = [column[0] for column in found.description]
    columns = list(zip(*found.fetchall(), strict=True)) or [() for _ in names]
    arrays = [pa.array(column) for column in columns]
    return pa.table(dict(zip(names, arrays, strict=True)))


def write_ledger(path: Path, **tables: str) -> Told:
    """Make a ledger; each table is given as what SQL selects."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with connected(path) as ledger:
        ledger.execute("pragma journal_mode = wal")
        for name, sql in tables.items():
            ledger.execute(f'create table "{name}" as {sql}')
    TOLD[str(path)] = told = Told()
    return told
