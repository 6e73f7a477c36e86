"""A check by SQL asks the store about the staged rows, and can change nothing there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from projects import write_project
from undo_places import Place, open_place

from hygge.connector import StoreConfig
from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Selection, make_plan
from hygge.project import Project
from hygge.values.model import Failure, Outcome, Result
from hygge.values.requests import ProjectContext

DAY1 = [(1, "a"), (2, "b"), (3, "c")]
DAY2 = [(3, "C"), (4, "d"), (-5, "e"), (-6, "f")]
MODES = {
    "replace": "mode: replace\n",
    "append": "mode: append\n",
    "merge": "mode: merge\nprimary_key: id\n",
}


ORDERING = ["postgres", "sqlite", "duckdb"]
"""Those that show rows in the order of the query; MariaDB heeds none inside of another query."""


@pytest.fixture(params=[*ORDERING, "mysql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with open_place(request.param, tmp_path) as opened:
        yield opened


def go(
    place: Place,
    rows: list[tuple[int, str]],
    check: dict[str, str] | None = None,
    mode: str = "merge",
) -> Outcome:
    """Move rows by a flow with a check by SQL, or with none."""
    checks = "" if check is None else yaml.safe_dump({"checks": [check]})
    write_project(
        place.root,
        {
            "homes/app.yml": "type: parquet\npath: data\n",
            "stores/lake.yml": place.yaml,
            "flows/users.yml": f"home: app\nstore: lake\n{MODES[mode]}{checks}",
        },
    )
    (place.root / "data").mkdir(exist_ok=True)
    table = pa.table({"id": [n for n, _ in rows], "name": [name for _, name in rows]})
    pq.write_table(table, place.root / "data/users.parquet", row_group_size=2)
    plan = make_plan(Project.load(place.root), Selection())
    (outcome,) = run(plan, stop=Stop(), listen=lambda _: None).outcomes
    return outcome


def refused(place: Place, sql: str, mode: str = "merge") -> Failure:
    """Return why a second move with this check failed, which changed nothing at all."""
    assert go(place, DAY1, mode=mode).result is Result.OK
    chain = place.ask("select seq, run_id from _hygge_commits")
    failure = go(place, DAY2, {"sql": sql}, mode).failure
    assert failure is not None
    assert failure.code == "HG528"
    assert failure.hint
    assert str(failure.where).startswith("flows/users.yml:1")
    assert place.rows() == DAY1
    assert place.ask("select seq, run_id from _hygge_commits") == chain
    # The connection was not left as one that cannot write.
    assert go(place, DAY1, mode="replace").result is Result.OK
    return failure


def last_seq(place: Place) -> int:
    store = StoreConfig.create(yaml.safe_load(place.yaml)).store(ProjectContext(place.root))
    last = store.last_commit("users")
    return 0 if last is None else last.seq


@pytest.mark.parametrize("mode", MODES)
def test_a_query_that_finds_no_row_lets_them_through(place: Place, mode: str) -> None:
    query = "select id from {staged} where id > 100 order by id;  "
    assert go(place, DAY1, {"sql": query}, mode).result is Result.OK
    assert place.rows() == DAY1


@pytest.mark.parametrize("place", ORDERING, indirect=True)
@pytest.mark.parametrize("mode", MODES)
def test_a_query_that_finds_rows_stops_the_move(place: Place, mode: str) -> None:
    failure = refused(place, "select id, name from {staged} where id < 0 order by id -- bad", mode)
    assert "2 rows failed, the first: (-6, 'f'); (-5, 'e')" in failure.message
    assert "nothing was published" in failure.message


@pytest.mark.parametrize("place", ORDERING, indirect=True)
def test_of_many_rows_some_are_shown_and_all_counted(place: Place) -> None:
    rows = [(n, "x") for n in range(2_000)]
    failure = go(place, rows, {"sql": "select id from {staged} order by id"}).failure
    assert failure is not None
    assert "2,000 rows failed, the first: (0,); (1,); (2,); (3,); (4,)" in failure.message
    assert "(5,)" not in failure.message


def test_a_query_may_look_at_what_is_published(place: Place) -> None:
    assert go(place, DAY1).result is Result.OK
    query = f"select s.id from {{staged}} s join {schema(place)}users u on u.id = s.id"
    failure = go(place, DAY2, {"sql": query}).failure
    assert failure is not None
    assert "1 row failed, the first: (3,)" in failure.message


def test_a_warning_lets_rows_through(place: Place) -> None:
    check = {"sql": "select id from {staged} where id < 0", "severity": "warn"}
    outcome = go(place, DAY2, check)
    assert outcome.result is Result.OK
    assert "2 rows failed" in outcome.notes[0]
    assert place.rows() == sorted(DAY2)


@pytest.mark.parametrize("severity", ["error", "warn"])
def test_a_query_with_a_mistake_is_told_with_the_query(place: Place, severity: str) -> None:
    assert go(place, DAY1).result is Result.OK
    failure = go(place, DAY2, {"sql": "select idd from {staged}", "severity": severity}).failure
    assert failure is not None
    assert failure.code == "HG528"
    assert "a check by sql failed to run" in failure.message
    assert "idd" in failure.message
    assert "select idd from {staged}" in failure.message
    assert str(failure.where).startswith("flows/users.yml:1")
    assert (place.rows(), last_seq(place)) == (DAY1, 1)


WRITES = {
    "delete": "DELETE FROM {schema}users",
    "delete staged": "DELETE FROM {staged} WHERE id < 0",
    "returning": "DELETE FROM {schema}users RETURNING id",
    "insert": "INSERT INTO {schema}users VALUES (7, 'x')",
    "drop": "DROP TABLE {schema}users",
    "second": "SELECT 1 AS one WHERE 1 = 0; DELETE FROM {schema}users",
    "with": "WITH gone AS (DELETE FROM {schema}users RETURNING id) SELECT id FROM gone",
    "commits": "DELETE FROM {schema}_hygge_commits",
}


@pytest.mark.parametrize("writes", WRITES)
def test_a_query_that_would_write_is_refused(place: Place, writes: str) -> None:
    sql = WRITES[writes].replace("{schema}", schema(place))
    failure = refused(place, sql)
    assert "a check by sql failed to run" in failure.message


@pytest.mark.parametrize("more", ["", "COMMIT; ", "ROLLBACK; "])
def test_no_second_statement_follows_whatever_the_query_closes(place: Place, more: str) -> None:
    refused(
        place,
        f"SELECT 1 AS one) AS x; {more}DELETE FROM {schema(place)}users; SELECT * FROM (SELECT 1",
    )


def test_a_function_that_writes_cannot(tmp_path: Path) -> None:
    with open_place("postgres", tmp_path) as place:
        assert go(place, DAY1).result is Result.OK
        place.ask(
            "CREATE FUNCTION gone() RETURNS bigint LANGUAGE sql AS "
            f"'DELETE FROM {schema(place)}users; SELECT 1::bigint'"
        )
        outcome = go(place, DAY2, {"sql": f"SELECT {schema(place)}gone()"})
        assert outcome.failure is not None
        assert "read-only transaction" in outcome.failure.message
        assert outcome.attempts == 1
        assert place.rows() == DAY1


def schema(place: Place) -> str:
    """Return how a name of the store's schema begins."""
    name = yaml.safe_load(place.yaml).get("schema")
    return "" if name is None else f"{name}."
