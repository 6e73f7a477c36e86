"""`hygge rename flow`: a flow of another name goes on where it was, in every kind of store."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from projects import hygge, write_project
from undo_places import Place, open_place

KINDS = ["parquet", "sqlite", "duckdb", "postgres", "mysql"]
APPEND = "home: files\nstore: lake\nmode: append\nprimary_key: id\nincremental: id\n"
MERGE = "home: files\nstore: lake\nmode: merge\nprimary_key: id\nincremental: id\n"


def write_data(root: Path, *ids: int) -> None:
    (root / "in").mkdir(exist_ok=True)
    pl.DataFrame({"id": list(ids)}).write_parquet(root / "in/users.parquet")


def project(root: Path, store: str, flow: str) -> Path:
    files = {
        "homes/files.yml": "type: parquet\npath: in\n",
        "stores/lake.yml": store,
        "flows/users.yml": flow,
        "flows/later.yml": "home: files\nstore: lake\nentity: users\ninto: later\nafter: [users]\n",
    }
    write_project(root, files)
    write_data(root, 1, 2, 3)
    return root


def ids(place: Place) -> list[int]:
    return sorted(row[0] for row in place.ask("select id from users"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("flow", [APPEND, MERGE], ids=["append", "merge"])
def test_a_renamed_flow_goes_on_where_it_was(tmp_path: Path, kind: str, flow: str) -> None:
    with open_place(kind, tmp_path) as place:
        root = project(tmp_path, place.yaml, flow)
        assert hygge(root, "go", "users").returncode == 0
        done = hygge(root, "rename", "flow", "users", "people")
        assert done.returncode == 0, done.stderr
        assert not (root / "flows/users.yml").exists()
        assert "after: [people]" in (root / "flows/later.yml").read_text()
        write_data(root, 1, 2, 3, 4)
        moved = hygge(root, "go", "people")
        assert moved.returncode == 0, moved.stdout
        assert (
            json.loads((root / ".hygge/runs/latest.json").read_text())["outcomes"][0]["rows"] == 1
        )
        assert ids(place) == [1, 2, 3, 4]
        assert hygge(root, "undo", "people", "--yes").returncode == 0
        assert ids(place) == [1, 2, 3]
        assert hygge(root, "go", "people").returncode == 0
        assert ids(place) == [1, 2, 3, 4]
        history = json.loads(hygge(root, "history", "--json").stdout)
        assert {move["flow"] for run in history for move in run["moves"]} == {"people"}


@pytest.mark.parametrize("kind", ["parquet", "sqlite", "postgres"])
@pytest.mark.parametrize("flow", [APPEND, MERGE], ids=["append", "merge"])
def test_adopt_takes_over_how_far_the_same_entity_was_moved(
    tmp_path: Path, kind: str, flow: str
) -> None:
    with open_place(kind, tmp_path) as place:
        root = project(tmp_path, place.yaml, flow)
        assert hygge(root, "go", "users").returncode == 0
        (root / "flows/users.yml").unlink()
        (root / "flows/later.yml").unlink()
        (root / "flows/people.yml").write_text(f"{flow}entity: users\n")
        write_data(root, 1, 2, 3, 4)
        refused = hygge(root, "go", "people")
        assert "HG534" in refused.stdout
        assert "hygge go people --adopt" in refused.stdout
        state = hygge(root, "state", "set", "people", "3")
        assert "hygge go people --adopt" in state.stderr
        taken = hygge(root, "go", "people", "--adopt")
        assert taken.returncode == 0, taken.stdout
        assert "continues from id = 3" in taken.stdout
        assert ids(place) == [1, 2, 3, 4]
        assert hygge(root, "go", "people").returncode == 0
        assert ids(place) == [1, 2, 3, 4]


def test_another_entity_takes_no_watermark_over(tmp_path: Path) -> None:
    root = project(tmp_path, "type: parquet\npath: lake\n", MERGE)
    assert hygge(root, "go", "users").returncode == 0
    (root / "flows/users.yml").unlink()
    (root / "flows/later.yml").unlink()
    (root / "flows/people.yml").write_text(f"{MERGE}entity: people\ninto: users\n")
    pl.DataFrame({"id": [2, 9]}).write_parquet(root / "in/people.parquet")
    assert hygge(root, "go", "people", "--adopt").returncode == 0
    report = json.loads((root / ".hygge/runs/latest.json").read_text())
    assert report["outcomes"][0]["rows"] == 2


def test_environments_lock_files_and_failures_follow(tmp_path: Path) -> None:
    root = project(tmp_path, "type: parquet\npath: lake\n", APPEND)
    overlay = "stores: {lake: {path: prod}}\nflows: {users: {retries: 1}, later: {after: users}}\n"
    write_project(root, {"environments/prod.yml": overlay})
    assert hygge(root, "schema", "lock", "users").returncode == 0
    assert hygge(root, "go", "users", "--env", "prod").returncode == 0
    data = (root / "in/users.parquet").read_bytes()
    (root / "in/users.parquet").unlink()
    assert hygge(root, "go", "users", "--env", "prod").returncode == 1
    (root / "in/users.parquet").write_bytes(data)
    shown = hygge(root, "rename", "flow", "users", "people", "--dry-run")
    assert shown.returncode == 0
    assert (root / "flows/users.yml").exists()
    done = hygge(root, "rename", "flow", "users", "people")
    assert done.returncode == 0, done.stderr
    assert "environment prod" in done.stderr
    assert (root / "flows/people.lock.yml").exists()
    assert not (root / "flows/users.lock.yml").exists()
    text = (root / "environments/prod.yml").read_text()
    assert "flows: {people: {retries: 1}, later: {after: people}}" in text
    assert hygge(root, "validate").returncode == 0
    again = hygge(root, "go", "--retry-failed")
    assert again.returncode == 0, again.stderr
    assert "people" in again.stdout
    assert "nothing new" in again.stdout


@pytest.mark.parametrize(
    ("old", "new"), [("nobody", "people"), ("users", "later"), ("users", "A-b")]
)
def test_a_name_that_cannot_be_changes_nothing(tmp_path: Path, old: str, new: str) -> None:
    root = project(tmp_path, "type: parquet\npath: lake\n", APPEND)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert hygge(root, "rename", "flow", old, new).returncode == 2
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
