"""A session of another run that holds a table: whether its process lives, and how to end it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.errors import StoreError
from hygge.runtime.processes import is_gone

if TYPE_CHECKING:
    from hygge.connectors.sql.chain import Run

ENDED_PROCESS_SECONDS = 30.0
"""How long to wait for the end of a session whose process has ended."""


@dataclass(frozen=True, slots=True)
class LockHolder:
    """A session that holds a lock."""

    run_id: str
    process: str
    """The label of its process (`processes.label`); empty where nobody knows it."""
    session: str
    """How the server calls it, such as `server process 7`."""
    ending: str
    """The statement that ends it."""

    def __str__(self) -> str:
        return f"run {self.run_id or '?'} ({self.session})"

    def is_left_over(self, run_id: str) -> bool:
        """Return whether nobody works on this session any more: its process has ended.

        Sessions of `run_id`, the own run, are those of an earlier attempt that lost them.
        """
        return bool(self.process) and (self.run_id == run_id or is_gone(self.process))

    def end(self, run: Run) -> None:
        """End the session, where this user may."""
        with suppress(StoreError):
            run(self.ending)

    def hint(self) -> str:
        """Return what a person can do."""
        if is_gone(self.process):
            return f"its process has ended; end its session on the server:  {self.ending}"
        return (
            "wait until that run has ended, or stop it; if its machine is gone, free the table "
            f"with  {self.ending}"
        )
