"""`--limit` never makes a published table smaller, and a replace says how many rows went."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import duckdb
import polars as pl
import pytest
from projects import hygge, parquet_rows, write_project

FILES = {
    "homes/files.yml": "type: parquet\npath: in\n",
    "stores/lake.yml": "type: parquet\npath: lake\n",
    "stores/db.yml": "type: duckdb\npath: lake.duckdb\n",
    "environments/prod.yml": "protected: true\n",
    "flows/t.yml": "home: files\nstore: lake\n",
}


def write_data(root: Path, rows: int) -> None:
    (root / "in").mkdir(exist_ok=True)
    at = range(100, 100 + rows)
    pl.DataFrame({"id": range(rows), "at": at}).write_parquet(root / "in/t.parquet")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_project(tmp_path, FILES)
    write_data(tmp_path, 200)
    return tmp_path


def commands(text: str) -> list[list[str]]:
    """Return the words of each command that ends a line of `text`."""
    return [shlex.split(found) for found in re.findall(r"  hygge (go .*)$", text, re.M)]


@pytest.mark.parametrize("store", ["lake", "db"])
def test_a_larger_table_stays_and_the_hint_shows_ten_rows(root: Path, store: str) -> None:
    (root / "flows/t.yml").write_text(f"home: files\nstore: {store}\n")
    assert hygge(root, "go", "t").returncode == 0
    refused = hygge(root, "go", "t", "--limit", "10")
    assert refused.returncode == 1
    assert "HG580" in refused.stdout
    printed = [one for one in commands(refused.stdout) if "--into-scratch" in one]
    words, again = sorted(printed, key=lambda one: "--retry-failed" in one)
    assert not [one for one in commands(refused.stdout) if one not in printed]
    retried = hygge(root, *again)
    assert retried.returncode == 0, retried.stdout
    tried = hygge(root, *words)
    assert tried.returncode == 0, tried.stdout
    assert "t_scratch" in tried.stdout
    if store == "lake":
        assert parquet_rows(root / "lake/t") == (200, 200)
        assert parquet_rows(root / "lake/t_scratch") == (10, 10)
        return
    with duckdb.connect(str(root / "lake.duckdb"), read_only=True) as db:
        assert db.sql("select count(*) from t").fetchall() == [(200,)]
        assert db.sql("select count(*) from t_scratch").fetchall() == [(10,)]


def test_plan_and_a_dry_run_show_the_place_for_tries(root: Path) -> None:
    shown = hygge(root, "go", "t", "--limit", "10", "--into-scratch", "--dry-run")
    assert "t_scratch" in shown.stdout
    assert not (root / "lake").exists()


def test_where_nothing_or_less_stands_a_limit_moves(root: Path) -> None:
    assert hygge(root, "go", "t", "--limit", "10").returncode == 0
    assert parquet_rows(root / "lake/t") == (10, 10)
    assert hygge(root, "go", "t", "--limit", "20").returncode == 0
    assert parquet_rows(root / "lake/t") == (20, 20)
    assert hygge(root, "go", "t").returncode == 0
    assert parquet_rows(root / "lake/t") == (200, 200)
    assert hygge(root, "go", "t", "--limit", "1000").returncode == 0
    assert parquet_rows(root / "lake/t") == (200, 200)


def test_a_place_of_others_is_not_taken_over_by_a_few_rows(root: Path) -> None:
    (root / "lake/t").mkdir(parents=True)
    pl.DataFrame({"id": range(50)}).write_parquet(root / "lake/t/theirs.parquet")
    refused = hygge(root, "go", "t", "--limit", "10", "--adopt")
    assert refused.returncode == 2
    assert parquet_rows(root / "lake/t") == (50, 50)
    assert hygge(root, "go", "t", "--limit", "10", "--into-scratch").returncode == 0
    assert parquet_rows(root / "lake/t_scratch") == (10, 10)


@pytest.mark.parametrize(
    "settings",
    [
        "mode: append\nincremental: at\n",
        "mode: merge\nprimary_key: id\ndelete_missing: hard\n",
        "mode: append\nguarantee: at-least-once\n",
    ],
)
def test_any_flow_can_be_tried_and_knows_nothing_of_it(root: Path, settings: str) -> None:
    (root / "flows/t.yml").write_text(f"home: files\nstore: lake\n{settings}")
    for rows in (10, 5):
        tried = hygge(root, "go", "t", "--limit", str(rows), "--into-scratch")
        assert tried.returncode == 0, tried.stdout
        assert parquet_rows(root / "lake/t_scratch") == (rows, rows)
    assert hygge(root, "go", "t").returncode == 0
    assert parquet_rows(root / "lake/t") == (200, 200)
    assert parquet_rows(root / "lake/t_scratch") == (5, 5)


def test_a_protected_environment_takes_a_limit_only_into_scratch(root: Path) -> None:
    refused = hygge(root, "go", "t", "--limit", "10", "--env", "prod")
    assert refused.returncode == 2
    assert "HG221" in refused.stderr
    assert "--into-scratch" in refused.stderr
    assert not (root / "lake").exists()
    done = hygge(root, "go", "t", "--limit", "10", "--env", "prod", "--into-scratch")
    assert done.returncode == 0
    assert parquet_rows(root / "lake/t_scratch") == (10, 10)


def test_a_try_that_ended_well_does_not_hide_a_failure(root: Path) -> None:
    data = (root / "in/t.parquet").read_bytes()
    (root / "in/t.parquet").unlink()
    assert hygge(root, "go").returncode == 1
    (root / "in/t.parquet").write_bytes(data)
    assert hygge(root, "go", "--limit", "1", "--into-scratch").returncode == 0
    assert hygge(root, "go", "--retry-failed").returncode == 0
    assert parquet_rows(root / "lake/t") == (200, 200)


def test_a_replace_says_how_many_rows_went_and_beyond_half_it_warns(root: Path) -> None:
    hygge(root, "go", "t")
    write_data(root, 150)
    assert hygge(root, "go", "t").returncode == 0
    report = json.loads((root / ".hygge/runs/latest.json").read_text())
    (outcome,) = report["outcomes"]
    assert (outcome["rows_before"], outcome["rows"]) == (200, 150)
    assert "50 rows fewer" in " ".join(outcome["notes"])
    write_data(root, 30)
    planned = hygge(root, "plan", "t")
    assert "max_shrink: 50%" in planned.stdout
    assert "120 rows fewer" in planned.stdout
    shrunk = hygge(root, "-q", "go", "t")
    assert shrunk.returncode == 0
    assert "warning: 150 before, 30 now: 120 rows fewer (80%)" in shrunk.stdout
    assert "max_shrink: 50%  in flows/t.yml:1" in shrunk.stdout
    assert hygge(root, "undo", "t", "--yes").returncode == 0
    assert parquet_rows(root / "lake/t") == (150, 150)


def test_a_flow_that_says_how_much_it_may_shrink_is_not_warned_of(root: Path) -> None:
    (root / "flows/t.yml").write_text("home: files\nstore: lake\nmax_shrink: 90%\n")
    hygge(root, "go", "t")
    write_data(root, 50)
    shrunk = hygge(root, "go", "t")
    assert "200 before, 50 now: 150 rows fewer" in shrunk.stdout
    assert "warning" not in shrunk.stdout
    write_data(root, 60)
    assert "fewer" not in hygge(root, "go", "t").stdout
