"""`hygge undo`, as a person sees it, in stores of each kind."""

from __future__ import annotations

import itertools
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from projects import hygge, write_project
from undo_places import KINDS, Place, open_place

from hygge.connector import Commit, StoreConfig
from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Selection, make_plan
from hygge.operations import undo as undoing
from hygge.project import Project
from hygge.values.model import Result
from hygge.values.requests import ProjectContext

Rows = list[tuple[Any, ...]]
DAY1 = [(1, "a"), (2, "b"), (3, "c")]
BAD = [(4, "broken"), (5, "broken")]
GOOD = [(4, "d"), (5, "e")]
FILES = "files"


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with open_place(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Place]:
    with open_place("parquet", tmp_path) as opened:
        yield opened


def set_up(place: Place, *settings: str, store: str = "") -> Path:
    flow = "\n".join(["home: app", "store: lake", *settings])
    write_project(
        place.root,
        {
            "homes/app.yml": "type: sqlite\npath: app.db\n",
            "stores/lake.yml": f"{place.yaml}{store}\n",
            "flows/users.yml": f"{flow}\n",
        },
    )
    fill(place, DAY1)
    return place.root


def fill(place: Place, rows: Rows, columns: str = "id integer primary key, name text") -> None:
    """Make the home's table anew with these rows."""
    with sqlite3.connect(place.root / "app.db") as db:
        db.execute("drop table if exists users")
        db.execute(f"create table users ({columns})")
        marks = ", ".join("?" * (columns.count(",") + 1))
        db.executemany(f"insert into users values ({marks})", rows)
    db.close()


def go(root: Path, *entities: str) -> None:
    plan = make_plan(Project.load(root), Selection(entities=entities))
    finished = run(plan, stop=Stop(), listen=print)
    assert all(one.result is Result.OK for one in finished.outcomes), finished.outcomes


def undo(root: Path, *entities: str, code: int = 0) -> str:
    """Undo in this process; return what was said. The tests below that speak of options do not."""
    plan = make_plan(Project.load(root), Selection(("users",), entities=entities))
    outcomes = undoing.undo(plan, stop=Stop(), listen=print).outcomes
    assert int(any(one.failure for one in outcomes)) == code, outcomes
    return "\n".join(
        f"{one.failure.code} {one.failure.message}" if one.failure else one.notes[0]
        for one in outcomes
    )


def store_of(place: Place) -> StoreConfig:
    return StoreConfig.create(yaml.safe_load(place.yaml))


def newest(place: Place) -> Commit:
    commit = store_of(place).store(ProjectContext(place.root)).last_commit("users")
    assert commit is not None
    return commit


def mark(place: Place) -> str | None:
    watermark = newest(place).watermark
    return None if watermark is None else watermark.value


def test_a_replace_is_taken_back(place: Place) -> None:
    root = set_up(place)
    go(root)
    fill(place, BAD)
    go(root)
    assert place.rows() == BAD
    assert "commit 2 reverted by commit 3" in undo(root)
    assert place.rows() == DAY1
    commit = newest(place)
    assert (commit.seq, commit.undoes, commit.total_rows, commit.rows) == (3, 2, 3, 0)
    fill(place, GOOD)
    go(root)
    assert place.rows() == GOOD
    undo(root)
    assert place.rows() == DAY1


def test_a_replace_with_other_columns_brings_the_old_ones_back(place: Place) -> None:
    root = set_up(place)
    go(root)
    fill(place, [(1, "x", 1.5)], "id integer primary key, title text, size real")
    go(root)
    undo(root)
    assert place.rows() == DAY1
    assert newest(place).schema.names == ["id", "name"]
    fill(place, GOOD)
    go(root)
    assert place.rows() == GOOD


def test_an_append_is_taken_back_with_its_watermark(place: Place) -> None:
    root = set_up(place, "mode: append", "primary_key: id", "incremental: id")
    go(root)
    before = mark(place)
    fill(place, DAY1 + BAD)
    go(root)
    assert place.rows() == DAY1 + BAD
    assert mark(place) != before
    undo(root)
    assert place.rows() == DAY1
    assert mark(place) == before
    fill(place, DAY1 + GOOD)
    go(root)
    assert place.rows() == DAY1 + GOOD


def test_a_merge_is_taken_back_with_its_watermark(place: Place) -> None:
    root = set_up(place, "mode: merge", "primary_key: id", "incremental: id", "dedupe_by: name")
    go(root)
    before = mark(place)
    (last, _) = DAY1[-1]
    fill(place, [*DAY1[:-1], (last, "wrong"), *BAD])
    go(root)
    assert place.rows() == sorted([*DAY1[:-1], (last, "wrong"), *BAD])
    undo(root)
    assert place.rows() == DAY1
    assert mark(place) == before
    fill(place, DAY1 + GOOD)
    go(root)
    assert place.rows() == DAY1 + GOOD


def test_an_append_that_added_a_column_is_taken_back(place: Place) -> None:
    root = set_up(place, "mode: append", "primary_key: id", "incremental: id")
    go(root)
    wide = "id integer primary key, name text, age integer"
    fill(place, [(4, "broken", 7)], wide)
    go(root)
    undo(root)
    assert place.rows("id, name") == DAY1
    fill(place, [(4, "d", 8)], wide)
    go(root)
    assert place.rows("id, name, age") == [*((*row, None) for row in DAY1), (4, "d", 8)]


SQL = ["sqlite", "duckdb", "postgres", "mysql"]
by_sql = pytest.mark.parametrize("place", SQL, indirect=True)


@by_sql
def test_a_replace_that_keeps_the_table_is_taken_back(place: Place) -> None:
    root = set_up(place, store="replace: keep")
    go(root)
    fill(place, [(1, "x", 1.5), (7, "y", 2.5)], "id integer primary key, title text, size real")
    go(root)
    assert place.rows("id, title, size") == [(1, "x", 1.5), (7, "y", 2.5)]
    undo(root)
    assert place.rows("id, name") == DAY1
    assert len(place.rows()[0]) == 2
    assert place.leftovers() == []
    fill(place, GOOD)
    go(root)
    assert place.rows() == GOOD


@by_sql
def test_an_append_without_a_key_is_taken_back_by_its_run(place: Place) -> None:
    root = set_up(place, "mode: append", "metadata_columns: [run_id]", "incremental: id")
    go(root)
    fill(place, DAY1 + BAD)
    go(root)
    undo(root)
    assert place.rows("id, name") == DAY1
    fill(place, DAY1 + GOOD)
    go(root)
    assert place.rows("id, name") == DAY1 + GOOD


@by_sql
def test_an_append_whose_rows_nothing_tells_is_not_taken_back(place: Place) -> None:
    root = set_up(place, "mode: append", "incremental: id")
    go(root)
    fill(place, DAY1 + BAD)
    go(root)
    assert "nothing records which rows" in undo(root, code=1)
    assert place.rows() == DAY1 + BAD


@pytest.mark.parametrize("tells", ["primary_key: id", "metadata_columns: [run_id]"])
def test_a_range_that_was_moved_again_is_taken_back(place: Place, tells: str) -> None:
    root = set_up(place, "mode: append", tells, "incremental: id")
    go(root)
    before = mark(place)
    fill(place, [(1, "x"), (2, "broken"), (3, "y")])
    plan = replace(make_plan(Project.load(root), Selection()), again=("2", "3"))
    (outcome,) = run(plan, stop=Stop(), listen=print).outcomes
    assert outcome.result is Result.OK, outcome
    assert place.rows("id, name") == [(1, "a"), (2, "broken"), (3, "c")]
    undo(root)
    assert place.rows("id, name") == DAY1
    assert mark(place) == before


def test_a_key_of_two_columns_tells_what_was_appended(place: Place) -> None:
    root = set_up(place, "mode: append", "primary_key: [id, name]")
    go(root)
    fill(place, [(1, "other"), *BAD])
    go(root)
    undo(root)
    assert place.rows() == DAY1
    fill(place, GOOD)
    go(root)
    assert place.rows() == DAY1 + GOOD


@by_sql
def test_a_merge_that_took_marked_rows_away_is_taken_back(place: Place) -> None:
    merge = ("mode: merge", "primary_key: id")
    root = set_up(place, *merge, "delete_missing: soft")
    go(root)
    fill(place, DAY1[1:])
    go(root)
    before = place.rows("id, name, _hygge_deleted_at is null")
    assert [is_live for *_, is_live in before] == [False, True, True]
    set_up(place, *merge, "delete_missing: hard")
    fill(place, DAY1[1:])
    go(root)
    assert place.rows("id, name") == DAY1[1:]
    undo(root)
    assert place.rows("id, name, _hygge_deleted_at is null") == before


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_keys_that_a_table_takes_for_one_are_told_apart(place: Place) -> None:
    place.ask("create table users (id integer, name text collate nocase)")
    root = set_up(place, "mode: append", "primary_key: name")
    go(root)
    fill(place, [(4, "A"), (5, "d")])
    go(root)
    undo(root)
    assert place.rows() == DAY1


@pytest.mark.parametrize("place", ["sqlite", "duckdb"], indirect=True)
def test_columns_of_a_table_that_are_written_in_other_case_come_back(place: Place) -> None:
    place.ask("create table users (ID bigint, Name text default 'none')")
    root = set_up(place, store="replace: keep")
    go(root)
    fill(place, BAD)
    go(root)
    assert place.rows() == BAD
    undo(root)
    assert place.rows() == DAY1


def test_what_is_kept_for_undo_is_no_entity(place: Place) -> None:
    root = set_up(place)
    for rows in (GOOD, DAY1):
        fill(place, rows)
        go(root)
    assert len(place.leftovers()) == 1
    home = store_of(place).as_home()
    if home is not None:
        assert home.home(ProjectContext(root)).entities("*") == ["users"]


@pytest.fixture
def bad_append(lake: Place) -> Place:
    root = set_up(lake, "mode: append", "incremental: id")
    go(root)
    fill(lake, DAY1 + BAD)
    go(root)
    return lake


def test_a_dry_run_tells_and_does_nothing(bad_append: Place) -> None:
    done = hygge(bad_append.root, "undo", "users", "--dry-run")
    assert done.returncode == 0
    assert "commit 2" in done.stdout
    assert bad_append.rows() == DAY1 + BAD
    said = json.loads(hygge(bad_append.root, "undo", "users", "--dry-run", "--json").stdout)
    assert said["undone"] is False
    assert said["entities"][0]["undoes"] == 2
    assert (said["entities"][0]["rows_now"], said["entities"][0]["rows_after"]) == (5, 3)
    assert newest(bad_append).seq == 2


def test_json_tells_what_was_undone_and_history_remembers_it(bad_append: Place) -> None:
    done = hygge(bad_append.root, "undo", "users", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["undone"] is True
    assert said["entities"][0]["commit"] == 3
    assert said["entities"][0]["watermark"] == {"column": "id", "value": "3"}
    runs = json.loads(hygge(bad_append.root, "history", "--json").stdout)
    assert (runs[0]["run_id"], runs[0]["state"]) == (said["run"], "ok")
    assert [(one["mode"], one["seq"]) for one in runs[0]["moves"]] == [("undo", 3)]


def test_undo_asks_first_and_nobody_can_answer_here(bad_append: Place) -> None:
    for more in ([], ["--no-input"]):
        done = hygge(bad_append.root, "undo", "users", *more)
        assert done.returncode == 2
        assert "--yes" in done.stderr
    assert bad_append.rows() == DAY1 + BAD


def test_a_second_undo_goes_one_commit_further_back_where_it_was_kept(place: Place) -> None:
    root = set_up(place, "keep_generations: 2")
    go(root)
    for rows in (GOOD, BAD):
        fill(place, rows)
        go(root)
    undo(root)
    assert place.rows() == GOOD
    undo(root)
    assert place.rows() == DAY1
    commit = newest(place)
    assert (commit.seq, commit.undoes) == (5, 2)
    assert "HG529" in undo(root, code=1)
    assert place.rows() == DAY1
    fill(place, BAD)
    go(root)
    undo(root)
    assert place.rows() == DAY1


def test_a_second_undo_is_refused_where_one_generation_is_kept(place: Place) -> None:
    root = set_up(place)
    go(root)
    for rows in (GOOD, BAD):
        fill(place, rows)
        go(root)
    undo(root)
    said = undo(root, code=1)
    assert "HG529" in said
    assert "keep_generations is 1" in said
    assert place.rows() == GOOD


def test_nothing_is_kept_with_keep_generations_0(place: Place) -> None:
    root = set_up(place, "keep_generations: 0")
    go(root)
    fill(place, BAD)
    go(root)
    assert "keep_generations is 0" in undo(root, code=1)
    assert place.rows() == BAD
    assert place.leftovers() == []


def test_the_first_commit_cannot_be_undone(place: Place) -> None:
    root = set_up(place)
    assert "nothing has been moved" in undo(root, code=1)
    go(root)
    assert "has only one commit" in undo(root, code=1)
    assert place.rows() == DAY1


def test_a_flow_that_is_not_there_has_a_nearest_name(lake: Place) -> None:
    root = set_up(lake)
    done = hygge(root, "undo", "user", "--yes")
    assert done.returncode == 2
    assert "users" in done.stderr


def test_all_entities_of_a_flow_or_none(lake: Place) -> None:
    root = set_up(lake, "entities: [users, teams]")
    with sqlite3.connect(root / "app.db") as db:
        db.execute("create table teams (id integer)")
        db.execute("insert into teams values (1)")
    db.close()
    go(root)
    fill(lake, BAD)
    go(root, "users")
    assert "HG529" in undo(root, code=1)
    assert lake.rows() == BAD
    undo(root, "users")
    assert lake.rows() == DAY1


def test_what_others_changed_since_is_not_undone(place: Place) -> None:
    root = set_up(place, "mode: append", "primary_key: id")
    go(root)
    fill(place, GOOD)
    go(root)
    place.meddle()
    before = mark(place)
    assert "HG529" in undo(root, code=1)
    assert mark(place) == before


SEEING = [kind for kind in KINDS if kind not in ("sqlite", "duckdb", "mysql")]
SETTINGS = {
    "replace": (),
    "append": ("mode: append", "primary_key: id", "incremental: id"),
    "run": ("mode: append", "metadata_columns: [run_id]", "incremental: id"),
    "merge": ("mode: merge", "primary_key: id", "incremental: id", "dedupe_by: name"),
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("place", SEEING, indirect=True)
def test_rows_that_others_changed_in_place_are_not_lost(
    place: Place, settings: tuple[str, ...]
) -> None:
    assert place.change is not None
    root = set_up(place, *settings)
    go(root)
    fill(place, DAY1 + BAD)
    go(root)
    place.change()
    said = undo(root, code=1)
    assert "HG529" in said
    assert "changed" in said
    assert newest(place).seq == 2


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
@pytest.mark.parametrize("name", ["append", "run", "merge"])
def test_rows_that_stay_may_be_changed_by_others(place: Place, name: str) -> None:
    root = set_up(place, *SETTINGS[name], "keep_generations: 2")
    go(root)
    fill(place, DAY1 + GOOD)
    go(root)
    last = (5, "wrong") if name == "merge" else GOOD[-1]
    fill(place, [*DAY1, GOOD[0], last, (6, "broken")])
    go(root)
    place.ask("update users set name = 'mended' where id = 1")
    undo(root)
    assert place.rows("id, name") == [(1, "mended"), *DAY1[1:], *GOOD]
    undo(root)
    assert place.rows("id, name") == [(1, "mended"), *DAY1[1:]]


def test_where_changes_cannot_be_seen_undo_says_so_before_it_acts(place: Place) -> None:
    root = set_up(place)
    go(root)
    fill(place, BAD)
    go(root)
    warning = "cannot detect changes made by others since commit 2 in the rows to be removed"
    is_blind = place.change is None
    assert (warning in hygge(root, "undo", "users", "--dry-run").stdout) == is_blind
    said = json.loads(hygge(root, "undo", "users", "--dry-run", "--json").stdout)
    assert said["entities"][0]["sees_changes"] != is_blind
    done = hygge(root, "undo", "users", "--yes")
    assert done.returncode == 0, done.stderr
    assert (warning in done.stderr) == is_blind


def test_a_run_that_holds_the_lock_keeps_undo_out(bad_append: Place) -> None:
    (move,) = make_plan(Project.load(bad_append.root), Selection()).moves
    with move.lock(ProjectContext(bad_append.root), "other"):
        done = hygge(bad_append.root, "undo", "users", "--yes")
    assert done.returncode == 1
    assert "HG543" in done.stdout
    assert bad_append.rows() == DAY1 + BAD


KILLED = [*itertools.product(["exchange", "swap", "postgres", "mysql"], ["replace", "append"])]
KILLED += [("postgres", "merge"), ("mysql", "merge")]


@pytest.mark.parametrize(("kind", "mode"), KILLED)
def test_an_undo_killed_at_any_step_leaves_the_rows_of_before_or_after(
    tmp_path: Path, kind: str, mode: str
) -> None:
    script = Path(__file__).with_name("undo_killing.py")
    command = [sys.executable, str(script), str(tmp_path), kind, mode]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) > 10


def test_files_of_generations_beyond_those_kept_go(lake: Place) -> None:
    root = set_up(lake, "keep_generations: 3")
    for number in range(6):
        fill(lake, [(number, "x")])
        go(root)
    state = root / "lake" / ".hygge" / "users"
    assert sorted(path.name for path in state.glob("previous-*")) == [
        "previous-3",
        "previous-4",
        "previous-5",
    ]
    for number in (4, 3, 2):
        undo(root)
        rows = duckdb.connect().execute(f"from '{root}/lake/users/*.parquet'").fetchall()
        assert rows == [(number, "x")]
    undo(root, code=1)
