"""Kills a move before each of its system calls in turn, and tries every time whether it recovers.

Every move is made in a fork of a process that has made none: Arrow's threads outlive a move, and
Python hangs in a fork of a process in which one of them is just about to touch an object of its.

As a script: `python killing.py ROOT MODE HOW` prints the number of kills, or fails with a message.
HOW is `exchange` or `swap`, for systems that cannot exchange two names; or `links` or `copies` of a
store whose entities are single files, where files can have several names or one.
"""

from __future__ import annotations

import csv
import errno
import itertools
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import moves
import pyarrow.compute
import pyarrow.csv  # noqa: F401 - once, not in every fork

from hygge.connector import Mode, Store
from hygge.connectors.files.local import durable

CALLS = (
    "open close fsync link rename replace mkdir unlink remove rmdir ftruncate pwrite fdopen scandir"
)
TIDY = re.compile(r"lock|claims|live|previous-\d+|old-\d+-[0-9a-f]{8}")
PATHS = {"links": "lake/{entity}.csv", "copies": "lake/{entity}.csv"}


def kill_before_call(number: int) -> None:
    """Make this process kill itself in place of its `number`-th call to the file system."""
    calls = itertools.count(1)

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            if next(calls) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return counting

    for name in CALLS.split():
        setattr(os, name, counted(getattr(os, name)))
    if durable.renameat2 is not None:
        durable.renameat2 = counted(durable.renameat2)


def dies(store: Store, mode: Mode, number: int = 0) -> bool:
    """Return whether a move in a child was killed before its `number`-th call, which 0 never is."""
    child = os.fork()
    if child == 0:
        try:
            kill_before_call(number)
            moves.move(store, moves.a_request(mode))
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, f"call {number}: the move failed"
    return False


def no_link(*names: object, **options: object) -> None:
    """Refuse a second name as file systems do that know none."""
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


def store_of(root: Path, how: str) -> Store:
    """Return the store of one sweep."""
    return moves.store_at(root, "csv", path=PATHS.get(how, "lake"))


def state_of(root: Path, how: str) -> Path:
    """Return where the store keeps what no reader sees."""
    return root / "lake/.hygge" / ("users.csv" if how in PATHS else "users")


def seen(root: Path, how: str) -> tuple[int, list[tuple[int, int]]] | None:
    """Return the commit and the rows that a reader sees; None when there are none."""
    live = root / "lake" / ("users.csv" if how in PATHS else "users")
    if not live.exists():
        return None
    rows = []
    for path in [live] if how in PATHS else live.glob("*.csv"):
        with path.open(newline="") as file:
            rows += [(int(row["row"]), int(row["seq"])) for row in csv.DictReader(file)]
    commit = store_of(root, how).last_commit("users")
    assert commit is not None
    return commit.seq, sorted(rows)


def check_kill(root: Path, mode: Mode, number: int, *, before: int, how: str) -> bool:
    """Kill one move at call `number`, one recovery later, and see that a third puts all right.

    The place holds `before` commits when the killed move begins. Returns whether one was killed.
    """
    store = store_of(root, how)
    was_killed = dies(store, mode, number)
    state = seen(root, how)
    whole = [(n, moves.expected_rows(mode, n)) for n in (before, before + 1)]
    if state is None:
        assert before == 0 or how == "swap", f"call {number}: no data"
    else:
        assert state in whole, f"call {number}: {state}"
    dies(store, mode, 1 + number * 7 % 60)
    assert not dies(store, mode)
    state = seen(root, how)
    assert state is not None, f"call {number}: no data"
    assert before + 1 <= state[0] <= before + 3
    assert state[1] == moves.expected_rows(mode, state[0]), f"call {number}: {state}"
    left = [path.name for path in state_of(root, how).iterdir()]
    assert all(TIDY.fullmatch(name) for name in left), f"call {number}: {left}"
    assert not list((state_of(root, how) / "claims").iterdir()), f"call {number}"
    return was_killed


def main(root: str, mode: str, how: str) -> None:
    """Kill at every call until a move survives: the first into a place, the second, the third."""
    if how == "swap":
        durable.renameat2 = None
    if how == "copies":
        os.link = no_link
    for before in (0, 2):
        start = Path(root, f"{before}-start")
        start.mkdir()
        for _ in range(before):
            dies(store_of(start, how), Mode(mode))
        for number in itertools.count(1):
            place = Path(root, f"{before}-{number}")
            shutil.copytree(start, place, symlinks=True)
            if not check_kill(place, Mode(mode), number, before=before, how=how):
                break
        print(f"{number - 1} kills after {before} commits", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
