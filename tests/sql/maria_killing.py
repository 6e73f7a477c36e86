"""Kills a move into MySQL at each of its statements in turn, and tries whether it recovers.

As a script, `maria_killing.py DIRECTORY MODE REPLACING` prints the number of kills, or fails.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1]))

from servers import Mysql, schema_name

from hygge.connector import Mode, ProjectContext, Store, StoreConfig
from hygge.sql.maria.connecting import Rows
from hygge.sql.maria.loading import Loader
from hygge.sql.pool import close_all
from hygge.testing.cases import plain_table
from hygge.testing.moving import write, write_request

ROWS = 40


def expected(mode: Mode, commits: int) -> list[int]:
    """Return the ids that the table holds after so many commits."""
    first = 0 if mode is Mode.APPEND else max(commits - 1, 0)
    return [n * 1000 + row for n in range(first, commits) for row in range(ROWS)]


def move(store: Store, mode: Mode, number: int) -> int:
    tables = [plain_table(ROWS, start=number * 1000)]
    tables = [tables[0].slice(0, 25), tables[0].slice(25)]
    return write(store, tables, write_request(mode)).seq


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
    Loader._take_answer = stepping(Loader._take_answer)  # type: ignore[method-assign]


def dies(store: Store, mode: Mode, number: int, commits: int) -> bool:
    """Return whether a move in a child was killed at step `number`."""
    close_all()
    child = os.fork()
    if child == 0:
        try:
            kill_at(number)
            move(store, mode, commits)
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, f"step {number}: the move failed"
    return False


def ids(server: Mysql) -> list[int]:
    """Return the ids in the table, as one look finds them."""
    if not server.run("SHOW TABLES LIKE 'things'"):
        return []
    return [row[0] for row in server.run("SELECT id FROM things ORDER BY id")]


def check(place: Path, mode: Mode, replacing: str, *, number: int, before: int) -> bool:
    server = Mysql(schema_name(place))
    server.drop()
    server.make()
    # With `prefer` the driver reads all certificates of this machine for each connection.
    settings = server.settings(replace=replacing, ssl="disable")
    store = StoreConfig.create(settings).store(ProjectContext(place))
    for commits in range(before):
        move(store, mode, commits)
    was_killed = dies(store, mode, number, before)
    seen = ids(server)
    last = store.last_commit("things")
    newest = 0 if last is None else last.seq
    assert newest in (before, before + 1), f"step {number}: commit {newest}"
    assert seen == expected(mode, newest), f"step {number}: {len(seen)} rows at commit {newest}"
    assert move(store, mode, newest) == newest + 1
    assert ids(server) == expected(mode, newest + 1), f"step {number}: afterwards"
    chain = server.run("SELECT seq FROM _hygge_commits ORDER BY seq")
    assert chain == [(seq,) for seq in range(1, newest + 2)], f"step {number}: {chain}"
    left = [row[0] for row in server.run("SHOW TABLES") if "_stg_" in row[0] or "_old_" in row[0]]
    assert left == [], f"step {number}: {left}"
    server.drop()
    return was_killed


def main(directory: str, mode: str, replacing: str) -> None:
    pa.set_cpu_count(1)
    for before in (0, 1):
        for number in itertools.count(1):
            place = Path(directory, f"{before}-{number}")
            if not check(place, Mode(mode), replacing, number=number, before=before):
                break
        print(f"{number - 1} kills after {before} commits", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
