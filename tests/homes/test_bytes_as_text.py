"""Bytes of a database become text where they are UTF-8, and are refused by name where not."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
import yaml
from projects import hygge, write_project
from servers import Mysql, Postgres, schema_name

BYTES = {"postgres": "bytea", "mysql": "varbinary(9)", "sqlite": "BLOB", "duckdb": "BLOB"}
VALUE = {"postgres": "'\\x{0}'", "mysql": "x'{0}'", "sqlite": "x'{0}'", "duckdb": "unhex('{0}')"}


def database(kind: str, root: Path) -> tuple[str, Callable[[str], object]]:
    """Return a home in YAML, and what runs statements in it."""
    if kind in ("postgres", "mysql"):
        server = Postgres(schema_name(root)) if kind == "postgres" else Mysql(schema_name(root))
        server.make()

        def change(sql: str) -> None:
            if isinstance(server, Postgres):
                server.run(sql)
                return
            with server.connect(server.database) as connection, connection.cursor() as cursor:
                cursor.execute(sql)

        return yaml.safe_dump(server.settings()), change

    def run(sql: str) -> None:
        file = str(root / "home.db")
        if kind == "duckdb":
            with duckdb.connect(file) as db:
                db.execute(sql)
            return
        with closing(sqlite3.connect(file)) as lite, lite:
            lite.execute(sql)

    return f"type: {kind}\npath: home.db\n", run


def moved(root: Path) -> list[object]:
    files = os.fspath(root / "lake/t/*.parquet")
    return [x for (x,) in duckdb.execute(f"SELECT x FROM '{files}' ORDER BY id").fetchall()]


@pytest.mark.parametrize("kind", BYTES)
def test_bytes_that_are_text_become_text_and_others_are_named(tmp_path: Path, kind: str) -> None:
    text, run = database(kind, tmp_path)
    flow = "home: db\nstore: lake\nentity: t\ncolumns: {x: {type: string}}\n"
    lake = "type: parquet\npath: lake\n"
    files = {"homes/db.yml": text, "stores/lake.yml": lake, "flows/t.yml": flow}
    write_project(tmp_path, files)
    run(f"CREATE TABLE t (id int, x {BYTES[kind]})")
    run(f"INSERT INTO t VALUES (1, {VALUE[kind].format('c3a9')})")
    assert hygge(tmp_path, "go").returncode == 0
    assert moved(tmp_path) == ["é"]
    run(f"INSERT INTO t VALUES (2, {VALUE[kind].format('e9')})")
    refused = hygge(tmp_path, "go")
    assert refused.returncode == 1
    assert "column 'x'" in refused.stdout
    assert "row 2" in refused.stdout
    assert "type: binary" in refused.stdout or "choose another type" in refused.stdout
    (tmp_path / "flows/t.yml").write_text(flow.replace("string", "binary"))
    assert hygge(tmp_path, "go").returncode == 0
    assert moved(tmp_path) == ["é".encode(), b"\xe9"]


def test_text_of_sqlite_that_is_no_utf8_is_named_and_moved_as_bytes(tmp_path: Path) -> None:
    text, run = database("sqlite", tmp_path)
    flow = "home: db\nstore: lake\nentity: t\n"
    lake = "type: parquet\npath: lake\n"
    files = {"homes/db.yml": text, "stores/lake.yml": lake, "flows/t.yml": flow}
    write_project(tmp_path, files)
    run("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)")
    run("INSERT INTO t VALUES (1, 'a'), (7, CAST(x'6aff' AS TEXT))")
    refused = " ".join(hygge(tmp_path, "go").stdout.split())
    assert "column 'x' of t contains the text 'j\\xff' in row 7, but is declared TEXT" in refused
    assert "and is not valid UTF-8" in refused
    assert "columns: {x: {type: binary}}" in refused
    (tmp_path / "flows/t.yml").write_text(flow + "columns: {x: {type: binary}}\n")
    assert hygge(tmp_path, "go").returncode == 0
    assert moved(tmp_path) == [b"a", b"j\xff"]
