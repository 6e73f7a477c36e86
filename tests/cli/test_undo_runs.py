"""`hygge undo` of several flows, and of all that the newest run committed."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from projects import hygge, parquet_rows, write_project

FLOWS = ("users", "orders", "quiet")


def write_rows(root: Path, name: str, rows: int) -> None:
    (root / "in").mkdir(exist_ok=True)
    pl.DataFrame({"id": range(rows)}).write_parquet(root / f"in/{name}.parquet")


def rows(root: Path, name: str, lake: str = "lake") -> int:
    return parquet_rows(root / lake / name)[0]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project of three flows, each of which moved 3 rows and then 5, but for `quiet`."""
    append = "mode: append\nincremental: id\n"
    write_project(
        tmp_path,
        {
            "homes/files.yml": "type: parquet\npath: in\n",
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "environments/prod.yml": "stores: {lake: {path: prod}}\n",
            "flows/users.yml": "home: files\nstore: lake\n",
            "flows/orders.yml": f"home: files\nstore: lake\n{append}",
            "flows/quiet.yml": f"home: files\nstore: lake\n{append}",
        },
    )
    for name in FLOWS:
        write_rows(tmp_path, name, 3)
    assert hygge(tmp_path, "go").returncode == 0
    for name in ("users", "orders"):
        write_rows(tmp_path, name, 5)
    assert hygge(tmp_path, "go").returncode == 0
    return tmp_path


def test_several_flows_are_undone_at_once(root: Path) -> None:
    result = hygge(root, "undo", "users", "orders", "--yes")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "2 of 2 moves undone" in result.stdout
    assert [rows(root, name) for name in FLOWS] == [3, 3, 3]


def test_one_flow_that_cannot_be_undone_keeps_the_others_as_they_are(root: Path) -> None:
    result = hygge(root, "undo", "users", "quiet", "--yes")
    assert result.returncode == 1
    assert "HG529" in result.stdout
    assert [rows(root, name) for name in FLOWS] == [5, 5, 3]


def test_all_that_the_last_run_committed_is_undone_and_nothing_else(root: Path) -> None:
    looked = json.loads(hygge(root, "undo", "--last-run", "--dry-run", "--json").stdout)
    assert {one["flow"] for one in looked["entities"]} == {"users", "orders"}
    assert [rows(root, name) for name in FLOWS] == [5, 5, 3]
    result = hygge(root, "undo", "--last-run", "--yes")
    assert result.returncode == 0, result.stdout + result.stderr
    assert [rows(root, name) for name in FLOWS] == [3, 3, 3]
    assert hygge(root, "go").returncode == 0
    assert [rows(root, name) for name in FLOWS] == [5, 5, 3]


def test_a_place_that_was_committed_to_since_keeps_the_whole_run(root: Path) -> None:
    assert hygge(root, "undo", "users", "--yes").returncode == 0
    result = hygge(root, "undo", "--last-run", "--yes")
    assert result.returncode == 1
    assert "an undo committed to users" in result.stdout
    assert [rows(root, name) for name in FLOWS] == [3, 5, 3]


def test_the_last_run_of_another_environment_is_not_undone(root: Path) -> None:
    assert hygge(root, "go", "--env", "prod").returncode == 0
    write_rows(root, "users", 7)
    assert hygge(root, "go", "users", "--env", "prod").returncode == 0
    refused = hygge(root, "undo", "--last-run", "--yes")
    assert refused.returncode == 2
    assert "HG233" in refused.stderr
    assert "hygge undo --last-run --env prod" in refused.stderr
    assert rows(root, "users") == 5
    assert hygge(root, "undo", "--last-run", "--env", "prod", "--yes").returncode == 0
    assert rows(root, "users", "prod") == 5
    assert rows(root, "users") == 5


def test_a_run_without_commits_has_nothing_to_undo(root: Path) -> None:
    assert hygge(root, "go", "orders", "quiet").returncode == 0
    result = hygge(root, "undo", "--last-run", "--yes")
    assert result.returncode == 2
    assert "committed nothing" in result.stderr
    assert [rows(root, name) for name in FLOWS] == [5, 5, 3]


def test_the_last_run_is_undone_only_after_a_yes(root: Path) -> None:
    result = hygge(root, "undo", "--last-run")
    assert result.returncode == 2
    assert "hygge undo --last-run --yes" in result.stderr
    assert [rows(root, name) for name in FLOWS] == [5, 5, 3]


@pytest.mark.parametrize(
    "words", [(), ("users", "--last-run"), ("--last-run", "--entity", "users")]
)
def test_flows_are_named_or_the_last_run_but_not_both(root: Path, words: tuple[str, ...]) -> None:
    result = hygge(root, "undo", *words, "--yes")
    assert result.returncode == 2
    assert "hygge undo --last-run --dry-run" in result.stderr
    assert [rows(root, name) for name in FLOWS] == [5, 5, 3]
