"""The promises of the commit protocol, seen from outside: whole processes, killed at any time."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from pathlib import Path

import duckdb
import pytest
from projects import HYGGE, hygge, parquet_rows, write_project

from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Plan, Selection, make_plan
from hygge.project import Project

ROWS = 60_000


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = write_project(
        tmp_path,
        {
            "homes/files.yml": "type: parquet\npath: in\n",
            "stores/lake.yml": "type: parquet\npath: lake\nfile_max_rows: 7000\n",
            "flows/users.yml": "home: files\nstore: lake\n",
        },
    )
    folder = root / "in" / "users"
    folder.mkdir(parents=True)
    for part in range(3):
        duckdb.sql(
            f"copy (select i as id, repeat('x', 50) as text, {part} as part "
            f"from range({part * ROWS // 3}, {(part + 1) * ROWS // 3}) t(i)) "
            f"to '{folder}/{part}.parquet'"
        )
    return root


def visible(root: Path) -> tuple[int, ...]:
    lake = root / "lake" / "users"
    return parquet_rows(lake) if lake.exists() else (0, 0)


@pytest.mark.parametrize("mode", ["replace", "append", "merge"])
def test_a_run_killed_at_any_time_leaves_whole_sets_and_the_next_run_is_exact(
    project: Path, mode: str
) -> None:
    flow = f"home: files\nstore: lake\nmode: {mode}\n"
    flow += "primary_key: id\n" if mode == "merge" else ""
    (project / "flows" / "users.yml").write_text(flow)
    random.seed(mode)
    started = time.monotonic()
    assert hygge(project, "go", "--progress", "none").returncode == 0
    whole = time.monotonic() - started
    sets = 1
    for _ in range(6):
        before = visible(project)[0] // ROWS
        run = subprocess.Popen(
            [*HYGGE, "go", "--progress", "none"],
            cwd=project,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(random.uniform(0.3, 1.0) * whole)
        run.send_signal(signal.SIGKILL)
        run.wait()
        rows, distinct = visible(project)
        assert distinct == ROWS
        assert rows % ROWS == 0
        assert rows // ROWS in ({before, before + 1} if mode == "append" else {1})
        again = hygge(project, "go", "--progress", "none")
        assert again.returncode == 0, again.stderr
        sets = rows // ROWS + 1 if mode == "append" else 1
        assert visible(project) == (sets * ROWS, ROWS)
    hidden = project / "lake" / ".hygge" / "users"
    left = {path.name.split("-")[0] for path in hidden.iterdir()}
    assert left <= {"lock", "claims", "previous", "old"}, "a dead run left something behind"


def test_a_reader_in_a_loop_never_sees_a_mix_an_empty_set_or_no_directory(project: Path) -> None:
    lake = project / "lake" / "users"
    plan = make_plan(Project.load(project), Selection())
    assert move(plan) == (ROWS, 1)
    files = len(list(lake.glob("*.parquet")))
    done = threading.Event()
    seen: set[tuple[str, ...]] = set()

    def look() -> None:
        while not done.is_set():
            seen.add(tuple(sorted(path.name for path in lake.glob("*.parquet"))))
            time.sleep(0.0001)

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for number in range(50):
            assert move(plan) == (ROWS, number + 2)
    finally:
        done.set()
        reader.join()
    assert len(seen) > 25
    assert {len(names) for names in seen} == {files}
    assert all(len({name[:22] for name in names}) == 1 for names in seen), "a mix of two runs"
    assert visible(project) == (ROWS, ROWS)


def move(plan: Plan) -> tuple[int, int | None]:
    (outcome,) = run(plan, stop=Stop(), listen=lambda _: None).outcomes
    return outcome.rows, outcome.seq
