"""What the command says when files cannot be written, for every type of store."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from projects import HYGGE, hygge, write_project

LARGEST = 200_000


@pytest.fixture(params=["arrow", "csv", "jsonl", "orc", "parquet"])
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    (tmp_path / "in").mkdir()
    noise = [os.urandom(500).hex() for _ in range(2000)]
    pq.write_table(pa.table({"id": range(2000), "noise": noise}), tmp_path / "in" / "t.parquet")
    return write_project(
        tmp_path,
        {
            "homes/files.yml": "type: parquet\npath: in\n",
            "stores/lake.yml": f"type: {request.param}\npath: lake\n",
            "flows/t.yml": "home: files\nstore: lake\n",
        },
    )


def test_a_file_that_cannot_grow_fails_its_move_and_leaves_nothing(project: Path) -> None:
    limited = ["sh", "-c", f'ulimit -f {LARGEST // 512}; exec "$@"', "sh", *HYGGE, "go"]
    run = subprocess.run(limited, cwd=project, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stderr
    assert "t failed [HG511]: cannot write to" in run.stdout
    assert "File too large" in run.stdout
    assert "terminate" not in run.stderr
    left = [path.name for path in (project / "lake").rglob("*") if path.is_file()]
    assert left == ["lock"]


def test_a_file_in_the_stores_place_is_said_to_be_in_the_way(project: Path) -> None:
    (project / "lake").write_text("mine")
    run = hygge(project, "go")
    assert run.returncode == 1
    assert "a file is where a directory should be" in run.stdout
    assert (project / "lake").read_text() == "mine"
