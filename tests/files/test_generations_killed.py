from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from moves import ROWS, a_request, expected_rows, move, store_at

from hygge.connector import Mode

HERE = Path(__file__).parent


@pytest.fixture
def fast_place(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is one: kills do not lose what was not synced."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    place = Path(tempfile.mkdtemp(dir=memory))
    yield place
    shutil.rmtree(place)


def child(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a script beside this file."""
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=HERE.parents[1]
    )


@pytest.mark.parametrize(
    ("mode", "how"),
    [
        *((mode, how) for mode in Mode for how in ("exchange", "swap")),
        (Mode.APPEND, "links"),
        (Mode.REPLACE, "copies"),
    ],
)
def test_a_kill_at_any_call_leaves_one_whole_generation(
    fast_place: Path, mode: Mode, how: str
) -> None:
    with child("killing.py", fast_place, mode.value, how) as process:
        output, errors = process.communicate(timeout=3000)
    assert process.returncode == 0, errors
    kills = [int(line.split()[0]) for line in output.splitlines()]
    assert len(kills) == 2
    assert min(kills) > 40


def rows_in(place: Path) -> list[tuple[int, int]]:
    """Return what DuckDB sees, sorted."""
    files = place / "lake" / "users" / "*.parquet"
    with duckdb.connect() as duck:
        return duck.execute(f"SELECT row, seq FROM '{files}' ORDER BY ALL").fetchall()


@pytest.mark.parametrize("mode", [Mode.REPLACE, Mode.APPEND, Mode.MERGE])
def test_kills_at_random_times_never_tear_a_commit(tmp_path: Path, mode: Mode) -> None:
    dice = random.Random(7)
    store = store_at(tmp_path, "parquet")
    for _ in range(4):
        with child("moves.py", tmp_path, "parquet", mode.value, 0) as process:
            assert process.stdout is not None
            seq = int(process.stdout.readline())
            assert seq >= 1
            time.sleep(dice.random() / 5)
            process.send_signal(signal.SIGKILL)
        found = rows_in(tmp_path)
        newest = max(seq for _, seq in found)
        assert newest >= seq
        assert found == expected_rows(mode, newest)
        commit = move(store, a_request(mode))
        assert commit.seq == newest + 1
        assert rows_in(tmp_path) == expected_rows(mode, commit.seq)
    assert len(rows_in(tmp_path)) == (ROWS * commit.seq if mode is Mode.APPEND else ROWS)
