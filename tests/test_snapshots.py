"""`snapshot: shared`: all entities of a flow as they are at one instant, whatever happens."""

from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import pytest
from ledger import Told, connected, write_ledger
from projects import write_project

from hygge.engine import coordinator
from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Selection, make_plan
from hygge.errors import HomeError
from hygge.project import Project
from hygge.values.model import Event, Outcome, Result

NAMES = ("a", "b", "c", "d")
FLOW = f"entities: [{', '.join(NAMES)}]\nsnapshot: shared\n"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hygge.engine.retry.FIRST_WAIT_SECONDS", 0.01)


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return write_ledger(tmp_path / "books.db", **dict.fromkeys(NAMES, "select 1 as id"))


def add_a_row_everywhere(root: Path) -> None:
    with connected(root / "books.db") as ledger:
        for name in NAMES:
            ledger.execute(f"insert into {name} values (2)")


def go(
    root: Path, flows: dict[str, str], *, concurrency: int = 1, stop: Stop | None = None
) -> dict[str, Outcome]:
    files = {
        "homes/books.yml": "type: testledger\npath: books.db\n",
        "stores/lake.yml": "type: parquet\npath: lake\n",
        **{f"flows/{name}.yml": text for name, text in flows.items()},
    }
    plan = make_plan(Project.load(write_project(root, files)), Selection(), concurrency=concurrency)
    events: list[Event] = []
    finished = run(plan, stop=stop or Stop(), listen=events.append)
    return {outcome.entity: outcome for outcome in finished.outcomes}


def landed(root: Path) -> dict[str, int]:
    found = {}
    for name in NAMES:
        if (root / "lake" / name).is_dir():
            query = f"select count(*) from '{root}/lake/{name}/*.parquet'"
            found[name] = duckdb.connect().execute(query).fetchall()[0][0]
    return found


@pytest.mark.parametrize(("snapshot", "rows"), [("shared", 1), ("entity", 2)])
def test_what_is_written_meanwhile_is_seen_in_no_entity(
    tmp_path: Path, told: Told, snapshot: str, rows: int
) -> None:
    def write(entity: str) -> None:
        if len(told.requests) == 1:
            add_a_row_everywhere(tmp_path)

    told.on_open = write
    go(tmp_path, {"all": FLOW.replace("shared", snapshot)})
    assert landed(tmp_path) == dict.fromkeys(NAMES, rows)
    assert told.snapshots == (["open", "close"] if snapshot == "shared" else [])


def test_many_moves_at_once_open_it_once_and_one_thread_closes_it(
    tmp_path: Path, told: Told
) -> None:
    at_once = threading.Barrier(len(NAMES), timeout=30)
    told.on_open = lambda entity: at_once.wait()
    outcomes = go(tmp_path, {"all": FLOW}, concurrency=len(NAMES))
    assert {outcome.failure for outcome in outcomes.values()} == {None}
    assert told.snapshots == ["open", "close"]
    assert len({id(request.snapshot) for request in told.requests}) == 1
    assert len(told.threads) == 1


def test_a_move_that_fails_takes_it_from_no_other(tmp_path: Path, told: Told) -> None:
    def fail(entity: str) -> None:
        assert told.snapshots == ["open"]
        if entity in ("a", "d"):
            raise HomeError("no")

    told.on_open = fail
    outcomes = go(tmp_path, {"all": FLOW})
    assert [outcomes[name].result for name in NAMES] == ["failed", "ok", "ok", "failed"]
    assert told.snapshots == ["open", "close"]


def test_a_retry_reads_under_the_same_one(tmp_path: Path, told: Told) -> None:
    def fail(entity: str) -> None:
        if len(told.requests) == 2:
            add_a_row_everywhere(tmp_path)
            raise ConnectionResetError("reset by peer")

    told.on_open = fail
    outcomes = go(tmp_path, {"all": FLOW})
    assert outcomes["b"].attempts == 2
    assert landed(tmp_path) == dict.fromkeys(NAMES, 1)
    assert told.snapshots == ["open", "close"]
    assert len({id(request.snapshot) for request in told.requests}) == 1


def test_each_flow_has_its_own(tmp_path: Path, told: Told) -> None:
    flows = {"one": "entities: [a, b]\nsnapshot: shared\n", "two": "entities: [c, d]\n"}
    flows["two"] += "snapshot: shared\nafter: one\n"
    told.on_open = lambda entity: add_a_row_everywhere(tmp_path) if entity == "a" else None
    go(tmp_path, flows, concurrency=4)
    assert landed(tmp_path) == {"a": 1, "b": 1, "c": 2, "d": 2}
    assert told.snapshots == ["open", "close", "open", "close"]


def test_one_that_cannot_be_opened_fails_each_move(tmp_path: Path, told: Told) -> None:
    def fail(opening: int) -> None:
        raise HomeError("too many sessions", hint="ask the owner", code="HG501")

    told.on_snapshot = fail
    outcomes = go(tmp_path, {"all": FLOW}, concurrency=2)
    for outcome in outcomes.values():
        assert outcome.failure is not None
        assert outcome.failure.message == (
            "cannot open a consistent snapshot of the entities of all: too many sessions"
        )
        assert outcome.failure.hint == "ask the owner"
        assert outcome.attempts == 1
    assert landed(tmp_path) == {}
    assert told.requests == []


def test_one_that_opens_at_a_second_try_serves_all(tmp_path: Path, told: Told) -> None:
    tries = []

    def fail(opening: int) -> None:
        tries.append(opening)
        if len(tries) == 1:
            raise ConnectionResetError("reset by peer")

    told.on_snapshot = fail
    outcomes = go(tmp_path, {"all": FLOW})
    assert [outcomes[name].attempts for name in NAMES] == [2, 1, 1, 1]
    assert told.snapshots == ["open", "close"]


def test_one_that_hangs_ends_with_the_timeout(tmp_path: Path, told: Told) -> None:
    release = threading.Event()
    waited: list[bool] = []
    told.on_snapshot = lambda opening: waited.append(release.wait(600))
    text = FLOW.replace("a, b, c, d", "a, b") + "timeout: 0.2s\n"
    outcomes = go(tmp_path, {"all": text}, concurrency=2)
    assert not waited
    release.set()
    assert {o.failure.code for o in outcomes.values() if o.failure} == {"HG541"}
    assert len(outcomes) == 2


@pytest.mark.parametrize("concurrency", [1, 3])
def test_a_stop_closes_it(tmp_path: Path, told: Told, concurrency: int) -> None:
    stop = Stop()
    told.on_open = lambda entity: stop.request(15)
    outcomes = go(tmp_path, {"all": FLOW}, concurrency=concurrency, stop=stop)
    assert {outcome.result for outcome in outcomes.values()} == {Result.CANCELLED}
    assert told.snapshots == ["open", "close"]


def test_one_that_does_not_close_keeps_nobody(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(coordinator, "GRACE_SECONDS", 0.2)
    release = threading.Event()
    told.on_close = lambda: release.wait(60)
    outcomes = go(tmp_path, {"all": FLOW})
    release.set()
    assert {outcome.result for outcome in outcomes.values()} == {Result.OK}
    assert "the snapshot of books is still closing" in caplog.text


def test_an_error_while_it_closes_is_no_failure(
    tmp_path: Path, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ConnectionResetError("reset by peer")

    told.on_close = fail
    outcomes = go(tmp_path, {"all": FLOW})
    assert {outcome.result for outcome in outcomes.values()} == {Result.OK}
    assert "failed: reset by peer" in caplog.text


def test_flows_that_are_skipped_open_none(tmp_path: Path, told: Told) -> None:
    def fail(entity: str) -> None:
        raise HomeError("no")

    told.on_open = fail
    outcomes = go(
        tmp_path, {"one": "entity: a\n", "two": "entities: [b, c]\nsnapshot: shared\nafter: one\n"}
    )
    assert outcomes["b"].result is Result.SKIPPED
    assert told.snapshots == []
