"""The connectors' pages say what the connectors say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_pages_of_the_connectors_are_fresh() -> None:
    command = [sys.executable, str(ROOT / "docs" / "connectors.py"), "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.stderr == ""
    assert checked.returncode == 0
