"""Kills a move into PostgreSQL at each of its statements in turn, and tries whether it recovers.

As a script: `python postgres_killing.py DIRECTORY MODE REPLACING` prints the number of kills, or
fails.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1]))

from adbc_driver_manager import dbapi
from servers import Postgres, schema_name

from hygge.connector import Mode, ProjectContext, Store, StoreConfig
from hygge.connectors.postgres.connections import Rows
from hygge.connectors.postgres.target import PostgresTarget
from hygge.connectors.sql.pool import close_all
from hygge.testing.cases import plain_table
from hygge.testing.moving import write, write_request

ROWS = 40
COMMIT_ROW = re.compile(r"INSERT INTO .*_hygge_commits")


def expected(mode: Mode, commits: int) -> list[int]:
    """Return the ids that the table holds after so many commits."""
    first = 0 if mode is Mode.APPEND else max(commits - 1, 0)
    return [n * 1000 + row for n in range(first, commits) for row in range(ROWS)]


def move(store: Store, mode: Mode, number: int) -> int:
    tables = [plain_table(ROWS, start=number * 1000)]
    tables = [tables[0].slice(0, 25), tables[0].slice(25)]
    return write(store, tables, write_request(mode)).seq


def kill_at(number: int) -> None:
    """Make this process kill itself before its `number`-th statement.

    Also after the row of the commit was written, which no statement of ours follows before COMMIT.
    """
    steps = itertools.count(1)

    def stepping(act: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            die_at(next(steps))
            result = act(*arguments, **options)
            if any(isinstance(one, str) and COMMIT_ROW.search(one) for one in arguments):
                die_at(next(steps))
            return result

        return stepped

    def die_at(step: int) -> None:
        if step == number:
            os.kill(os.getpid(), signal.SIGKILL)

    Rows.__call__ = stepping(Rows.__call__)  # type: ignore[method-assign]
    PostgresTarget._copy = stepping(PostgresTarget._copy)  # type: ignore[method-assign]
    dbapi.Connection.commit = stepping(dbapi.Connection.commit)  # type: ignore[method-assign]


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


def seen(server: Postgres) -> tuple[int, list[int]]:
    """Return the newest commit and the ids in the table, as one look finds them."""
    if server.run(f"SELECT to_regclass('{server.schema}._hygge_commits')") == [(None,)]:
        return 0, []
    (newest,) = server.run("SELECT coalesce(max(seq), 0) FROM _hygge_commits")[0]
    if server.run(f"SELECT to_regclass('{server.schema}.things')") == [(None,)]:
        return newest, []
    return newest, [row[0] for row in server.run("SELECT id FROM things ORDER BY id")]


def check(place: Path, mode: Mode, replacing: str, number: int, before: int) -> bool:
    server = Postgres(schema_name(place))
    server.drop()
    server.make()
    # Only this process dies, never the server: nothing hangs on its disk.
    url = server.url_with("options=-c%20synchronous_commit%3Doff")
    settings = server.settings(replace=replacing, url=url)
    store = StoreConfig.create(settings).store(ProjectContext(place))
    for commits in range(before):
        move(store, mode, commits)
    was_killed = dies(store, mode, number, before)
    newest, ids = seen(server)
    assert newest in (before, before + 1), f"step {number}: commit {newest}"
    assert ids == expected(mode, newest), f"step {number}: {len(ids)} rows at commit {newest}"
    assert move(store, mode, newest) == newest + 1
    assert seen(server) == (newest + 1, expected(mode, newest + 1)), f"step {number}: afterwards"
    staged = server.run(
        f"SELECT relname FROM pg_class WHERE relnamespace = '{server.schema}'::regnamespace "
        "AND relname LIKE '\\_hygge\\_stg%'"
    )
    assert staged == [], f"step {number}: {staged}"
    server.drop()
    return was_killed


def main(directory: str, mode: str, replacing: str) -> None:
    pa.set_cpu_count(1)
    for before in (0, 1):
        for number in itertools.count(1):
            place = Path(directory, f"{before}-{number}")
            if not check(place, Mode(mode), replacing, number, before):
                break
        print(f"{number - 1} kills after {before} commits", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
