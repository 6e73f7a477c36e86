"""A merge, a window or an undo that is killed leaves the old rows or the new, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("act", ["merge", "hard", "soft", "window", "undo"])
@pytest.mark.parametrize("kind", ["postgres", "sqlite", "duckdb"])
def test_a_kill_at_any_statement_leaves_the_old_rows_or_the_new(
    tmp_path: Path, kind: str, act: str
) -> None:
    command = [sys.executable, str(HERE / "merge_killing.py"), str(tmp_path), kind, act]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) > 8
