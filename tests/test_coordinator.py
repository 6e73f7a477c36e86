from __future__ import annotations

import pickle
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from memory import World, a_plan

from hygge.engine import coordinator
from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Plan
from hygge.errors import CommitUnknownError
from hygge.values.model import (
    Event,
    MoveFinished,
    MoveRetried,
    Outcome,
    Result,
    RunFinished,
    RunStarted,
)


def numbers(count: int) -> pa.Table:
    return pa.table({"id": pa.array(range(count), pa.int64())})


def move(plan: Plan, **options: Any) -> tuple[dict[str, Outcome], list[Event]]:  # noqa: ANN401
    events: list[Event] = []
    stop = options.pop("stop", None) or Stop()
    finished = run(plan, stop=stop, listen=events.append, **options)
    assert isinstance(events[0], RunStarted)
    assert events[-1] is finished
    told = [event.outcome for event in events if isinstance(event, MoveFinished)]
    assert sorted(map(repr, told)) == sorted(map(repr, finished.outcomes))
    return {outcome.entity: outcome for outcome in finished.outcomes}, events


def ids(world: World, into: str) -> list[int]:
    return sorted(row["id"] for row in world.rows(into))


def test_replace_twice_leaves_the_rows_once_and_append_twice_leaves_them_twice(
    tmp_path: Path,
) -> None:
    world = World({"users": numbers(2500)}, splits=3)
    for mode, expected in (("replace", 1), ("append", 2), ("append", 3)):
        outcomes, _ = move(a_plan(tmp_path, world, "users", mode=mode))
        assert outcomes["users"].result is Result.OK
        assert outcomes["users"].rows == 2500
        assert ids(world, "users") == sorted(list(range(2500)) * expected)
    outcomes, _ = move(a_plan(tmp_path, world, "users", mode="replace"))
    assert ids(world, "users") == list(range(2500))
    assert outcomes["users"].seq == 4


def test_one_failing_move_does_not_stop_the_others(tmp_path: Path) -> None:
    world = World({"a": numbers(10), "c": numbers(10)})
    outcomes, _ = move(a_plan(tmp_path, world, "a", "b", "c"))
    assert [outcomes[n].result for n in "abc"] == [Result.OK, Result.FAILED, Result.OK]
    failure = outcomes["b"].failure
    assert failure is not None
    assert (failure.message, failure.hint) == ("there is no b", "look again")
    assert failure.where == "flows/b.yml:1"


def test_dependants_of_a_failed_flow_are_skipped_all_the_way_down(tmp_path: Path) -> None:
    world = World({"b": numbers(1), "c": numbers(1), "d": numbers(1)})
    plan = a_plan(tmp_path, world, "a", "b", "c", "d", after={"b": ("a",), "c": ("b",)})
    outcomes, _ = move(plan)
    assert outcomes["b"].result is Result.SKIPPED
    assert outcomes["c"].result is Result.SKIPPED
    assert outcomes["d"].result is Result.OK
    assert outcomes["c"].failure is not None
    assert "runs after b, which did not complete" in outcomes["c"].failure.message


def test_a_flow_starts_only_when_what_it_comes_after_has_ended(tmp_path: Path) -> None:
    world = World({"a": numbers(10), "b": numbers(10)})
    world.before_read["a"] = lambda _: time.sleep(0.2)
    world.before_read["b"] = lambda _: None if world.rows("a") else pytest.fail("too early")
    outcomes, _ = move(a_plan(tmp_path, world, "b", "a", after={"b": ("a",)}))
    assert outcomes["b"].result is Result.OK


def test_no_more_moves_run_at_once_than_concurrency_allows(tmp_path: Path) -> None:
    world = World({f"t{n}": numbers(5) for n in range(12)})
    running, peak, lock = [0], [0], threading.Lock()

    def count(_: int) -> None:
        with lock:
            running[0] += 1
            peak[0] = max(peak[0], running[0])
        time.sleep(0.02)
        with lock:
            running[0] -= 1

    world.before_read = dict.fromkeys(world.tables, count)
    outcomes, _ = move(a_plan(tmp_path, world, *world.tables, concurrency=3))
    assert all(outcome.result is Result.OK for outcome in outcomes.values())
    assert 1 < peak[0] <= 3


def test_fail_fast_stops_what_has_not_started(tmp_path: Path) -> None:
    world = World({"b": numbers(1), "c": numbers(1)})
    outcomes, _ = move(a_plan(tmp_path, world, "a", "b", "c", concurrency=1), fail_fast=True)
    assert [outcomes[n].result for n in "abc"] == [
        Result.FAILED,
        Result.CANCELLED,
        Result.CANCELLED,
    ]
    assert world.commits == {}


def test_an_error_that_may_pass_is_tried_again_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hygge.engine.retry.FIRST_WAIT_SECONDS", 0.01)
    world = World({"users": numbers(100)}, splits=2)

    def fail_twice(opening: int) -> None:
        if opening <= 2:
            raise ConnectionResetError("reset by peer")

    world.before_read["users"] = fail_twice
    outcomes, events = move(a_plan(tmp_path, world, "users", mode="append"))
    assert outcomes["users"].attempts == 3
    assert ids(world, "users") == list(range(100))
    assert [e.attempt for e in events if isinstance(e, MoveRetried)] == [1, 2]


def test_an_error_that_stays_is_reported_once_in_the_homes_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hygge.engine.retry.FIRST_WAIT_SECONDS", 0.01)
    world = World({"users": numbers(100)})

    def fail(_: int) -> None:
        raise ConnectionResetError("reset by peer")

    world.before_read["users"] = fail
    outcomes, _ = move(a_plan(tmp_path, world, "users", retries=1))
    failure = outcomes["users"].failure
    assert failure is not None
    assert failure.message == "cannot read users: reset by peer"
    assert outcomes["users"].attempts == 2
    assert world.commits == {}
    assert world.staged == set()


def test_a_late_type_reads_the_whole_input_again_without_counting_as_a_failure(
    tmp_path: Path,
) -> None:
    world = World({"users": numbers(5000)}, splits=2, late_types={"users"})
    outcomes, events = move(a_plan(tmp_path, world, "users", mode="append"))
    assert outcomes["users"].result is Result.OK
    assert outcomes["users"].attempts == 1
    assert world.opened["users"] == 2
    assert ids(world, "users") == list(range(5000))
    assert not [event for event in events if isinstance(event, MoveRetried)]


def test_a_bug_is_one_failed_move_with_its_trace(tmp_path: Path) -> None:
    world = World({"a": numbers(1), "b": numbers(1)})

    def broken(_: int) -> None:
        raise ZeroDivisionError("oh")

    world.before_read["a"] = broken
    outcomes, _ = move(a_plan(tmp_path, world, "a", "b"))
    failure = outcomes["a"].failure
    assert failure is not None
    assert failure.code == "HG590"
    assert failure.trace is not None
    assert "ZeroDivisionError" in failure.trace
    assert outcomes["b"].result is Result.OK


def test_fewer_rows_than_the_home_promised_are_never_published(tmp_path: Path) -> None:
    world = World({"users": numbers(10)}, lost_rows=1)
    outcomes, _ = move(a_plan(tmp_path, world, "users"))
    failure = outcomes["users"].failure
    assert failure is not None
    assert "expected 11 rows of users but read 10" in failure.message
    assert world.commits == {}


def test_stopping_cancels_what_runs_and_what_waits_and_publishes_nothing(tmp_path: Path) -> None:
    world = World({"a": numbers(100_000), "b": numbers(5)}, batch_rows=10)
    stop = Stop()
    world.before_read["a"] = lambda _: stop.request(15)
    outcomes, _ = move(a_plan(tmp_path, world, "a", "b", concurrency=1), stop=stop)
    assert {outcome.result for outcome in outcomes.values()} == {Result.CANCELLED}
    assert world.commits == {}
    assert world.staged == set()
    assert stop.signal == 15


def test_a_stop_during_the_commit_waits_for_its_outcome(tmp_path: Path) -> None:
    world = World({"a": numbers(10)})
    stop = Stop()
    world.before_commit["a"] = lambda: stop.request(2)
    outcomes, _ = move(a_plan(tmp_path, world, "a"), stop=stop)
    assert outcomes["a"].result is Result.OK
    assert ids(world, "a") == list(range(10))


def test_a_move_that_does_not_stop_is_left_behind_after_the_grace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinator, "GRACE_SECONDS", 0.2)
    world = World({"a": numbers(10)})
    stop, release = Stop(), threading.Event()

    def hang(_: int) -> None:
        stop.request(2)
        release.wait(30)

    world.before_read["a"] = hang
    outcomes, _ = move(a_plan(tmp_path, world, "a"), stop=stop)
    release.set()
    assert outcomes["a"].result is Result.CANCELLED
    assert outcomes["a"].failure is not None
    assert "did not stop within" in outcomes["a"].failure.message


def test_a_move_longer_than_its_timeout_fails_and_publishes_nothing(tmp_path: Path) -> None:
    world = World({"a": numbers(10)})
    world.before_read["a"] = lambda _: time.sleep(0.3)
    outcomes, _ = move(a_plan(tmp_path, world, "a", timeout=0.1))
    failure = outcomes["a"].failure
    assert failure is not None
    assert "longer than its timeout of 0.1 s" in failure.message
    assert world.commits == {}


def test_a_lost_reply_is_answered_by_asking_who_owns_the_commit(tmp_path: Path) -> None:
    world = World({"a": numbers(10)})

    def lose() -> None:
        raise CommitUnknownError("no answer")

    world.after_commit["a"] = lose
    outcomes, _ = move(a_plan(tmp_path, world, "a", mode="append"))
    assert outcomes["a"].result is Result.OK
    assert ids(world, "a") == list(range(10))


def test_a_commit_nobody_owns_is_reported_as_unknown(tmp_path: Path) -> None:
    world = World({"a": numbers(10)})

    def lose() -> None:
        raise CommitUnknownError("no answer")

    world.before_commit["a"] = lose
    outcomes, _ = move(a_plan(tmp_path, world, "a"))
    assert outcomes["a"].result is Result.FAILED
    assert outcomes["a"].failure is not None
    assert outcomes["a"].failure.code == "HG551"


@pytest.mark.parametrize(
    ("on_empty", "result", "rows"),
    [("keep", Result.KEPT, 10), ("replace", Result.OK, 0), ("fail", Result.FAILED, 10)],
)
def test_an_empty_home_replaces_only_when_the_flow_says_so(
    tmp_path: Path, on_empty: str, result: Result, rows: int
) -> None:
    world = World({"a": numbers(10)})
    move(a_plan(tmp_path, world, "a"))
    world.tables["a"] = numbers(0)
    outcomes, _ = move(a_plan(tmp_path, world, "a", on_empty=on_empty))
    assert outcomes["a"].result is result
    assert len(world.rows("a")) == rows
    last, _ = world.commits["a"][-1]
    assert last.schema.names == ["id"]


def test_a_replace_that_loses_too_many_rows_is_refused(tmp_path: Path) -> None:
    world = World({"a": numbers(100)})
    move(a_plan(tmp_path, world, "a"))
    world.tables["a"] = numbers(49)
    outcomes, _ = move(a_plan(tmp_path, world, "a", max_shrink="50%"))
    assert outcomes["a"].failure is not None
    assert "would shrink from 100 rows to 49" in outcomes["a"].failure.message
    assert len(world.rows("a")) == 100
    world.tables["a"] = numbers(50)
    outcomes, _ = move(a_plan(tmp_path, world, "a", max_shrink="50%"))
    assert outcomes["a"].result is Result.OK


def test_a_limit_moves_so_many_rows_and_no_more(tmp_path: Path) -> None:
    world = World({"a": numbers(5000)}, splits=3)
    outcomes, _ = move(a_plan(tmp_path, world, "a", limit=1234))
    assert outcomes["a"].rows == 1234
    assert ids(world, "a") == list(range(1234))


def test_appending_nothing_publishes_nothing(tmp_path: Path) -> None:
    world = World({"a": numbers(10)})
    move(a_plan(tmp_path, world, "a", mode="append"))
    world.tables["a"] = numbers(0)
    outcomes, _ = move(a_plan(tmp_path, world, "a", mode="append"))
    assert outcomes["a"].result is Result.OK
    assert len(world.commits["a"]) == 1


def test_plans_events_and_outcomes_can_be_pickled(tmp_path: Path) -> None:
    world = World({"a": numbers(10)})
    plan = a_plan(tmp_path, world, "a", "b")
    assert pickle.loads(pickle.dumps(plan.moves)) == plan.moves
    _, events = move(plan)
    finished = pickle.loads(pickle.dumps(events[-1]))
    assert isinstance(finished, RunFinished)
    assert finished == events[-1]


def test_many_moves_share_a_small_budget_without_a_deadlock(tmp_path: Path) -> None:
    wide = pa.table({"id": range(200), "text": ["x" * 5000] * 200})
    world = World({f"t{n}": wide for n in range(20)}, splits=3, batch_rows=20)
    plan = a_plan(tmp_path, world, *world.tables, concurrency=8, memory_limit=200_000, parallel=3)
    outcomes, _ = move(plan)
    assert {outcome.result for outcome in outcomes.values()} == {Result.OK}
    assert all(len(world.rows(name)) == 200 for name in world.tables)
