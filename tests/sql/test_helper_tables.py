"""What is kept beside a table has the shape of the table after the commit, and loses nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from projects import hygge, write_project
from servers import Mysql, Postgres, schema_name
from undo_places import Place, open_place

DATABASES = ["postgres", "mysql", "duckdb", "sqlite"]
MERGE = "mode: merge\nprimary_key: id\n"
APPEND = "mode: append\nprimary_key: id\nincremental: id\n"


def project(place: Place, home: str, flow: str) -> Path:
    return write_project(
        place.root,
        {
            "homes/db.yml": home,
            "stores/db.yml": place.yaml,
            "flows/users.yml": f"home: db\nstore: db\nentity: users\n{flow}",
        },
    )


def ran(root: Path, *words: str) -> str:
    process = hygge(root, *words)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def change(kind: str, place: Place, *statements: str) -> None:
    """Change the store as somebody else would."""
    for sql in statements:
        if kind == "sqlite":
            with closing(sqlite3.connect(_file(place))) as db, db:
                db.execute(sql)
        elif kind == "duckdb":
            with duckdb.connect(str(_file(place))) as file:
                file.execute(sql)
        elif kind == "postgres":
            _postgres(place).run(sql)
        else:
            database = yaml.safe_load(place.yaml)["url"].rpartition("/")[2]
            mysql = Mysql(database)
            with mysql.connect(database) as connection:
                connection.cursor().execute(sql)
                connection.commit()


def _file(place: Place) -> Path:
    return place.root / str(yaml.safe_load(place.yaml)["path"])


def _postgres(place: Place) -> Postgres:
    return Postgres(str(yaml.safe_load(place.yaml)["schema"]))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Postgres]:
    """A schema in PostgreSQL whose table the flows read."""
    server = Postgres(schema_name(tmp_path / "home"))
    server.make()
    yield server
    server.drop()


@pytest.mark.parametrize("flow", [MERGE, APPEND, "mode: append\nincremental: id\n"])
@pytest.mark.parametrize("kind", DATABASES)
def test_a_key_grows_and_undo_brings_back_what_was(
    tmp_path: Path, home: Postgres, kind: str, flow: str
) -> None:
    with open_place(kind, tmp_path) as place:
        root = project(place, yaml.safe_dump(home.settings()), flow)
        home.run("CREATE TABLE users (id int PRIMARY KEY, name text)")
        home.run("INSERT INTO users VALUES (1, 'a'), (2, 'b')")
        ran(root, "go")
        home.run("ALTER TABLE users ALTER id TYPE bigint")
        home.run("INSERT INTO users VALUES (5000000000, 'c')")
        ran(root, "go")
        whole = [(1, "a"), (2, "b"), (5000000000, "c")]
        assert place.rows("id, name") == whole
        if "primary_key" in flow:
            ran(root, "undo", "users", "--yes")
            assert place.rows("id, name") == whole[:2]
            ran(root, "go")
            assert place.rows("id, name") == whole
        home.run("INSERT INTO users VALUES (5000000001, 'd')")
        ran(root, "go")
        assert len(place.rows("id")) == 4


@pytest.mark.parametrize("kind", DATABASES)
def test_undo_of_a_merge_keeps_what_only_the_store_has(
    tmp_path: Path, home: Postgres, kind: str
) -> None:
    with open_place(kind, tmp_path) as place:
        root = project(place, yaml.safe_dump(home.settings()), MERGE)
        home.run("CREATE TABLE users (id int PRIMARY KEY, name text)")
        home.run("INSERT INTO users VALUES (1, 'a'), (2, 'b'), (3, 'c')")
        ran(root, "go")
        change(
            kind,
            place,
            "ALTER TABLE users ADD COLUMN grade varchar(10) DEFAULT 'none'",
            "UPDATE users SET grade = 'gold' WHERE id = 1",
            "UPDATE users SET grade = 'silver' WHERE id = 2",
        )
        home.run("UPDATE users SET name = 'B' WHERE id = 2")
        home.run("INSERT INTO users VALUES (4, 'd')")
        ran(root, "go")
        graded = "id, name, grade"
        assert place.rows(graded) == [
            (1, "a", "gold"), (2, "B", "silver"), (3, "c", "none"), (4, "d", "none")
        ]  # fmt: skip
        ran(root, "undo", "users", "--yes")
        assert place.rows(graded) == [(1, "a", "gold"), (2, "b", "silver"), (3, "c", "none")]


@pytest.mark.parametrize("how", ["ALWAYS", "BY DEFAULT"])
def test_undo_of_a_merge_keeps_numbers_that_the_server_made(
    tmp_path: Path, home: Postgres, how: str
) -> None:
    with open_place("postgres", tmp_path) as place:
        root = project(place, yaml.safe_dump(home.settings()), MERGE)
        home.run("CREATE TABLE users (id int PRIMARY KEY, name text)")
        home.run("INSERT INTO users VALUES (1, 'a'), (2, 'b')")
        ran(root, "go")
        change(
            "postgres",
            place,
            f"ALTER TABLE users ADD COLUMN n int GENERATED {how} AS IDENTITY",
            "ALTER TABLE users ADD COLUMN twice int GENERATED ALWAYS AS (id * 2) STORED",
        )
        before = place.rows("id, name, n, twice")
        home.run("UPDATE users SET name = 'B' WHERE id = 2")
        ran(root, "go")
        ran(root, "undo", "users", "--yes")
        assert place.rows("id, name, n, twice") == before


LIMIT = {"mysql": "`limit`", **dict.fromkeys(("postgres", "duckdb", "sqlite"), '"limit"')}
ODD = ["true", "false", "null", "select", "rowid_", "a b", 'q"q', "current_date"]


@pytest.mark.parametrize("kind", DATABASES)
def test_columns_of_any_name_are_merged_and_brought_back(
    tmp_path: Path, home: Postgres, kind: str
) -> None:
    tables = {f"t{number}": name for number, name in enumerate(ODD)}
    quoted = {table: '"' + name.replace('"', '""') + '"' for table, name in tables.items()}
    entities = [{"name": table, "primary_key": [name]} for table, name in tables.items()]
    flow = yaml.safe_dump({"home": "db", "store": "db", "mode": "merge", "entities": entities})
    with open_place(kind, tmp_path) as place:
        root = project(place, yaml.safe_dump(home.settings()), "")
        (root / "flows/users.yml").write_text(flow)

        def held() -> dict[str, list[Any]]:
            return {
                name: [text for (text,) in sorted(place.ask(f"select {LIMIT[kind]} from {table}"))]
                for table, name in tables.items()
            }

        for table, name in quoted.items():
            home.run(f'CREATE TABLE {table} ({name} int PRIMARY KEY, "limit" text)')
            home.run(f"INSERT INTO {table} VALUES (1, 'a'), (2, 'b')")
        ran(root, "go")
        for letter in ("c", "d"):
            for table, name in quoted.items():
                home.run(f"UPDATE {table} SET \"limit\" = '{letter}' WHERE {name} = 2")
            ran(root, "go")
        assert held() == {name: ["a", "d"] for name in ODD}
        ran(root, "undo", "users", "--yes")
        assert held() == {name: ["a", "c"] for name in ODD}


def test_a_key_with_indexes_of_others_is_left_alone_in_duckdb(
    tmp_path: Path, home: Postgres
) -> None:
    with open_place("duckdb", tmp_path) as place:
        root = project(place, yaml.safe_dump(home.settings()), MERGE)
        home.run("CREATE TABLE users (id int PRIMARY KEY, name text)")
        home.run("INSERT INTO users VALUES (1, 'a')")
        ran(root, "go")
        change("duckdb", place, "CREATE INDEX by_name ON users (name)")
        home.run("ALTER TABLE users ALTER id TYPE bigint")
        process = hygge(root, "go")
        assert process.returncode == 1
        assert "HG536" in process.stdout + process.stderr
        assert "by_name" in process.stdout + process.stderr
        assert place.rows() == [(1, "a")]
