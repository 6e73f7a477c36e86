"""What a flow promises of its rows when a run is repeated or dies, told from its settings alone.

Every store publishes a commit as a whole or not at all, with the place to go on from in it; what
differs is whether a flow has such a place, and what it does with rows that come twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hygge.model import Mode
from hygge.settings import Incremental, MoveSettings


@dataclass(frozen=True, slots=True)
class Promise:
    """How often a row of the home lands, and on what that rests."""

    level: Literal["exactly-once", "effectively-once", "at-least-once"]
    """`effectively-once`: rows may be moved again, with the same result."""
    why: str


def promise_of(settings: MoveSettings) -> Promise:
    """Return what a flow with these settings promises."""
    wanted = settings.incremental
    if settings.mode is Mode.REPLACE:
        return Promise("exactly-once", "each commit holds all rows of the home and no others")
    if settings.mode is Mode.MERGE:
        if isinstance(wanted, Incremental) and wanted.lookback is None:
            return Promise("exactly-once", f"the commit knows up to where '{wanted.column}' went")
        return Promise("effectively-once", "rows that are moved again meet themselves by their key")
    if wanted is None:
        return Promise("at-least-once", "nothing tells which rows were moved: a run adds them all")
    if not isinstance(wanted, Incremental):
        return Promise("exactly-once", "the commit knows each file; a changed one is added again")
    if wanted.ties == "closed":
        why = f"while no row comes later that has the highest '{wanted.column}'"
        return Promise("exactly-once", why)
    return Promise("exactly-once", f"the commit knows up to where '{wanted.column}' went")
