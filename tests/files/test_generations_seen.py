from __future__ import annotations

import glob
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from moves import SPLITS, a_request, expected_rows, move, store_at

from hygge.connector import Mode

HERE = Path(__file__).parent
REPLACES = 50


@pytest.mark.parametrize("mode", [Mode.REPLACE, Mode.APPEND])
def test_a_reader_that_globs_in_a_loop_sees_one_whole_generation(
    tmp_path: Path, mode: Mode
) -> None:
    move(store_at(tmp_path, "parquet"), a_request(mode))
    pattern = str(tmp_path / "lake" / "users" / "*.parquet")
    script = [sys.executable, str(HERE / "moves.py"), str(tmp_path), "parquet", mode.value]
    looks = 0
    seen: set[int] = set()
    with subprocess.Popen(
        [*script, str(REPLACES)], stdout=subprocess.DEVNULL, cwd=HERE.parents[1]
    ) as writer:
        while writer.poll() is None:
            names = sorted(path.rpartition("/")[2] for path in glob.glob(pattern))  # noqa: PTH207
            seqs = sorted({int(name.split("-")[1]) for name in names})
            newest = seqs[-1]
            expected = [newest] if mode is Mode.REPLACE else list(range(1, newest + 1))
            assert seqs == expected
            assert len(names) == SPLITS * len(seqs)
            looks, seen = looks + 1, seen | {newest}
    assert writer.returncode == 0
    assert looks > REPLACES
    assert len(seen) > 10
    with duckdb.connect() as duck:
        found = duck.execute(f"SELECT row, seq FROM '{pattern}' ORDER BY ALL").fetchall()
    assert found == expected_rows(mode, REPLACES + 1)


def test_a_name_of_an_old_generation_never_opens_a_new_file(tmp_path: Path) -> None:
    store = store_at(tmp_path, "parquet")
    move(store, a_request(Mode.REPLACE))
    live = tmp_path / "lake" / "users"
    old = sorted(live.glob("*.parquet"))
    move(store, a_request(Mode.REPLACE))
    assert not any(path.exists() for path in old)
    assert not {path.name for path in old} & {path.name for path in live.iterdir()}


def test_a_directory_held_open_keeps_its_files_over_several_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hygge.connectors.files.local.recovery.LISTING_GRACE", 0.0)
    store = store_at(tmp_path, "parquet")
    move(store, a_request(Mode.REPLACE))
    held = os.open(tmp_path / "lake" / "users", os.O_RDONLY | os.O_DIRECTORY)
    try:
        for _ in range(3):
            move(store, a_request(Mode.REPLACE))
        names = [name for name in os.listdir(held) if name.endswith(".parquet.aside")]  # noqa: PTH208
        rows = []
        for name in names:
            with os.fdopen(os.open(name, os.O_RDONLY, dir_fd=held), "rb") as file:
                rows += pq.read_table(file).to_pylist()
    finally:
        os.close(held)
    assert sorted((row["row"], row["seq"]) for row in rows) == expected_rows(Mode.REPLACE, 1)
