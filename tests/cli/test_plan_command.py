"""`hygge plan`: what `go` would do, and nothing done."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from projects import hygge, write_project
from servers import Mysql, Postgres
from typer.testing import CliRunner

from hygge.cli.app import app


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_project(
        tmp_path,
        {
            "homes/books.yml": "type: duckdb\npath: books.db\n",
            "stores/shop.yml": "type: sqlite\npath: shop.db\n",
            "flows/users.yml": "home: books\nstore: shop\n",
        },
    )
    make(
        tmp_path,
        "create table users (id int not null, name varchar, changed timestamp, price decimal(9,2))",
        "insert into users values (1, 'ann', '2026-01-01', 1.5), (2, 'bob', '2026-01-02', 2.5)",
    )
    return tmp_path


def make(root: Path, *statements: str) -> None:
    with duckdb.connect(str(root / "books.db")) as database:
        for statement in statements:
            database.execute(statement)


def flow(root: Path, *lines: str) -> None:
    text = "\n".join(["home: books", "store: shop", *lines, ""])
    (root / "flows/users.yml").write_text(text)


def planned(root: Path, *words: str, code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["-C", str(root), "plan", "--json", *words])
    assert result.exit_code == code, result.output
    (move,) = json.loads(result.stdout)["moves"]
    assert isinstance(move, dict)
    return move


def contents(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "parquet"])
def test_nothing_is_written_before_the_first_move_or_after(root: Path, kind: str) -> None:
    (root / "stores/shop.yml").write_text(f"type: {kind}\npath: new/shop\n")
    before = contents(root)
    planned(root)
    assert contents(root) == before
    assert not (root / "new").exists()
    assert hygge(root, "go").returncode == 0
    before = contents(root)
    assert planned(root)["last_commit"] == {"seq": 1, "total_rows": 2}
    assert contents(root) == before


def test_a_first_move_shows_each_column_on_its_way_and_nothing_is_written(root: Path) -> None:
    flow(root, "columns:", "  id: {type: int64}", "  source: {value: books}")
    before = contents(root)
    move = planned(root)
    assert contents(root) == before
    ways = {c["name"]: (c["home"], c["moved"], c["store"], c["how"]) for c in move["columns"]}
    assert ways["id"] == ("int32", "int64", "INTEGER", "cast")
    assert ways["name"][3] == "exact"
    assert ways["source"][::3] == ("-", "added")
    assert move["last_commit"] is None
    assert move["destroys"] == []
    assert move["failure"] is None


def test_a_replace_tells_the_rows_and_columns_that_would_be_gone(root: Path) -> None:
    assert hygge(root, "go").returncode == 0
    make(root, "alter table users drop price", "alter table users add mail varchar")
    before = contents(root)
    move = planned(root)
    assert contents(root) == before
    assert move["destroys"] == [
        "all 2 rows of users are replaced",
        "column 'price' is dropped from users",
    ]
    assert [(c["kind"], c["column"]) for c in move["changes"]] == [
        ("new", "mail"),
        ("gone", "price"),
    ]
    assert move["promise"]["level"] == "exactly-once"


def test_an_increment_tells_from_where_it_goes_on(root: Path) -> None:
    flow(root, "mode: append", "incremental: changed")
    later = "; a row that changes later is appended again if its changed increases"
    assert planned(root)["window"] == f"all values of changed up to now{later}"
    assert hygge(root, "go").returncode == 0
    move = planned(root)
    assert move["window"].startswith("changed from 2026-01-02")
    assert move["window"].endswith(f" (inclusive) up to now{later}")
    assert move["promise"]["level"] == "exactly-once"
    assert move["destroys"] == []
    refreshed = planned(root, "--full-refresh")
    assert refreshed["destroys"] == ["all 2 rows of users are replaced (--full-refresh)"]
    assert refreshed["window"] == "all values of changed up to now"


@pytest.mark.parametrize(
    ("lines", "level"),
    [
        (["mode: append"], "at-least-once"),
        (["mode: merge", "primary_key: id"], "effectively-once"),
        (["mode: merge", "primary_key: id", "incremental: changed"], "exactly-once"),
        (
            ["mode: merge", "primary_key: id", "incremental: {column: changed, lookback: 1h}"],
            "effectively-once",
        ),
    ],
)
def test_what_is_promised_depends_on_the_flow(root: Path, lines: list[str], level: str) -> None:
    flow(root, *lines)
    assert planned(root)["promise"]["level"] == level


def test_what_go_would_refuse_is_told_with_its_code_and_exit_1(root: Path) -> None:
    assert hygge(root, "go").returncode == 0
    flow(root, "schema_contract: freeze")
    make(root, "alter table users add mail varchar")
    move = planned(root, code=1)
    assert move["failure"]["code"] == "HG522"
    assert move["changes"][0]["refusal"] == "add: fail"
    assert hygge(root, "go").returncode == 1


def test_a_type_the_store_cannot_hold_is_refused(root: Path) -> None:
    make(root, "alter table users add span struct(a int)")
    (root / "stores/shop.yml").write_text("type: csv\npath: shop\n")
    move = planned(root, code=1)
    assert move["failure"]["code"] == "HG535"
    assert [c["name"] for c in move["columns"] if c["how"] == "refused"] == ["span"]


def test_a_lock_is_compared(root: Path) -> None:
    locked = CliRunner().invoke(app, ["-C", str(root), "schema", "lock"])
    assert locked.exit_code == 0
    assert planned(root)["locked"] is True
    make(root, "alter table users add mail varchar")
    assert planned(root, code=1)["failure"]["code"] == "HG522"


def test_files_tell_how_many_are_new(root: Path) -> None:
    (root / "homes/books.yml").write_text("type: csv\npath: in\n")
    flow(root, "mode: append", "incremental: files")
    folder = root / "in/users"
    folder.mkdir(parents=True)
    (folder / "1.csv").write_text("id\n1\n")
    assert planned(root)["window"] == "1 new of 1 known file"
    assert hygge(root, "go").returncode == 0
    assert planned(root)["window"] == "no new files"
    (folder / "2.csv").write_text("id\n2\n")
    assert planned(root)["window"] == "1 new of 2 known files"


def test_a_person_reads_it_and_a_missing_home_does_not_hide_the_others(root: Path) -> None:
    write_project(
        root,
        {
            "flows/ghosts.yml": "home: books\nstore: shop\n",
            "flows/all.yml": 'home: books\nstore: shop\nentities: ["nothing*"]\n',
        },
    )
    run = hygge(root, "plan")
    assert run.returncode == 1
    assert "users/users   books → shop, as users   replace" in run.stdout
    assert "guarantee exactly-once: " in run.stdout
    assert "would fail [HG5" in run.stdout
    assert "all/nothing* [HG506]:" in run.stdout
    assert run.stdout.endswith("2 moves planned, 2 would fail; nothing was moved\n")


def test_what_is_missing_before_any_move_is_exit_3(root: Path) -> None:
    (root / "stores/shop.yml").write_text("type: sqlite\npath: ${NOWHERE}/shop.db\n")
    run = hygge(root, "plan")
    assert run.returncode == 3
    assert "HG301" in run.stderr


def test_a_plan_from_postgres_to_mysql_is_what_go_does(
    tmp_path: Path, postgres: Postgres, mysql: Mysql
) -> None:
    """The types are those of the store's own tables, and what it cannot hold is refused by both."""
    write_project(
        tmp_path,
        {
            "homes/here.yml": yaml.safe_dump(postgres.settings()),
            "stores/there.yml": yaml.safe_dump(mysql.settings()),
            "flows/users.yml": "home: here\nstore: there\n",
        },
    )
    postgres.run(
        "CREATE TABLE users (id int8 PRIMARY KEY, code uuid, tags text[], size numeric(9,2), "
        "span interval)"
    )
    postgres.run("INSERT INTO users (id, size) VALUES (1, 1.5)")
    failure, refused = planned(tmp_path, code=1)["failure"], hygge(tmp_path, "go").stdout
    for said in (f"[{failure['code']}]: {failure['message']}", refused):
        assert "[HG535]: column 'tags' has the type list<item: string>, which tables of" in said
    (tmp_path / "flows/users.yml").write_text('home: here\nstore: there\nselect: ["-tags"]\n')
    move = planned(tmp_path)
    ways = {one["name"]: (one["store"], one["how"]) for one in move["columns"]}
    kinds = {"id": "bigint", "code": "binary(16)", "size": "decimal(9,2)", "span": "longtext"}
    assert ways == {name: (kind, "exact") for name, kind in kinds.items()}
    assert hygge(tmp_path, "go").returncode == 0
    made = mysql.run(
        "SELECT column_name, column_type FROM information_schema.columns "
        f"WHERE table_schema = '{mysql.database}' AND table_name = 'users'"
    )
    assert {name: kind.replace("bigint(20)", "bigint") for name, kind in made} == kinds
    postgres.run("ALTER TABLE users DROP span, ADD extra int")
    said = hygge(tmp_path, "plan").stdout
    assert "1 row of users is replaced" in said
    assert re.search(
        r"gone +span +string \(postgresql:interval\) +- +is dropped from the store", said
    )
    assert re.search(r"new +extra +- +int32 +is added", said)


def test_a_plan_waits_for_nobody_and_tells_how_far_it_reads_back(
    tmp_path: Path, postgres: Postgres
) -> None:
    write_project(
        tmp_path,
        {
            "homes/here.yml": yaml.safe_dump(postgres.settings()),
            "stores/there.yml": "type: duckdb\npath: there.duckdb\n",
            "flows/users.yml": "home: here\nstore: there\nmode: merge\nprimary_key: id\n"
            "incremental: {column: id, lookback: 5}\n",
        },
    )
    postgres.run("CREATE TABLE users AS SELECT 20 AS id")
    assert hygge(tmp_path, "go").returncode == 0
    with postgres.connect() as writer:
        writer.autocommit = False
        writer.execute(f"INSERT INTO {postgres.schema}.users VALUES (21)".encode())
        assert planned(tmp_path)["window"] == "id from 15 (inclusive) (read back from 20) up to now"
        flow = tmp_path / "flows/users.yml"
        flow.write_text(flow.read_text().replace(", lookback: 5", ""))
        assert planned(tmp_path)["window"] == "id from 20 (inclusive) up to now"
