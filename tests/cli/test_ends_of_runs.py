"""What surrounds a run: signals after it ended, a directory that is gone, what history says."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from projects import HYGGE, hygge, write_project

FILES = {
    "homes/files.yml": "type: parquet\npath: in\n",
    "stores/lake.yml": "type: parquet\npath: lake\n",
    "flows/t.yml": "home: files\nstore: lake\n",
}
PIPE_BYTES = 4096


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_project(tmp_path, FILES)
    (tmp_path / "in").mkdir()
    at = [datetime(2026, 1, day, 12, tzinfo=UTC) for day in (1, 2, 3)]
    pl.DataFrame({"id": range(3), "at": at}).write_parquet(tmp_path / "in/t.parquet")
    return tmp_path


def test_a_signal_while_the_summary_is_printed_does_not_cut_it_off(root: Path) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    os.write(writing, b"x" * PIPE_BYTES)  # so that the first line of the summary waits
    with subprocess.Popen([*HYGGE, "go"], cwd=root, stdout=writing, stderr=subprocess.PIPE) as run:
        os.close(writing)
        latest = root / ".hygge/runs/latest.json"
        until = time.monotonic() + 120
        while time.monotonic() < until:
            if latest.exists() and json.loads(latest.read_text())["state"] == "finished":
                break
            time.sleep(0.05)
        run.send_signal(signal.SIGTERM)
        with os.fdopen(reading, "rb") as stream:
            said = stream.read().decode()
        assert run.wait() == 0
    assert "1 ok" in said


def test_a_directory_that_was_deleted_is_an_error_in_words(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    script = f"rmdir {shlex.quote(str(folder))}; exec {shlex.join(HYGGE)} go"
    run = subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
    )
    assert run.returncode == 2
    assert "was deleted" in run.stderr
    assert "Traceback" not in run.stderr


def test_json_of_a_run_is_its_events(root: Path) -> None:
    run = hygge(root, "go", "--json")
    events = [json.loads(line)["event"] for line in run.stdout.splitlines()]
    assert (events[0], events[-1]) == ("run_started", "run_finished")


def test_history_shows_what_was_set_by_hand_as_state(root: Path) -> None:
    (root / "flows/t.yml").write_text("home: files\nstore: lake\nmode: append\nincremental: id\n")
    assert hygge(root, "go").returncode == 0
    assert hygge(root, "state", "set", "t", "1").returncode == 0
    assert " state " in hygge(root, "history").stdout
