"""The outcome of a commit whose reply was lost, read on a new connection."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

from hygge.connectors.mysql import catalog
from hygge.connectors.mysql.config import MysqlSettings
from hygge.connectors.mysql.connections import Rows, session
from hygge.connectors.mysql.faults import is_passing
from hygge.connectors.mysql.pending_commits import PendingCommits
from hygge.connectors.sql.chain import Chain, Run
from hygge.connectors.sql.table_names import TableName
from hygge.errors import CommitUnknownError, StoreError

_OUTCOME_SECONDS = 60.0
_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Outcome:
    """Reads the owners of commits of one table."""

    settings: MysqlSettings
    place: TableName
    chain: Chain
    pending: PendingCommits

    def owner(self, run: Run, seq: int) -> str | None:
        """Return the run of commit `seq`."""
        table = catalog.find(run, self.place)
        comment = "" if table is None else table.comment
        return self.pending.owner(run, self.chain, seq, comment)

    def after_loss(self, seq: int, *, lock: str, lost: int) -> str | None:
        """Return the run of commit `seq` after connection `lost`, which held `lock`, has ended.

        The old session may still commit: it is killed and waited for. Raises `CommitUnknownError`
        when the server does not respond for a minute.
        """
        deadline = time.monotonic() + _OUTCOME_SECONDS
        while True:
            try:
                return self._ask(seq, lock, lost, deadline=deadline)
            except StoreError as error:
                if not is_passing(error) or time.monotonic() > deadline:
                    raise self._unknown(seq, error) from error
                time.sleep(_POLL_SECONDS)

    def _ask(self, seq: int, lock: str, lost: int, *, deadline: float) -> str | None:
        with session(self.settings, StoreError) as connection:
            run = Rows(connection, self.settings, StoreError, f"cannot ask for commit {seq}")
            while run("SELECT IS_USED_LOCK(?)", (lock,))[0][0] == lost:
                if time.monotonic() > deadline:
                    raise StoreError(f"connection {lost} of the server does not end")
                with suppress(StoreError):
                    # The session may end by itself meanwhile.
                    run(f"KILL CONNECTION {lost}")
                time.sleep(_POLL_SECONDS)
            return self.owner(run, seq)

    def _unknown(self, seq: int, error: StoreError) -> CommitUnknownError:
        return CommitUnknownError(
            f"the confirmation of commit {seq} of {self.place.shown()} was lost, and the server "
            f"cannot be reached: {error.message}",
            hint="run again: the next run determines the outcome",
        )
