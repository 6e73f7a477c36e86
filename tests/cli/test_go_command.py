from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl
import pytest
import stalling
from projects import HYGGE, hygge, write_project

FILES = {
    "homes/files.yml": "type: parquet\npath: in\n",
    "stores/lake.yml": "type: parquet\npath: lake\n",
    "flows/users.yml": "home: files\nstore: lake\ntags: [daily]\n",
    "flows/orders.yml": "home: files\nstore: lake\nmode: append\n",
}
MISSING = {"flows/events.yml": "home: files\nstore: lake\nmode: append\n"}


def write_data(root: Path, name: str, rows: int) -> None:
    (root / "in").mkdir(exist_ok=True)
    pl.DataFrame({"id": range(rows)}).write_parquet(root / "in" / f"{name}.parquet")


def ids(root: Path, name: str) -> list[int]:
    query = f"select id from read_parquet('{root}/lake/{name}/*.parquet') order by id"
    return [row[0] for row in duckdb.connect().execute(query).fetchall()]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = write_project(tmp_path / "a project", FILES)
    write_data(root, "users", 3)
    write_data(root, "orders", 2)
    return root


@pytest.fixture
def broken(project: Path) -> Path:
    """The project with one more flow, whose home lacks the entity."""
    return write_project(project, MISSING)


def test_rows_arrive_and_the_summary_is_on_stdout(project: Path) -> None:
    run = hygge(project, "go")
    assert run.returncode == 0
    assert ids(project, "users") == [0, 1, 2]
    assert ids(project, "orders") == [0, 1]
    assert run.stdout.splitlines()[0].split() == [
        *("flow", "from", "to", "mode", "rows", "size", "time", "result")
    ]
    assert "2 ok · 5 rows" in run.stdout
    assert "users: started" in run.stderr


def test_one_failure_stops_nothing_else_and_is_explained(broken: Path) -> None:
    run = hygge(broken, "go")
    assert run.returncode == 1
    assert "events failed [HG" in run.stdout
    assert "flows/events.yml:1   home files   store lake" in run.stdout
    assert "2 ok, 1 failed" in run.stdout
    assert "hygge go --retry-failed" in run.stdout
    assert ids(broken, "users") == [0, 1, 2]


def test_retry_failed_moves_only_what_failed(broken: Path) -> None:
    assert hygge(broken, "go").returncode == 1
    write_data(broken, "events", 4)
    assert hygge(broken, "go", "--retry-failed").returncode == 0
    assert ids(broken, "events") == [0, 1, 2, 3]
    assert ids(broken, "orders") == [0, 1]
    again = hygge(broken, "go", "--retry-failed")
    assert again.returncode == 0
    assert "nothing to retry" in again.stderr


def test_retry_failed_repeats_no_commit_that_the_report_missed(project: Path) -> None:
    assert hygge(project, "go").returncode == 0
    latest = project / ".hygge/runs/latest.json"
    report = json.loads(latest.read_text())
    latest.write_text(json.dumps({**report, "outcomes": [], "finished_at": None}))
    run = hygge(project, "go", "--retry-failed")
    assert run.returncode == 0
    assert "orders (orders) was committed by run" in run.stderr
    assert ids(project, "orders") == [0, 1]


@pytest.mark.parametrize(
    ("arguments", "moved"),
    [
        (["users"], {"users"}),
        (["-f", "u*", "--flow", "orders"], {"users", "orders"}),
        (["--flow", "users,orders"], {"users", "orders"}),
        (["--tag", "daily"], {"users"}),
        (["--exclude", "users"], {"orders"}),
        (["--entity", "ord*"], {"orders"}),
    ],
)
def test_flows_are_selected(project: Path, arguments: list[str], moved: set[str]) -> None:
    run = hygge(project, "go", "--dry-run", "--progress", "json", *arguments)
    assert {json.loads(line)["flow"] for line in run.stdout.splitlines()} == moved


def test_a_full_refresh_replaces_what_was_appended(project: Path) -> None:
    hygge(project, "go", "orders")
    hygge(project, "go", "orders", "-q")
    assert ids(project, "orders") == [0, 0, 1, 1]
    run = hygge(project, "go", "orders", "--full-refresh")
    assert run.returncode == 0
    assert ids(project, "orders") == [0, 1]


def test_a_limit_moves_only_so_many_rows(project: Path) -> None:
    assert hygge(project, "go", "users", "--limit", "2").returncode == 0
    assert ids(project, "users") == [0, 1]


def test_a_dry_run_moves_nothing(project: Path) -> None:
    run = hygge(project, "go", "-n")
    assert run.returncode == 0
    assert "2 moves planned; nothing was moved" in run.stdout
    assert not (project / "lake").exists()
    assert not (project / ".hygge").exists()


def test_json_progress_is_the_whole_answer(broken: Path) -> None:
    run = hygge(broken, "go", "--progress", "json")
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert lines[0]["event"] == "run_started"
    assert lines[-1]["event"] == "run_finished"
    assert {o["flow"]: o["result"] for o in lines[-1]["outcomes"]} == {
        "users": "ok",
        "orders": "ok",
        "events": "failed",
    }
    assert run.returncode == 1


def test_a_quiet_run_that_ends_well_prints_nothing(project: Path) -> None:
    run = hygge(project, "-q", "go")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert ids(project, "users")


def test_a_quiet_run_prints_only_what_did_not_end_well(broken: Path) -> None:
    run = hygge(broken, "-q", "go")
    assert run.returncode == 1
    assert run.stderr == ""
    assert run.stdout.startswith("events failed [HG501]:")
    assert "2 ok, 1 failed" in run.stdout
    assert "replace" not in run.stdout


def test_verbose_runs_log_each_step_and_very_verbose_ones_the_columns(project: Path) -> None:
    steps = ("opened users in store", "opened users in home", "staged and verified", "published")
    log = hygge(project, "-v", "go", "users").stderr
    assert [step for step in steps if step not in log] == []
    assert "has the columns" not in log
    log = hygge(project, "go", "users", "--log-level", "debug").stderr
    assert [step for step in (*steps, "has the columns: id int64") if step not in log] == []
    assert not any(step in hygge(project, "go", "users").stderr for step in steps)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["go", "user"], 2, "did you mean 'users'?"),
        (["go", "--tag", "nightly"], 2, "no entity matches"),
        (["go", "--nonsense"], 2, "No such option"),
        (["go", "--env", "prod"], 2, "there is no environment 'prod'"),
        (["go", "--retry-failed"], 2, "no run has been recorded here"),
        (["go", "--log-file", "."], 2, "cannot write the log file"),
        (["-C", "/", "go"], 2, "no project here"),
    ],
)
def test_usage_errors_exit_2(project: Path, arguments: list[str], code: int, words: str) -> None:
    run = hygge(project, *arguments)
    assert (run.returncode, run.stdout) == (code, "")
    assert words in run.stderr
    assert "Traceback" not in run.stderr


def test_a_project_that_is_wrong_exits_3_with_every_mistake(project: Path) -> None:
    write_project(project, {"flows/users.yml": "home: nowhere\nstroe: lake\n"})
    run = hygge(project, "go")
    assert run.returncode == 3
    assert "flows/users.yml:1" in run.stderr
    assert "did you mean 'store'?" in run.stderr
    assert not (project / "lake").exists()


def test_a_reader_that_went_away_ends_nothing(project: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing) as closed:
        run = subprocess.run(
            [*HYGGE, "go"], cwd=project, stdout=closed, stderr=closed, timeout=600, check=False
        )
    assert run.returncode == 0
    assert ids(project, "users") == [0, 1, 2]


def test_an_answer_that_cannot_be_written_is_told(project: Path) -> None:
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            [*HYGGE, "go"],
            cwd=project,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=600,
            check=False,
        )
    assert b"the output could not be written" in run.stderr
    assert b"Traceback" not in run.stderr
    assert ids(project, "users") == [0, 1, 2]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_every_encoding_will_do(broken: Path, encoding: str) -> None:
    run = subprocess.run(
        [*HYGGE, "go"],
        cwd=broken,
        env={**os.environ, "PYTHONIOENCODING": encoding, "LANG": "C"},
        capture_output=True,
        encoding=encoding,
        timeout=600,
        check=False,
    )
    assert run.returncode == 1
    assert "Traceback" not in run.stderr


def test_nothing_depends_on_the_journal(project: Path) -> None:
    for ruin in ("delete", "corrupt", "everything"):
        assert hygge(project, "go").returncode == 0, ruin
        journal = project / ".hygge" / "journal.db"
        if ruin == "delete":
            journal.unlink()
        elif ruin == "corrupt":
            journal.write_bytes(b"no database" * 1000)
        else:
            for path in sorted((project / ".hygge").rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            (project / ".hygge").rmdir()
    assert hygge(project, "go").returncode == 0
    assert ids(project, "users") == [0, 1, 2]
    assert ids(project, "orders") == sorted([0, 1] * 4)


def test_log_lines_of_a_run_name_it(broken: Path) -> None:
    hygge(broken, "go", "--progress", "none", "--log-file", "run.log", "--log-format", "json")
    lines = [json.loads(line) for line in (broken / "run.log").read_text().splitlines()]
    assert len({line["run"] for line in lines}) == 1
    failed = next(line for line in lines if line["level"] == "error")
    assert (failed["flow"], failed["entity"], failed["attempt"]) == ("events", "events", 1)


@pytest.fixture
def slow(project: Path) -> Path:
    return write_project(
        project,
        {
            "homes/slow.yml": "type: stalling\n",
            "homes/deaf.yml": "type: stalling\nbehaviour: is deaf\n",
            "homes/buggy.yml": "type: stalling\nbehaviour: has a bug\n",
            "flows/slow.yml": "home: slow\nstore: lake\n",
            "flows/deaf.yml": "home: deaf\nstore: lake\n",
            "flows/buggy.yml": "home: buggy\nstore: lake\n",
        },
    )


@pytest.fixture
def plugin(tmp_path: Path) -> dict[str, str]:
    return stalling.install(tmp_path / "site")


@contextmanager
def going(root: Path, flow: str, variables: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Start `hygge go FLOW` and yield it once the home is being read."""
    with subprocess.Popen(
        [*HYGGE, "go", flow],
        cwd=root,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        try:
            while not (root / f"{flow}.reading").exists():
                assert run.poll() is None, run.communicate()
                time.sleep(0.02)
            yield run
        finally:
            run.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_ends_a_run_cleanly(
    slow: Path, plugin: dict[str, str], number: signal.Signals
) -> None:
    with going(slow, "slow", plugin) as run:
        run.send_signal(number)
        answer, notes = run.communicate(timeout=600)
    assert run.returncode == 128 + number
    assert "1 cancelled" in answer
    assert f"{number.name}: stopping" in notes
    assert not list((slow / "lake").glob("slow/*"))
    past = json.loads(hygge(slow, "history", "--json", **plugin).stdout)
    assert (past[0]["state"], past[0]["moves"][0]["state"]) == ("cancelled", "cancelled")
    (slow / "slow.go").touch()
    assert hygge(slow, "go", "--retry-failed", **plugin).returncode == 0
    assert ids(slow, "slow") == [1, 2, 3]


def test_the_second_signal_ends_a_run_at_once(slow: Path, plugin: dict[str, str]) -> None:
    with going(slow, "deaf", plugin) as run:
        run.send_signal(signal.SIGINT)
        assert run.stderr is not None
        while "stopping" not in run.stderr.readline():
            pass
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=600)
    assert run.returncode == 128 + signal.SIGTERM
    assert json.loads((slow / ".hygge/runs/latest.json").read_text())["state"] == "running"
    past = json.loads(hygge(slow, "history", "--json", **plugin).stdout)
    assert (past[0]["state"], past[0]["moves"][0]["state"]) == ("crashed", "crashed")
    (slow / "deaf.go").touch()
    assert hygge(slow, "go", "deaf", **plugin).returncode == 0
    assert ids(slow, "deaf") == [1, 2, 3]


def test_a_run_in_progress_is_shown_as_running(slow: Path, plugin: dict[str, str]) -> None:
    with going(slow, "slow", plugin) as run:
        past = json.loads(hygge(slow, "history", "--json", **plugin).stdout)
        assert past[0]["state"] == "running"
        (slow / "slow.go").touch()
        run.communicate(timeout=600)
    assert run.returncode == 0


def test_a_bug_in_one_move_exits_70_with_a_report_and_the_others_arrive(
    slow: Path, plugin: dict[str, str]
) -> None:
    run = hygge(slow, "go", "buggy", "users", **plugin)
    assert run.returncode == 70
    assert ids(slow, "users") == [0, 1, 2]
    (report,) = (slow / ".hygge").glob("crash-*.txt")
    assert str(report) in run.stderr
    text = report.read_text()
    assert "ZeroDivisionError" in text
    assert report.stat().st_mode & 0o077 == 0
    everything = [text, run.stdout, run.stderr, (slow / ".hygge/runs/latest.json").read_text()]
    assert not any("hunter22" in one for one in everything)
    assert "Traceback" not in run.stdout + run.stderr
