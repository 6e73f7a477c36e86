"""Whole moves by the command line, from files to MySQL and back, and the memory they need."""

from __future__ import annotations

import subprocess
from pathlib import Path

import duckdb
from projects import HYGGE, parquet_rows, write_project
from servers import Mysql

ROWS = 2_000_000
MEGABYTE = 2**20
PEAK = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(code)
"""


def project(root: Path, mysql: Mysql) -> Path:
    url = f"type: mysql\nurl: {mysql.url}/{mysql.database}\n"
    return write_project(
        root,
        {
            "hygge.yml": "name: test\nmemory_limit: 256MB\n",
            "homes/files.yml": "type: parquet\npath: in\n",
            "homes/tables.yml": url,
            "stores/tables.yml": url,
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "flows/events.yml": "home: files\nstore: tables\n",
            "flows/back.yml": "home: tables\nstore: lake\nentities: [events]\n",
        },
    )


def test_two_million_rows_move_there_and_back_within_400_megabytes(
    tmp_path: Path, mysql: Mysql
) -> None:
    root = project(tmp_path, mysql)
    (root / "in").mkdir()
    duckdb.sql(
        f"copy (select i as id, (hash(i) % 1000000007)::bigint as h, i / 7 as ratio, "
        f"'customer ' || (i % 100000) as name, (i / 100)::decimal(12,2) as amount, "
        f"timestamp '2020-01-01' + to_seconds(i) as at from range({ROWS}) t(i)) "
        f"to '{root}/in/events.parquet' (row_group_size 100000)"
    )
    (root / "peak.py").write_text(PEAK)
    for flow in ("events", "back"):
        ran = subprocess.run(
            [HYGGE[0], "peak.py", *HYGGE, "go", flow, "--progress", "none"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        assert int(ran.stdout.splitlines()[-1]) <= 400 * MEGABYTE
    difference = f"select count(*) from (select * from '{root}/in/events.parquet' except all "
    difference += f"select * from '{root}/lake/events/*.parquet')"
    assert duckdb.connect().execute(difference).fetchall() == [(0,)]
    assert parquet_rows(root / "lake" / "events") == (ROWS, ROWS)
