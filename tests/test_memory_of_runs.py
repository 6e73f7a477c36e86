"""The memory promise, seen from outside: the whole process, on ten million rows."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import duckdb
from projects import HYGGE, parquet_rows, write_project

ROWS = 10_000_000
MEGABYTE = 2**20

PEAK = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(code)
"""


def peak_of_a_run(root: Path) -> int:
    """Run the project and return the most memory that its process had, in bytes."""
    (root / "peak.py").write_text(PEAK)
    ran = subprocess.run(
        [HYGGE[0], "peak.py", *HYGGE, "go", "--progress", "none"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return int(ran.stdout.splitlines()[-1])


def test_ten_million_rows_move_within_400_megabytes(tmp_path: Path) -> None:
    root = write_project(
        tmp_path,
        {
            "hygge.yml": "name: test\nmemory_limit: 256MB\n",
            "homes/files.yml": "type: parquet\npath: in\n",
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "flows/events.yml": "home: files\nstore: lake\n",
        },
    )
    (root / "in").mkdir()
    duckdb.sql(
        f"copy (select i as id, (hash(i) % 1000000007)::bigint as h, i / 7 as ratio, "
        f"'customer ' || (i % 100000) as name, "
        f"timestamp '2020-01-01' + to_seconds(i) as at from range({ROWS}) t(i)) "
        f"to '{root}/in/events.parquet' (row_group_size 1000000)"
    )
    assert peak_of_a_run(root) <= 400 * MEGABYTE
    assert parquet_rows(root / "lake" / "events", "count(*), sum(id)") == (
        ROWS,
        ROWS * (ROWS - 1) // 2,
    )
    record = json.loads((root / "lake" / "events" / "_hygge.json").read_text())
    assert record["total_rows"] == ROWS


def test_five_million_rows_are_merged_within_450_megabytes(tmp_path: Path) -> None:
    """Every row of the store is replaced, so every key is staged: more than fit into memory."""
    rows = ROWS // 2
    root = write_project(
        tmp_path,
        {
            "hygge.yml": "name: test\nmemory_limit: 256MB\n",
            "homes/files.yml": "type: parquet\npath: in\n",
            "stores/lake.yml": "type: parquet\npath: lake\nfile_max_rows: 1000000\n",
            "flows/events.yml": "home: files\nstore: lake\nmode: merge\nprimary_key: key\n",
        },
    )
    (root / "in").mkdir()
    for run in (1, 2):
        duckdb.sql(
            f"copy (select 'event ' || (i * 7919 % {rows}) as key, {run} as run, i / 7 as ratio, "
            f"'customer ' || (i % 100000) as name from range({rows}) t(i)) "
            f"to '{root}/in/events.parquet' (row_group_size 1000000)"
        )
        assert peak_of_a_run(root) <= 450 * MEGABYTE
    what = "count(*), count(distinct key), min(run), max(run)"
    assert parquet_rows(root / "lake" / "events", what) == (rows, rows, 2, 2)
