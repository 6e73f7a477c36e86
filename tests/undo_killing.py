"""Kills an undo at each of its steps in turn, and tries whether the next one finds all in order.

As a script: `python undo_killing.py DIRECTORY KIND MODE` prints the number of kills, or fails. KIND
is `exchange` or `swap` (files, by one rename or by two), `postgres` or `mysql`; a step is a call to
the file system, or a statement.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

sys.path.extend(str(Path(__file__).parent / name) for name in (".", "sql", "files"))

import killing
import mysql_killing
import postgres_killing
from undo_places import Place, open_place

from hygge.connector import Commit, Mode, ProjectContext, Split, Store, StoreConfig, WriteRequest
from hygge.connectors.files.local import durable
from hygge.connectors.sql.pool import close_all

DAYS = [[(1, "a"), (2, "b")], [(2, "B"), (3, "c")]]
KILLERS: dict[str, Callable[[int], None]] = {
    "exchange": killing.kill_before_call,
    "swap": killing.kill_before_call,
    "postgres": postgres_killing.kill_at,
    "mysql": mysql_killing.kill_at,
}
_runs = itertools.count(1)


def coming(mode: Mode) -> list[tuple[int, str]]:
    """Return the rows of the second day; an append has no key twice."""
    return DAYS[1][1:] if mode is Mode.APPEND else DAYS[1]


def day_two(mode: Mode) -> list[tuple[int, str]]:
    """Return what is there after it."""
    return (
        DAYS[1] if mode is Mode.REPLACE else sorted({**dict(DAYS[0]), **dict(coming(mode))}.items())
    )


def request(mode: Mode) -> WriteRequest:
    run = f"run-{os.getpid()}-{next(_runs)}"
    return WriteRequest("users", "users", "users", run, 1, mode, primary_key=("id",))


def move(store: Store, mode: Mode, rows: list[tuple[int, str]]) -> int:
    wanted = request(mode)
    table = pa.table({"id": [n for n, _ in rows], "name": [name for _, name in rows]})
    with store.open(wanted) as target:
        last = target.last_commit()
        schema = target.accept(table.schema)
        part = target.stage(table.cast(schema).to_reader(), Split(0, "all"))
        before = last.total_rows if last and mode is Mode.APPEND else 0
        commit = Commit(
            flow="users",
            entity="users",
            seq=(last.seq if last else 0) + 1,
            run_id=wanted.run_id,
            mode=mode,
            rows=part.rows,
            total_rows=before + part.rows,
            schema=schema,
            committed_at="2024-02-29T12:00:00Z",
            primary_key=("id",),
        )
        target.commit([part], commit)
        return commit.seq


def undo(store: Store, mode: Mode) -> None:
    wanted = request(mode)
    with store.open(wanted) as target:
        back, last = target.previous(), target.last_commit()
        assert back is not None
        assert last is not None
        target.undo(
            replace(back, seq=last.seq + 1, run_id=wanted.run_id, rows=0, undoes=back.seq + 1)
        )


def dies(store: Store, mode: Mode, kind: str, number: int) -> bool:
    """Return whether an undo in a child was killed at step `number`."""
    close_all()
    child = os.fork()
    if child == 0:
        try:
            KILLERS[kind](number)
            undo(store, mode)
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, f"step {number}: the undo failed"
    return False


def check(place: Place, mode: Mode, kind: str, number: int) -> bool:
    """Kill one undo; see the rows of before or after it, then undo and move as if nothing were."""
    config = StoreConfig.create(yaml.safe_load(place.yaml))
    store = config.store(ProjectContext(place.root))
    one, two = DAYS[0], day_two(mode)
    for rows in DAYS[0], coming(mode):
        move(store, mode, rows)
    was_killed = dies(store, mode, kind, number)
    seen: Any = None
    with suppress(FileNotFoundError):  # between two renames
        seen = place.rows()
    assert seen in (one, two) or (seen is None and kind == "swap"), f"step {number}: {seen}"
    with store.open(request(mode)) as target:
        last = target.last_commit()
    assert last is not None
    assert (last.seq, last.undoes, place.rows()) in ((2, None, two), (3, 2, one)), f"{number}"
    # Once two renames are decided, the next run finishes them.
    assert kind == "swap" or seen == place.rows(), f"step {number}: rows and record differ"
    if last.seq == 2:
        undo(store, mode)
    assert place.rows() == one, f"step {number}: after another undo"
    assert move(store, mode, coming(mode)) == 4
    assert place.rows() == two, f"step {number}: after the next move"
    kept = 2 if mode is Mode.MERGE and kind in ("postgres", "mysql") else 1
    assert len(place.leftovers()) == kept, f"step {number}: {place.leftovers()}"
    undo(store, mode)
    assert place.rows() == one
    return was_killed


def main(directory: str, kind: str, mode: str) -> None:
    pa.set_cpu_count(1)
    if kind == "swap":
        durable.renameat2 = None
    for number in itertools.count(1):
        root = Path(directory, str(number))
        root.mkdir()
        with open_place(kind if kind in ("postgres", "mysql") else "csv", root) as place:
            if not check(place, Mode(mode), kind, number):
                break
    print(f"{number - 1} kills", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
