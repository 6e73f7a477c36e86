"""Masks, added columns, conditions, checks and rows put aside, on real files read by DuckDB."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from projects import write_project

from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Selection, make_plan
from hygge.project import Project, check
from hygge.values.model import Outcome, Result

SALT = "a salt that is long"
FILES = {
    "hygge.yml": "name: p\nmask_salt: ${SALT}\n",
    "homes/here.yml": "type: parquet\npath: data\n",
    "stores/lake.yml": "type: parquet\npath: lake\n",
}


@pytest.fixture(autouse=True)
def salted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALT", SALT)


def rows_of(root: Path, sql: str = "select * from rows order by id") -> list[tuple[Any, ...]]:
    return duckdb.connect().execute(sql.replace("rows", f"'{root}/lake/t/*.parquet'")).fetchall()


def aside(root: Path) -> list[dict[str, Any]]:
    found = sorted((root / ".hygge/quarantine").rglob("*.parquet"))
    return [row for path in found for row in pq.read_table(path).to_pylist()]


def go(root: Path, flow: str, table: pa.Table) -> Outcome:
    write_project(root, FILES | {"flows/t.yml": f"home: here\nstore: lake\n{flow}"})
    (root / "data").mkdir(exist_ok=True)
    pq.write_table(table, root / "data/t.parquet", row_group_size=7)
    plan = make_plan(Project.load(root), Selection())
    (outcome,) = run(plan, stop=Stop(), listen=lambda _: None).outcomes
    return outcome


def people(count: int = 20) -> pa.Table:
    return pa.table(
        {
            "id": pa.array(range(count), pa.int64()),
            "email": [f"user{n % 5}@example.org" if n % 7 else None for n in range(count)],
            "amount": [f"{n}.50" for n in range(count)],
            "secret": [f"4711-{n:04d}" for n in range(count)],
        }
    )


def test_a_hash_is_the_same_for_the_same_value_and_needs_the_salt(tmp_path: Path) -> None:
    assert go(tmp_path, "columns: {email: {mask: hash}}\n", people()).result is Result.OK
    key = hashlib.blake2b(SALT.encode()).digest()
    expected = [
        email and hashlib.blake2b(email.encode(), digest_size=16, key=key).hexdigest()
        for email in people().column("email").to_pylist()
    ]
    assert [row[1] for row in rows_of(tmp_path)] == expected


@pytest.mark.parametrize(
    ("mask", "expected"), [("redact", "***"), ("partial", "***0001"), ("null", None)]
)
def test_a_mask_leaves_nothing_else(tmp_path: Path, mask: str, expected: str | None) -> None:
    # `null` without quotes is YAML's own word for nothing.
    outcome = go(tmp_path, f"columns: {{secret: {{mask: '{mask}'}}}}\n", people(3))
    assert outcome.result is Result.OK
    assert rows_of(tmp_path)[1][3] == expected
    for path in (tmp_path / "lake").rglob("*"):
        assert path.is_dir() or b"4711-0001" not in path.read_bytes()


def test_a_mask_that_fails_stops_the_move_without_showing_the_value(tmp_path: Path) -> None:
    table = pa.table({"id": [1], "secret": [[b"hidden"]]})
    flow = "columns: {secret: {mask: partial}}\non_bad_row: quarantine\n"
    outcome = go(tmp_path, flow, table)
    assert outcome.failure is not None
    assert "column 'secret'" in outcome.failure.message
    assert "cannot be masked" in outcome.failure.message
    assert "hidden" not in str(outcome)
    assert aside(tmp_path) == []


def test_columns_are_added_by_value_and_by_expression(tmp_path: Path) -> None:
    flow = (
        "select: [id]\ncolumns:\n"
        "  source: {value: crm}\n  version: {value: 2, type: int16}\n"
        "  user: {compute: lower(email) || '!'}\n"
        "  double: {compute: id * 2, type: 'decimal(10,1)'}\n"
    )
    assert go(tmp_path, flow, people(3)).result is Result.OK
    assert rows_of(tmp_path)[1] == (1, "crm", 2, "user1@example.org!", 2)
    kinds = pq.read_table(tmp_path / "lake/t").schema
    assert kinds.field("version").type == pa.int16()
    assert str(kinds.field("double").type) == "decimal128(10, 1)"


@pytest.mark.parametrize(
    ("flow", "code", "says"),
    [
        ("columns: {id: {value: 1}}", "HG524", "the home already has a column of that name"),
        ("columns: {x: {compute: emial}}", "HG523", "did you mean 'email'?"),
        ("columns: {x: {compute: email + 1}}", "HG525", "'x' cannot be added"),
        (
            "columns: {x: {value: many, type: int64}}",
            "HG525",
            "cannot be represented exactly as int64",
        ),
        ("where: emial = 'x'", "HG523", "did you mean 'email'?"),
        (
            "mode: merge\nprimary_key: id\nincremental: emial",
            "HG523",
            "incremental refers to a column that the home does not have: 'emial'; did you mean",
        ),
        ("mode: merge\nprimary_key: id\ndedupe_by: emial", "HG523", "dedupe_by refers to a column"),
        (
            "mode: merge\nprimary_key: id\nincremental: email\nselect: [id]",
            "HG523",
            "'email', which decides between rows with the same key, is not moved",
        ),
        ("where: id + 1", "HG525", "not true or false"),
        ("where: id = 'x'", "HG525", "where: 'id = 'x''"),
        ("checks: [{not_null: emial}]", "HG523", "is not moved: 'emial'"),
        ("checks: [{freshness: {column: id, max_age: 1d}}]", "HG523", "not a date or time"),
    ],
)
def test_what_the_home_does_not_fit_is_told(
    tmp_path: Path, flow: str, code: str, says: str
) -> None:
    failure = go(tmp_path, flow + "\n", people(3)).failure
    assert failure is not None
    assert failure.code == code
    assert says in failure.message
    assert not (tmp_path / "lake/t").exists()


@pytest.mark.parametrize("value", [["a"], {"a": 1}, None])
def test_rows_are_told_apart_by_what_has_an_order(tmp_path: Path, value: object) -> None:
    rows = pa.table({"id": [1, 1], "tags": pa.array([value, value])})
    outcome = go(tmp_path, "mode: merge\nprimary_key: id\ndedupe_by: tags\n", rows)
    if value is None:
        assert outcome.result is Result.OK
        return
    assert outcome.failure is not None
    assert outcome.failure.code == "HG523"
    assert (
        "'tags' cannot decide between rows with the same key: values of type"
        in outcome.failure.message
    )


def test_files_are_filtered_by_a_condition(tmp_path: Path) -> None:
    flow = "where: email is not null and id >= 10\nselect: [id]\n"
    outcome = go(tmp_path, flow, people())
    assert (outcome.result, outcome.rows) == (Result.OK, 9)
    assert [row[0] for row in rows_of(tmp_path)] == [10, 11, 12, 13, 15, 16, 17, 18, 19]


def test_bad_rows_are_put_aside_with_their_reason_and_the_others_land(tmp_path: Path) -> None:
    amounts = ["1.50", "x", None, "4.5", "5.005"]
    table = pa.table(
        {
            "id": [1, 2, 3, 4, 5],
            "amount": amounts,
            "kind": ["a", "a", "a", "odd", "a"],
            "secret": ["s"] * 5,
        }
    )
    flow = (
        "on_bad_row: quarantine\nmetadata_columns: [run_id]\n"
        "columns: {amount: {type: 'decimal(6,2)', nullable: false}, secret: {mask: redact}}\n"
        "checks: [{accepted_values: {column: kind, values: [a, b]}}]\n"
    )
    outcome = go(tmp_path, flow, table)
    assert outcome.failure is None
    assert outcome.rows == 1
    assert [row[0] for row in rows_of(tmp_path)] == [1]
    told = [(row["id"], row["_hygge_column"], row["secret"]) for row in aside(tmp_path)]
    assert told == [
        (2, "amount", "***"),
        (3, "amount", "***"),
        (4, "kind", "***"),
        (5, "amount", "***"),
    ]
    assert {row["_hygge_run_id"] for row in aside(tmp_path)} == {rows_of(tmp_path)[0][-1]}
    assert "4 rows were quarantined (3 by 'amount', 1 by 'kind')" in "\n".join(outcome.notes)
    mode = (next((tmp_path / ".hygge/quarantine").rglob("*.parquet"))).stat().st_mode
    assert mode & 0o077 == 0


def test_no_row_is_lost_between_the_store_and_the_file_aside(tmp_path: Path) -> None:
    count = 5_000
    values = [str(n) if n % 97 else "bad" for n in range(count)]
    table = pa.table({"id": range(count), "value": values})
    flow = "on_bad_row: quarantine\ncolumns: {value: {type: int64}}\nparallel: 3\n"
    outcome = go(tmp_path, flow, table)
    assert outcome.failure is None
    landed, put = {row[0] for row in rows_of(tmp_path)}, {row["id"] for row in aside(tmp_path)}
    assert put == set(range(0, count, 97))
    assert landed == set(range(count)) - put


def test_more_bad_rows_than_allowed_end_the_move_and_leave_no_file(tmp_path: Path) -> None:
    table = pa.table({"id": range(50), "value": ["bad"] * 50})
    flow = "on_bad_row: quarantine\nmax_bad_rows: 10\ncolumns: {value: {type: int64}}\n"
    failure = go(tmp_path, flow, table).failure
    assert failure is not None
    assert failure.code == "HG548"
    assert "more than 10 bad rows" in failure.message
    assert aside(tmp_path) == []
    assert not (tmp_path / "lake/t").exists()


@pytest.mark.parametrize("incremental", ["id", "files"])
@pytest.mark.parametrize("mode", ["append", "merge"])
@pytest.mark.parametrize("store", ["parquet", "duckdb"])
def test_an_increment_of_bad_rows_only_is_put_aside_once(
    tmp_path: Path, incremental: str, mode: str, store: str
) -> None:
    flow = (
        f"home: here\nstore: lake\nmode: {mode}\nprimary_key: id\nincremental: {incremental}\n"
        "on_bad_row: quarantine\nmax_bad_rows: 2\ncolumns: {value: {type: int64}}\n"
    )
    lake = "type: duckdb\npath: lake.duckdb\n" if store == "duckdb" else FILES["stores/lake.yml"]
    write_project(tmp_path, FILES | {"stores/lake.yml": lake, "flows/t.yml": flow})
    (tmp_path / "data/t").mkdir(parents=True)

    def move(rows: dict[int, str]) -> Outcome:
        table = pa.table({"id": list(rows), "value": list(rows.values())})
        pq.write_table(table, tmp_path / f"data/t/{min(rows)}.parquet")
        return move_again()

    def move_again() -> Outcome:
        plan = make_plan(Project.load(tmp_path), Selection())
        (outcome,) = run(plan, stop=Stop(), listen=lambda _: None).outcomes
        return outcome

    assert move({1: "10"}).rows == 1
    bad = move({2: "bad", 3: "bad"})
    assert (bad.result, bad.rows, bad.seq) == (Result.OK, 0, 2)
    assert "2 rows were quarantined" in "\n".join(bad.notes)
    assert (move_again().seq, move_again().notes) == (2, ("nothing new",))
    assert [row["id"] for row in aside(tmp_path)] == [2, 3]
    assert move({4: "40", 5: "bad", 6: "bad"}).rows == 1
    failure = move({7: "bad", 8: "bad", 9: "bad"}).failure
    assert failure is not None
    assert failure.code == "HG548"
    assert sorted(row["id"] for row in aside(tmp_path)) == [2, 3, 5, 6]


def test_bad_rows_that_are_read_again_are_no_commit_again(tmp_path: Path) -> None:
    """With `lookback` each move meets them, and its commit would push out what undo can bring."""
    flow = (
        "mode: merge\nprimary_key: id\nincremental: {column: id, lookback: 5}\n"
        "on_bad_row: quarantine\ncolumns: {value: {type: int64}}\n"
    )
    table = pa.table({"id": [1, 20, 21], "value": ["10", "bad", "bad"]})
    first = go(tmp_path, flow, table)
    assert (first.rows, first.seq) == (1, 1)
    for _ in range(2):
        again = go(tmp_path, flow, table)
        assert (again.result, again.seq, again.notes[0]) == (Result.OK, 1, "nothing new")
        assert "1 row was quarantined" in "\n".join(again.notes)
    more = pa.table({"id": [1, 20, 21, 22], "value": ["10", "bad", "bad", "bad"]})
    assert go(tmp_path, flow, more).seq == 2


DAYS_OLD = pa.table({"id": [1, 2], "at": [datetime.now(UTC) - timedelta(days=d) for d in (2, 3)]})


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("not_null: [id, email]", "not_null: id, email: 3 rows failed"),
        ("row_count: {min: 100}", "row_count: min 100: 20 rows are too few"),
        ("row_count: {max: 3}", "row_count: max 3: 20 rows are too many"),
        (
            "accepted_values: {column: id, values: [0, 1, 2]}",
            "accepted_values: id: 17 rows failed, the first with 3",
        ),
    ],
)
def test_a_check_that_fails_publishes_nothing(tmp_path: Path, rule: str, says: str) -> None:
    one_split = "parallel: 1\n"  # so that the first row is the first one told
    failure = go(tmp_path, f"{one_split}checks: [{{{rule}}}]\n", people()).failure
    assert failure is not None
    assert (failure.code, says in failure.message) == ("HG528", True)
    assert not (tmp_path / "lake/t").exists()
    warned = go(tmp_path, f"{one_split}checks: [{{{rule}, severity: warn}}]\n", people())
    assert warned.result is Result.OK
    assert f"check: {says}" in "\n".join(warned.notes)


def test_rows_must_be_as_fresh_as_the_flow_asks(tmp_path: Path) -> None:
    assert (
        go(tmp_path, "checks: [{freshness: {column: at, max_age: 3d}}]\n", DAYS_OLD).failure is None
    )
    failure = go(tmp_path, "checks: [{freshness: {column: at, max_age: 24h}}]\n", DAYS_OLD).failure
    assert failure is not None
    assert "freshness: at: the newest value is" in failure.message


def test_all_checks_are_told_at_once(tmp_path: Path) -> None:
    rules = "{not_null: email}, {row_count: {min: 100}}, {row_count: {max: 1}, severity: warn}"
    flow = f"checks: [{rules}]\n"
    failure = go(tmp_path, flow, people()).failure
    assert failure is not None
    assert failure.message.count("\n") == 3


@pytest.mark.parametrize(
    ("flow", "code"),
    [
        ("columns: {x: {value: 1, compute: id}}", "HG222"),
        ("columns: {x: {value: 1, mask: redact}}", "HG222"),
        ("columns: {x: {compute: lower(email)}, email: {mask: redact}}", "HG222"),
        ("mode: append\nincremental: email\ncolumns: {email: {mask: redact}}", "HG222"),
        ("checks: [{sql: select 1}]", "HG224"),
        ("checks: [{not_null: id, unique: id}]", "HG106"),
        ("where: id =", "HG106"),
        ("columns: {x: {compute: id +}}", "HG106"),
    ],
)
def test_what_cannot_be_is_told_before_a_run(tmp_path: Path, flow: str, code: str) -> None:
    write_project(tmp_path, FILES | {"flows/t.yml": f"home: here\nstore: lake\n{flow}\n"})
    assert [one.code for one in check(tmp_path).diagnostics] == [code]


@pytest.mark.parametrize("kind", ["duckdb", "mssql", "mysql", "postgres", "sqlite"])
def test_every_database_may_be_asked_by_a_check(tmp_path: Path, kind: str) -> None:
    place = "path: kept.db" if kind in ("duckdb", "sqlite") else "host: db\ndatabase: d"
    flow = 'home: here\nstore: there\nchecks: [{sql: "select id from {staged}"}]\n'
    files = {"stores/there.yml": f"type: {kind}\n{place}\n", "flows/t.yml": flow}
    kept = {name: text for name, text in FILES.items() if not name.startswith("stores/")}
    write_project(tmp_path, kept | files)
    assert [one.code for one in check(tmp_path).diagnostics] == []


def test_a_hash_without_a_salt_is_told_before_a_run(tmp_path: Path) -> None:
    flow = "home: here\nstore: lake\ncolumns: {email: {mask: hash}}\n"
    write_project(tmp_path, FILES | {"hygge.yml": "name: p\n", "flows/t.yml": flow})
    assert [one.code for one in check(tmp_path).diagnostics] == ["HG223"]
