"""A connector whose homes and stores live in this process: whole contract, no disk.

Engine tests script it (errors, pauses, late types) where a real system cannot be made to.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from hygge.connector import (
    Commit,
    Home,
    HomeConfig,
    Part,
    ProjectContext,
    ReadRequest,
    Source,
    Split,
    Store,
    StoreConfig,
    Target,
    WriteRequest,
)
from hygge.engine.plan import Move, Plan
from hygge.errors import HomeError, LateTypeError, StoreError
from hygge.settings.move import MoveSettings


@dataclass
class World:
    """What lies in the homes and stores of one test."""

    tables: dict[str, pa.Table] = field(default_factory=dict)
    splits: int = 1
    batch_rows: int = 1000
    before_read: dict[str, Callable[[int], None]] = field(default_factory=dict)
    """Called with the number of the opening (from 1) before an entity's rows are read."""
    while_reading: dict[str, Callable[[int], None]] = field(default_factory=dict)
    """Called with the number of the opening after the first batch of each split was read."""
    after_read: dict[str, Callable[[int], None]] = field(default_factory=dict)
    """Called with the number of the opening when the source is closed without an error."""
    while_staging: dict[str, Callable[[], None]] = field(default_factory=dict)
    """Called for each batch that is staged."""
    before_commit: dict[str, Callable[[], None]] = field(default_factory=dict)
    after_commit: dict[str, Callable[[], None]] = field(default_factory=dict)
    on_close: dict[str, Callable[[], None]] = field(default_factory=dict)
    """Called when a store's target is closed."""
    late_types: set[str] = field(default_factory=set)
    transient: tuple[type[BaseException], ...] = (ConnectionError,)
    lost_rows: int = 0
    unmakable: BaseException | None = None
    """What asking for the home raises."""
    before_splits: Callable[[], None] = lambda: None
    before_owner: Callable[[], None] = lambda: None
    opened: dict[str, int] = field(default_factory=dict)
    commits: dict[str, list[tuple[Commit, pa.Table]]] = field(default_factory=dict)
    staged: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def rows(self, into: str) -> list[dict[str, Any]]:
        """Return what a reader of the store sees."""
        if into not in self.commits:
            return []
        seen: list[pa.Table] = []
        for commit, table in self.commits[into]:
            seen = [table] if commit.mode == "replace" else [*seen, table]
        return [row for table in seen for row in table.to_pylist()]


WORLDS: dict[str, World] = {}


class MemoryHomeConfig(HomeConfig, type="memory"):
    """Reads tables of a test's world."""

    world: str
    """Which world."""

    def home(self, context: ProjectContext) -> Home:
        world = WORLDS[self.world]
        if world.unmakable is not None:
            raise world.unmakable
        return MemoryHome(world)


class MemoryHome(Home):
    def __init__(self, world: World) -> None:
        self.world = world

    def check(self) -> None:
        pass

    def entities(self, pattern: str = "*") -> list[str]:
        from fnmatch import fnmatchcase

        return sorted(name for name in self.world.tables if fnmatchcase(name, pattern))

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Source]:
        world = self.world
        if request.entity not in world.tables:
            raise HomeError(f"there is no {request.entity}", hint="look again")
        world.opened[request.entity] = world.opened.get(request.entity, 0) + 1
        if request.entity in world.before_read:
            world.before_read[request.entity](world.opened[request.entity])
        yield MemorySource(world, request)
        if request.entity in world.after_read:
            world.after_read[request.entity](world.opened[request.entity])

    def retry_after(self, error: BaseException) -> float | None:
        return 0.0 if isinstance(error, self.world.transient) else None


class MemorySource(Source):
    def __init__(self, world: World, request: ReadRequest) -> None:
        self.world = world
        self.request = request
        self.table = world.tables[request.entity]
        self.schema = self.table.schema
        self.total_rows = self.table.num_rows + world.lost_rows

    def splits(self, wanted: int) -> list[Split]:
        self.world.before_splits()
        count = self.world.splits
        size = -(-self.table.num_rows // count) if self.table.num_rows else 0
        return [Split(n, f"rows from {n * size}", (n * size, size)) for n in range(count)]

    @contextmanager
    def read(self, split: Split) -> Iterator[pa.RecordBatchReader]:
        start, size = split.detail
        rows = self.table.slice(start, size)

        def batches() -> Iterator[pa.RecordBatch]:
            world, name = self.world, self.request.entity
            for batch in rows.to_batches(max_chunksize=world.batch_rows):
                yield batch
                if name in world.while_reading:
                    world.while_reading[name](world.opened[name])
            if self.request.entity in self.world.late_types and not self.request.thorough:
                raise LateTypeError("a late value")

        yield pa.RecordBatchReader.from_batches(self.schema, batches())


class MemoryStoreConfig(StoreConfig, type="memory"):
    """Writes tables into a test's world."""

    world: str
    """Which world."""

    def places(self, context: ProjectContext, name: str) -> list[str]:
        return [f"memory:{self.world}/{name}"]

    def store(self, context: ProjectContext) -> Store:
        return MemoryStore(WORLDS[self.world])


class MemoryStore(Store):
    def __init__(self, world: World) -> None:
        self.world = world

    def check(self) -> None:
        pass

    def last_commit(self, into: str) -> Commit | None:
        commits = self.world.commits.get(into)
        return commits[-1][0] if commits else None

    @contextmanager
    def open(self, request: WriteRequest) -> Iterator[Target]:
        yield MemoryTarget(self.world, request)
        if request.into in self.world.on_close:
            self.world.on_close[request.into]()

    def retry_after(self, error: BaseException) -> float | None:
        return 0.0 if isinstance(error, self.world.transient) else None


class MemoryTarget(Target):
    def __init__(self, world: World, request: WriteRequest) -> None:
        self.world = world
        self.request = request
        self.parts: dict[int, pa.Table] = {}

    def last_commit(self) -> Commit | None:
        return MemoryStore(self.world).last_commit(self.request.into)

    def schema(self) -> pa.Schema | None:
        last = self.last_commit()
        return last.schema if last else None

    def accept(self, schema: pa.Schema) -> pa.Schema:
        return schema

    def stage(self, batches: pa.RecordBatchReader, split: Split) -> Part:
        self.world.staged.add(self.request.into)
        rows = []
        for batch in batches:
            rows.append(batch)
            if self.request.into in self.world.while_staging:
                self.world.while_staging[self.request.into]()
        table = pa.Table.from_batches(rows, batches.schema)
        with self.world.lock:
            self.parts[split.number] = table
        return Part(split.number, table.num_rows, table.nbytes)

    def commit(self, parts: Sequence[Part], commit: Commit) -> None:
        if self.request.into in self.world.before_commit:
            self.world.before_commit[self.request.into]()
        chain = self.world.commits.setdefault(self.request.into, [])
        if commit.seq != len(chain) + 1:
            raise StoreError("another run owns this commit")
        chain.append((commit, pa.concat_tables([self.parts[part.split] for part in parts])))
        self.world.staged.discard(self.request.into)
        if self.request.into in self.world.after_commit:
            self.world.after_commit[self.request.into]()

    def owner(self, seq: int) -> str | None:
        self.world.before_owner()
        chain = self.world.commits.get(self.request.into, [])
        return chain[seq - 1][0].run_id if len(chain) >= seq else None

    def discard(self) -> None:
        self.parts.clear()
        self.world.staged.discard(self.request.into)


def a_plan(root: Path, world: World, *entities: str, **settings: Any) -> Plan:  # noqa: ANN401
    """Return a plan that moves `entities`, each by a flow of its own name."""
    WORLDS[str(root)] = world
    plan_keys = {"after", "concurrency", "memory_limit", "limit"}
    options = {key: settings.pop(key) for key in plan_keys & set(settings)}
    moves = [
        Move(
            flow=name,
            entity=name,
            into=name,
            home_name="memory_home",
            store_name="memory_store",
            home=HomeConfig.create({"type": "memory", "world": str(root)}),
            store=StoreConfig.create({"type": "memory", "world": str(root)}),
            settings=MoveSettings.model_validate(settings),
            where=f"flows/{name}.yml:1",
        )
        for name in entities
    ]
    return Plan(context=ProjectContext(root), moves=tuple(moves), **options)
