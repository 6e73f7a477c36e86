"""A commit by rename: recorded as pending first, confirmed by the comment of the renamed table.

Neither a rename nor its record can be part of a transaction here, so a swap goes

    1  the new table's comment names the commit: {"seq": 7, "run": "…"} 2  the whole record is
    stored as pending 3  RENAME TABLE: one statement, all or nothing; the comment travels with the
    table   ← commit 4  the record moves into the chain, in one transaction

After a crash, the next run compares the table's comment with the pending record. If they match,
step 3 happened, and step 4 is completed; otherwise the record is deleted. Record 0 of a table names
the run that is writing it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from hygge.connectors.sql.chain import Chain, Run
from hygge.values.model import Commit

TABLE = "_hygge_pending"
_MARK = "hygge "
_ONE = "WHERE target = ? AND seq = ?"


@dataclass(frozen=True, slots=True)
class PendingCommits:
    """The pending records of one table."""

    table: str
    """The table of records, quoted."""
    target: str
    """Name of the table they belong to, without its database."""

    @property
    def chain(self) -> Chain:
        """The records, as a chain."""
        return Chain(self.table, self.target, "?")

    def write(self, run: Run, commit: Commit, attempt: int) -> None:
        """Store a commit as pending before its rename."""
        run(f"DELETE FROM {self.table} {_ONE}", (self.target, commit.seq))
        self.chain.add(run, commit, attempt)

    def published(self, run: Run, comment: str) -> int | None:
        """Return the number of the pending record that matches a table's comment."""
        return next((seq for seq, run_id in self._all(run) if comment == mark(seq, run_id)), None)

    def settle(self, run: Run, chain: Chain, comment: str) -> bool:
        """Move the record that matches the table's comment into the chain; delete others.

        Call it in a transaction. Returns whether there was a record that no table confirms. Only
        existing rows are locked, so moves into other tables do not wait.
        """
        is_undone = False
        for seq, run_id in self._all(run):
            key = (self.target, seq)
            is_real = comment == mark(seq, run_id)
            is_undone = is_undone or not is_real
            if is_real and chain.owner(run, seq) is None:
                run(f"INSERT INTO {chain.table} SELECT * FROM {self.table} {_ONE}", key)
            run(f"DELETE FROM {self.table} {_ONE}", key)
        return is_undone

    def _all(self, run: Run) -> list[tuple[int, str]]:
        sql = f"SELECT seq, run_id FROM {self.table} WHERE target = ? AND seq > 0"
        return [(int(seq), str(run_id)) for seq, run_id in run(sql, (self.target,))]

    def newest(self, run: Run, chain: Chain, comment: str) -> Commit | None:
        """Return the newest commit, also one whose record is still pending."""
        if self.published(run, comment) is not None:
            return self.chain.last(run)
        return chain.last(run)

    def owner(self, run: Run, chain: Chain, seq: int, comment: str) -> str | None:
        """Return the run of commit `seq`, also of one whose record is still pending."""
        if seq > 0 and self.published(run, comment) == seq:
            return self.chain.owner(run, seq)
        return chain.owner(run, seq)

    def say_who(self, run: Run, who: str) -> None:
        """Store who is writing the table, in at most 64 characters."""
        names = ("state", "flow", "mode", "schema_hash", "committed_at", "hygge")
        numbers = ("attempt", "rows_in", "rows_out")
        run(
            f"REPLACE INTO {self.table} (target, seq, run_id, {', '.join((*names, *numbers))}) "
            f"VALUES (?, 0, ?, {', '.join(_zeros(names, numbers))})",
            (self.target, who),
        )

    def who(self, run: Run) -> str:
        """Return who last stored that they are writing the table."""
        rows = run(f"SELECT run_id FROM {self.table} WHERE target = ? AND seq = 0", (self.target,))
        return str(rows[0][0]) if rows else "?"


def _zeros(names: Sequence[str], numbers: Sequence[str]) -> list[str]:
    return ["''"] * len(names) + ["0"] * len(numbers)


def mark(seq: int, run_id: str) -> str:
    """Return the table comment that identifies a commit."""
    return _MARK + json.dumps({"seq": seq, "run": run_id})
