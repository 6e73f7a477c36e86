"""Kills merges, windows and undos at each of their statements in turn, in databases of each kind.

As a script: `python merge_killing.py DIRECTORY KIND ACT` prints the number of kills, or fails. KIND
is `postgres`, `sqlite` or `duckdb`; ACT is one of `ACTS`. A step is a statement, or one staging.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import psycopg
import pyarrow as pa
import yaml

sys.path.extend(str(Path(__file__).parents[n]) for n in (0, 1))

import postgres_killing
from servers import postgres_url
from undo_places import Place, open_place

from hygge.connector import (
    Commit,
    Mode,
    ProjectContext,
    Span,
    Split,
    Store,
    StoreConfig,
    Target,
    WriteRequest,
)
from hygge.connectors.duckdb import faults as duck
from hygge.connectors.duckdb.target import DuckdbTarget
from hygge.connectors.sql.pool import close_all
from hygge.connectors.sqlite import connections as lite

Rows = list[tuple[int, str, bool]]
"""Rows as `id`, `name`, and whether they are marked as gone."""
MARK = "_hygge_deleted_at"
SCHEMA = pa.schema(
    [("id", pa.int64()), ("name", pa.string()), (MARK, pa.timestamp("us", tz="UTC"))]
)
FIRST = [(n, f"old {n}") for n in range(6)]
NEXT = [(n, f"new {n}") for n in (2, 3, 4, 9)]
MERGED = [(n, f"new {n}" if n in (2, 3, 4, 9) else f"old {n}", False) for n in (*range(6), 9)]
ACTS: dict[str, Rows] = {
    "merge": MERGED,
    "hard": [(n, name, False) for n, name in NEXT],
    "soft": [(n, name, n in (0, 1, 5)) for n, name, _ in MERGED],
    "window": [row for row in MERGED if row[0] != 5],
    "undo": [(n, name, False) for n, name in FIRST],
}
"""What each makes of the rows."""
KEPT = dict.fromkeys(("window", "merge", "hard", "soft"), "kr")
"""What the newest commit keeps for its undo."""
STAGED = {
    "postgres": "select tablename from pg_tables where tablename like '\\_hygge\\_stg%' "
    "and schemaname = current_schema",
    "duckdb": "select table_name from duckdb_tables() where starts_with(table_name, '_hygge_stg')",
}
_runs = itertools.count(1)


def request(act: str) -> WriteRequest:
    run = f"run-{os.getpid()}-{next(_runs)}"
    mode = Mode.APPEND if act in ("first", "window") else Mode.MERGE
    wanted = WriteRequest("users", "users", "users", run, 1, mode, primary_key=("id",))
    if act == "window":
        span = Span("id", pa.scalar(2, pa.int64()), pa.scalar(10, pa.int64()))
        return replace(wanted, clears=span)
    if act in ("hard", "soft"):
        return replace(wanted, delete_missing=cast("Literal['hard', 'soft']", act), max_shrink=1.0)
    return wanted


def move(
    store: Store,
    act: str,
    rows: Sequence[tuple[int, str]],
    on_commit: Callable[[], None] = lambda: None,
) -> int:
    """Move rows in two splits."""
    wanted = request(act)
    with store.open(wanted) as target:
        last = target.last_commit()
        schema = target.accept(SCHEMA)
        parts = [stage(target, rows[:2], 0, schema), stage(target, rows[2:], 1, schema)]
        before = last.total_rows if last and wanted.mode is Mode.APPEND else 0
        commit = Commit(
            flow="users",
            entity="users",
            seq=(last.seq if last else 0) + 1,
            run_id=wanted.run_id,
            mode=wanted.mode,
            rows=len(rows),
            total_rows=before + len(rows),
            schema=schema,
            committed_at="2024-02-29T12:00:00+00:00",
            primary_key=("id",),
        )
        on_commit()
        target.commit(parts, commit)
        target.discard()
        return commit.seq


def stage(target: Target, rows: Sequence[tuple[int, str]], number: int, schema: pa.Schema) -> Any:  # noqa: ANN401
    named = [dict(zip(SCHEMA.names, (*row, None), strict=True)) for row in rows]
    table = pa.Table.from_pylist(named, schema=SCHEMA).cast(schema)
    return target.stage(table.to_reader(), Split(number, f"split {number}"))


def undo(store: Store, on_commit: Callable[[], None] = lambda: None) -> int:
    wanted = request("merge")
    with store.open(wanted) as target:
        back, last = target.previous(), target.last_commit()
        assert back is not None
        assert last is not None
        commit = replace(back, seq=last.seq + 1, run_id=wanted.run_id, rows=0, undoes=back.seq + 1)
        on_commit()
        target.undo(commit)
        return commit.seq


def do(store: Store, act: str, on_commit: Callable[[], None] = lambda: None) -> int:
    if act == "undo":
        return undo(store, on_commit)
    return move(store, act, NEXT, on_commit)


def kill_at(number: int) -> None:
    """Make this process kill itself before its `number`-th statement to an embedded database."""
    steps = itertools.count(1)

    def stepping(act: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            if next(steps) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return act(*arguments, **options)

        return stepped

    lite.Rows.__call__ = stepping(lite.Rows.__call__)  # type: ignore[method-assign]
    duck.Rows.__call__ = stepping(duck.Rows.__call__)  # type: ignore[method-assign]
    DuckdbTarget._copy = stepping(DuckdbTarget._copy)  # type: ignore[method-assign]


def dies(store: Store, kind: str, act: str, number: int) -> bool:
    """Return whether it was killed in a child at step `number`.

    A merge is counted from its beginning, the others from their commit: staging is the same.
    """
    kill = partial(postgres_killing.kill_at if kind == "postgres" else kill_at, number)
    close_all()
    child = os.fork()
    if child == 0:
        try:
            if act == "merge":
                kill()
            do(store, act, (lambda: None) if act == "merge" else kill)
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        if kind == "postgres":
            end_session(child)
        return True
    assert os.WEXITSTATUS(status) == 0, f"step {number}: it failed"
    return False


def end_session(child: int) -> None:
    """Wait for the end of what a process that was killed had open, which its lock outlives."""
    with psycopg.connect(postgres_url(), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            f"WHERE application_name LIKE 'hygge run-{child}-%'"
        )


def check(place: Place, kind: str, act: str, number: int) -> bool:
    """Kill one; see the rows of before or after it; then do it again, and find nothing left."""
    store = StoreConfig.create(yaml.safe_load(place.yaml)).store(ProjectContext(place.root))
    move(store, "first", FIRST)
    before = move(store, "soft", NEXT) if act == "undo" else 1
    old, new = seen(place), ACTS[act]
    was_killed = dies(store, kind, act, number)
    rows, last = seen(place), store.last_commit("users")
    assert last is not None
    assert (last.seq, rows) in ((before, old), (before + 1, new)), f"step {number}: {rows}"
    assert last.total_rows == len(rows), f"step {number}: {last.total_rows}"
    if last.seq == before or act != "undo":
        assert do(store, act) == last.seq + 1
    assert seen(place) == new, f"step {number}: afterwards"
    newest = store.last_commit("users")
    assert newest is not None
    kept = sorted(name.rpartition("_")[2] for name in place.leftovers())
    assert kept == [f"{newest.seq}{kind}" for kind in KEPT.get(act, "")], f"step {number}: {kept}"
    assert staged(place, kind) == [], f"step {number}: {staged(place, kind)}"
    return was_killed


def seen(place: Place) -> Rows:
    return place.rows(f"id, name, case when {MARK} is null then false else true end")


def staged(place: Place, kind: str) -> list[str]:
    """Return what staging has left."""
    if kind in STAGED:
        return [name for (name,) in place.ask(STAGED[kind])]
    tidy = {"lake.db", ".hygge"}
    return [path.name for path in place.root.iterdir() if path.name not in tidy]


def main(directory: str, kind: str, act: str) -> None:
    pa.set_cpu_count(1)
    for number in itertools.count(1):
        root = Path(directory, str(number))
        root.mkdir()
        with open_place(kind, root) as place:
            if not check(place, kind, act, number):
                break
    print(f"{number - 1} kills", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
