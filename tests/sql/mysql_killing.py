"""Kills a move into MySQL at each of its statements in turn, and tries whether it recovers.

As a script, `mysql_killing.py DIRECTORY WAY REPLACING` prints the number of kills, or fails. WAY is
a mode, `soft` or `hard` for a merge that misses rows, or `clears` for a range that is moved again.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1]))

from servers import Mysql, schema_name

from hygge.connector import Mode, ProjectContext, Span, Split, Store, StoreConfig, WriteRequest
from hygge.connectors.mysql.bulk_load import BulkLoad
from hygge.connectors.mysql.connections import Rows
from hygge.connectors.sql.pool import close_all
from hygge.testing.cases import plain_table
from hygge.testing.moving import accepted, next_commit, write_request
from hygge.values.requests import DELETED_AT

ROWS = 40
WHOLE = ("append", "replace")
"""What is killed also while it takes the place and stages; others differ in their commit only."""
AGAIN = range(10, 30)
"""The ids of a range that is moved again."""


def coming(way: str, number: int) -> range:
    """Return the ids that a move brings."""
    if way in WHOLE:
        return range(number * 1000, number * 1000 + ROWS)
    if way == "clears":
        return AGAIN if number else range(ROWS)
    return range(number * 10, number * 10 + ROWS)


def expected(way: str, commits: int) -> list[tuple[int, str, int]]:
    """Return the rows after so many commits: id, which move brought it, whether it is marked."""
    rows: dict[int, tuple[str, int]] = {}
    for number in range(commits):
        ids = coming(way, number)
        if way in ("replace", "hard"):
            rows.clear()
        if way == "soft":
            rows = {row: (move, 1) for row, (move, _) in rows.items()}
        rows.update(dict.fromkeys(ids, (f"move {number}", 0)))
    return [(row, *rows[row]) for row in sorted(rows)]


def request_of(way: str, number: int) -> WriteRequest:
    if way == "clears":
        ends = [pa.scalar(end, pa.int64()) for end in (AGAIN.start, AGAIN.stop)]
        request = replace(write_request(Mode.APPEND), primary_key=("id",))
        return replace(request, clears=Span("id", *ends)) if number else request
    if way in WHOLE:
        return write_request(Mode(way))
    missing: Any = way if way in ("soft", "hard") else None
    request = replace(write_request(Mode.MERGE), primary_key=("id",))
    return replace(request, delete_missing=missing)


def move(
    store: Store, way: str, number: int, before_commit: Callable[[], None] = lambda: None
) -> int:
    ids = coming(way, number)
    table = plain_table(len(ids), start=ids.start)
    table = table.set_column(1, "name", [pa.array([f"move {number}"] * len(ids))])
    if way == "soft":
        table = table.append_column(DELETED_AT, pa.nulls(len(ids), pa.timestamp("us", "UTC")))
    request = request_of(way, number)
    with store.open(request) as target:
        halves = [table.slice(0, 12), table.slice(12)]
        parts = [
            target.stage(accepted(target, half).to_reader(), Split(place, "half"))
            for place, half in enumerate(halves)
        ]
        commit = next_commit(target, request, parts, table.schema)
        before_commit()
        target.commit(parts, replace(commit, primary_key=request.primary_key))
        target.discard()
        return commit.seq


def kill_at(number: int) -> None:
    """Make this process kill itself at its `number`-th step: before a statement, or after it."""
    steps = itertools.count(1)

    def stepping(act: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            if next(steps) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return act(*arguments, **options)

        return stepped

    Rows._run = stepping(Rows._run)  # type: ignore[method-assign]
    BulkLoad._take_answer = stepping(BulkLoad._take_answer)  # type: ignore[method-assign]


def dies(store: Store, way: str, number: int, commits: int) -> bool:
    """Return whether a move in a child was killed at step `number`."""
    close_all()
    child = os.fork()
    if child == 0:
        try:
            if way in WHOLE:
                kill_at(number)
                move(store, way, commits)
            else:
                move(store, way, commits, lambda: kill_at(number))
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, f"step {number}: the move failed"
    return False


def rows(server: Mysql, way: str) -> list[tuple[int, str, int]]:
    """Return the rows of the table, as one look finds them."""
    if not server.run("SHOW TABLES LIKE 'things'"):
        return []
    marked = f"{DELETED_AT} IS NOT NULL" if way == "soft" else "0"
    return server.run(f"SELECT id, name, {marked} FROM things ORDER BY id")


def opened(place: Path, way: str, replacing: str, *, commits: int) -> tuple[Mysql, Store]:
    """Return a new database, and a store that has moved so often."""
    server = Mysql(schema_name(place))
    server.drop()
    server.make()
    # With `prefer` the driver reads all certificates of this machine for each connection.
    settings = server.settings(replace=replacing, ssl="disable")
    store = StoreConfig.create(settings).store(ProjectContext(place))
    for number in range(commits):
        move(store, way, number)
    return server, store


def check(server: Mysql, store: Store, way: str, *, number: int, before: int) -> tuple[bool, int]:
    """Kill one move, and look; move again. Return whether it was killed, and how many commits."""
    was_killed = dies(store, way, number, before)
    seen = rows(server, way)
    last = store.last_commit("things")
    newest = 0 if last is None else last.seq
    assert newest in (before, before + 1), f"step {number}: commit {newest}"
    assert seen == expected(way, newest), f"step {number}: {len(seen)} rows at commit {newest}"
    assert last is None or last.total_rows == len(seen), f"step {number}: {last.total_rows} rows"
    assert move(store, way, newest) == newest + 1
    assert rows(server, way) == expected(way, newest + 1), f"step {number}: afterwards"
    chain = server.run("SELECT seq FROM _hygge_commits ORDER BY seq")
    assert chain == [(seq,) for seq in range(1, newest + 2)], f"step {number}: {chain}"
    left = [row[0] for row in server.run("SHOW TABLES") if "_stg_" in row[0] or "_old_" in row[0]]
    assert left == [], f"step {number}: {left}"
    return was_killed, newest + 1


def main(directory: str, way: str, replacing: str) -> None:
    pa.set_cpu_count(1)
    for before in (0, 1) if way in WHOLE else (1,):
        for number in itertools.count(1):
            if number == 1 or way in WHOLE:
                commits = before
                place = Path(directory, f"{before}-{number}")
                server, store = opened(place, way, replacing, commits=commits)
            was_killed, commits = check(server, store, way, number=number, before=commits)
            if not was_killed:
                break
            if way in WHOLE:
                server.drop()
        server.drop()
        print(f"{number - 1} kills after {before} commits", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
