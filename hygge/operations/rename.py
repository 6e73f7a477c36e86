"""Transfer of a flow's places to its new name, by an empty commit in each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hygge.engine.plan import Plan, Selection, make_plan
from hygge.errors import HyggeError
from hygge.operations.state import Position, last_commit, publish
from hygge.project import Project
from hygge.values.model import Event, Outcome


@dataclass(frozen=True, slots=True)
class Handed:
    """The outcome for a flow's places in one environment."""

    env: str | None
    outcomes: tuple[Outcome, ...] = ()
    """Outcomes of the places that the old name had written."""
    error: HyggeError | None = None
    """Why the places could not be read."""


def hand_over(
    root: Path, old: str, new: str, env_file: Path | None, listen: Callable[[Event], None]
) -> Iterator[Handed]:
    """Transfer every place that flow `old` wrote to flow `new`, with its watermark and positions.

    Yields the outcome for each environment; an unreachable one does not prevent the others. The
    flow's file must have its new name.
    """
    folder = root / "environments"
    envs = sorted({file.stem for ending in ("yml", "yaml") for file in folder.glob(f"*.{ending}")})
    for env in (None, *envs):
        try:
            project = Project.load(root, env=env, env_file=env_file)
            plan = make_plan(project, Selection(flows=(new,)))
            for unplanned in plan.unplanned:
                raise unplanned.error
            positions = list(_positions(plan, old))
        except HyggeError as error:
            yield Handed(env, error=error)
            continue
        yield Handed(env, publish(positions, plan, listen) if positions else ())


def _positions(plan: Plan, old: str) -> Iterator[Position]:
    for move in plan.moves:
        last = last_commit(move, plan.context)
        if last is not None and last.flow == old:
            yield Position(move, last, last.watermark, last.positions)
