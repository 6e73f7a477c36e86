"""What the dashboard shows, read from the journal of this machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hygge.journal.journal import MoveRow, RunRow, Wanted
from hygge.operations.quarantine import of_environment, put_aside
from hygge.operations.status import FlowStatus, status_of

if TYPE_CHECKING:
    from hygge.journal.journal import Journal
    from hygge.project import Project

RUNS_OF_A_FLOW = 30
_NEWEST_RUNS = 30


@dataclass(frozen=True, slots=True)
class FlowFacts:
    """One flow and its newest runs."""

    name: str
    home: str
    store: str
    entities: tuple[str, ...]
    status: FlowStatus
    quarantined: int
    """Rows in the quarantine files of the flow."""
    runs: tuple[RunRow, ...] = ()
    """The newest first, each with the flow's moves only."""


@dataclass(frozen=True, slots=True)
class Overview:
    """All flows of a project in one environment, and the newest runs."""

    project: str
    env: str | None
    at: datetime
    flows: tuple[FlowFacts, ...]
    runs: tuple[RunRow, ...]

    @property
    def states(self) -> dict[str, int]:
        """Return the number of flows in each state, the worst state first."""
        order = ("failed", "stale", "running", "never run", "ok")
        found = [flow.status.state for flow in self.flows]
        return {state: found.count(state) for state in order if state in found}

    @property
    def is_running(self) -> bool:
        """Whether a run is in progress."""
        return any(run.state == "running" for run in self.runs)


@dataclass(frozen=True, slots=True)
class Bar:
    """A move on the timeline of its run."""

    move: MoveRow
    start: float
    """Seconds since the run started."""
    seconds: float


def overview(project: Project, journal: Journal, env: str | None) -> Overview:
    """Return the status of each flow and the newest runs."""
    now = datetime.now(UTC)
    aside = _quarantined(project, journal, env)
    flows = tuple(
        _flow(project, journal, name, env, now, aside.get(name, 0)) for name in project.flows
    )
    runs = journal.runs(Wanted(limit=_NEWEST_RUNS))
    return Overview(project.name, env, now, flows, tuple(_of_env(runs, env)))


def flow_facts(project: Project, journal: Journal, name: str, env: str | None) -> FlowFacts:
    """Return one flow with its newest runs; raise `KeyError` for an unknown one."""
    aside = _quarantined(project, journal, env, name).get(name, 0)
    facts = _flow(project, journal, name, env, datetime.now(UTC), aside)
    runs = journal.runs(Wanted(flow=name, limit=RUNS_OF_A_FLOW))
    return FlowFacts(
        facts.name,
        facts.home,
        facts.store,
        facts.entities,
        facts.status,
        facts.quarantined,
        tuple(_of_env(runs, env)),
    )


def one_run(journal: Journal, run_id: str) -> RunRow:
    """Return a run with all its moves; raise `KeyError` for an unknown one."""
    found = [run for run in journal.runs(Wanted(run_id=run_id)) if run.run_id == run_id]
    if not found:
        raise KeyError(run_id)
    return found[0]


def timeline(run: RunRow, now: datetime) -> list[Bar]:
    """Return the moves of a run with their beginnings, in the order in which they began.

    A move that is not over reaches to `now`, or to the end of its run.
    """
    began = _instant(run.started_at)
    until = _instant(run.finished_at) if run.finished_at else now
    bars = []
    for move in run.moves:
        if move.ended_at is None:
            bars.append(Bar(move, 0.0, max((until - began).total_seconds(), 0.0)))
            continue
        seconds = move.seconds or 0.0
        start = _instant(move.ended_at) - timedelta(seconds=seconds) - began
        bars.append(Bar(move, max(start.total_seconds(), 0.0), seconds))
    return sorted(bars, key=lambda bar: bar.start)


def _flow(
    project: Project, journal: Journal, name: str, env: str | None, now: datetime, aside: int
) -> FlowFacts:
    outline = project.flows[name]
    status = status_of(outline, journal.past_moves(name, env), now)
    return FlowFacts(name, outline.home_name, outline.store_name, outline.entities, status, aside)


def _quarantined(
    project: Project, journal: Journal, env: str | None, flow: str | None = None
) -> dict[str, int]:
    """Return the number of quarantined rows by flow."""
    found = put_aside(project.context.root, {}, flow)
    if found:
        runs = {one.run_id: one for one in journal.runs(Wanted(flow=flow, limit=2**31))}
        found = of_environment(put_aside(project.context.root, runs, flow), env)
    counts: dict[str, int] = {}
    for one in found:
        counts[one.flow] = counts.get(one.flow, 0) + one.rows
    return counts


def _of_env(runs: Sequence[RunRow], env: str | None) -> Iterable[RunRow]:
    """Return the runs of an environment, and those of which only the stores know."""
    return [run for run in runs if run.env == env or run.state == "known"]


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
