"""How much processor time something takes, whatever else the machine does: in runs of a control.

The control is `hygge validate` of a sound project of three files, run again and again beside it. A
busy machine slows both alike, so a bound in controls holds where one in seconds does not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FILES = {
    "hygge.yml": "",
    "homes/files.yml": "type: csv\npath: in\n",
    "stores/lake.yml": "type: csv\npath: out\n",
    "flows/users.yml": "",
}


class Controls:
    """The controls that ran beside something; known when the `with` has ended."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def of(self, seconds: float) -> float:
        """Return how many controls take as much processor time as `seconds`, then and there."""
        return seconds * len(self.seconds) / sum(self.seconds)


@contextmanager
def beside() -> Iterator[Controls]:
    """Run controls, one after another, for the length of a `with`; at least one."""
    controls, is_over = Controls(), threading.Event()
    with tempfile.TemporaryDirectory() as place:
        for name, text in _FILES.items():
            path = Path(place, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)

        def repeat() -> None:
            while not controls.seconds or not is_over.is_set():
                controls.seconds.append(processor_seconds(["validate"], Path(place)))

        thread = threading.Thread(target=repeat)
        thread.start()
        try:
            yield controls
        finally:
            is_over.set()
            thread.join()


def processor_seconds(words: list[str], root: Path, out: int = subprocess.DEVNULL) -> float:
    """Run `hygge` in a project; return the processor time of this one child."""
    command = [sys.executable, "-m", "hygge", *words]
    environment = {**os.environ}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    process = subprocess.Popen(
        command, cwd=root, env=environment, stdout=out, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime
