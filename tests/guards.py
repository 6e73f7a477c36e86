"""A small project for one guard: a home of files, a store of any kind, and what becomes of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from projects import write_project
from undo_places import Place, Rows

from hygge.cli import main
from hygge.connector import Commit, StoreConfig
from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Plan, Selection, make_plan
from hygge.errors import HyggeError
from hygge.operations import undo as undoing
from hygge.project import Project
from hygge.values.model import Failure
from hygge.values.requests import ProjectContext

FILES = ["parquet"]
EVERYWHERE = ["parquet", "postgres", "mysql", "sqlite", "duckdb"]
SQL = ["postgres", "mysql", "sqlite", "duckdb"]
ABC = [(1, "a", 1), (2, "b", 2), (3, "c", 3)]
MERGE = "mode: merge\nprimary_key: id\n"
APPEND = "mode: append\n"
SINCE = "mode: append\nincremental: at\n"
D = (4, "d", 4)
CLOCK = pa.timestamp("us", tz="UTC")
Off = Callable[[pytest.MonkeyPatch], None]


def out(owner: ModuleType | type, name: str, becomes: Any = None) -> Off:  # noqa: ANN401
    """Return what takes one guard out: it then does nothing, or `becomes` takes its place."""

    def nothing(*_: object, **__: object) -> None:
        return None

    return lambda patch: patch.setattr(owner, name, nothing if becomes is None else becomes)


def both(*offs: Off) -> Off:
    """Return what takes several guards out."""

    def off(patch: pytest.MonkeyPatch) -> None:
        for one in offs:
            one(patch)

    return off


def times(*rows: tuple[int, int]) -> pa.Table:
    """Return rows of `id` and, in seconds since 1970, `at`."""
    at = [datetime.fromtimestamp(second, UTC) for _, second in rows]
    return pa.table({"id": [n for n, _ in rows], "at": pa.array(at, CLOCK)})


@dataclass(frozen=True)
class Step:
    """One thing that a person does."""

    flow: str
    rows: pa.Table | Sequence[tuple[Any, ...]]
    options: dict[str, Any] = field(default_factory=dict)
    sql: str = ""
    """Run in the store before."""
    do: Callable[[Scene], Failure | None] | None = None
    """Instead of moving."""
    files: dict[str, str] = field(default_factory=dict)
    name: str = "users"
    """Of the flow."""


class Scene:
    """A project whose flow moves `users`."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.root = place.root

    def take(self, step: Step) -> Failure | None:
        """Do a step; return why it failed."""
        named = {"homes/app.yml": "type: parquet\npath: data\n", "stores/lake.yml": self.place.yaml}
        flow = f"home: app\nstore: lake\nentity: users\n{step.flow}"
        for path in self.root.glob("flows/*.yml"):
            if not path.name.endswith(".lock.yml"):
                path.unlink()
        write_project(self.root, {**named, f"flows/{step.name}.yml": flow, **step.files})
        (self.root / "data").mkdir(exist_ok=True)
        pq.write_table(table(step.rows), self.root / "data/users.parquet", row_group_size=2)
        if step.sql:
            self.place.ask(step.sql)
        if step.do is not None:
            return step.do(self)
        try:
            (outcome,) = run(self.plan(**step.options), stop=Stop(), listen=lambda _: None).outcomes
        except HyggeError as error:
            return failed(error)
        return outcome.failure

    def plan(self, **options: Any) -> Plan:  # noqa: ANN401
        return make_plan(Project.load(self.root), Selection(), **options)

    def rows(self, columns: str = "*") -> Rows:
        return sorted(map(tuple, self.place.ask(f"select {columns} from users")), key=str)

    def last(self) -> Commit | None:
        config = StoreConfig.create(yaml.safe_load(self.place.yaml))
        return config.store(ProjectContext(self.root)).last_commit("users")

    def state(self) -> tuple[object, ...]:
        """Return all that a refusal must leave as it was."""
        rows: Rows | str
        try:
            rows = self.rows()
        except Exception as error:
            rows = type(error).__name__  # there is no such table
        return self.last(), rows


def table(rows: pa.Table | Sequence[tuple[Any, ...]]) -> pa.Table:
    if isinstance(rows, pa.Table):
        return rows
    columns = list(zip(*rows, strict=True)) or [()] * 3
    kinds = (pa.int64(), pa.string(), pa.int64())
    return pa.table(
        {
            name: pa.array(values, kind)
            for name, values, kind in zip(("id", "name", "at"), columns, kinds, strict=True)
        }
    )


def undo(scene: Scene) -> Failure | None:
    (outcome,) = undoing.undo(scene.plan(), stop=Stop(), listen=lambda _: None).outcomes
    return outcome.failure


def command(*words: str) -> Callable[[Scene], Failure | None]:
    """Return what runs a command of hygge in this process."""

    def do(scene: Scene) -> Failure | None:
        with pytest.MonkeyPatch.context() as patch:
            told: list[HyggeError] = []

            def tell(error: HyggeError, _: object) -> int:
                told.append(error)
                return 2

            patch.chdir(scene.root)
            patch.setattr(sys, "argv", ["hygge", *words])
            patch.setattr(main, "_show_error", tell)
            code = main.run()
        return None if code == 0 else failed(told[0])

    return do


def failed(error: HyggeError) -> Failure:
    return Failure(error.code, error.message, error.hint, None)


@dataclass(frozen=True)
class Guard:
    """One refusal: what leads to it, what it says, and what would be in the store without it."""

    name: str
    code: str
    says: str
    steps: Sequence[Step]
    """What goes well before."""
    bad: Step
    """What is refused."""
    off: Off
    """Takes the guard out."""
    past: Off = lambda _: None
    """Takes away, both times, what would refuse before it; or makes what it guards against."""
    wrong: Rows | None = None
    """The rows that would then be there: some lost, doubled or changed."""
    after: Step | None = None
    """What goes well after `bad`, when the harm comes only then."""
    caught: str | None = None
    """The code of the refusal that stands behind this one, so that there is no harm."""
    kinds: Sequence[str] = tuple(FILES)
    columns: str = "*"
