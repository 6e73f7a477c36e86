"""Reading the stores' newest commits, which the journal and the reports only cache."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from hygge.engine.plan import Move, Plan, Selection, make_plan
from hygge.engine.staging import blaming
from hygge.errors import HyggeError, StoreError
from hygge.journal.failures import Failed
from hygge.values.model import Commit

if TYPE_CHECKING:
    from hygge.journal.journal import Journal
    from hygge.project import Project

log = logging.getLogger(__name__)


def last_commits(plan: Plan) -> Iterator[tuple[str, str, str, Commit]]:
    """Yield flow, entity, name in the store and newest commit of each move with a commit.

    Queries every store; one that fails is logged and left out.
    """
    for move in plan.moves:
        try:
            commit = _last_commit(move, plan)
        except HyggeError as error:
            log.info("cannot ask the store for the commits of %s: %s", move.into, error.message)
            continue
        if commit is not None:
            yield move.flow, move.entity, move.into, commit


def _last_commit(move: Move, plan: Plan) -> Commit | None:
    with blaming(StoreError, f"cannot inspect {move.into}"):
        return move.store.store(plan.context).last_commit(move.into)


def without_committed(plan: Plan, failed: Failed) -> tuple[Plan, list[tuple[Move, str]]]:
    """Return `plan` without the moves that did commit, and those moves with their runs.

    A run that was killed, or whose last reply was lost, may have published more than its report
    says. Appending again would duplicate those rows.
    """
    runs = set(failed.runs.values())
    done = {
        (flow, entity): commit.run_id
        for flow, entity, _, commit in last_commits(plan)
        if commit.run_id in runs
    }
    left_out = [
        (move, done[move.flow, move.entity])
        for move in plan.moves
        if (move.flow, move.entity) in done
    ]
    kept = tuple(move for move in plan.moves if (move.flow, move.entity) not in done)
    return replace(plan, moves=kept), left_out


def fill_journal(journal: Journal, project: Project) -> None:
    """Fill the journal from the stores of all enabled flows, once in its life.

    Raises `HyggeError` when the flows cannot be resolved; the journal is then unchanged.
    """
    if journal.is_rebuilt:
        return
    journal.rebuild(last_commits(make_plan(project, Selection())))
    journal.mark_rebuilt()
