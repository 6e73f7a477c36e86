"""The tables in which a commit keeps what undo needs, and how undo uses them.

    commit 7 …                                    keeps  _hygge_undo_<place>_7<kind>
    puts a new table in place of the old one      `t`: the old table, renamed
    puts other rows into the table                `c`: a copy of all rows that went
    appends                                       `k`: the keys of the rows that came
    appends to a range that it empties            `r`: the rows it took away; and `k`
    merges                                        `k`, and `r`: the rows it changed or took away

They are written in the commit's transaction. An append without a key keeps no `k`: its rows are
found by the column `_hygge_run_id`, if there is one.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from hygge.connectors.sql.table_names import TableName
from hygge.errors import StoreError
from hygge.values.model import Commit, Mode
from hygge.values.plurals import plural
from hygge.values.requests import DELETED_AT

if TYPE_CHECKING:
    from hygge.connectors.sql.merging import MergingTarget

_RUN_ID = "_hygge_run_id"


class UndoTables(ABC):
    """The undo tables of one target."""

    sees_changes: ClassVar[bool] = False
    """Whether `changed_rows` is supported."""

    updates: ClassVar[bool] = True
    """Whether undo of a merge updates rows in place."""

    def __init__(self, target: MergingTarget) -> None:
        self.target = target
        place = hashlib.sha256(target.place.name.encode()).hexdigest()[:12]
        self.prefix = f"_hygge_undo_{place}_"
        self.cleared: tuple[str, Sequence[Any]] | None = None
        """A condition on rows `t` that an append takes away first, with its parameters."""

    # SQL of a database

    @abstractmethod
    def own_tables(self) -> list[str]:
        """Return the names of the undo tables, which begin with the prefix."""

    def name(self, table: TableName) -> str:
        """Return the name of a table, quoted."""
        return self.target.name(table)

    def rename(self, table: TableName, name: str) -> None:
        """Rename a table."""
        self.target.run(f"ALTER TABLE {self.name(table)} RENAME TO {self.target.quote(name)}")

    def changed_rows(self, undone: Commit) -> int:
        """Return how many of the rows that undo removes were changed by others since the commit."""
        return 0

    def row(self, names: Sequence[str]) -> str:
        """Return columns as a row value for IN."""
        return self.column_list(names) if len(names) == 1 else f"({self.column_list(names)})"

    def create(self, table: TableName, names: Sequence[str]) -> None:
        """Create an empty table with columns of the target as they are after this commit."""
        columns = ", ".join(map(self.widened, names))
        self.target.run(
            f"CREATE TABLE {self.name(table)} AS SELECT {columns} "
            f"FROM {self.target.table} WHERE 1 = 0"
        )

    def widened(self, name: str) -> str:
        """Return a SELECT expression of a column, in the type that this commit gives it."""
        target, column = self.target, self.target.quote(name)
        staged = target.staged
        live = [one for one in target.live or () if one.field.name == name]
        takes_any = target.request.mode is Mode.REPLACE  # a copy of the old rows, as they were
        if takes_any or staged is None or name not in staged.names or not live:
            return column
        field = staged.field(name)
        is_same = not target.differs(live[0], field)
        return column if is_same else f"CAST({column} AS {target.sql_type(field)}) AS {column}"

    def insert(self, names: Sequence[str]) -> str:
        """Return the beginning of an INSERT into columns of the table."""
        return f"INSERT INTO {self.target.table} ({self.column_list(names)})"

    def delete_rows(self, kept: TableName, keys: Sequence[str]) -> None:
        """Delete the rows whose keys are kept."""
        self.target.run(
            f"DELETE FROM {self.target.table} WHERE {self.among(self.name(kept), keys)}"
        )

    def among(self, table: str, keys: Sequence[str]) -> str:
        """Return the condition that the key of a row of the table, `t`, is in another table."""
        return f"{self.row(keys)} IN (SELECT {self.chosen(keys)} FROM {table})"

    def chosen(self, names: Sequence[str]) -> str:
        """Return columns as a subquery of IN selects them, with commas."""
        return self.column_list(names)

    def column_list(self, names: Sequence[str]) -> str:
        """Return column names, quoted and separated by commas."""
        return ", ".join(map(self.target.quote, names))

    # Names of undo tables

    def table(self, seq: int, kind: str) -> TableName:
        """Return the undo table of one kind for a commit."""
        return replace(self.target.place, name=f"{self.prefix}{seq}{kind}")

    @property
    def is_wanted(self) -> bool:
        """Whether undo is kept at all."""
        return self.target.request.keep_generations > 0

    def found(self) -> list[tuple[int, str]]:
        """Return commit number and kind of each undo table, newest first."""
        tails = [name.removeprefix(self.prefix) for name in self.own_tables()]
        return sorted(((int(tail[:-1]), tail[-1]) for tail in tails), reverse=True)

    def drop(self, seq: int, kind: str) -> None:
        """Drop undo tables."""
        self.target.run(f"DROP TABLE IF EXISTS {self.name(self.table(seq, kind))}")

    # During a commit

    def begin(self, commit: Commit, *, swaps: bool) -> None:
        """Keep rows that the commit will change; call it in the commit's transaction."""
        self.tidy()
        if not swaps:
            for kind in self.kinds(commit):
                self.make(commit, kind)
                self.fill(commit, kind)

    def end(self, commit: Commit) -> None:
        """Drop all but the newest undo tables; call it in the commit's transaction."""
        numbers = sorted({seq for seq, _ in self.found()}, reverse=True)
        for seq, kind in self.found():
            if seq not in numbers[: self.target.request.keep_generations]:
                self.drop(seq, kind)

    def tidy(self) -> None:
        """Drop tables that an undo skipped, and those of commits that were never made."""
        last = self.target.last
        end = 1 if last is None else last.seq + 1 if last.undoes is None else last.undoes
        for seq, kind in self.found():
            if seq >= end:
                self.drop(seq, kind)

    def kinds(self, commit: Commit) -> str:
        """Return the kinds of undo tables of a commit that changes rows, in order of creation."""
        target = self.target
        live = {column.field.name for column in target.live or ()}
        if not self.is_wanted or target.last is None or target.live is None:
            return ""
        if commit.mode is Mode.REPLACE:
            return "c"
        taken = "r" if commit.mode is Mode.MERGE or self.cleared else ""
        if not commit.primary_key or not live.issuperset(commit.primary_key):
            return taken if _is_told_by_run(commit) else ""
        return f"{taken}k"

    def put_away(self, seq: int) -> None:
        """Rename the table away; keep it when undo is kept, else drop it."""
        if self.is_wanted and self.target.last is not None:
            self.rename(self.target.place, self.table(seq, "t").name)
        else:
            self.target.run(f"DROP TABLE {self.target.table}")

    def make(self, commit: Commit, kind: str) -> None:
        """Create an empty undo table."""
        names = commit.primary_key if kind == "k" else self._kept_columns()
        self.create(self.table(commit.seq, kind), names)

    def fill(self, commit: Commit, kind: str) -> None:
        """Copy keys of staged rows (`k`), or rows of the table (`c`, `r`), into an undo table."""
        run, kept = self.target.run, self.name(self.table(commit.seq, kind))
        names = self.column_list(commit.primary_key if kind == "k" else self._kept_columns())
        tables = [self.target.table]
        if kind == "k":
            tables = self.target.staged_tables()
            if commit.mode is Mode.MERGE:
                tables.append(self.name(self.table(commit.seq, "r")))
        where, values = self.changed(commit.primary_key) if kind == "r" else ("1 = 1", ())
        for table in tables:
            run(
                f"INSERT INTO {kept} ({names}) SELECT {names} FROM {table} AS t WHERE {where}",
                values,
            )

    def changed(self, keys: Sequence[str]) -> tuple[str, Sequence[Any]]:
        """Return the condition on rows `t` that a commit changes or deletes, and parameters."""
        return (self._merged(keys), ()) if self.cleared is None else self.cleared

    def _merged(self, keys: Sequence[str]) -> str:
        """Return the condition on rows `t` that a merge changes or deletes."""
        target = self.target
        come = " OR ".join(self.among(staged, keys) for staged in target.staged_tables())
        if target.request.delete_missing is None:
            return come
        return f"{self.going_away()} OR {come}"

    def going_away(self) -> str:
        """Return the condition on rows `t` that a merge deletes or marks as gone."""
        target = self.target
        is_marked = any(column.field.name == DELETED_AT for column in target.live or ())
        marks = target.request.delete_missing == "soft"
        return f"t.{target.quote(DELETED_AT)} IS NULL" if is_marked and marks else "1 = 1"

    def _kept_columns(self) -> Sequence[str]:
        """Return the columns of rows that are kept: all that accept values."""
        return [one.field.name for one in self.target.live or () if not one.is_computed]

    # Undo

    def undone(self) -> Commit | None:
        """Return the newest commit that was not reverted; None when there is none."""
        target = self.target
        commit = target.last
        while commit is not None and commit.undoes is not None:
            commit = target.chain.at(target.run, commit.undoes - 1)
        return commit

    def previous(self) -> Commit | None:
        """Return the commit before that one; see `Target.previous`."""
        target, undone = self.target, self.undone()
        if undone is None or undone.seq == 1 or not self.is_wanted or target.live is None:
            return None
        if not self.kept(undone) and not _is_told_by_run(undone):
            if undone.mode is not Mode.APPEND or undone.primary_key:
                return None
            raise StoreError(
                f"nothing records which rows commit {undone.seq} appended to "
                f"{target.place.shown()}",
                hint="for later appends, set  primary_key: [...]  or  metadata_columns: [run_id]  "
                "in the flow",
                code="HG529",
            )
        self._check_untouched(undone)
        return target.chain.at(target.run, undone.seq - 1)

    def kept(self, undone: Commit) -> str:
        """Return the kinds of undo tables of a commit."""
        return "".join(kind for seq, kind in self.found() if seq == undone.seq)

    def _check_untouched(self, undone: Commit) -> None:
        target, rows = self.target, self.count()
        if target.last is not None and rows != target.last.total_rows:
            raise StoreError(
                f"{target.place.shown()} has {plural(rows, 'row')}, but had "
                f"{target.last.total_rows:,} after the newest commit: others changed it since, so "
                "undo is not possible",
                hint="restore the rows, or move everything again with  hygge go "
                f"{target.request.flow} --full-refresh",
                code="HG529",
            )
        if changed := self.changed_rows(undone):
            raise StoreError(
                f"{changed:,} of the rows that commit {undone.seq} wrote to "
                f"{target.place.shown()} were changed by others since; undo would lose these "
                "changes",
                hint="fix the rows by hand, or move everything again with  hygge go "
                f"{target.request.flow} --full-refresh",
                code="HG529",
            )

    def of_run(self, undone: Commit, number: int = 1) -> tuple[str, tuple[str, ...]]:
        """Return the condition on the rows of a run, with parameters numbered from `number`."""
        target = self.target
        return f"{target.quote(_RUN_ID)} = {target.chain.numbered(number)}", (undone.run_id,)

    def count(self, table: str | None = None) -> int:
        """Return the number of rows of the target, or of another table."""
        return self.target.count(table or self.target.table)

    def bring_back(self, commit: Commit) -> Commit:
        """Restore the table as before the commit that `commit` reverts; return the record to write.

        Call it in the transaction of `commit`. Columns added since stay where rows are put back
        into the table. Raises `StoreError` when the number of rows is not what it was.
        """
        undone, kinds = self.found_undone(commit)
        if kinds == "t":
            self.check_swap()
            self.target.run(f"DROP TABLE {self.target.table}")
            self.rename(self.table(undone.seq, "t"), self.target.place.name)
        else:
            if kinds == "c":
                self.target.run(f"DELETE FROM {self.target.table}")
                self.target.evolve(commit.schema, is_empty=True)
            self.change_rows(undone, commit, kinds)
        self.check_rows(commit)
        for kind in kinds:
            self.drop(undone.seq, kind)
        return self.recorded(commit, kinds)

    def found_undone(self, commit: Commit) -> tuple[Commit, str]:
        """Return the commit that `commit` reverts, and the kinds of its undo tables."""
        undone = self.undone()
        kinds = "" if undone is None else self.kept(undone)
        if undone is None or undone.seq != commit.undoes or not (kinds or _is_told_by_run(undone)):
            raise StoreError(
                f"the rows that commit {commit.undoes} kept no longer exist", code="HG529"
            )
        return undone, kinds

    def check_swap(self) -> None:
        """Raise `StoreError` when putting the old table back would lose part of the new one."""
        reason = self.target.reason_to_keep()
        if reason is not None:
            raise StoreError(
                f"the previous table of {self.target.place.shown()} cannot replace the current "
                f"one: {reason}",
                hint="remove that first",
                code="HG529",
            )

    def change_rows(self, undone: Commit, commit: Commit, kinds: str) -> None:
        """Delete the rows that the commit added, and insert those that it removed."""
        target = self.target
        if {"k", "r"} <= set(kinds) and undone.mode is Mode.MERGE and self._can_update(undone):
            self._undo_merge(undone, commit)
            return
        if "k" in kinds:
            self.delete_rows(self.table(undone.seq, "k"), undone.primary_key)
        elif "c" not in kinds:
            where, values = self.of_run(undone)
            target.run(f"DELETE FROM {target.table} WHERE {where}", values)
        names = self.columns_back(undone, commit)
        # SQLite reads an unknown quoted column name as a text.
        back = ", ".join(f"k.{target.quote(name)}" for name in names)
        for kind in set(kinds) & {"c", "r"}:
            kept = f"SELECT {back} FROM {self.name(self.table(undone.seq, kind))} AS k"
            target.run(f"{self.insert(names)} {kept}")

    def _can_update(self, undone: Commit) -> bool:
        """Return whether each row that a merge changed can be found by its key.

        A table without a unique index can hold a key twice, also by the rules of a collation.
        """
        if not self.updates:
            return False
        kept = self.name(self.table(undone.seq, "r"))
        keys = self.column_list(undone.primary_key)
        doubled = f"SELECT 1 AS n FROM {kept} GROUP BY {keys} HAVING count(*) > 1"
        return bool(self.target.run(f"SELECT count(*) FROM ({doubled}) AS d")[0][0] == 0)

    def _undo_merge(self, undone: Commit, commit: Commit) -> None:
        """Give rows that a merge updated what they held, and put back what it took away.

        Rows are not deleted to be inserted again: keys of other tables and triggers would feel it.
        """
        target, keys = self.target, undone.primary_key
        new, kept = self.table(undone.seq, "k"), self.name(self.table(undone.seq, "r"))
        on = " AND ".join(target.same(undone.schema.field(name)) for name in keys)
        names = self.columns_back(undone, commit)
        written = {target.folded(name) for name in undone.schema.names}
        sets = [name for name in names if target.folded(name) in written and name not in keys]
        self.keep_known(new, kept, keys)
        self.delete_rows(new, keys)
        if sets:
            target.update(sets, kept, on)
        known = {target.folded(name) for name in commit.schema.names}
        if came := [name for name in undone.schema.names if target.folded(name) not in known]:
            nulls = ", ".join(f"{target.quote(name)} = NULL" for name in came)
            target.run(f"UPDATE {target.table} SET {nulls} WHERE {self.among(kept, keys)}")
        back = ", ".join(f"s.{target.quote(name)}" for name in names)
        there = f"EXISTS (SELECT 1 FROM {target.table} AS t WHERE {on})"
        target.run(f"{self.insert(names)} SELECT {back} FROM {kept} AS s WHERE NOT {there}")

    def keep_known(self, new: TableName, kept: str, keys: Sequence[str]) -> None:
        """Leave in a table of keys those that were new: of which no row is kept."""
        self.target.run(f"DELETE FROM {self.name(new)} WHERE {self.among(kept, keys)}")

    def columns_back(self, undone: Commit, commit: Commit) -> Sequence[str]:
        """Return the columns of rows that are put back."""
        target = self.target
        commits = [commit, undone, *([target.last] if target.last else [])]
        ours = {target.folded(name) for one in commits for name in one.schema.names}
        kept = [name for name in self._kept_columns() if target.folded(name) not in ours]
        return [*commit.schema.names, *kept]

    def check_rows(self, commit: Commit, table: str | None = None) -> None:
        """Raise `StoreError` unless the table, or another, has the number of rows in `commit`."""
        rows, target = self.count(table), self.target
        if rows != commit.total_rows:
            raise StoreError(
                f"{target.place.shown()} would have {plural(rows, 'row')}, but had "
                f"{commit.total_rows:,} before commit {commit.undoes}; nothing was undone",
                hint="that commit, or another program since, also removed earlier rows: move "
                f"everything again with  hygge go {target.request.flow} --full-refresh",
                code="HG529",
            )

    def recorded(self, commit: Commit, kinds: str) -> Commit:
        """Return the record of an undo; columns that an append or merge added stay in it."""
        last = self.target.last
        stays = last is not None and not set(kinds) & {"t", "c"}
        return replace(commit, schema=last.schema) if last and stays else commit


def _is_told_by_run(undone: Commit) -> bool:
    return undone.mode is Mode.APPEND and _RUN_ID in undone.schema.names
