"""A commit that a rename decides: written down before, believed when the table itself says so.

Neither a rename nor its record can be part of a transaction here, so a swap goes

    1  the new table's comment names the commit: {"seq": 7, "run": "…"}
    2  the whole record is written down as pending
    3  RENAME TABLE: one statement, all or nothing; the comment travels with the table   ← commit
    4  the record moves into the chain, in one transaction

Whoever comes after a crash looks whether the table carries the comment of the pending record:
then 3 happened, and 4 is made up for; otherwise it did not, and the record is forgotten.
Record 0 of a table says who is writing it now.
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
    """The records of one table that are not in its chain yet."""

    table: str
    """The table of records, quoted."""
    target: str
    """The table that they speak of, by its name within its database."""

    @property
    def chain(self) -> Chain:
        """The records, as a chain."""
        return Chain(self.table, self.target, "?")

    def write(self, run: Run, commit: Commit, attempt: int) -> None:
        """Write down a commit that the next rename may make real."""
        run(f"DELETE FROM {self.table} {_ONE}", (self.target, commit.seq))
        self.chain.add(run, commit, attempt)

    def published(self, run: Run, comment: str) -> int | None:
        """Return the number of the record that a table with this comment has made real."""
        return next((seq for seq, run_id in self._all(run) if comment == mark(seq, run_id)), None)

    def settle(self, run: Run, chain: Chain, comment: str) -> bool:
        """Move the record that the table's comment makes real into the chain; forget others.

        Belongs into a transaction. Returns whether a record was there and no table makes it real.
        Only rows that are there are locked, so that moves into other tables do not wait.
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
        """Return the newest commit, also one whose record has not moved yet."""
        if self.published(run, comment) is not None:
            return self.chain.last(run)
        return chain.last(run)

    def owner(self, run: Run, chain: Chain, seq: int, comment: str) -> str | None:
        """Return the run of commit `seq`, also of one whose record has not moved yet."""
        if seq > 0 and self.published(run, comment) == seq:
            return self.chain.owner(run, seq)
        return chain.owner(run, seq)

    def say_who(self, run: Run, who: str) -> None:
        """Write down who is writing the table, in at most 64 characters."""
        names = ("state", "flow", "mode", "schema_hash", "committed_at", "hygge")
        numbers = ("attempt", "rows_in", "rows_out")
        run(
            f"REPLACE INTO {self.table} (target, seq, run_id, {', '.join((*names, *numbers))}) "
            f"VALUES (?, 0, ?, {', '.join(_zeros(names, numbers))})",
            (self.target, who),
        )

    def who(self, run: Run) -> str:
        """Return who wrote down last that they are writing the table."""
        rows = run(f"SELECT run_id FROM {self.table} WHERE target = ? AND seq = 0", (self.target,))
        return str(rows[0][0]) if rows else "?"


def _zeros(names: Sequence[str], numbers: Sequence[str]) -> list[str]:
    return ["''"] * len(names) + ["0"] * len(numbers)


def mark(seq: int, run_id: str) -> str:
    """Return the comment of a table that a commit puts in place."""
    return _MARK + json.dumps({"seq": seq, "run": run_id})
