"""The guarantee that a flow gives when a run is repeated or killed, and the one it requires.

Every store publishes a commit atomically, together with the watermark or positions. Flows differ in
whether they have such a state, and in what happens to rows that are moved twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from hygge.errors import FlowError
from hygge.settings.move import POSITIONS, Guarantee, Incremental, MoveSettings
from hygge.values.model import Mode
from hygge.values.plurals import listed

_LEVELS: tuple[Guarantee, ...] = get_args(Guarantee)
"""From strongest to weakest."""
_TOLD_APART = "incremental: COLUMN, or incremental: files where the home has files"
_BY_POSITION = "each commit records how far the home was read"


@dataclass(frozen=True, slots=True)
class Promise:
    """A guarantee and its reason."""

    level: Guarantee
    """`effectively-once`: rows may be moved again, with the same result."""
    why: str

    def is_less_than(self, wanted: Guarantee | None) -> bool:
        """Return whether this guarantee is weaker than `wanted`."""
        return wanted is not None and _LEVELS.index(self.level) > _LEVELS.index(wanted)


def promise_of(settings: MoveSettings) -> Promise:
    """Return the guarantee of a flow with these settings."""
    wanted = settings.incremental
    if settings.mode is Mode.REPLACE:
        return Promise("exactly-once", "each commit contains exactly the rows of the home")
    if settings.mode is Mode.MERGE:
        if isinstance(wanted, Incremental) and not _repeats(wanted):
            return Promise(
                "exactly-once", f"each commit records the watermark of '{wanted.column}'"
            )
        if wanted == POSITIONS:
            return Promise("exactly-once", _BY_POSITION)
        return Promise("effectively-once", "rows that are moved again are matched by their key")
    if wanted is None:
        return Promise(
            "at-least-once", "nothing records which rows were moved: each run appends all rows"
        )
    if wanted == POSITIONS:
        return Promise("exactly-once", _BY_POSITION)
    if not isinstance(wanted, Incremental):
        return Promise(
            "exactly-once", "each commit records its files; a changed file stops the flow"
        )
    if wanted.ties == "closed":
        why = f"as long as no row is added later with the highest '{wanted.column}'"
        return Promise("exactly-once", why)
    return Promise("exactly-once", f"each commit records the watermark of '{wanted.column}'")


def way_to(wanted: Guarantee, settings: MoveSettings) -> str:
    """Return the hint on how to reach at least `wanted`."""
    if settings.mode is Mode.APPEND:
        key = ", or  mode: merge  with a  primary_key" if wanted != "exactly-once" else ""
        return f"{_TOLD_APART}{key}"
    incremental = settings.incremental
    again = _repeats(incremental) if isinstance(incremental, Incremental) else ""
    way = f"remove  {again}  from incremental" if again else "incremental: COLUMN"
    return f"{way}, or set  guarantee: effectively-once"


def check_promise(settings: MoveSettings, *, limit: int | None, again: Sequence[str]) -> None:
    """Raise `FlowError` when a move would give a weaker guarantee than its flow requires.

    `again` are changed files, whose rows would be appended again.
    """
    wanted, promise = settings.guarantee, promise_of(settings)
    if promise.is_less_than(wanted) and wanted is not None:
        raise _broken(
            f"the flow guarantees only {promise.level}: {promise.why}", way_to(wanted, settings)
        )
    if again and wanted != "at-least-once":
        raise _broken(
            "files changed since they were moved; an append would add all their rows again: "
            f"{listed(again)}",
            "restore them and put the new rows into new files; append all their rows again with  "
            "guarantee: at-least-once; or move everything again with  hygge go FLOW --full-refresh",
        )
    if limit is not None and wanted == "exactly-once":
        raise _broken(
            f"with --limit {limit} not all rows land, and those that do are moved again",
            "remove --limit",
        )


def _repeats(wanted: Incremental) -> str:
    """Return the key by which a merge updates rows that it moves again; empty without one."""
    if wanted.lookback is not None:
        return "lookback"
    if wanted.nulls == "include":
        return "nulls: include"
    return "future: include" if wanted.future == "include" else ""


def _broken(what: str, way: str) -> FlowError:
    return FlowError(f"this would break the guarantee of the flow: {what}", hint=way, code="HG554")
