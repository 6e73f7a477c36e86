"""Runs `hygge` in a process in which one call to the file system kills it, or fails.

A small library in C (`faults.c`) stands between the process and libc, so that also what Python,
SQLite, DuckDB and Arrow call in native code is counted.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from warm import Warm

SOURCE = Path(__file__).with_name("faults.c")
SECONDS = 600
"""A command that takes longer hangs, however busy the machine is."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at which call to the file system below a project."""

    at: int = 0
    """Number of the call, from 1; 0 lets all calls pass."""
    code: str | None = None
    """Name of the errno that the call fails with; `NOTHING` lets it succeed without doing anything;
    None kills the process before the call."""
    call: str = ""
    """Count only calls of these names, separated by commas."""
    times: int = 1
    """How many calls in a row fail; 0 means all from then on."""

    def variables(self, root: Path) -> dict[str, str]:
        """Return the environment that arms `faults.c` for a project."""
        return {
            "HYGGE_FAULTS_UNDER": f"{root}/",
            "HYGGE_FAULTS_AT": str(self.at),
            "HYGGE_FAULTS_ERRNO": str(self._number()),
            "HYGGE_FAULTS_CALL": self.call,
            "HYGGE_FAULTS_FOR": str(self.times),
            "HYGGE_FAULTS_LOG": str(log_of(root)),
        }

    def _number(self) -> int:
        if self.code is None:
            return 0
        number: int = -1 if self.code == "NOTHING" else getattr(errno, self.code)
        return number

    def __str__(self) -> str:
        if not self.at:
            return "no fault"
        what = self.code or "SIGKILL"
        many = {0: " and all later ones", 1: ""}.get(self.times, f" and {self.times - 1} more")
        return f"{what} at {self.call or 'call'} {self.at}{many}"


def log_of(root: Path) -> Path:
    """Return the file that lists the calls of the last command in a project."""
    return root.with_name(f"{root.name}.calls")


@dataclass(frozen=True, slots=True)
class Call:
    """One call to the file system."""

    number: int
    name: str
    path: str
    is_hit: bool


def calls_of(root: Path) -> list[Call]:
    """Return the calls of the last command that ran with a fault, in order."""
    found = []
    for line in log_of(root).read_text(errors="replace").splitlines():
        number, name, path = line.split(" ", 2)
        found.append(Call(int(number), name, path.removesuffix(" !"), path.endswith(" !")))
    return found


@cache
def library() -> Path | None:
    """Return the compiled `faults.c`; None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    built = Path(tempfile.gettempdir(), f"hygge-faults-{os.getuid()}-{digest}.so")
    if not built.exists():
        draft = built.with_suffix(f".{os.getpid()}")
        command = [compiler, "-O1", "-fPIC", "-shared", "-o", str(draft), str(SOURCE), "-ldl"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return None
        draft.replace(built)
    return built


class Faulty:
    """A process from which commands with faults are forked."""

    def __init__(self, preloaded: Path) -> None:
        self._variables = {"LD_PRELOAD": str(preloaded)}
        self._warm = Warm(**self._variables)

    def run(
        self, root: Path, *words: str, fault: Fault | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `hygge` in a project.

        Raises `subprocess.TimeoutExpired` when it hangs; the next command runs all the same.
        """
        log_of(root).unlink(missing_ok=True)
        variables = (fault or Fault()).variables(root)
        env = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **variables}
        try:
            return self._warm.run(list(words), root, env, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self._warm = Warm(**self._variables)
            raise

    def close(self) -> None:
        """End the process."""
        self._warm.close()


@contextmanager
def faulty() -> Iterator[Faulty]:
    """Yield what runs commands with faults; skip where it cannot be compiled."""
    preloaded = library()
    if preloaded is None:
        pytest.skip("no C compiler (cc) here, so no call to the file system can be made to fail")
    one = Faulty(preloaded)
    try:
        yield one
    finally:
        one.close()
