"""`--retry-failed` and the environment of a run: what failed runs again where it failed."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import polars as pl
import pytest
from projects import hygge, parquet_rows, write_project

FILES = {
    "homes/files.yml": "type: parquet\npath: in\n",
    "stores/lake.yml": "type: parquet\npath: lake-dev\n",
    "environments/prod.yml": "stores: {lake: {path: lake-prod}}\n",
    "environments/test.yml": "stores: {lake: {path: lake-test}}\n",
    "flows/small.yml": "home: files\nstore: lake\n",
    "flows/other.yml": "home: files\nstore: lake\n",
}


def write_data(root: Path, name: str, rows: int = 3) -> None:
    (root / "in").mkdir(exist_ok=True)
    pl.DataFrame({"id": range(rows)}).write_parquet(root / "in" / f"{name}.parquet")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose flow `small` fails: its home has no such entity yet."""
    write_project(tmp_path, FILES)
    write_data(tmp_path, "other")
    return tmp_path


def printed(text: str) -> list[str]:
    """Return the words of the command that a summary prints, without `hygge`."""
    (line,) = [line for line in text.splitlines() if line.startswith("re-run what failed:")]
    return shlex.split(line.partition(":")[2])[1:]


def test_the_printed_command_runs_again_in_the_environment_that_failed(root: Path) -> None:
    failed = hygge(root, "go", "small", "--env", "prod")
    assert failed.returncode == 1
    assert "environment prod" in failed.stdout
    assert printed(failed.stdout) == ["go", "--retry-failed", "--env", "prod"]
    write_data(root, "small")
    assert hygge(root, *printed(failed.stdout)).returncode == 0
    assert parquet_rows(root / "lake-prod/small") == (3, 3)
    assert not (root / "lake-dev").exists()


def test_without_an_environment_the_one_that_failed_is_taken_and_named(root: Path) -> None:
    hygge(root, "go", "small", "--env", "prod")
    write_data(root, "small")
    again = hygge(root, "go", "--retry-failed")
    assert again.returncode == 0
    assert "environment 'prod'" in again.stderr
    assert parquet_rows(root / "lake-prod/small") == (3, 3)
    assert not (root / "lake-dev").exists()


def test_another_environment_is_refused_with_the_right_command(root: Path) -> None:
    hygge(root, "go", "small", "--env", "prod")
    write_data(root, "small")
    for other in ("test", ""):
        refused = hygge(root, "go", "--retry-failed", "--env", other)
        assert refused.returncode == 2
        assert "HG230" in refused.stderr
        assert "hygge go --retry-failed --env prod" in refused.stderr
    assert not list(root.glob("lake-*/small"))


def test_where_several_environments_failed_each_printed_command_names_its_own(root: Path) -> None:
    in_prod = hygge(root, "go", "small", "--env", "prod")
    in_base = hygge(root, "go", "small")
    write_data(root, "small")
    unclear = hygge(root, "go", "--retry-failed")
    assert unclear.returncode == 2
    assert "--env prod" in unclear.stderr
    assert "--env ''" in unclear.stderr
    assert hygge(root, *printed(in_base.stdout)).returncode == 0
    assert parquet_rows(root / "lake-dev/small") == (3, 3)
    assert not (root / "lake-prod/small").exists()
    assert hygge(root, *printed(in_prod.stdout)).returncode == 0
    assert parquet_rows(root / "lake-prod/small") == (3, 3)


def test_a_failure_is_found_behind_later_runs_of_other_flows(root: Path) -> None:
    assert hygge(root, "go").returncode == 1
    assert hygge(root, "go", "other").returncode == 0
    write_data(root, "small")
    again = hygge(root, "go", "--retry-failed")
    assert again.returncode == 0
    assert "1 ok" in again.stdout
    assert parquet_rows(root / "lake-dev/small") == (3, 3)
    assert "nothing to retry" in hygge(root, "go", "--retry-failed").stderr


def test_a_flow_that_ended_well_since_is_not_run_again(root: Path) -> None:
    assert hygge(root, "go").returncode == 1
    write_data(root, "small")
    assert hygge(root, "go", "small").returncode == 0
    again = hygge(root, "go", "--retry-failed")
    assert again.returncode == 0
    assert "nothing to retry" in again.stderr


def test_a_flow_that_is_gone_is_left_out_by_name(root: Path) -> None:
    assert hygge(root, "go").returncode == 1
    (root / "flows/small.yml").unlink()
    again = hygge(root, "go", "--retry-failed")
    assert again.returncode == 0
    assert "small" in again.stderr


def test_options_of_the_failed_run_are_part_of_what_runs_again(root: Path) -> None:
    (root / "flows/small.yml").write_text("home: files\nstore: lake\nmode: append\n")
    write_data(root, "small")
    for _ in range(2):
        assert hygge(root, "go", "small").returncode == 0
    shutil.move(root / "in/small.parquet", root / "aside.parquet")
    failed = hygge(root, "go", "small", "--full-refresh")
    assert printed(failed.stdout) == ["go", "--retry-failed", "--full-refresh"]
    shutil.move(root / "aside.parquet", root / "in/small.parquet")
    again = hygge(root, "go", "--retry-failed")
    assert again.returncode == 0
    assert "--full-refresh" in again.stderr
    assert parquet_rows(root / "lake-dev/small") == (3, 3)


def test_a_run_of_a_disabled_flow_by_name_is_run_again(root: Path) -> None:
    (root / "flows/small.yml").write_text("home: files\nstore: lake\nenabled: false\n")
    failed = hygge(root, "go", "small")
    write_data(root, "small")
    assert hygge(root, *printed(failed.stdout)).returncode == 0
    assert parquet_rows(root / "lake-dev/small") == (3, 3)


def test_reports_and_history_name_the_environment(root: Path) -> None:
    hygge(root, "go", "small", "--env", "prod")
    latest = json.loads((root / ".hygge/runs/latest.json").read_text())
    assert latest["env"] == "prod"
    assert "environment prod" in hygge(root, "history").stdout
    (run,) = json.loads(hygge(root, "history", "--json").stdout)
    assert run["env"] == "prod"
    events = hygge(root, "go", "other", "--env", "test", "--progress", "json").stdout.splitlines()
    assert [json.loads(events[n])["env"] for n in (0, -1)] == ["test", "test"]
    logged = hygge(root, "go", "other", "--env", "test", "--log-file", "run.log", "-v")
    assert logged.returncode == 0
    assert "environment test" in (root / "run.log").read_text()


def test_commands_in_hints_keep_the_options_that_found_the_project(root: Path) -> None:
    (root / "lake-prod/other").mkdir(parents=True)
    pl.DataFrame({"id": [9]}).write_parquet(root / "lake-prod/other/old.parquet")
    refused = hygge(root.parent, "-C", root.name, "go", "other", "--env", "prod")
    assert f"hygge -C {root.name} --env prod go other --adopt" in refused.stdout
    assert f"hygge -C {root.name} go --retry-failed --env prod" in refused.stdout
    words = ["-C", root.name, "--env", "prod", "go", "other", "--adopt"]
    assert hygge(root.parent, *words).returncode == 0
    assert parquet_rows(root / "lake-prod/other") == (3, 3)


def test_history_shows_one_run_those_that_failed_and_those_since(root: Path) -> None:
    hygge(root, "go")
    hygge(root, "go", "other")
    both = json.loads(hygge(root, "history", "--json").stdout)
    assert len(both) == 2
    failed = json.loads(hygge(root, "history", "--failed", "--json").stdout)
    assert [[move["flow"] for move in run["moves"]] for run in failed] == [["small"]]
    shown = hygge(root, "history", failed[0]["run_id"][:8])
    assert "other" in shown.stdout
    assert "help:" in shown.stdout
    assert "attempts" in shown.stdout
    assert len(json.loads(hygge(root, "history", "--since", "1h", "--json").stdout)) == 2
    assert json.loads(hygge(root, "history", "--since", "2999-01-01", "--json").stdout) == []
    assert hygge(root, "history", "--since", "soon").returncode == 2
    assert hygge(root, "history", "nothing").returncode == 2
