"""One move when something goes wrong: whose fault it is, what is tried again, what is published."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from memory import MemorySource, MemoryTarget, World, a_plan

from hygge.connector import StoreConfig
from hygge.engine import coordinator
from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Plan
from hygge.errors import CommitUnknownError, StoreError
from hygge.types.batches import MemoryBudget
from hygge.values.model import Failure, Outcome, Part, Result, Split


def numbers(count: int) -> pa.Table:
    return pa.table({"id": pa.array(range(count), pa.int64())})


def move(plan: Plan) -> Outcome:
    (outcome,) = run(plan, stop=Stop(), listen=lambda _: None).outcomes
    return outcome


def failure_of(plan: Plan) -> Failure:
    outcome = move(plan)
    assert outcome.result is Result.FAILED
    assert outcome.failure is not None
    return outcome.failure


def into_files(plan: Plan, kind: str = "parquet") -> Plan:
    store = StoreConfig.create({"type": kind, "path": "lake"})
    return replace(plan, moves=(replace(plan.moves[0], store=store),))


def ids(world: World, into: str = "a") -> list[int]:
    return sorted(row["id"] for row in world.rows(into))


def first_time(error: BaseException) -> Callable[[int], None]:
    def fail(opening: int) -> None:
        if opening == 1:
            raise error

    return fail


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hygge.engine.retry.FIRST_WAIT_SECONDS", 0.01)


@pytest.mark.parametrize("splits", [1, 3])
def test_a_connection_lost_between_two_batches_is_tried_again(tmp_path: Path, splits: int) -> None:
    world = World({"a": numbers(3000)}, splits=splits, batch_rows=100)
    world.while_reading["a"] = first_time(ConnectionResetError("reset by peer"))
    outcome = move(a_plan(tmp_path, world, "a", mode="append", parallel=splits))
    assert (outcome.result, outcome.attempts) == (Result.OK, 2)
    assert ids(world) == list(range(3000))


def test_a_store_that_leaves_rows_unread_publishes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a home that does not tell beforehand how many there are."""
    whole = MemoryTarget.stage

    def stage(self: MemoryTarget, batches: pa.RecordBatchReader, split: Split) -> Part:
        return whole(self, pa.RecordBatchReader.from_batches(batches.schema, []), split)

    monkeypatch.setattr(MemoryTarget, "stage", stage)
    monkeypatch.setattr(MemorySource, "total_rows", property(lambda _: None, lambda *_: None))
    world = World({"a": numbers(3000)}, splits=3)
    failure = failure_of(a_plan(tmp_path, world, "a", mode="append"))
    assert failure.code == "HG531"
    assert "read some rows of a but staged 0; nothing was published" in failure.message
    assert world.commits == {}


def test_a_home_that_cannot_even_be_made_is_one_failed_move(tmp_path: Path) -> None:
    world = World({"a": numbers(1)}, unmakable=StoreError("no such driver"))
    assert failure_of(a_plan(tmp_path, world, "a")).message == "no such driver"


def test_a_panic_of_a_driver_is_one_failed_move(tmp_path: Path) -> None:
    class PanicError(BaseException):
        """Drivers written in Rust panic with a class of this kind."""

    world = World({"a": numbers(1)}, unmakable=PanicError("index out of bounds"))
    failure = failure_of(a_plan(tmp_path, world, "a"))
    assert failure.code == "HG590"
    assert "index out of bounds" in failure.message


@pytest.mark.parametrize("error", [ConnectionResetError("reset by peer"), ZeroDivisionError("oh")])
def test_a_home_that_fails_to_close_after_the_commit_changes_nothing(
    tmp_path: Path, error: Exception
) -> None:
    world = World({"a": numbers(10)})
    world.after_read["a"] = first_time(error)
    outcome = move(a_plan(tmp_path, world, "a", mode="append"))
    assert outcome.result is Result.OK
    assert outcome.rows == 10
    assert str(error) in outcome.notes[-1]
    assert ids(world) == list(range(10))


def test_an_attempt_whose_commit_landed_after_all_is_not_repeated(tmp_path: Path) -> None:
    world = World({"a": numbers(10)})

    def lose() -> None:
        raise ConnectionResetError("reset by peer")

    def fail() -> None:
        raise StoreError("the store is down")

    world.after_commit["a"], world.before_owner = lose, fail
    outcome = move(a_plan(tmp_path, world, "a", mode="append"))
    assert (outcome.result, outcome.rows, outcome.attempts) == (Result.OK, 10, 2)
    assert ids(world) == list(range(10))


def test_an_error_after_the_commit_landed_is_no_failure(tmp_path: Path) -> None:
    world = World({"a": numbers(10)})

    def lose() -> None:
        raise ConnectionResetError("reset by peer")

    world.after_commit["a"] = lose
    outcome = move(a_plan(tmp_path, world, "a", mode="append"))
    assert (outcome.result, outcome.rows, outcome.attempts) == (Result.OK, 10, 1)
    assert ids(world) == list(range(10))


def test_a_commit_stays_unknown_when_its_owner_cannot_be_asked(tmp_path: Path) -> None:
    world = World({"a": numbers(10)})

    def lose() -> None:
        raise CommitUnknownError("no answer")

    def fail() -> None:
        raise StoreError("the store is down")

    world.before_commit["a"], world.before_owner = lose, fail
    failure = failure_of(a_plan(tmp_path, world, "a"))
    assert failure.code == "HG551"
    assert "the store is down" in failure.message


def test_a_home_that_cannot_be_divided_is_the_homes_fault(tmp_path: Path) -> None:
    def fail() -> None:
        raise PermissionError("keys are not for you")

    world = World({"a": numbers(1)}, before_splits=fail)
    assert failure_of(a_plan(tmp_path, world, "a")).message == "cannot read a: keys are not for you"


def test_a_first_move_of_nothing_fails_when_the_flow_says_so(tmp_path: Path) -> None:
    world = World({"a": numbers(0)})
    failure = failure_of(a_plan(tmp_path, world, "a", on_empty="fail"))
    assert failure.code == "HG532"
    assert world.commits == {}


def test_a_store_that_fails_gives_all_memory_back_before_the_next_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World({"a": numbers(3000)}, batch_rows=100)
    calls = []

    def fail() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise ConnectionResetError("reset by peer")

    world.while_staging["a"] = fail
    used: list[int] = []
    budgets: list[MemoryBudget] = []

    def remembered(limit: int) -> MemoryBudget:
        budgets.append(MemoryBudget(limit))
        return budgets[-1]

    def look(event: object) -> None:
        if type(event).__name__ == "MoveRetried":
            used.append(budgets[0].used)

    monkeypatch.setattr(coordinator, "MemoryBudget", remembered)
    run(a_plan(tmp_path, world, "a"), stop=Stop(), listen=look)
    assert used == [0]
    assert ids(world) == list(range(3000))


def test_a_home_that_hangs_does_not_outlast_the_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinator, "GRACE_SECONDS", 0.2)
    world, release = World({"a": numbers(10)}), threading.Event()

    def hang(_: int) -> None:
        release.wait(60)

    world.before_read["a"] = hang
    failure = failure_of(a_plan(tmp_path, world, "a", timeout=0.1))
    release.set()
    assert failure.code == "HG541"
    assert world.commits == {}


def test_a_commit_that_has_begun_is_waited_for_beyond_the_grace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinator, "GRACE_SECONDS", 0.2)
    world, stop = World({"a": numbers(10)}), Stop()

    def slow() -> None:
        stop.request(15)
        threading.Event().wait(0.8)

    world.before_commit["a"] = slow
    (outcome,) = run(a_plan(tmp_path, world, "a"), stop=stop, listen=lambda _: None).outcomes
    assert outcome.result is Result.OK
    assert ids(world) == list(range(10))


def test_a_commit_that_landed_is_not_told_as_cancelled_while_the_store_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinator, "GRACE_SECONDS", 0.2)
    world, stop = World({"a": numbers(10)}), Stop()
    world.before_commit["a"] = lambda: stop.request(15)
    world.on_close["a"] = lambda: time.sleep(0.8)
    (outcome,) = run(a_plan(tmp_path, world, "a"), stop=stop, listen=lambda _: None).outcomes
    assert outcome.result is Result.OK
    assert ids(world) == list(range(10))


@pytest.mark.parametrize("kind", ["parquet", "orc"])
@pytest.mark.parametrize("mode", ["replace", "append"])
def test_a_type_that_the_store_writes_as_another_is_no_change(
    tmp_path: Path, kind: str, mode: str
) -> None:
    moment = pa.array([1, None], pa.timestamp("us"))
    table = pa.table(
        {
            "day": pa.array([0, None], pa.int32()).cast(pa.date32()).cast(pa.date64()),
            "moment": moment,
            "runs": pc.run_end_encode(pa.array([7, 7])),
        }
    )
    world = World({"a": table})
    plan = into_files(a_plan(tmp_path, world, "a", mode=mode, schema_contract="freeze"), kind)
    for _ in range(2):
        outcome = move(plan)
        assert (outcome.failure, outcome.notes) == (None, ())
    if kind == "parquet":
        query = f"select count(*), sum(runs) from '{tmp_path}/lake/a/*.parquet'"
        assert duckdb.connect().execute(query).fetchone() == (
            (2, 14) if mode == "replace" else (4, 28)
        )


def test_a_project_whose_state_cannot_be_written_is_told_so(tmp_path: Path) -> None:
    (tmp_path / ".hygge").write_text("not a folder")
    failure = failure_of(a_plan(tmp_path, World({"a": numbers(1)}), "a"))
    assert failure.code != "HG590"
    assert str(tmp_path / ".hygge") in failure.message


def test_taking_over_files_that_fit_no_common_schema_is_refused(tmp_path: Path) -> None:
    world = World({"a": numbers(2)})
    plan = into_files(a_plan(tmp_path, world, "a", mode="append"))
    move(plan)
    before = sorted((tmp_path / "lake" / "a").iterdir())
    foreign = tmp_path / "lake" / "a" / "foreign.parquet"
    duckdb.connect().execute(f"copy (select 'text' as id) to '{foreign}' (format parquet)")
    failure = failure_of(replace(plan, adopt=True))
    assert "column 'id' is int64" in failure.message
    assert "foreign.parquet" in failure.message
    foreign.unlink()
    assert sorted((tmp_path / "lake" / "a").iterdir()) == before


def test_taking_over_files_keeps_every_column_of_theirs(tmp_path: Path) -> None:
    folder = tmp_path / "lake" / "a"
    folder.mkdir(parents=True)
    duckdb.connect().execute(f"copy (select 7 as id, 'x' as t) to '{folder}/one.parquet'")
    duckdb.connect().execute(f"copy (select 8 as id, true as f) to '{folder}/two.parquet'")
    plan = into_files(a_plan(tmp_path, World({"a": numbers(1)}), "a", mode="append"))
    assert move(replace(plan, adopt=True)).result is Result.OK
    query = f"from read_parquet('{folder}/*.parquet', union_by_name=true) order by id"
    found = duckdb.connect().execute(f"select id, t, f {query}").fetchall()
    assert found == [(0, None, None), (7, "x", None), (8, None, True)]


def test_an_empty_home_takes_over_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "lake" / "a"
    folder.mkdir(parents=True)
    duckdb.connect().execute(f"copy (select 7 as id) to '{folder}/one.parquet'")
    plan = into_files(a_plan(tmp_path, World({"a": numbers(0)}), "a"))
    assert move(replace(plan, adopt=True)).result is Result.KEPT
    assert duckdb.connect().execute(f"select id from '{folder}/*.parquet'").fetchall() == [(7,)]


def test_a_limited_move_says_so(tmp_path: Path) -> None:
    world = World({"a": numbers(100)})
    outcome = move(a_plan(tmp_path, world, "a", limit=7))
    assert outcome.notes == ("moved only the first 7 rows (--limit)",)
