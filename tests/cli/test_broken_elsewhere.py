"""A mistake in one file stops only the commands that need this file; others say so in one line."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from projects import hygge, parquet_rows, write_project

from hygge.engine.plan import Selection, make_plan
from hygge.project import Project

FILES = {
    "homes/files.yml": "type: parquet\npath: in\n",
    "stores/lake.yml": "type: parquet\npath: lake\n",
    "environments/prod.yml": "stores: {lake: {path: lake-prod}}\n",
    "flows/t.yml": "home: files\nstore: lake\n",
}
BROKEN = {
    "a home that is not there": {"flows/draft.yml": "home: nope\nstore: lake\n"},
    "no YAML": {"flows/draft.yml": "home: [files\n"},
    "an unknown mode": {"flows/draft.yml": "home: files\nstore: lake\nmode: x\n"},
    "a copy that writes the same place": {
        "flows/draft.yml": "home: files\nstore: lake\nentity: t\n"
    },
    "a cycle": {"flows/draft.yml": "home: files\nstore: lake\nafter: draft\n"},
    "a home of no type": {"homes/draft.yml": "type: nothing\n"},
    "a store of no type": {"stores/draft.yml": "path: x\n"},
    "another environment": {"environments/draft.yml": "stores: {leak: {path: x}}\n"},
    "a lock file": {
        "flows/draft.yml": "home: files\nstore: lake\nselect: [x]\n",
        "flows/draft.lock.yml": "entities: {draft: {id: int64}}\n",
    },
}


@pytest.fixture(params=BROKEN)
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    write_project(tmp_path, FILES | BROKEN[request.param])
    (tmp_path / "in").mkdir()
    pl.DataFrame({"id": range(3)}).write_parquet(tmp_path / "in/t.parquet")
    assert hygge(tmp_path, "validate").returncode == 1
    return tmp_path


def test_commands_that_need_another_file_work(root: Path) -> None:
    for words in (["plan", "t"], ["go", "t"], ["go", "t*"], ["list"], ["show", "t"]):
        done = hygge(root, *words)
        assert done.returncode == 0, (words, done.stderr)
        told = [line for line in done.stderr.splitlines() if "hygge validate" in line]
        assert len(told) <= 1
        assert told or (root / "environments/draft.yml").exists(), words
    assert parquet_rows(root / "lake/t") == (3, 3)
    assert hygge(root, "discover", "files").returncode == 0
    assert hygge(root, "verify", "t").returncode == 0
    assert hygge(root, "doctor", "files", "lake").returncode == 0
    assert json.loads(hygge(root, "list", "--json").stdout)["flows"][-1]["name"] == "t"


def test_a_command_that_needs_the_broken_file_says_what_is_wrong(tmp_path: Path) -> None:
    for name, files in BROKEN.items():
        root = write_project(tmp_path / name, FILES | files)
        if not (root / "flows/draft.yml").exists():
            continue
        for words in (["go"], ["go", "draft"], ["plan", "d*"]):
            refused = hygge(root, *words)
            assert refused.returncode == 3 or "copy" in name, (name, words)
            assert not list(root.glob("lake/draft/*"))


def test_the_default_run_leaves_a_broken_flow_out_that_is_disabled(tmp_path: Path) -> None:
    draft = "home: nope\nstore: lake\nenabled: false\n"
    root = write_project(tmp_path, FILES | {"flows/draft.yml": draft})
    (root / "in").mkdir()
    pl.DataFrame({"id": range(3)}).write_parquet(root / "in/t.parquet")
    assert hygge(root, "go").returncode == 0
    assert parquet_rows(root / "lake/t") == (3, 3)


def test_a_mistake_in_hygge_yml_stops_every_command(tmp_path: Path) -> None:
    root = write_project(tmp_path, FILES | {"hygge.yml": "name: x\nconcurrency: many\n"})
    for words in (["go", "t"], ["plan", "t"], ["list"]):
        assert hygge(root, *words).returncode == 3


def test_runs_of_one_flow_in_two_environments_do_not_wait_for_each_other(tmp_path: Path) -> None:
    root = write_project(tmp_path, FILES)
    (root / "in").mkdir()
    pl.DataFrame({"id": range(3)}).write_parquet(root / "in/t.parquet")
    plan = make_plan(Project.load(root), Selection())
    with plan.moves[0].lock(plan.context, "another"):
        blocked = hygge(root, "go", "t")
        assert "HG543" in blocked.stdout
        assert hygge(root, "go", "t", "--env", "prod").returncode == 0
    assert parquet_rows(root / "lake-prod/t") == (3, 3)
