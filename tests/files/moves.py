"""Moves rows into a store without a flow: in tests, and in the children that tests kill.

As a script: `python moves.py ROOT TYPE MODE COUNT` commits COUNT times, for ever when it is 0, and
prints the number of each commit.
"""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import uuid4

import pyarrow as pa

from hygge.connector import Mode, ProjectContext, Split, Store, StoreConfig, WriteRequest
from hygge.values.model import Commit

ROWS = 12
SPLITS = 3


def store_at(root: Path, kind: str, **settings: object) -> Store:
    """Return the store of one type in `root/lake`."""
    data = {"type": kind, "path": "lake", **settings}
    return StoreConfig.create(data).store(ProjectContext(root))


def a_request(mode: Mode, run_id: str | None = None, *, adopt: bool = False) -> WriteRequest:
    """Return what a new run of the flow `users` asks."""
    key = ("row",) if mode is Mode.MERGE else ()
    run_id = run_id or uuid4().hex
    return WriteRequest("users", "users", "users", run_id, 1, mode, adopt, primary_key=key)


def moved_rows(mode: Mode, seq: int) -> list[int]:
    """Return which rows commit `seq` brings: a merge leaves others of each file as they are."""
    return [row for row in range(ROWS) if mode is not Mode.MERGE or (row + seq) % 4]


def move(store: Store, request: WriteRequest) -> Commit:
    """Commit rows in `SPLITS` splits, each row saying which commit brought it."""
    with store.open(request) as target:
        last = target.last_commit()
        seq = 1 if last is None else last.seq + 1
        parts, moved = [], moved_rows(request.mode, seq)
        for number in range(SPLITS):
            rows = [row for row in moved if row % SPLITS == number]
            table = pa.table({"row": rows, "seq": [seq] * len(rows)})
            reader = table.cast(target.accept(table.schema)).to_reader()
            parts.append(target.stage(reader, Split(number, str(number))))
        commit = Commit(
            flow="users",
            entity="users",
            seq=seq,
            run_id=request.run_id,
            mode=request.mode,
            rows=len(moved),
            total_rows=0,
            schema=table.schema,
            committed_at="2024-02-29T12:00:00Z",
        )
        target.commit(parts, commit)
        return commit


def expected_rows(mode: Mode, seq: int) -> list[tuple[int, int]]:
    """Return the rows after commit `seq`, sorted, when all commits were of one mode."""
    brought = [(row, n) for n in range(1, seq + 1) for row in moved_rows(mode, n)]
    if mode is Mode.REPLACE:
        brought = [(row, n) for row, n in brought if n == seq]
    return sorted(dict(brought).items() if mode is Mode.MERGE else brought)


def main(root: str, kind: str, mode: str, count: str) -> None:
    """Commit again and again."""
    store = store_at(Path(root), kind)
    done = 0
    while not int(count) or done < int(count):
        print(move(store, a_request(Mode(mode))).seq, flush=True)
        done += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
