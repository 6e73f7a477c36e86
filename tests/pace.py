"""How much processor time something takes on a machine at rest, measured on a busy one.

A loop of known cost runs beside it. Whatever slows the one down, such as other processes or a
processor that runs hot, slows the other, too: the loop's time says by how much.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

AT_REST = 0.005
"""Seconds of processor time that a turn of the loop takes on a machine at rest."""
_LOOP = """
import json, select, sys, time
print(flush=True)
turns, start = 0, time.process_time()
while not turns or not select.select([sys.stdin], [], [], 0)[0]:
    sum(n * n for n in range(100_000))
    turns += 1
print(json.dumps([turns, time.process_time() - start]))
"""


class Pace:
    """What the loop found; known when the `with` has ended."""

    slowdown = 1.0
    """How many times longer everything took than on a machine at rest."""

    def at_rest(self, seconds: float) -> float:
        """Return what `seconds` of processor time would be on a machine at rest."""
        return seconds / self.slowdown


@contextmanager
def beside() -> Iterator[Pace]:
    """Run the loop for the length of a `with`."""
    pace = Pace()
    command = [sys.executable, "-c", _LOOP]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield pace
        finally:
            told = process.communicate()[0]
        turns, seconds = json.loads(told)
        pace.slowdown = max(seconds / (turns * AT_REST), 1.0)
