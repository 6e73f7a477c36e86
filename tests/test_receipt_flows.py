"""The receipt of whole moves: in the commit of every store, of what was staged, in `history`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from memory import World, a_plan
from projects import hygge, write_project
from rich.cells import cell_len
from test_flow import first_time, numbers
from typer.testing import CliRunner, Result
from undo_places import KINDS, Place, open_place

from hygge.cli.app import app
from hygge.connector import ProjectContext, StoreConfig
from hygge.engine.coordinator import Stop
from hygge.engine.coordinator import run as run_plan
from hygge.values.commits import dump_commit, load_commit
from hygge.values.model import ColumnReceipt, Commit, Mode, Outcome, Receipt

ROWS = 100
TABLE = pa.table(
    {
        "id": pa.array(range(1, ROWS + 1), pa.int64()),
        "name": [None if n % 4 == 0 else f"secret {n}" for n in range(ROWS)],
        "amount": pa.array([Decimal(n - 30) / 4 for n in range(ROWS)], pa.decimal128(10, 2)),
        "due": pa.array([None if n < 9 else n for n in range(ROWS)], pa.int32()).cast(pa.date32()),
    }
)
WHOLE = (
    ColumnReceipt("id", 0, "1", "100", "5050"),
    ColumnReceipt("name", 25),
    ColumnReceipt("amount", 0, "-7.50", "17.25", "487.50"),
    ColumnReceipt("due", 9, "1970-01-10", "1970-04-10"),
)


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with open_place(request.param, tmp_path) as place:
        yield place


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Place]:
    with open_place("parquet", tmp_path) as place:
        yield place


def run(place: Place, *words: str) -> Result:
    return CliRunner().invoke(app, ["-C", str(place.root), *words])


def prepare(place: Place, flow: str, table: pa.Table = TABLE) -> None:
    files = {
        "hygge.yml": "name: test\nmask_salt: a salt that is long\n",
        "homes/in.yml": "type: parquet\npath: in\n",
        "stores/out.yml": place.yaml,
        "flows/users.yml": f"home: in\nstore: out\n{flow}",
    }
    write_project(place.root, files)
    (place.root / "in").mkdir(exist_ok=True)
    pq.write_table(table, place.root / "in/users.parquet", row_group_size=7)


def moved(place: Place, flow: str, table: pa.Table = TABLE) -> Receipt:
    prepare(place, flow, table)
    done = run(place, "go")
    assert done.exit_code == 0, done.output
    receipt = commit_of(place).receipt
    assert receipt is not None
    return receipt


def commit_of(place: Place) -> Commit:
    config = StoreConfig.create(yaml.safe_load(place.yaml))
    commit = config.store(ProjectContext(place.root)).last_commit("users")
    assert commit is not None
    return commit


def past(place: Place) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(place, "history", "--json").stdout)
    return [run["moves"][0] for run in found]


def test_every_store_keeps_it_in_the_commit_and_history_tells_it(place: Place) -> None:
    receipt = moved(place, "parallel: 3\n")
    assert receipt == Receipt(ROWS, WHOLE)
    assert place.ask("select count(*), sum(id) from users") == [(ROWS, 5050)]
    (told,) = past(place)
    assert told["receipt"]["rows"] == ROWS
    assert told["receipt"]["columns"][0] == {
        "name": "id", "nulls": 0, "min": "1", "max": "100", "sum": "5050",
    }  # fmt: skip
    # The journal is only a cache: the store tells it again.
    for path in (place.root / ".hygge").rglob("journal.db*"):
        path.unlink()
    assert past(place)[0]["receipt"] == told["receipt"]


def test_a_table_of_a_thousand_and_one_columns_is_moved(place: Place) -> None:
    wide = 200 if "mysql" in place.yaml else 1001  # rows of InnoDB have a length
    names = [f"column_{number}" for number in range(wide)]
    receipt = moved(place, "", pa.table({name: pa.array([1, 2]) for name in names}))
    assert receipt.left_out == max(0, wide - 1000)
    assert receipt.columns[99] == ColumnReceipt("column_99", 0, "1", "2", "3")
    assert receipt.columns[100] == ColumnReceipt("column_100", 0)


def test_a_merge_tells_what_was_staged_and_undo_moves_nothing(lake: Place) -> None:
    moved(lake, "mode: merge\nprimary_key: id\n", TABLE.slice(0, 50))
    receipt = moved(lake, "mode: merge\nprimary_key: id\n", TABLE.slice(40, 20))
    assert receipt.rows == commit_of(lake).rows == 20
    assert (receipt.columns[0].min, receipt.columns[0].max) == ("41", "60")
    assert run(lake, "undo", "users", "--yes").exit_code == 0
    assert commit_of(lake).undoes == 2
    assert commit_of(lake).receipt is None


def test_what_is_set_by_hand_moves_nothing(lake: Place) -> None:
    moved(lake, "mode: append\nincremental: id\n")
    assert run(lake, "state", "set", "users", "20").exit_code == 0
    assert commit_of(lake).seq == 2
    assert commit_of(lake).receipt is None


def test_what_is_left_out_is_not_counted_and_what_is_added_is(lake: Place) -> None:
    flow = (
        "mode: append\nincremental: id\non_bad_row: quarantine\n"
        "checks: [{not_null: due}]\n"
        "columns: {amount: {rename: price}, name: {mask: hash}, twice: {compute: id * 2}}\n"
    )
    moved(lake, flow, TABLE.slice(0, 20))
    receipt = moved(lake, flow)
    found = {column.name: column for column in receipt.columns}
    assert receipt.rows == 80
    assert found["id"] == ColumnReceipt("id", 0, "21", "100", str(sum(range(21, 101))))
    assert found["twice"].sum == str(2 * sum(range(21, 101)))
    assert found["price"].max == "17.25"
    assert found["name"] == ColumnReceipt("name", 20)


def test_no_text_is_in_any_receipt(lake: Place) -> None:
    moved(lake, "")
    kept = [lake.root / "lake/users/_hygge.json", *(lake.root / ".hygge").rglob("*")]
    for path in kept:
        assert not path.is_file() or b"secret 1" not in path.read_bytes(), path


def test_only_the_attempt_that_is_published_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hygge.engine.retry.FIRST_WAIT_SECONDS", 0.01)
    world = World({"a": numbers(3000)}, splits=3, batch_rows=100)
    world.while_reading["a"] = first_time(ConnectionResetError("reset by peer"))
    outcome = outcome_of(a_plan(tmp_path, world, "a", mode="append", parallel=3))
    assert outcome.attempts == 2
    expected = ColumnReceipt("id", 0, "0", "2999", str(sum(range(3000))))
    assert outcome.receipt == Receipt(3000, (expected,))


def test_a_commit_whose_reply_was_lost_has_its_receipt(tmp_path: Path) -> None:
    world = World({"a": numbers(10)})

    def fail() -> None:
        raise ConnectionResetError("reset by peer")

    world.after_commit["a"], world.before_owner = fail, fail
    outcome = outcome_of(a_plan(tmp_path, world, "a", mode="append"))
    assert outcome.attempts == 2
    assert outcome.receipt == Receipt(10, (ColumnReceipt("id", 0, "0", "9", "45"),))


def outcome_of(plan: Any) -> Outcome:  # noqa: ANN401
    (outcome,) = run_plan(plan, stop=Stop(), listen=lambda _: None).outcomes
    return outcome


def test_commits_from_before_receipts_are_read() -> None:
    schema = pa.schema([("id", pa.int64())])
    commit = Commit(
        "a", "a", 1, "r", Mode.REPLACE, 1, 1, schema, "2026-01-31", receipt=Receipt(1)
    )  # fmt: skip
    data = dump_commit(commit)
    assert load_commit(data) == commit
    del data["receipt"]
    assert load_commit(data) == replace(commit, receipt=None)


def test_history_shows_it_as_a_table(lake: Place) -> None:
    moved(lake, "")
    plain = hygge(lake.root, "history", "--receipt").stdout
    assert plain.splitlines()[-7:-1] == [
        "  users, commit 1: 100 rows read, staged and counted",
        "    column  nulls         min         max     sum",
        "    id          0           1         100    5050",
        "    name       25           –           –       –",
        "    amount      0       -7.50       17.25  487.50",
        "    due         9  1970-01-10  1970-04-10       –",
    ]
    assert "5050" not in hygge(lake.root, "history").stdout


def test_history_stays_within_a_narrow_terminal(
    lake: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = pa.array([0, 10**15], pa.timestamp("us", "UTC"))
    long = "a_column_with_a_name_that_is_far_too_long_for_any_terminal"
    moved(lake, "", pa.table({long: times, "n": pa.array([2**60, 2**60])}))
    monkeypatch.setenv("COLUMNS", "60")
    told = hygge(lake.root, "history", "--receipt", COLUMNS="60").stdout
    assert max(map(cell_len, told.splitlines())) <= 60
    assert "11529215046…" in told


def test_logs_and_reports_have_no_values_of_rows(lake: Place) -> None:
    prepare(lake, "")
    done = hygge(lake.root, "go", "--progress", "json")
    lines = [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]
    assert [line["event"] for line in lines][-2:] == ["move_finished", "run_finished"]
    assert lines[-2]["outcome"]["receipt"] is None
    assert lines[-1]["outcomes"][0]["receipt"] is None
    assert "5050" not in done.stdout + done.stderr
    report = (lake.root / ".hygge/runs/latest.json").read_text()
    assert json.loads(report)["outcomes"][0]["rows"] == 100
    assert "5050" not in report
