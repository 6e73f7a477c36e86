"""A session of another run that holds a table's lock: whether its process lives, how to end it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.errors import StoreError
from hygge.runtime.processes import is_gone

if TYPE_CHECKING:
    from hygge.connectors.sql.chain import Run

ENDED_PROCESS_SECONDS = 30.0
"""Seconds to wait for the end of a session whose process has ended."""


@dataclass(frozen=True, slots=True)
class LockHolder:
    """A session that holds a lock."""

    run_id: str
    process: str
    """Label of its process (`processes.label`); empty where unknown."""
    session: str
    """The server's name for it, such as `server process 7`."""
    ending: str
    """The statement that ends it."""

    def __str__(self) -> str:
        return f"run {self.run_id or '?'} ({self.session})"

    def is_left_over(self, run_id: str) -> bool:
        """Return whether the session's process has ended.

        Sessions of `run_id`, this run, are left over from an earlier attempt.
        """
        return bool(self.process) and (self.run_id == run_id or is_gone(self.process))

    def end(self, run: Run) -> None:
        """End the session if this user has the privilege."""
        with suppress(StoreError):
            run(self.ending)

    def hint(self) -> str:
        """Return the hint of the error."""
        if is_gone(self.process):
            return f"its process has ended; end its session on the server:  {self.ending}"
        return (
            "wait until that run has ended, or stop it; if its machine is gone, free the table "
            f"with  {self.ending}"
        )
