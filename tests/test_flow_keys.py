"""What a flow asks of a home that can more than files: rows of a query, rows of a condition."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from ledger import Told, write_ledger
from projects import write_project
from typer.testing import CliRunner

from hygge.cli.app import app
from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Selection, make_plan
from hygge.project import Project, check
from hygge.values.model import Outcome, Result

USERS = (
    "select 1 as id, 'ann' as name, 'ok' as status"
    " union all select 2, 'bob', 'test' union all select 3, 'cyd', 'ok'"
)
HOMES = {
    "homes/books.yml": "type: testledger\npath: books.db\n",
    "stores/lake.yml": "type: parquet\npath: lake\n",
}


@pytest.fixture
def told(tmp_path: Path) -> Told:
    orders = "select 7 as id, 1 as user, '10' as amount union all select 8, 3, '2.5'"
    return write_ledger(tmp_path / "books.db", users=USERS, orders=orders)


def go(root: Path, **flows: str) -> dict[str, Outcome]:
    files = {f"flows/{name}.yml": text for name, text in flows.items()}
    project = Project.load(write_project(root, HOMES | files))
    finished = run(make_plan(project, Selection()), stop=Stop(), listen=lambda _: None)
    return {outcome.into: outcome for outcome in finished.outcomes}


def landed(root: Path, into: str) -> list[tuple[object, ...]]:
    return duckdb.connect().execute(f"from '{root}/lake/{into}/*.parquet' order by 1").fetchall()


def test_a_condition_chooses_the_rows(tmp_path: Path, told: Told) -> None:
    outcomes = go(tmp_path, users="where: status <> 'test'\nselect: [id, name]\n")
    assert outcomes["users"].result is Result.OK
    assert landed(tmp_path, "users") == [(1, "ann"), (3, "cyd")]


def test_a_query_gives_the_rows_and_the_entity_is_a_name(tmp_path: Path, told: Told) -> None:
    query = (
        "query: |\n  select name, count(*) as orders\n  from users join orders on user = users.id"
    )
    outcomes = go(tmp_path, buyers=f"{query}\n  group by name\nwhere: name > 'b'\n")
    assert outcomes["buyers"].failure is None
    assert landed(tmp_path, "buyers") == [("cyd", 1)]


def test_each_entity_has_a_query_and_a_condition_of_its_own(tmp_path: Path, told: Told) -> None:
    text = (
        "where: id > 1\nentities:\n  - users\n"
        "  - {name: many, query: select id from users union all select id from orders}\n"
        "  - {name: orders, where: null}\n"
    )
    outcomes = go(tmp_path, all=text)
    assert {outcome.result for outcome in outcomes.values()} == {Result.OK}
    assert [row[0] for row in landed(tmp_path, "users")] == [2, 3]
    assert [row[0] for row in landed(tmp_path, "many")] == [2, 3, 7, 8]
    assert [row[0] for row in landed(tmp_path, "orders")] == [7, 8]


def test_the_home_is_told_which_types_are_wanted(tmp_path: Path, told: Told) -> None:
    text = 'columns:\n  amount: {type: "decimal(9,2)"}\n  id: {rename: number}\n'
    assert go(tmp_path, orders=text)["orders"].failure is None
    assert told.requests[-1].types == {"amount": "decimal(9,2)"}
    assert landed(tmp_path, "orders")[1][2].__class__.__name__ == "Decimal"


def test_a_query_may_land_where_an_entity_of_its_name_would_lie(tmp_path: Path) -> None:
    files = {
        **HOMES,
        "stores/lake.yml": "type: parquet\npath: books.db\n",
        "flows/users.yml": "query: select * from people\n",
    }
    assert check(write_project(tmp_path, files)).errors == ()
    write_project(tmp_path, {"flows/users.yml": "where: id > 1\n"})
    assert [one.code for one in check(tmp_path).errors] == ["HG212"]


def test_an_environment_may_change_them(tmp_path: Path, told: Told) -> None:
    text = "flows: {users: {where: id = 3}}\n"
    write_project(tmp_path, {**HOMES, "flows/users.yml": "", "environments/test.yml": text})
    plan = make_plan(Project.load(tmp_path, env="test"), Selection())
    assert plan.moves[0].settings.where == "id = 3"


def test_show_tells_them_with_their_origin(tmp_path: Path) -> None:
    flow = "entities: [{name: users, query: select 1}]\nwhere: a <> 'b'\nsnapshot: shared\n"
    write_project(tmp_path, {**HOMES, "flows/all.yml": flow})
    shown = CliRunner().invoke(app, ["-C", str(tmp_path), "show", "all"]).stdout
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "where: a <> 'b' # flows/all.yml:2" in lines
    assert "snapshot: shared # flows/all.yml:3" in lines
    assert "query: select 1 # flows/all.yml:1" in lines


def test_the_types_tell_what_a_home_can() -> None:
    shown = CliRunner().invoke(app, ["types", "testledger"]).stdout
    assert "also: query, snapshot, where" in shown


def test_a_null_in_the_key_publishes_nothing(tmp_path: Path, told: Told) -> None:
    users = "query: select nullif(id, 2) as id, name from users\nprimary_key: id\nmode: append\n"
    failure = go(tmp_path, users=users)["users"].failure
    assert failure is not None
    assert failure.message == "column 'id', row 2: null, but it is part of primary_key"
    assert landed_files(tmp_path) == []


def test_a_key_that_is_not_there_is_told_before_anything_is_staged(
    tmp_path: Path, told: Told
) -> None:
    failure = go(tmp_path, users="primary_key: [id, nmae]\n")["users"].failure
    assert failure is not None
    assert failure.message.endswith("does not have: 'nmae'; did you mean 'name'?")
    assert failure.hint == "columns of the home: id, name, status"
    assert landed_files(tmp_path) == []


def test_a_column_without_nulls_is_required_in_the_files(tmp_path: Path, told: Told) -> None:
    text = "primary_key: id\ncolumns: {name: {nullable: false}}\n"
    for _ in range(2):
        outcome = go(tmp_path, users=text)["users"]
        assert (outcome.failure, outcome.notes) == (None, ())
    (file,) = landed_files(tmp_path)
    schema = pq.read_schema(file)
    assert [field.nullable for field in schema] == [False, False, True]


def landed_files(root: Path) -> list[Path]:
    return sorted((root / "lake/users").glob("*.parquet"))
