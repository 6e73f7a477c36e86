"""Runs that die at an exact step of a move."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

STEPS = ("before commit", "after commit", "before settle", "after settle")

_CODE = """
import os, sys
from pathlib import Path
from hygge.engine import move
from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Selection, make_plan
from hygge.project import Project

when, step = sys.argv[1].split()
name = f"_{step}"
known = getattr(move._Moving, name)

def dies(self, *given):
    if when == "after":
        list(known(self, *given))
    os.kill(os.getpid(), 9)

setattr(move._Moving, name, dies)
run(make_plan(Project.load(Path.cwd()), Selection()), stop=Stop(), listen=lambda _: None)
"""


def die(root: Path, step: str) -> None:
    """Run all flows of a project in a process that is killed at a step of its first move."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    command = [sys.executable, "-c", _CODE, step]
    run = subprocess.run(command, cwd=root, env=environment, capture_output=True, check=False)
    assert run.returncode == -signal.SIGKILL, run.stderr.decode()
