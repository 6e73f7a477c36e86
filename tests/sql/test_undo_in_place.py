"""Undo of a merge updates rows where they are: what depends on them feels no delete."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from projects import hygge, write_project
from servers import Mysql, Postgres, schema_name

Run = Callable[[str], list[tuple[Any, ...]]]
CASCADE = (
    "CREATE TABLE bills (user_id bigint NOT NULL, "
    "FOREIGN KEY (user_id) REFERENCES t (id) ON DELETE CASCADE)"
)
LOGGED = "CREATE TABLE bills (user_id bigint)"
FELT = {
    "postgres": [CASCADE, "INSERT INTO bills VALUES (1), (2)"],
    "mysql": [CASCADE, "INSERT INTO bills VALUES (1), (2)"],
    "sqlite": [
        LOGGED,
        "INSERT INTO bills VALUES (1), (2), (4)",
        "CREATE TRIGGER gone AFTER DELETE ON t BEGIN DELETE FROM bills WHERE user_id = OLD.id; END",
    ],
    "duckdb": [LOGGED, "INSERT INTO bills VALUES (1), (2)"],
}


def store_of(kind: str, root: Path) -> tuple[dict[str, object], Run]:
    if kind in ("postgres", "mysql"):
        server = Postgres(schema_name(root)) if kind == "postgres" else Mysql(schema_name(root))
        server.make()

        def change(sql: str) -> list[tuple[Any, ...]]:
            if isinstance(server, Postgres) or sql.startswith("SELECT"):
                return server.run(sql)
            with server.connect(server.database) as connection, connection.cursor() as cursor:
                cursor.execute(sql)
            return []

        return server.settings(), change

    def run(sql: str) -> list[tuple[Any, ...]]:
        file = str(root / "store.db")
        if kind == "duckdb":
            with duckdb.connect(file) as db:
                return db.execute(sql).fetchall()
        with closing(sqlite3.connect(file)) as lite, lite:
            return lite.execute(sql).fetchall()

    return {"type": kind, "path": "store.db"}, run


@pytest.mark.parametrize("kind", FELT)
def test_undo_of_a_merge_is_felt_only_where_rows_came_or_went(tmp_path: Path, kind: str) -> None:
    settings, run = store_of(kind, tmp_path)
    flow = "home: db\nstore: s\nentity: t\nmode: merge\nprimary_key: id\ndelete_missing: hard\n"
    files = {
        "homes/db.yml": "type: duckdb\npath: home.db\n",
        "stores/s.yml": yaml.safe_dump(settings),
        "flows/t.yml": flow,
    }
    write_project(tmp_path, files)
    with duckdb.connect(str(tmp_path / "home.db")) as home:
        home.execute("CREATE TABLE t AS SELECT i AS id, 'old' AS v FROM range(1, 4) AS r(i)")
    assert hygge(tmp_path, "go", "t").returncode == 0
    for sql in FELT[kind]:
        run(sql)
    with duckdb.connect(str(tmp_path / "home.db")) as home:
        home.execute("ALTER TABLE t ADD COLUMN extra int")
        home.execute("UPDATE t SET v = 'new', extra = 7 WHERE id = 1")
        home.execute("DELETE FROM t WHERE id = 3")
        home.execute("INSERT INTO t VALUES (4, 'new', 7)")
    merged = hygge(tmp_path, "go", "t")
    assert merged.returncode == 0, merged.stdout
    assert run("SELECT id, v, extra FROM t ORDER BY id") == [
        (1, "new", 7), (2, "old", None), (4, "new", 7),
    ]  # fmt: skip
    undone = hygge(tmp_path, "undo", "t", "--yes")
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert run("SELECT id, v, extra FROM t ORDER BY id") == [(n, "old", None) for n in (1, 2, 3)]
    assert run("SELECT user_id FROM bills ORDER BY 1") == [(1,), (2,)]
