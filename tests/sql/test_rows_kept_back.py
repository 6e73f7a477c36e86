"""Tables whose triggers, rules and constraints keep rows out or in: refused whole, and told."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml
from servers import Postgres
from undo_places import open_place

from hygge.connector import Mode, ProjectContext, Span, Store, StoreConfig, WriteRequest
from hygge.errors import StoreError
from hygge.testing.merging import merging, things
from hygge.testing.moving import write, write_request

OLD = [(1, "a", 1), (2, "b", 2), (3, "c", 3)]
NOPE = "CREATE FUNCTION nope() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
RENUMBER = (
    "CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN NEW.id = NEW.id + 100; RETURN NEW; END'"
)
BEFORE = "CREATE TRIGGER t BEFORE {} ON things FOR EACH ROW EXECUTE FUNCTION {}()"


def windowed() -> WriteRequest:
    """Return the request of an append that takes out `at` from 2 on."""
    return replace(write_request(Mode.APPEND), clears=Span("at", pa.scalar(2, pa.int64())))


REQUESTS = {
    "merge": merging,
    "hard": lambda: merging(delete_missing="hard"),
    "append": lambda: write_request(Mode.APPEND),
    "replace": write_request,
    "window": windowed,
}


def store_of(settings: dict[str, Any], root: Path) -> Store:
    return StoreConfig.create(settings).store(ProjectContext(root))


def refused(store: Store, how: str, *rows: tuple[Any, ...]) -> StoreError:
    """Return the error of a move, which has left the newest commit as it was."""
    with pytest.raises(StoreError) as raised:
        write(store, [things(*rows)], REQUESTS[how]())
    last = store.last_commit("things")
    assert last is not None
    assert last.seq == 1
    return raised.value


@pytest.mark.parametrize(
    ("how", "made", "code", "said"),
    [
        ("merge", [NOPE, BEFORE.format("UPDATE", "nope")], "HG531", "0 were updated and 1 added"),
        ("merge", [NOPE, BEFORE.format("INSERT", "nope")], "HG531", "2 were updated and 0 added"),
        ("merge", [RENUMBER, BEFORE.format("UPDATE", "other")], "HG531", "2 were updated and 3"),
        ("append", [NOPE, BEFORE.format("INSERT", "nope")], "HG531", "but 0 were inserted"),
        ("hard", [NOPE, BEFORE.format("DELETE", "nope")], "HG531", "deleted, but 0 were"),
        ("window", [NOPE, BEFORE.format("DELETE", "nope")], "HG531", "deleted, but 0 were"),
        (
            "replace",
            [NOPE, BEFORE.format("DELETE", "nope")],
            "HG531",
            "should have been replaced, but are unchanged",
        ),
        (
            "replace",
            ["CREATE RULE r AS ON DELETE TO things DO INSTEAD NOTHING"],
            "HG531",
            "should have been replaced, but are unchanged",
        ),
        ("merge", ["CREATE RULE r AS ON UPDATE TO things DO INSTEAD NOTHING"], "HG511", "UPDATE"),
        ("merge", ["CREATE RULE r AS ON INSERT TO things DO INSTEAD NOTHING"], "HG511", "INSERT"),
        ("hard", ["CREATE RULE r AS ON DELETE TO things DO INSTEAD NOTHING"], "HG511", "DELETE"),
        ("merge", ["CREATE UNIQUE INDEX one_at ON things (at)"], "HG511", '"one_at"'),
        (
            "merge",
            ["ALTER TABLE things ADD CONSTRAINT apart EXCLUDE (at WITH =)"],
            "HG511",
            '"apart"',
        ),
        (
            "merge",
            ["ALTER TABLE things ADD UNIQUE (at) DEFERRABLE INITIALLY DEFERRED"],
            "HG511",
            '"things_at_key"',
        ),
        (
            "merge",
            ["ALTER TABLE things ADD CONSTRAINT short CHECK (name <> 'd')"],
            "HG511",
            "short",
        ),
        (
            "hard",
            ["CREATE TABLE kid (id bigint REFERENCES things)", "INSERT INTO kid VALUES (1)"],
            "HG511",
            '"kid_id_fkey"',
        ),
    ],
)
def test_postgres_says_what_keeps_rows_back(
    postgres: Postgres, tmp_path: Path, how: str, made: list[str], code: str, said: str
) -> None:
    store = store_of(postgres.settings(), tmp_path)
    write(store, [things(*OLD)], merging())
    for sql in made:
        postgres.run(sql)
    error = refused(store, how, (2, "B", 2), (3, "c", 3), (4, "d", 1))
    assert error.code == code
    assert said in error.message
    assert error.hint
    assert postgres.run("SELECT id, name, at FROM things ORDER BY id") == OLD


def test_a_mark_that_a_trigger_keeps_out_is_refused(postgres: Postgres, tmp_path: Path) -> None:
    store = store_of(postgres.settings(), tmp_path)
    stamp = pa.timestamp("us", tz="UTC")
    table = things(*OLD).append_column("_hygge_deleted_at", pa.nulls(3, stamp))
    write(store, [table], merging(delete_missing="soft"))
    postgres.run(NOPE)
    one_row = BEFORE.format("UPDATE", "nope").replace("EACH ROW", "EACH ROW WHEN (old.id = 1)")
    postgres.run(one_row)
    with pytest.raises(StoreError, match=r"1 row of .* was to be marked, but 0 were") as raised:
        write(store, [table.slice(1)], merging(delete_missing="soft"))
    assert raised.value.code == "HG531"
    marked = "SELECT count(*), count(_hygge_deleted_at) FROM things"
    assert postgres.run(marked) == [(3, 0)]


def test_a_partitioned_table_and_generated_columns_are_merged_into(
    postgres: Postgres, tmp_path: Path
) -> None:
    store = store_of(postgres.settings(), tmp_path)
    postgres.run(
        "CREATE TABLE things (id bigint PRIMARY KEY, name text, at bigint, "
        "twice bigint GENERATED ALWAYS AS (at * 2) STORED) PARTITION BY RANGE (id)"
    )
    for n in (0, 1):
        ends = f"({n * 3}) TO ({n * 3 + 3})"
        postgres.run(f"CREATE TABLE things_{n} PARTITION OF things FOR VALUES FROM {ends}")
    write(store, [things((1, "a", 1), (2, "b", 2))], merging())
    error = refused(store, "merge", (1, "A", 1), (9, "x", 1))
    assert error.code == "HG511"
    assert 'no partition of relation "things"' in error.message
    assert error.hint == "add a partition for such rows"
    assert postgres.run("SELECT * FROM things ORDER BY id") == [(1, "a", 1, 2), (2, "b", 2, 4)]
    write(store, [things((1, "A", 4), (5, "e", 5))], merging())
    rows = postgres.run("SELECT * FROM things ORDER BY id")
    assert rows == [(1, "A", 4, 8), (2, "b", 2, 4), (5, "e", 5, 10)]


@pytest.mark.parametrize(
    ("how", "when", "said"),
    [
        ("merge", "UPDATE", "0 were updated and 1 added"),
        ("merge", "INSERT", "2 were updated and 0 added"),
        ("append", "INSERT", "but 0 were inserted"),
        ("hard", "DELETE", "deleted, but 0 were"),
        ("window", "DELETE", "deleted, but 0 were"),
        ("replace", "DELETE", "should have been replaced, but are unchanged"),
    ],
)
def test_sqlite_triggers_that_keep_rows_back(
    tmp_path: Path, how: str, when: str, said: str
) -> None:
    store = store_of({"type": "sqlite", "path": "app.db"}, tmp_path)
    write(store, [things(*OLD)], merging())
    with closing(sqlite3.connect(tmp_path / "app.db")) as db, db:
        db.execute(f"CREATE TRIGGER t BEFORE {when} ON things BEGIN SELECT raise(IGNORE); END")
    error = refused(store, how, (2, "B", 2), (3, "c", 3), (4, "d", 1))
    assert error.code == "HG531"
    assert said in error.message
    with closing(sqlite3.connect(tmp_path / "app.db")) as db:
        assert db.execute("SELECT * FROM things ORDER BY id").fetchall() == OLD


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_an_index_of_other_columns_that_takes_nothing_twice(tmp_path: Path, kind: str) -> None:
    store = store_of({"type": kind, "path": "app.db"}, tmp_path)
    write(store, [things(*OLD)], merging())
    connect = sqlite3.connect if kind == "sqlite" else duckdb.connect
    with closing(connect(str(tmp_path / "app.db"))) as db:
        db.execute('CREATE UNIQUE INDEX one_at ON things ("at")')
        db.commit()
    error = refused(store, "merge", (2, "B", 2), (4, "d", 1))
    assert "at" in error.message
    assert error.hint
    with closing(connect(str(tmp_path / "app.db"))) as db:
        assert db.execute("SELECT * FROM things ORDER BY id").fetchall() == OLD


@pytest.mark.parametrize("has_values", [True, False])
@pytest.mark.parametrize("kind", ["postgres", "duckdb"])
def test_two_keys_that_are_one_for_a_collation_are_refused(
    tmp_path: Path, kind: str, has_values: bool
) -> None:
    """One row of two would be lost."""
    with open_place(kind, tmp_path) as place:
        store = store_of(yaml.safe_load(place.yaml), tmp_path)
        if kind == "postgres":
            place.ask(
                "CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', "
                "deterministic = false)"
            )
        place.ask('CREATE TABLE users (name text COLLATE nocase, "at" bigint)')
        request = replace(merging(primary_key=("name",)), into="users")
        names = ["name", "at"] if has_values else ["name"]
        table = pa.table({"name": ["a", "B"], "at": [1, 1]}).select(names)
        write(store, [table], request)
        before = place.rows()
        again = pa.table({"name": ["b", "B"], "at": [2, 3]}).select(names)
        with pytest.raises(StoreError, match="rows of 2 keys were staged") as raised:
            write(store, [again], replace(request, run_id="another"))
        assert raised.value.code == "HG531"
        assert place.rows() == before
