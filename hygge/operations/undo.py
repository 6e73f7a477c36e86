"""Reverting the newest commit of each entity of a flow: all of them, or none.

Each revert is another commit of the chain, with the rows and the state (watermark, positions, key)
of the commit before the reverted one.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hygge.connector import Target, WriteRequest
from hygge.engine.move import failure_of
from hygge.engine.plan import Move, Plan
from hygge.engine.staging import blaming
from hygge.errors import CommitUnknownError, HyggeError, StoreError, UsageError
from hygge.journal.reports import Report, recent_reports
from hygge.transform.shape import stored_key
from hygge.values.model import (
    Commit,
    Event,
    Failure,
    MoveFinished,
    MoveStarted,
    Outcome,
    Result,
    RunFinished,
    RunStarted,
)
from hygge.values.stop import Stop

if TYPE_CHECKING:
    from hygge.project import Project

_IMPOSSIBLE = "HG529"


@dataclass(frozen=True, slots=True)
class Outlook:
    """What undo would do to one entity."""

    move: Move
    last: Commit | None = None
    """The newest commit."""
    back: Commit | None = None
    """The commit whose rows and state are restored."""
    failure: Failure | None = None
    """Why it cannot be undone."""
    is_blind: bool = False
    """Whether the store cannot detect changes by others in the rows that would be deleted."""

    @property
    def undoes(self) -> int | None:
        """Number of the commit that would be reverted."""
        return None if self.back is None else self.back.seq + 1


@dataclass(frozen=True, slots=True)
class Made:
    """The commits of one run, from its report."""

    run_id: str
    reached: Mapping[tuple[str, str], int]
    """By flow and entity: number of the newest commit of each place after the run's move."""

    @classmethod
    def of(cls, report: Report) -> Made:
        """Return the commits that a run reports."""
        reached = {(o.flow, o.entity): o.seq for o in report.outcomes if o.seq is not None}
        return cls(report.run_id, reached)

    def among(self, outlooks: list[Outlook]) -> list[Outlook]:
        """Return the places that the run committed, according to the stores.

        A place with a later commit of another run, or of an undo, cannot be undone.
        """
        found = []
        for one in outlooks:
            seq = self.reached.get((one.move.flow, one.move.entity))
            if one.last is not None and one.last.run_id == self.run_id:
                found.append(one)
            elif one.last is not None and seq is not None and one.last.seq > seq:
                found.append(replace(one, back=None, failure=self._overtaken(one, one.last)))
            elif one.failure is not None and one.failure.code != _IMPOSSIBLE:
                found.append(one)
        return found

    def _overtaken(self, one: Outlook, last: Commit) -> Failure:
        how = "an undo" if last.undoes is not None else f"run {last.run_id}"
        what = f"{how} committed to {one.move.into} after run {self.run_id}"
        hint = f"to see it:  hygge history --flow {one.move.flow}"
        return Failure(_IMPOSSIBLE, what, hint, one.move.where)


def newest_run(project: Project, *, is_env_given: bool) -> Report:
    """Return the report of the newest run, which must be one of the project's environment.

    With `is_env_given` runs of other environments are left out. Raises `UsageError` when there is
    no such run, or when it moved a flow that no longer exists.
    """
    reports = recent_reports(project.root)
    if is_env_given:
        reports = [one for one in reports if one.env == project.env]
    if not reports:
        raise _no_run(f"there is no record of a run in environment '{project.env}'", None)
    newest = reports[0]
    if newest.env != project.env:
        used = f"environment '{newest.env}'" if newest.env else "no environment"
        raise _no_run(
            f"the newest run, {newest.run_id}, used {used}",
            f"hygge undo --last-run --env {newest.env or repr('')}",
        )
    gone = sorted({flow for flow, _ in newest.planned if flow not in project.flows})
    if gone:
        raise _no_run(
            f"flow '{gone[0]}', which run {newest.run_id} moved, no longer exists",
            "name the flows to undo:  hygge undo FLOW",
        )
    return newest


def only_made(plan: Plan, made: Made, outlooks: Sequence[Outlook]) -> tuple[Plan, Made]:
    """Return the plan of what a run has committed; raises `UsageError` where that is nothing."""
    if not outlooks:
        raise _no_run(
            f"run {made.run_id} committed nothing, so there is nothing to undo",
            f"hygge history {made.run_id}",
        )
    moves = tuple(one.move for one in outlooks)
    # Later commits are not the run's.
    reached = {(move.flow, move.entity): 0 for move in moves}
    return replace(plan, moves=moves), replace(made, reached=reached)


def _no_run(what: str, hint: str | None) -> UsageError:
    return UsageError(what, hint=hint, code="HG233")


def look(plan: Plan, made: Made | None = None, run_id: str | None = None) -> list[Outlook]:
    """Return what undo would do to each entity of a plan; changes no rows.

    With `made` only the commits of that run count.
    """
    named = run_id or secrets.token_hex(8)
    outlooks = [_look_at(move, plan, named) for move in plan.moves]
    return outlooks if made is None else made.among(outlooks)


def undo(
    plan: Plan, *, stop: Stop, listen: Callable[[Event], None], made: Made | None = None
) -> RunFinished:
    """Revert the newest commit of every entity of `plan`, or nothing when one cannot be.

    With `made` each must be a commit of that run. `listen` receives the events of a run.
    """
    started, run_id = time.monotonic(), secrets.token_hex(8)
    names = tuple((move.flow, move.entity) for move in plan.moves)
    now = datetime.now(UTC).isoformat()
    listen(RunStarted(run_id, names, now, env=plan.env, command="undo"))
    outcomes = []
    for outcome in _outcomes(plan, run_id, stop, listen, made):
        listen(MoveFinished(run_id, outcome))
        outcomes.append(outcome)
    seconds, now = time.monotonic() - started, datetime.now(UTC).isoformat()
    finished = RunFinished(run_id, seconds, tuple(outcomes), now, env=plan.env)
    listen(finished)
    return finished


def _outcomes(
    plan: Plan,
    run_id: str,
    stop: Stop,
    listen: Callable[[Event], None],
    made: Made | None,
) -> Iterator[Outcome]:
    with ExitStack() as locks:
        outlooks = _locked_look(plan, run_id, locks, made)
        bad = next((one for one in outlooks if one.failure is not None), None)
        if bad is not None:
            yield from (_not_undone(one, bad.move) for one in outlooks)
            return
        left = list(outlooks)
        while left:
            outlook = left.pop(0)
            move = outlook.move
            if stop.requested:
                failure = Failure("HG542", stop.reason, None, move.where)
                yield replace(move.outcome(), result=Result.CANCELLED, failure=failure)
                continue
            listen(MoveStarted(run_id, move.flow, move.entity, 1))
            outcome = _undo_one(outlook, plan, run_id)
            yield outcome
            if outcome.result is not Result.OK:
                yield from (_not_undone(one, move) for one in left)
                return


def _locked_look(plan: Plan, run_id: str, locks: ExitStack, made: Made | None) -> list[Outlook]:
    """Lock every move, then look at each."""
    for move in plan.moves:
        try:
            locks.enter_context(move.lock(plan.context, run_id))
        except HyggeError as error:
            failed = Outlook(move, failure=failure_of(error, move))
            return [failed if one is move else Outlook(one) for one in plan.moves]
    return look(plan, made, run_id)


def _look_at(move: Move, plan: Plan, run_id: str) -> Outlook:
    last: Commit | None = None
    try:
        with blaming(StoreError, f"cannot inspect {move.into}"):
            last = move.store.store(plan.context).last_commit(move.into)
        if last is None:
            raise _impossible(f"nothing has been moved to {move.into} yet", None)
        with _opened(move, plan, run_id) as target:
            return Outlook(move, last, _back(move, target), is_blind=not target.sees_changes)
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return Outlook(move, last, failure=failure_of(error, move))


@contextmanager
def _opened(move: Move, plan: Plan, run_id: str) -> Iterator[Target]:
    settings = move.settings
    request = WriteRequest(
        flow=move.flow,
        entity=move.entity,
        into=move.into,
        run_id=run_id,
        attempt=1,
        mode=settings.mode,
        primary_key=stored_key(settings),
        keep_generations=settings.keep_generations,
    )
    with (
        blaming(StoreError, f"cannot write {move.into}"),
        move.store.store(plan.context).open(request) as target,
    ):
        yield target


def _back(move: Move, target: Target) -> Commit:
    """Return the commit to restore; raises `StoreError` when there is none."""
    back = target.previous()
    if back is not None:
        return back
    last = target.last_commit()
    if last is None or last.seq == 1:
        raise _impossible(
            f"{move.into} has only one commit, so there are no earlier rows to restore",
            "move the right rows with  hygge go FLOW --full-refresh, or delete "
            f"{move.into} in the store",
        )
    undone = "" if last.undoes is None else f", which reverted commit {last.undoes}"
    raise _impossible(
        f"the earlier rows of {move.into} were not kept (its newest commit is {last.seq}{undone}; "
        f"keep_generations is {move.settings.keep_generations})",
        "move everything again with  hygge go FLOW --full-refresh; a larger  keep_generations  "
        "keeps the rows of more commits",
    )


def _impossible(what: str, hint: str | None) -> StoreError:
    return StoreError(what, hint=hint, code=_IMPOSSIBLE)


def _undo_one(outlook: Outlook, plan: Plan, run_id: str) -> Outcome:
    started, move = time.monotonic(), outlook.move
    outcome = replace(move.outcome(), attempts=1)
    try:
        with _opened(move, plan, run_id) as target:
            commit = _commit_of(move, target, run_id)
            notes = _publish(target, commit)
        outcome = replace(
            outcome,
            result=Result.OK,
            seq=commit.seq,
            undoes=commit.undoes,
            mode=commit.mode,
            notes=notes,
        )
    except BaseException as error:
        outcome = replace(outcome, failure=failure_of(error, move))
    return replace(outcome, seconds=time.monotonic() - started)


def _commit_of(move: Move, target: Target, run_id: str) -> Commit:
    """Return the record of the commit that reverts the newest one."""
    back, last = _back(move, target), target.last_commit()
    # Before the flow took over the place, the entity was moved by another flow.
    is_own = back.flow == move.flow or (
        back.entity == move.entity and last is not None and last.flow == move.flow
    )
    return replace(
        back,
        flow=move.flow,
        entity=move.entity,
        seq=(last.seq if last else back.seq) + 1,
        run_id=run_id,
        rows=0,
        committed_at=datetime.now(UTC).isoformat(),
        watermark=back.watermark if is_own else None,
        positions=back.positions if is_own else {},
        undoes=back.seq + 1,
        receipt=None,
    )


def _publish(target: Target, commit: Commit) -> tuple[str, ...]:
    """Make the commit, also where its reply is lost; return the notes."""
    notes = (summary(commit),)
    try:
        target.undo(commit)
    except Exception as error:
        try:
            is_ours = target.owner(commit.seq) == commit.run_id
        except (HyggeError, OSError) as problem:
            if not isinstance(error, CommitUnknownError):
                raise error from problem
            raise
        if not is_ours:
            raise
        return (*notes, f"undone, but then: {error}")
    return notes


def summary(commit: Commit) -> str:
    """Return the result of an undo as a sentence."""
    mark = commit.watermark
    on = "" if mark is None else f"; the next run continues from {mark.column} = {mark.value}"
    return f"commit {commit.undoes} reverted by commit {commit.seq}{on}"


def _not_undone(outlook: Outlook, because: Move) -> Outcome:
    outcome = outlook.move.outcome()
    if outlook.failure is not None:
        return replace(outcome, failure=outlook.failure)
    why = f"not undone, because {because.entity} could not be undone"
    hint = f"undo only this one with  hygge undo {outlook.move.flow} --entity {outlook.move.entity}"
    failure = Failure("HG529", why, hint, outlook.move.where)
    return replace(outcome, result=Result.SKIPPED, failure=failure)
