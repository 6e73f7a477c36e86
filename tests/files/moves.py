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
from hygge.model import Commit

ROWS = 12
SPLITS = 3


def store_at(root: Path, kind: str, **settings: object) -> Store:
    """Return the store of one type in `root/lake`."""
    data = {"type": kind, "path": "lake", **settings}
    return StoreConfig.create(data).store(ProjectContext(root))


def a_request(mode: Mode, run_id: str | None = None, *, adopt: bool = False) -> WriteRequest:
    """Return what a new run of the flow `users` asks."""
    return WriteRequest("users", "users", "users", run_id or uuid4().hex, 1, mode, adopt)


def move(store: Store, request: WriteRequest) -> Commit:
    """Commit `ROWS` rows in `SPLITS` splits, each row saying which commit brought it."""
    with store.open(request) as target:
        last = target.last_commit()
        seq = 1 if last is None else last.seq + 1
        parts = []
        for number in range(SPLITS):
            rows = range(number, ROWS, SPLITS)
            table = pa.table({"row": list(rows), "seq": [seq] * len(rows)})
            reader = table.cast(target.accept(table.schema)).to_reader()
            parts.append(target.stage(reader, Split(number, str(number))))
        commit = Commit(
            flow="users",
            entity="users",
            seq=seq,
            run_id=request.run_id,
            mode=request.mode,
            rows=ROWS,
            total_rows=0,
            schema=table.schema,
            committed_at="2024-02-29T12:00:00Z",
        )
        target.commit(parts, commit)
        return commit


def expected_rows(mode: Mode, seq: int) -> list[tuple[int, int]]:
    """Return the rows after commit `seq`, sorted, when all commits were of one mode."""
    commits = range(1, seq + 1) if mode is Mode.APPEND else [seq]
    return sorted((row, n) for row in range(ROWS) for n in commits if n)


def main(root: str, kind: str, mode: str, count: str) -> None:
    """Commit again and again."""
    store = store_at(Path(root), kind)
    done = 0
    while not int(count) or done < int(count):
        print(move(store, a_request(Mode(mode))).seq, flush=True)
        done += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
