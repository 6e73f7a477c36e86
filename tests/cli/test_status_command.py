"""`hygge status`: last success, freshness, failures and the usual figures of flows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from projects import hygge, write_project

from hygge.journal.journal import PastMove
from hygge.operations.status import status_of
from hygge.project.project import FlowOutline

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
FLOW = FlowOutline("users", "flows/users.yml", 1, "shop", "lake", ("users",), (), (), enabled=True)
OF_TWO = replace(FLOW, entities=("a*", "b"))


def moved(hours: float, state: str = "committed", **more: object) -> PastMove:
    """A move that ended some hours before NOW and lasted 60 s."""
    ended = NOW - timedelta(hours=hours)
    known = PastMove(
        run_id=f"run-{hours}",
        started_at=(ended - timedelta(seconds=60)).isoformat(),
        ended_at=ended.isoformat(),
        options=(),
        command="go",
        entity="users",
        state=state,
        mode="replace",
        rows=100,
        seconds=60.0,
        code=None,
        message=None,
        hint=None,
    )
    return replace(known, **more)  # type: ignore[arg-type]


DAILY = {"users": 86400.0}


@pytest.mark.parametrize(
    ("freshness", "moves", "state", "hours"),
    [
        ({}, [], "never run", None),
        (DAILY, [], "stale", None),
        ({}, [moved(100)], "ok", 100),
        (DAILY, [moved(23)], "ok", 23),
        (DAILY, [moved(25)], "stale", 25),
        ({}, [moved(1, "kept")], "ok", 1),
        ({}, [moved(1, "failed"), moved(5)], "failed", 5),
        ({}, [moved(1), moved(5, "failed")], "ok", 1),
        (DAILY, [moved(1, "crashed"), moved(50)], "failed", 50),
        (DAILY, [moved(1, "skipped")], "failed", None),
        (DAILY, [moved(1, options=("--limit", "10")), moved(30)], "stale", 30),
        (DAILY, [moved(1, mode="undo"), moved(2, mode="state"), moved(30)], "stale", 30),
        ({}, [moved(1, "failed", command="undo"), moved(2)], "ok", 2),
        (DAILY, [moved(0, "running"), moved(3)], "running", 3),
        (DAILY, [moved(0, "running"), moved(30)], "stale", 30),
    ],
)
def test_the_newest_moves_decide(
    freshness: dict[str, float], moves: list[PastMove], state: str, hours: float | None
) -> None:
    found = status_of(replace(FLOW, freshness=freshness), moves, NOW)
    assert (found.state, found.age) == (state, None if hours is None else hours * 3600)
    assert found.is_well == (state not in ("stale", "failed"))


def test_a_flow_succeeded_when_all_its_entities_had() -> None:
    moves = [moved(1, entity="a1"), moved(2, entity="b"), moved(9, entity="a2")]
    found = status_of(replace(OF_TWO, freshness={"a*": 8 * 3600, "b": 3600}), moves, NOW)
    assert (found.state, found.age, found.stale) == ("stale", 9 * 3600, ("b", "a2"))
    without = status_of(OF_TWO, [move for move in moves if move.entity != "b"], NOW)
    assert without.last_success is None  # `b` is named by the flow, and was never moved


def test_failures_in_a_row_are_counted_from_the_first() -> None:
    moves = [moved(1, "failed", code="HG501"), moved(2, "crashed"), moved(3), moved(4, "failed")]
    (trouble,) = status_of(FLOW, moves, NOW).troubles
    assert (trouble.runs, trouble.code, trouble.run_id) == (2, "HG501", "run-1")
    assert trouble.since == moves[1].started_at


def test_a_commit_of_another_machine_counts_when_the_stores_were_asked() -> None:
    failed = [moved(5, "failed"), moved(30)]
    later = (NOW - timedelta(hours=2)).isoformat()
    found = status_of(replace(FLOW, freshness=DAILY), failed, NOW, {"users": later})
    assert (found.state, found.age) == ("ok", 2 * 3600)
    earlier = (NOW - timedelta(hours=6)).isoformat()
    assert status_of(FLOW, failed, NOW, {"users": earlier}).state == "failed"


def test_the_newest_run_is_compared_with_the_median_of_ten() -> None:
    earlier = [moved(hours, seconds=float(hours), rows=hours) for hours in range(2, 20)]
    found = status_of(FLOW, [moved(1, seconds=30.0), *earlier], NOW)
    assert (found.seconds, found.usual_seconds, found.usual_rows) == (30.0, 6.5, 6.5)
    assert status_of(FLOW, [moved(1), moved(2), moved(3)], NOW).usual_seconds is None


def test_a_run_lasts_from_its_first_move_to_the_end_of_its_last() -> None:
    moves = [
        moved(1, entity="a1", run_id="one", seconds=3600.0),
        moved(1.5, entity="b", run_id="one", seconds=3600.0),
    ]
    found = status_of(OF_TWO, moves, NOW)
    assert (found.seconds, found.rows) == (5400.0, 200)


def test_a_person_sees_what_is_stale_and_failed(tmp_path: Path) -> None:
    write_project(
        tmp_path,
        {
            "hygge.yml": "name: shop\ndefaults: {freshness: 7d}\n",
            "homes/files.yml": "type: parquet\npath: in\n",
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "environments/prod.yml": "stores: {lake: {path: prod}}\n",
            "flows/users.yml": "home: files\nstore: lake\n",
            "flows/orders.yml": "home: files\nstore: lake\nfreshness: 0.001s\n",
            "flows/draft.yml": "home: files\nstore: lake\nenabled: false\n",
        },
    )
    (tmp_path / "in").mkdir()
    for name in ("users", "orders"):
        pl.DataFrame({"id": range(3)}).write_parquet(tmp_path / f"in/{name}.parquet")
    assert hygge(tmp_path, "go").returncode == 0
    assert hygge(tmp_path, "undo", "orders", "--yes").returncode == 1  # it has one commit only
    (tmp_path / "in/users.parquet").write_text("no parquet at all")
    assert hygge(tmp_path, "go", "users").returncode == 1

    result = hygge(tmp_path, "status")
    assert result.returncode == 1
    assert "orders stale: last success" in result.stdout
    assert "users failed since" in result.stdout
    assert "1 stale · 1 failed" in result.stdout
    assert "draft" not in result.stdout

    (command,) = [line for line in result.stdout.splitlines() if "hygge history" in line]
    shown = hygge(tmp_path, *command.partition("hygge ")[2].split())
    assert shown.returncode == 0
    assert "users" in shown.stdout

    found = json.loads(hygge(tmp_path, "status", "users", "--json", "--stores").stdout)
    (users,) = found["flows"]
    assert (users["state"], users["rows"], users["freshness"]) == ("failed", 3, 7 * 86400)
    assert hygge(tmp_path, "--env", "prod", "status", "users").returncode == 1  # never ran there
    unknown = hygge(tmp_path, "status", "user")
    assert unknown.returncode == 2
    assert "did you mean 'users'" in unknown.stderr
