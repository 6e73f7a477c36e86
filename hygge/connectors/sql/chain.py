"""The numbered commits of a table, a row each of `_hygge_commits` in the data's transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hygge import __version__
from hygge.errors import StoreError
from hygge.values.commits import dump_commit, load_commit
from hygge.values.model import Commit

TABLE = "_hygge_commits"
"""Name of the table of commits, in the schema of the tables it describes."""
FORMAT = 1
"""Version of the row format; raised when an older hygge could misread a newer row."""

Run = Callable[..., list[tuple[Any, ...]]]
"""Runs one statement with its parameters and returns all its rows."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The commits of one table.

    The primary key (table, number) keeps two runs apart: the second insert of a number fails,
    independent of clocks and locks.
    """

    table: str
    """The table of commits, quoted."""
    target: str
    """Name of the table these commits belong to, without its schema."""
    mark: str
    """Parameter marker of the database: `%s`, `?`, or `$` followed by a number."""

    def last(self, run: Run) -> Commit | None:
        """Return the newest commit; None when there is none."""
        rows = run(
            f"SELECT state FROM {self.table} WHERE target = {self.numbered(1)} "
            "ORDER BY seq DESC LIMIT 1",
            (self.target,),
        )
        return self._commit(rows[0][0]) if rows else None

    def at(self, run: Run, seq: int) -> Commit | None:
        """Return commit `seq`; None when there is none."""
        rows = run(
            f"SELECT state FROM {self.table} WHERE target = {self.numbered(1)} "
            f"AND seq = {self.numbered(2)}",
            (self.target, seq),
        )
        return self._commit(rows[0][0]) if rows else None

    def owner(self, run: Run, seq: int) -> str | None:
        """Return the run that wrote commit `seq`; None when there is no such commit."""
        rows = run(
            f"SELECT run_id FROM {self.table} WHERE target = {self.numbered(1)} "
            f"AND seq = {self.numbered(2)}",
            (self.target, seq),
        )
        return None if not rows else str(rows[0][0])

    def check_next(self, run: Run, seq: int) -> None:
        """Raise `StoreError` unless commit `seq` follows the newest one."""
        rows = run(
            f"SELECT max(seq) FROM {self.table} WHERE target = {self.numbered(1)}", (self.target,)
        )
        newest = int(rows[0][0] or 0)
        if seq != newest + 1:
            raise self.taken(seq, newest)

    def taken(self, seq: int, newest: int | None = None) -> StoreError:
        """Return the error for a commit whose number is not the next one."""
        after = "" if newest is None else f", whose newest is {newest}"
        return StoreError(
            f"commit {seq} cannot follow in the history of {self.target}{after}",
            hint="another run has written to it: start this run again; it continues from the "
            "newest commit",
            code="HG514",
        )

    def add(self, run: Run, commit: Commit, attempt: int) -> None:
        """Write the row of a commit; call it in the transaction of its data."""
        names = "target, seq, flow, run_id, attempt, mode, rows_in, rows_out, schema_hash, state"
        marks = ", ".join(self.numbered(number) for number in range(1, 13))
        values = (
            self.target,
            commit.seq,
            commit.flow,
            commit.run_id,
            attempt,
            commit.mode.value,
            commit.rows,
            commit.total_rows,
            hashlib.sha256(commit.schema.serialize().to_pybytes()).hexdigest()[:16],
            _state(commit),
            commit.committed_at,
            __version__,
        )
        sql = f"INSERT INTO {self.table} ({names}, committed_at, hygge) VALUES ({marks})"
        run(sql, values)

    def numbered(self, number: int) -> str:
        """Return the parameter marker of the given number, counted from 1."""
        return f"${number}" if self.mark == "$" else self.mark

    def _commit(self, state: str) -> Commit:
        try:
            data = json.loads(state)
            if data["format"] > FORMAT:
                raise StoreError(
                    f"the newest commit of {self.target} was written by a newer hygge, in a "
                    f"format that {__version__} does not support",
                    hint="update hygge",
                )
            return load_commit(data)
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"the newest commit of {self.target} in {self.table} cannot be read: {error}",
                hint="restore the row from a backup; or delete the rows of this target and run "
                "again with --adopt, which takes over the existing table and starts a new "
                "history",
            ) from error


def columns(
    text: str,
    number: str,
    *,
    key_text: str | None = None,
    primary_key: Sequence[str] = ("target", "seq"),
) -> str:
    """Return the columns of the table of commits, for CREATE TABLE.

    `text` and `number` are the database's types for unlimited text and 64-bit integers. `key_text`
    is an indexable text type, where `text` is none.
    """
    texts = ("flow", "run_id", "mode", "schema_hash", "committed_at", "hygge")
    numbers = ("attempt", "rows_in", "rows_out")
    target = key_text or text
    lines = [f"target {target} NOT NULL", f"seq {number} NOT NULL", f"state {text} NOT NULL"]
    lines += [f"{name} {text} NOT NULL" for name in texts]
    lines += [f"{name} {number} NOT NULL" for name in numbers]
    return ", ".join([*lines, f"PRIMARY KEY ({', '.join(primary_key)})"])


def _state(commit: Commit) -> str:
    return json.dumps({"format": FORMAT, **dump_commit(commit)}, ensure_ascii=True)
