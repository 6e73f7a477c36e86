"""Lock files: written from the home, held against flows offline and against the home in a run."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
import yaml
from projects import hygge, write_project
from typer.testing import CliRunner

from hygge.cli.app import app
from hygge.project import Report, check

ODD = 'odd: "name"'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_project(
        tmp_path,
        {
            "homes/books.yml": "type: duckdb\npath: books.db\n",
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "flows/users.yml": "home: books\nstore: lake\n",
            "flows/more/all.yml": 'home: books\nstore: lake\nentities: ["o*"]\n',
        },
    )
    make(
        tmp_path,
        "create table users (id int not null, name varchar, "
        f'"{ODD.replace(chr(34), chr(34) * 2)}" decimal(9,2))',
        "create table orders (id bigint, made timestamptz)",
        "create table old (no uuid)",
    )
    return tmp_path


def make(root: Path, *statements: str) -> None:
    with duckdb.connect(str(root / "books.db")) as database:
        for statement in statements:
            database.execute(statement)


def lock(root: Path, *words: str) -> str:
    result = CliRunner().invoke(app, ["-C", str(root), "schema", "lock", *words])
    assert result.exit_code == 0, result.output
    return result.stdout


def told(report: Report) -> list[tuple[str, str]]:
    return [(one.code, one.message) for one in report.diagnostics]


def test_a_lock_is_sorted_stable_and_reads_back_with_another_parser(root: Path) -> None:
    assert "create  flows/users.lock.yml" in lock(root, "users")
    text = (root / "flows/users.lock.yml").read_text()
    assert text.startswith("# Written by:  hygge schema lock users\n")
    assert yaml.safe_load(text) == {
        "entities": {"users": {"id": "int32 not null", "name": "string", ODD: "decimal128(9, 2)"}}
    }
    assert "identical" in lock(root, "users")
    assert told(check(root)) == []


def test_every_flow_has_a_lock_beside_it_and_none_of_them_is_a_flow(root: Path) -> None:
    lock(root)
    assert (root / "flows/more/all.lock.yml").exists()
    listed = CliRunner().invoke(app, ["-C", str(root), "list"])
    assert ".lock" not in listed.stdout
    assert list(yaml.safe_load((root / "flows/more/all.lock.yml").read_text())["entities"]) == [
        "old",
        "orders",
    ]
    removed = CliRunner().invoke(app, ["-C", str(root), "destroy", "flow", "users"])
    assert "flows/users.lock.yml" in removed.stdout
    assert not (root / "flows/users.lock.yml").exists()


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("select: [id, nmae]", "nmae"),
        ('select: ["-nmae"]', "nmae"),
        ("columns: {nmae: {rename: x}}", "nmae"),
        ("primary_key: idd", "idd"),
        ("incremental: {column: nmae}", "nmae"),
        ("dedupe_by: [id, nmae]", "nmae"),
    ],
)
def test_a_misspelt_column_is_found_offline(root: Path, line: str, wrong: str) -> None:
    lock(root, "users")
    (root / "books.db").unlink()
    (root / "flows/users.yml").write_text(f"home: books\nstore: lake\n{line}\n")
    right = {"nmae": "name", "idd": "id"}[wrong]
    (message,) = [text for code, text in told(check(root)) if code == "HG219"]
    assert message == f"users has no column '{wrong}'; did you mean '{right}'?"


def test_columns_that_a_flow_adds_need_not_be_in_the_lock(root: Path) -> None:
    lock(root, "users")
    text = "home: books\nstore: lake\ncolumns: {source: {value: books}}\n"
    (root / "flows/users.yml").write_text(text)
    assert told(check(root)) == []


def test_what_is_wrong_with_a_lock_is_told_where_it_is(root: Path) -> None:
    path = root / "flows/users.lock.yml"
    path.write_text("entities:\n  users: {id: int32}\n  gone: {id: int32}\nentitys: {}\n")
    (root / "flows/nobody.lock.yml").write_text("entities: {}\n")
    found = check(root).diagnostics
    assert [(one.code, one.where) for one in found] == [
        ("HG215", "flows/nobody.lock.yml:1:1"),
        ("HG102", "flows/users.lock.yml:4:1"),
    ]
    path.write_text("entities:\n  users: {id: int32}\n  gone: {id: int32}\n")
    (found_one,) = [one for one in check(root).warnings if "users" in one.message]
    assert (found_one.where, found_one.message) == (
        "flows/users.lock.yml:3:3",
        "flow 'users' no longer has the entity 'gone'",
    )


def test_a_move_whose_home_differs_stops_before_anything_is_staged(root: Path) -> None:
    lock(root, "users")
    assert hygge(root, "go", "users").returncode == 0
    before = sorted((root / "lake").rglob("*"))
    make(
        root,
        "alter table users rename name to full_name",
        "alter table users alter id type bigint",
    )
    run = hygge(root, "go", "users")
    assert run.returncode == 1
    assert "[HG522]" in run.stdout
    table = [" ".join(line.split()) for line in run.stdout.splitlines()]
    assert "changed id int32 not null int64 not null refused: locked" in table
    assert "new full_name - string refused: locked" in table
    assert "gone name string - refused: locked" in table
    assert "hygge schema lock users" in run.stdout
    assert sorted((root / "lake").rglob("*")) == before
    lock(root, "users")
    assert hygge(root, "go", "users").returncode == 0


def test_an_entity_that_the_lock_does_not_know_stops(root: Path) -> None:
    lock(root, "all")
    make(root, "create table other (id int)")
    run = hygge(root, "go", "all")
    assert run.returncode == 1
    assert "other" in run.stdout
    assert "hygge schema lock all" in run.stdout


def test_schemas_are_written_as_before(root: Path) -> None:
    result = CliRunner().invoke(app, ["-C", str(root), "schema"])
    assert result.exit_code == 0
    assert ".hygge/schema/flow.json" in result.stdout
