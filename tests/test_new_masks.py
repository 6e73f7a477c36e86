"""A column that is masked for the first time: what becomes of the values moved before."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import write_project
from undo_places import KINDS, Place, open_place

from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Selection, make_plan
from hygge.project import Project
from hygge.values.model import Outcome, Result

SECRET = "ada@plain.example"
MASK = "columns: {email: {mask: redact}}"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hygge.connectors.files.local.recovery.LISTING_GRACE", 0.0)


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with open_place(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Place]:
    with open_place("parquet", tmp_path) as opened:
        yield opened


def set_up(place: Place, *settings: str) -> None:
    write_project(
        place.root,
        {
            "homes/app.yml": "type: sqlite\npath: app.db\n",
            "stores/lake.yml": place.yaml,
            "flows/users.yml": "\n".join(["home: app", "store: lake", *settings, ""]),
        },
    )
    if not (place.root / "app.db").exists():
        add(place, "create table users (id integer primary key, email text not null)")
        add(place, f"insert into users values (1, '{SECRET}')")


def add(place: Place, sql: str) -> None:
    with sqlite3.connect(place.root / "app.db") as db:
        db.execute(sql)
    db.close()


def go(place: Place, *, full_refresh: bool = False) -> Outcome:
    plan = make_plan(Project.load(place.root), Selection(), full_refresh=full_refresh, accepts=True)
    (outcome,) = run(plan, stop=Stop(), listen=print).outcomes
    assert outcome.result is Result.OK, outcome
    return outcome


def test_a_replace_keeps_no_older_copy(place: Place) -> None:
    set_up(place)
    go(place)
    go(place)
    assert len(place.leftovers()) == 1
    set_up(place, MASK)
    assert (
        "masked for the first time: email; earlier rows were not kept for undo" in go(place).notes
    )
    assert place.rows("email") == [("***",)]
    assert place.leftovers() == []
    assert not any("masked" in note for note in go(place).notes)
    assert len(place.leftovers()) == 1


def test_no_file_holds_the_plain_value_any_more(tmp_path: Path) -> None:
    with open_place("jsonl", tmp_path) as place:
        set_up(place, "keep_generations: 3")
        go(place)
        go(place)
        set_up(place, "keep_generations: 3", MASK)
        go(place)
    files = [path for path in (tmp_path / "lake").rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize("mode", ["append", "merge"])
def test_rows_that_stay_are_told_until_they_are_masked_too(lake: Place, mode: str) -> None:
    settings = [f"mode: {mode}", "incremental: id", "primary_key: id"]
    told = (
        "rows moved earlier may have plain values of email, which is masked now; mask them too "
        "with  hygge go users --full-refresh"
    )
    set_up(lake, *settings)
    go(lake)
    add(lake, "delete from users")
    set_up(lake, *settings, MASK)
    for number in (2, 3):
        add(lake, f"insert into users values ({number}, '{SECRET}')")
        assert told in go(lake).notes
    assert lake.rows("email") == [("***",), ("***",), (SECRET,)]
    go(lake, full_refresh=True)
    assert lake.rows("email") == [("***",)] * 2
    assert lake.leftovers() == []
    add(lake, f"insert into users values (4, '{SECRET}')")
    assert not any("masked" in note for note in go(lake).notes)


def test_a_column_that_is_new_was_never_plain(lake: Place) -> None:
    settings = ["mode: append", "incremental: id"]
    set_up(lake, *settings, "select: [id]")
    go(lake)
    set_up(lake, *settings, MASK)
    add(lake, f"insert into users values (2, '{SECRET}')")
    assert not any("masked" in note for note in go(lake).notes)
