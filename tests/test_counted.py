"""The store itself counts what is staged: rows lost there before the commit stop it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from servers import Mysql, schema_name
from undo_places import KINDS, Place, open_place

from hygge.connector import Mode, ProjectContext, Split, Store, StoreConfig, Target, WriteRequest
from hygge.errors import StoreError
from hygge.testing.moving import accepted, next_commit, write, write_request

FILES = ("parquet", "csv", "jsonl", "arrow", "orc")
OLD = pa.table({"id": pa.array([1, 2, 3]), "name": ["a", "b", "c"]})
NEW = pa.table({"id": pa.array(range(3, 103)), "name": [f"new {n}" for n in range(100)]})
MORE = pa.table({"id": pa.array(range(200, 300)), "name": [f"more {n}" for n in range(100)]})
WAYS = {
    "first": ("replace", {}),
    "replace": ("replace", {}),
    "keep": ("replace", {"replace": "keep"}),
    "append": ("append", {}),
    "merge": ("merge", {}),
}


CASES = [(kind, way) for kind in KINDS for way in WAYS if not (kind in FILES and way == "keep")]
"""Each store with each of its ways to publish."""


@pytest.fixture
def place(kind: str, tmp_path: Path) -> Iterator[Place]:
    with open_place(kind, tmp_path) as place:
        yield place


def store_of(place: Place, **more: object) -> Store:
    settings = {**yaml.safe_load(place.yaml), **more}
    return StoreConfig.create(settings).store(ProjectContext(place.root))


def lose_a_row(kind: str, place: Place, target: Target) -> None:
    """Take a row from what is staged, as another program would."""
    if kind in FILES:
        return lose_bytes(place)
    if kind == "sqlite":
        staged = next(path for path in place.root.glob(".hygge-*-0") if path.stat().st_size)
        with closing(sqlite3.connect(staged)) as db, db:
            db.execute("delete from part_1 where id = 50")
        return None
    if kind == "duckdb":
        # Another process cannot open the file: another connection of this one can.
        with closing(target._rows.cursor.cursor()) as cursor:  # type: ignore[attr-defined]
            found = cursor.execute(
                "select table_name from duckdb_tables() where starts_with(table_name, '_hygge_stg')"
            ).fetchall()
            cursor.execute(f'delete from "{min(found)[0]}" where id = 50')
        return None
    like = "table_name from information_schema.tables where table_schema"
    if kind == "postgres":
        schema = schema_name(place.root)
        found = place.ask(f"select {like} = '{schema}' and starts_with(table_name, '_hygge_stg')")
        place.ask(f'delete from "{found[0][0]}" where id = 50')
        return None
    server = Mysql(schema_name(place.root))
    found = server.run(f"select {like} = '{server.database}' and table_name like '\\_hygge\\_stg%'")
    with server.connect(server.database) as connection, connection.cursor() as cursor:
        cursor.execute(f"delete from `{found[0][0]}` where id = 50")
        connection.commit()
    return None


def lose_bytes(place: Place) -> None:
    """Cut the end of a staged file off."""
    state = place.root / "lake" / ".hygge" / "users"
    staged = sorted(path for path in state.rglob("*") if path.suffix and path.name[0] not in "._")
    data = next(path for path in staged if path.stat().st_size > 100 and "-00000-" in path.name)
    os.truncate(data, data.stat().st_size - 1)


def request_of(way: str) -> WriteRequest:
    mode = Mode(WAYS[way][0])
    request = write_request(mode, "users", flow="users")
    return replace(request, primary_key=("id",)) if mode is Mode.MERGE else request


def stage_and_lose(store: Store, request: WriteRequest, kind: str, place: Place) -> StoreError:
    with store.open(request) as target:
        parts = [
            target.stage(accepted(target, table).to_reader(), Split(number, str(number)))
            for number, table in enumerate((NEW, MORE))
        ]
        commit = next_commit(target, request, parts, NEW.schema)
        lose_a_row(kind, place, target)
        with pytest.raises(StoreError) as caught:
            target.commit(parts, commit)
        assert target.owner(commit.seq) is None
        target.discard()
    return caught.value


@pytest.mark.parametrize(("kind", "way"), CASES)
def test_a_row_that_is_lost_after_staging_stops_the_commit(
    kind: str, place: Place, way: str
) -> None:
    store = store_of(place, **WAYS[way][1])
    if way != "first":
        write(store, [OLD], replace(request_of(way), mode=Mode.REPLACE))
    error = stage_and_lose(store, request_of(way), kind, place)
    if kind not in FILES:
        assert "200 rows were staged for" in error.message
        assert "199" in error.message
    elif way != "merge":  # which reads what is staged, and finds out by that
        assert "but it has" in error.message
        assert (error.code, error.hint is not None) == ("HG531", True)
    last = store.last_commit("users")
    if way == "first":
        assert last is None
        return
    assert last is not None
    assert last.seq == 1
    assert place.rows("id, name") == [(1, "a"), (2, "b"), (3, "c")]
    write(store, [NEW, MORE], request_of(way))
    expected = {"append": 203, "merge": 202}.get(way, 200)
    assert place.ask("select count(*) from users") == [(expected,)]


def test_a_format_that_counts_other_rows_than_were_written_stops_the_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    class Damaged:
        num_rows = 99

    store = StoreConfig.create({"type": "parquet", "path": "lake"}).store(ProjectContext(tmp_path))
    monkeypatch.setattr(pq, "read_metadata", lambda _: Damaged())
    with (
        store.open(request_of("first")) as target,
        pytest.raises(StoreError, match=r"100 rows were written to .*, but it has 99; nothing"),
    ):
        target.stage(accepted(target, NEW).to_reader(), Split(0, "all"))
    monkeypatch.undo()
    assert store.last_commit("users") is None


def test_nobody_changes_what_postgres_has_counted(tmp_path: Path) -> None:
    """Between the count and the rename the staging table is locked."""
    with open_place("postgres", tmp_path) as place:
        request = request_of("first")
        with store_of(place).open(request) as target:
            part = target.stage(accepted(target, NEW).to_reader(), Split(0, "all"))
            commit = next_commit(target, request, [part], NEW.schema)
            tried: list[str] = []

            def rename(schema: pa.Schema) -> None:
                with pytest.raises(Exception, match="lock timeout") as caught:
                    place.ask(
                        "do $$ begin set local lock_timeout = '50ms'; delete from "
                        f'"{target.staging.name}" where id = 50; end $$'  # type: ignore[attr-defined]
                    )
                tried.append(str(caught.value))
                old(schema)

            old = target.rename_staging  # type: ignore[attr-defined]
            target.rename_staging = rename  # type: ignore[attr-defined]
            target.commit([part], commit)
            target.discard()
        assert tried
        assert place.ask("select count(*) from users") == [(100,)]
