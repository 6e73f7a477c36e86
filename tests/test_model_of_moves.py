"""A source that changes for days, moved in every mode: after each run the store equals a model.

The model knows nothing of hygge: it says in a few lines of Python which rows a reader of the store
must see. The source is a SQLite file; what the store holds is read back with the database's own
client, files with DuckDB.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from projects import write_project
from servers import Mysql, Postgres

from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Selection, make_plan
from hygge.project import Project
from hygge.values.model import Outcome, Result

Row = tuple[Any, ...]
LOOKBACK = 3
NONE: Counter[Row] = Counter()
SLOW = {HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much}

FLOWS = {
    "replace": "mode: replace\non_empty: replace\n",
    "append": "mode: append\nincremental: ver\n",
    "merge": "mode: merge\nprimary_key: id\nincremental: ver\n",
    "lookback": (
        f"mode: merge\nprimary_key: id\nincremental: {{column: ver, lookback: {LOOKBACK}}}\n"
    ),
    "mirror": (
        "mode: merge\nprimary_key: id\ndelete_missing: hard\nmax_shrink: 100%\non_empty: replace\n"
    ),
}


class Days(RuleBasedStateMachine):
    """A source, a store and the rows that the store must have."""

    kind: ClassVar[str]
    way: ClassVar[str]
    server: ClassVar[Postgres | Mysql | None] = None

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="model-"))
        store = {
            "parquet": "type: parquet\npath: lake\n",
            "jsonl": "type: jsonl\npath: lake\n",
            "sqlite": "type: sqlite\npath: store.db\n",
            "duckdb": "type: duckdb\npath: store.duckdb\n",
        }.get(self.kind) or json.dumps(self.server.settings() if self.server else {})
        files = {
            "homes/here.yml": "type: sqlite\npath: home.db\n",
            "stores/there.yml": store,
            "flows/t.yml": f"retries: 0\n{FLOWS[self.way]}",
        }
        write_project(self.root, files)
        self.source = sqlite3.connect(self.root / "home.db", isolation_level=None)
        self.source.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, ver INTEGER, v TEXT)")
        self.columns = ["id", "ver", "v"]
        self.clock = 10
        self.next_id = 1
        self.rows: Counter[Row] = Counter()
        """What the store must hold."""
        self.bound: int | None = None
        """The highest version that was moved."""
        self.at_bound: Counter[Row] = Counter()
        self.kills = 0

    def teardown(self) -> None:
        self.source.close()
        if self.server is not None:
            self.server.drop()
            self.server.make()
        shutil.rmtree(self.root, ignore_errors=True)

    # What happens at home

    @rule(count=st.integers(1, 4), text=st.text(max_size=5))
    def insert(self, count: int, text: str) -> None:
        self.clock += 1
        for _ in range(count):
            self._insert(self.clock, text.replace("\0", ""))

    @rule(back=st.integers(0, LOOKBACK + 3))
    def insert_late(self, back: int) -> None:
        """Add a row whose version is one of the past: at the bound, or below it."""
        self._insert(self.clock - back, "late")

    def _insert(self, version: int, text: str) -> None:
        self.source.execute(
            "INSERT INTO t (id, ver, v) VALUES (?, ?, ?)", (self.next_id, version, text)
        )
        self.next_id += 1

    @precondition(lambda self: self._ids())
    @rule(data=st.data())
    def update(self, data: st.DataObject) -> None:
        self.clock += 1
        row = data.draw(st.sampled_from(self._ids()))
        self.source.execute("UPDATE t SET ver = ?, v = v || '+' WHERE id = ?", (self.clock, row))

    @precondition(lambda self: self._ids())
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(self._ids()))
        self.source.execute("DELETE FROM t WHERE id = ?", (row,))

    @precondition(lambda self: len(self.columns) < 5)
    @rule()
    def add_column(self) -> None:
        name = f"c{len(self.columns)}"
        self.columns.append(name)
        self.source.execute(f"ALTER TABLE t ADD COLUMN {name} TEXT")
        self.clock += 1
        self.source.execute(f"UPDATE t SET {name} = 'new', ver = ? WHERE id % 2 = 0", (self.clock,))

    def _ids(self) -> list[int]:
        return [row for (row,) in self.source.execute("SELECT id FROM t ORDER BY id")]

    def _at_home(self) -> list[Row]:
        names = ", ".join(self.columns)
        rows = self.source.execute(f"SELECT {names} FROM t ORDER BY id").fetchall()
        return [row + (None,) * (5 - len(row)) for row in rows]

    # Runs

    @rule()
    def move(self) -> None:
        outcome = self._go()
        assert outcome.failure is None, outcome.failure
        self._expect_moved()
        self._compare()

    @precondition(lambda self: self._ids())
    @rule()
    def fail(self) -> None:
        """Have a value in the home that no number can be: the run fails, the next one is well."""
        self.clock += 1
        self.source.execute("INSERT INTO t (id, ver, v) VALUES (?, ?, x'ff')", (10**6, self.clock))
        outcome = self._go()
        assert outcome.result is Result.FAILED
        self.source.execute("DELETE FROM t WHERE id = ?", (10**6,))
        self._compare()

    @precondition(lambda self: self.kills == 0)
    @rule(seconds=st.floats(0.35, 0.9))
    def kill(self, seconds: float) -> None:
        """Kill a run at any moment: the store is as before or as after it, never between."""
        self.kills += 1
        before = self._in_store()
        child = subprocess.Popen(
            [sys.executable, "-m", "hygge", "-C", str(self.root), "go", "--progress", "none"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(seconds)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        state = (self.rows.copy(), self.bound, self.at_bound.copy())
        self._expect_moved()
        if self._in_store() == before:
            self.rows, self.bound, self.at_bound = state
        self.move()

    def _go(self) -> Outcome:
        plan = make_plan(Project.load(self.root), Selection())
        (outcome,) = run(plan, stop=Stop(), listen=lambda _: None).outcomes
        return outcome

    # The model

    def _expect_moved(self) -> None:
        rows = self._at_home()
        if self.way in ("replace", "mirror"):
            self.rows = Counter(rows)
            return
        if self.way == "append":
            new = [row for row in rows if self._is_new(row)]
            self.rows.update(new)
        else:
            low = -1 if self.bound is None else self.bound
            low -= LOOKBACK if self.way == "lookback" else 0
            fresh = {row[0]: row for row in rows if row[1] >= low}
            kept = [row for row in self.rows if row[0] not in fresh]
            self.rows = Counter([*kept, *fresh.values()])
        versions = [row[1] for row in rows if self.bound is None or row[1] >= self.bound]
        if versions:
            self.bound = max(versions)
            self.at_bound = Counter(row for row in rows if row[1] == self.bound)

    def _is_new(self, row: Row) -> bool:
        if self.bound is None or row[1] > self.bound:
            return True
        return row[1] == self.bound and self.at_bound[row] == 0

    # The store

    def _compare(self) -> None:
        assert self._in_store() == self.rows

    def _in_store(self) -> Counter[Row]:
        if self.kind in ("parquet", "jsonl"):
            reader = {"parquet": "read_parquet", "jsonl": "read_json"}[self.kind]
            if not list((self.root / "lake").glob("t/*." + self.kind)):
                return Counter()
            path = f"{self.root}/lake/t/*.{self.kind}"
            return self._counted(
                duckdb.connect().execute(f"FROM {reader}('{path}', union_by_name = true)")
            )
        if self.kind == "sqlite":
            if not (self.root / "store.db").exists():
                return Counter()
            with closing(sqlite3.connect(self.root / "store.db")) as connection:
                known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 't'")
                if not list(known):
                    return Counter()
                return self._counted(connection.execute("SELECT * FROM t"))
        if self.kind == "duckdb":
            if not (self.root / "store.duckdb").exists():
                return Counter()
            with duckdb.connect(str(self.root / "store.duckdb"), read_only=True) as opened:
                tables = opened.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 't'")
                return self._counted(opened.execute("FROM t")) if tables.fetchall() else NONE
        if isinstance(self.server, Mysql):
            with self.server.connect(self.server.database) as link, link.cursor() as cursor:
                if not cursor.execute("SHOW TABLES LIKE 't'"):
                    return Counter()
                cursor.execute("SELECT * FROM t")
                return self._counted(cursor)
        assert self.server is not None
        with self.server.connect() as session:
            is_there = session.execute("SELECT to_regclass('t') IS NOT NULL").fetchone()
            if is_there != (True,):
                return Counter()
            return self._counted(session.execute("SELECT * FROM t"))

    def _counted(self, cursor: Any) -> Counter[Row]:  # noqa: ANN401  (of five databases)
        names = [one[0] for one in cursor.description]
        order = [names.index(name) for name in ("id", "ver", "v", "c3", "c4") if name in names]
        rows = [tuple(row[place] for place in order) for row in cursor.fetchall()]
        return Counter(row + (None,) * (5 - len(row)) for row in rows)


def drive(machine: type[Days], examples: int = 5) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=SLOW,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
        ),
    )


@pytest.mark.parametrize("way", list(FLOWS))
@pytest.mark.parametrize("kind", ["parquet", "jsonl", "sqlite", "duckdb"])
def test_the_store_equals_the_model_after_each_run(kind: str, way: str) -> None:
    drive(type("Machine", (Days,), {"kind": kind, "way": way}))


@pytest.mark.parametrize("way", list(FLOWS))
def test_a_table_of_postgres_equals_the_model_after_each_run(way: str, postgres: Postgres) -> None:
    drive(type("Machine", (Days,), {"kind": "postgres", "way": way, "server": postgres}))


@pytest.mark.parametrize("way", list(FLOWS))
def test_a_table_of_mysql_equals_the_model_after_each_run(way: str, mysql: Mysql) -> None:
    drive(type("Machine", (Days,), {"kind": "mysql", "way": way, "server": mysql}), examples=3)
