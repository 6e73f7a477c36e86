"""The contents of lock files: the columns that homes offer now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygge.connector import ProjectContext
from hygge.engine.plan import Move, Selection, make_plan
from hygge.engine.staging import blaming
from hygge.errors import HomeError
from hygge.transform.schema_lock import pins

if TYPE_CHECKING:
    from hygge.project import Project


def locked(project: Project, selection: Selection) -> dict[str, dict[str, dict[str, str]]]:
    """Return the entities of each selected flow with their columns, as a move reads them.

    Reads only the rows from which a home infers its types. Raises `HomeError` where a home cannot
    be read, because an incomplete lock would not check the rest.
    """
    plan = make_plan(project, selection)
    for unplanned in plan.unplanned:
        raise unplanned.error
    found: dict[str, dict[str, dict[str, str]]] = {}
    for move in plan.moves:
        found.setdefault(move.flow, {})[move.entity] = _columns(move, project.context)
    return found


def _columns(move: Move, context: ProjectContext) -> dict[str, str]:
    with (
        blaming(HomeError, f"cannot read {move.entity}"),
        move.home.home(context).open(move.request()) as source,
    ):
        return pins(source.schema)
