"""The schema contract in whole moves: nothing is staged, nothing is lost, page by page."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from projects import write_project

from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Selection, make_plan
from hygge.project import Project
from hygge.values.model import Outcome, Result

PAGES = 20
FREEZE = "{add: fail, drop: fail, change: fail}"
KEEP = "{add: keep, drop: keep, change: keep}"


def project(root: Path, home: str) -> Path:
    return write_project(
        root,
        {
            "homes/files.yml": f"type: {home}\npath: in\n",
            "stores/lake.yml": "type: duckdb\npath: lake.duckdb\n",
        },
    )


def write(root: Path, page: int, **values: object) -> None:
    path = root / "in/users" / f"{page:02}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values) + "\n")


def go(root: Path, contract: str, mode: str = "append") -> Outcome:
    text = f"home: files\nstore: lake\nmode: {mode}\nschema_contract: {contract}\n"
    (root / "flows").mkdir(exist_ok=True)
    (root / "flows/users.yml").write_text(text)
    plan = make_plan(Project.load(root), Selection())
    (outcome,) = run(plan, stop=Stop(), listen=lambda _: None).outcomes
    return outcome


def asked(root: Path, what: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(root / "lake.duckdb"), read_only=True) as database:
        return database.execute(f"select {what} from users order by 1").fetchall()


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A store with one row; the last page of many at home has a column more than the others."""
    root = project(tmp_path, "jsonl")
    write(root, 0, id=1, name="ann")
    assert go(root, FREEZE).result is Result.OK
    for page in range(1, PAGES):
        write(root, page, id=page, name="bob")
    write(root, PAGES, id=PAGES, name="cyd", late=True)
    return root


@pytest.mark.parametrize("mode", ["append", "replace"])
def test_a_late_page_that_differs_is_refused_before_anything_is_published(
    pages: Path, mode: str
) -> None:
    outcome = go(pages, FREEZE, mode)
    assert outcome.failure is not None
    assert outcome.failure.code == "HG522"
    assert "late" in outcome.failure.message
    assert asked(pages, "id, name") == [(1, "ann")]


def test_a_late_page_that_differs_is_taken_in_or_left_out(pages: Path) -> None:
    assert go(pages, KEEP).rows == PAGES + 1
    assert asked(pages, "count(*)") == [(PAGES + 2,)]
    assert go(pages, "evolve").rows == PAGES + 1
    assert asked(pages, "count(*), count(late)") == [(2 * PAGES + 3, 1)]


def test_a_value_that_the_kept_type_cannot_hold_fails_and_is_named(tmp_path: Path) -> None:
    root = project(tmp_path, "jsonl")
    write(root, 0, id=1, size=1)
    assert go(root, KEEP).result is Result.OK
    write(root, 0, id=2, size=2.0)
    assert go(root, KEEP).result is Result.OK
    write(root, 0, id=3, size=2.5)
    outcome = go(root, KEEP)
    assert outcome.failure is not None
    assert outcome.failure.code == "HG525"
    assert (
        "column 'size', row 1: 2.5 cannot be represented exactly as int64"
        in outcome.failure.message
    )
    assert asked(root, "id, size") == [(1, 1), (2, 2)]


def test_csv_headers_that_differ_are_one_schema_and_one_question(tmp_path: Path) -> None:
    root = project(tmp_path, "csv")
    folder = root / "in/users"
    folder.mkdir(parents=True)
    (folder / "00.csv").write_text("id,name\n1,ann\n")
    assert go(root, FREEZE).result is Result.OK
    for page in range(1, PAGES):
        (folder / f"{page:02}.csv").write_text(f"name,id\nbob,{page}\n")
    (folder / "99.csv").write_text("id,mail\n99,x@y\n")
    outcome = go(root, FREEZE)
    assert outcome.failure is not None
    assert "new" in outcome.failure.message
    assert "mail" in outcome.failure.message
    assert asked(root, "count(*)") == [(1,)]
    assert go(root, KEEP, "replace").rows == PAGES + 1
    assert asked(root, "count(*), count(name)") == [(PAGES + 1, PAGES)]
