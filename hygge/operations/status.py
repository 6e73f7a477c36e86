"""The status of a project's flows: last success, freshness, failures, usual duration.

The data comes from the journal of this machine. If the caller has read the stores' newest commits,
a success on another machine counts too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from itertools import takewhile
from statistics import median
from typing import TYPE_CHECKING

from hygge.journal.journal import WELL, PastMove

if TYPE_CHECKING:
    from hygge.project.project import FlowOutline

COMPARED_RUNS = 10
"""Successful runs that the newest one is compared with."""
_FEWEST_COMPARED = 3
_OTHER_COMMITS = ("undo", "state")
"""Modes of commits by `hygge undo` and `hygge state`, which move nothing."""
_PARTIAL = frozenset({"--limit", "--from", "--to", "--into-scratch"})
_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Trouble:
    """An entity whose newest move failed."""

    entity: str
    state: str
    """failed, skipped, cancelled, crashed or unknown; as in `MoveRow.state`."""
    since: str
    """Start of the first of the consecutive failed runs (UTC, ISO 8601)."""
    runs: int
    """Number of consecutive failed runs."""
    run_id: str
    """Id of the newest of them."""
    code: str | None
    message: str | None
    hint: str | None


@dataclass(frozen=True, slots=True)
class FlowStatus:
    """The status of one flow."""

    flow: str
    state: str
    """ok, stale, failed, running, or `never run`."""
    last_success: str | None
    """The oldest of its entities' last successes (UTC, ISO 8601)."""
    age: float | None
    """Seconds since `last_success`."""
    freshness: float | None
    """Seconds after which the flow is stale, the shortest of its entities."""
    stale: tuple[str, ...]
    """Entities whose last success is older than their `freshness`."""
    rows: int | None
    """Rows moved by the newest successful run."""
    seconds: float | None
    """From the start of that run's first move of the flow to the end of its last."""
    usual_rows: float | None
    """Median of up to ten successful runs before it; None where fewer than three are known."""
    usual_seconds: float | None
    troubles: tuple[Trouble, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing is stale or failed."""
        return self.state not in ("stale", "failed")


@dataclass(frozen=True, slots=True)
class _Run:
    """The moves of one run of a flow."""

    rows: int
    seconds: float
    is_well: bool


def status_of(
    flow: FlowOutline,
    moves: Sequence[PastMove],
    now: datetime,
    commits: Mapping[str, str] | None = None,
) -> FlowStatus:
    """Return the status of a flow at `now`.

    `moves` are those of the flow in one environment, newest first. `commits` maps entities to the
    time of their newest commit, where the stores were read.
    """
    commits = commits or {}
    whole = [move for move in moves if _is_judged(move)]
    entities = _entities(flow, [move.entity for move in whole], commits)
    found = [_Entity.of(name, flow, whole, commits.get(name)) for name in entities]
    known = [one.last_success for one in found if one.last_success is not None]
    last = min(known) if known and len(known) == len(found) else None
    stale = tuple(one.name for one in found if one.is_stale(now))
    troubles = tuple(one.trouble for one in found if one.trouble is not None)
    is_running = any(move.state == "running" for move in moves)
    runs = [run for run in _runs(whole) if run.is_well][: COMPARED_RUNS + 1]
    newest = runs[0] if runs else None
    compared = runs[1:] if len(runs) > _FEWEST_COMPARED else []
    return FlowStatus(
        flow=flow.name,
        state=_state(troubles, stale, is_running=is_running, is_known=bool(known)),
        last_success=None if last is None else last.isoformat(),
        age=None if last is None else (now - last).total_seconds(),
        freshness=min(flow.freshness.values(), default=None),
        stale=stale,
        rows=None if newest is None else newest.rows,
        seconds=None if newest is None else newest.seconds,
        usual_rows=median(run.rows for run in compared) if compared else None,
        usual_seconds=median(run.seconds for run in compared) if compared else None,
        troubles=troubles,
    )


def _is_judged(move: PastMove) -> bool:
    return (
        move.mode not in _OTHER_COMMITS
        and move.command in ("go", None)
        and move.state != "running"
        and not _PARTIAL.intersection(move.options)
    )


def _state(
    troubles: Sequence[Trouble], stale: Sequence[str], *, is_running: bool, is_known: bool
) -> str:
    if troubles:
        return "failed"
    if stale:
        return "stale"
    if is_running:
        return "running"
    return "ok" if is_known else "never run"


def _entities(flow: FlowOutline, moved: Iterable[str], commits: Mapping[str, str]) -> list[str]:
    """Return the entities that are judged: those named by the flow, and moved ones that fit a glob.

    An entity that the flow names no more is left out, and so is one that no glob gives any more.
    """
    named = [one for one in flow.entities if not _GLOB & set(one)]
    globs = [one for one in flow.entities if _GLOB & set(one)]
    seen = [name for name in (*moved, *commits) if any(fnmatchcase(name, one) for one in globs)]
    return list(dict.fromkeys([*named, *seen]))


@dataclass(frozen=True, slots=True)
class _Entity:
    """The history of one entity of a flow."""

    name: str
    freshness: float | None
    last_success: datetime | None
    trouble: Trouble | None

    @classmethod
    def of(
        cls, name: str, flow: FlowOutline, moves: Sequence[PastMove], committed_at: str | None
    ) -> _Entity:
        mine = [move for move in moves if move.entity == name]
        times = [move.ended_at for move in mine if move.state in WELL]
        last = max((_instant(one) for one in (*times, committed_at) if one), default=None)
        trouble = _trouble(name, mine)
        if trouble is not None and last is not None and last > _instant(trouble.since):
            trouble = None  # another machine has moved it since
        limits = [
            seconds
            for pattern, seconds in flow.freshness.items()
            if pattern == name or fnmatchcase(name, pattern)
        ]
        return cls(name, min(limits, default=None), last, trouble)

    def is_stale(self, now: datetime) -> bool:
        if self.freshness is None:
            return False
        if self.last_success is None:
            return True
        return now - self.last_success > timedelta(seconds=self.freshness)


def _trouble(entity: str, moves: Sequence[PastMove]) -> Trouble | None:
    """Return the trouble of an entity; None when its newest move succeeded."""
    failed = list(takewhile(lambda move: move.state not in WELL, moves))
    if not failed:
        return None
    newest = failed[0]
    return Trouble(
        entity=entity,
        state=newest.state,
        since=failed[-1].started_at,
        runs=len({move.run_id for move in failed}),
        run_id=newest.run_id,
        code=newest.code,
        message=newest.message,
        hint=newest.hint,
    )


def _runs(moves: Sequence[PastMove]) -> list[_Run]:
    """Return the flow's moves by run, newest first."""
    by_run: dict[str, list[PastMove]] = {}
    for move in moves:
        by_run.setdefault(move.run_id, []).append(move)
    return [_run(group) for group in by_run.values()]


def _run(moves: Sequence[PastMove]) -> _Run:
    timed = [
        (_instant(m.ended_at), m.seconds) for m in moves if m.ended_at and m.seconds is not None
    ]
    begins = [end - timedelta(seconds=seconds) for end, seconds in timed]
    lasted = max(end for end, _ in timed) - min(begins) if timed else timedelta()
    return _Run(
        rows=sum(move.rows or 0 for move in moves),
        seconds=lasted.total_seconds(),
        is_well=all(move.state in WELL for move in moves),
    )


def _instant(text: str) -> datetime:
    """Return a time of the journal or of a commit as a datetime in UTC."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
