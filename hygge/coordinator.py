"""Many moves: their order, how many at once, when to stop, and the events that tell of it."""

from __future__ import annotations

import logging
import os
import queue
import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from hygge.batches import MemoryBudget
from hygge.engines.threads import run_splits
from hygge.flow import failure_of, run_move
from hygge.model import (
    Event,
    Failure,
    MoveFinished,
    Outcome,
    Result,
    RunFinished,
    RunStarted,
)
from hygge.plan import Move, Plan, Unplanned
from hygge.staging import RunScope
from hygge.stop import Stop

__all__ = ["Stop", "run"]

log = logging.getLogger(__name__)

GRACE_SECONDS = 10.0
"""How long moves may take to end after the run was asked to stop."""
_POLL_SECONDS = 0.1
_LARGEST_BATCH = 4 * 2**20
_SMALLEST_BATCH = 64 * 2**10
_BATCHES_HELD_BY_A_SPLIT = 4
_GOOD = (Result.OK, Result.KEPT)


def run(
    plan: Plan, *, stop: Stop, listen: Callable[[Event], None], fail_fast: bool = False
) -> RunFinished:
    """Run every move of `plan` and return what became of each.

    One failing move does not stop the others, but what comes `after:` its flow is skipped, and
    with `fail_fast` everything stops. `listen` hears every event, one at a time, from whichever
    thread it happens in. After `stop` was requested, moves that have not published end within
    `GRACE_SECONDS` as cancelled.
    """
    return _Run(plan, stop, listen, fail_fast).run()


class _Run:
    def __init__(
        self, plan: Plan, stop: Stop, listen: Callable[[Event], None], fail_fast: bool
    ) -> None:
        self._plan = plan
        self._stop = stop
        self._listen = listen
        self._fail_fast = fail_fast
        self._listening = threading.Lock()
        self._started = time.monotonic()
        self._waiting = list(plan.moves)
        self._active: dict[int, Move] = {}
        self._ended: queue.SimpleQueue[tuple[int, Outcome]] = queue.SimpleQueue()
        self._outcomes: dict[int, Outcome] = {}
        self._bad_flows: dict[str, str] = {}
        self._stop_seen: float | None = None
        self._scope = self._make_scope()

    def run(self) -> RunFinished:
        scope, plan = self._scope, self._plan
        names = [(m.flow, m.entity) for m in plan.moves]
        names += [(u.flow, u.pattern) for u in plan.unplanned]
        self._emit(RunStarted(scope.run_id, tuple(names), scope.started_at.isoformat()))
        for number, unplanned in enumerate(plan.unplanned, start=len(plan.moves)):
            self._end(number, _unplanned_outcome(unplanned))
        while self._waiting or self._active:
            self._cancel_waiting()
            self._skip_dependants()
            self._start_ready()
            self._collect()
        outcomes = tuple(self._outcomes[number] for number in sorted(self._outcomes))
        finished = RunFinished(
            scope.run_id, time.monotonic() - self._started, outcomes, datetime.now(UTC).isoformat()
        )
        self._emit(finished)
        return finished

    def _make_scope(self) -> RunScope:
        plan = self._plan
        at_once = max(1, min(plan.concurrency, len(plan.moves)))
        splits = max(1, (os.cpu_count() or 1) // at_once)
        share = plan.memory_limit // (at_once * splits * _BATCHES_HELD_BY_A_SPLIT)
        return RunScope(
            run_id=secrets.token_hex(8),
            started_at=datetime.now(UTC),
            context=plan.context,
            budget=MemoryBudget(plan.memory_limit),
            stop=self._stop,
            emit=self._emit,
            engine=run_splits,
            batch_bytes=max(_SMALLEST_BATCH, min(_LARGEST_BATCH, share)),
            splits=splits,
            adopt=plan.adopt,
            limit=plan.limit,
        )

    def _emit(self, event: Event) -> None:
        with self._listening:
            self._listen(event)

    def _number(self, move: Move) -> int:
        return self._plan.moves.index(move)

    def _start_ready(self) -> None:
        for move in list(self._waiting):
            if len(self._active) >= self._plan.concurrency or self._stop.requested:
                return
            if not self._busy_before(move):
                self._waiting.remove(move)
                self._start(move)

    def _busy_before(self, move: Move) -> bool:
        before = self._plan.after.get(move.flow, ())
        unfinished = [*self._waiting, *self._active.values()]
        return any(other.flow in before for other in unfinished)

    def _start(self, move: Move) -> None:
        number = self._number(move)
        self._active[number] = move

        def work() -> None:
            self._ended.put((number, run_move(move, self._scope)))

        threading.Thread(target=work, name=f"hygge-{move.flow}-{move.entity}", daemon=True).start()

    def _collect(self) -> None:
        if not self._active:
            return
        try:
            number, outcome = self._ended.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            return
        if self._active.pop(number, None) is not None:
            self._end(number, outcome)

    def _end(self, number: int, outcome: Outcome) -> None:
        self._outcomes[number] = outcome
        if outcome.result not in _GOOD:
            self._bad_flows.setdefault(outcome.flow, outcome.result.value)
        if outcome.result is Result.FAILED and self._fail_fast:
            self._stop.request(reason="another move failed and --fail-fast was given: stopped")
        self._emit(MoveFinished(self._scope.run_id, outcome))

    def _skip_dependants(self) -> None:
        for move in list(self._waiting):
            bad = [f for f in self._plan.after.get(move.flow, ()) if f in self._bad_flows]
            if bad:
                self._waiting.remove(move)
                why = f"it runs after {bad[0]}, and that was not moved"
                outcome = _not_run(move, Result.SKIPPED, "HG545", why)
                self._end(self._number(move), outcome)

    def _cancel_waiting(self) -> None:
        if not self._stop.requested:
            return
        for move in self._waiting:
            outcome = _not_run(move, Result.CANCELLED, "HG542", self._stop.reason)
            self._end(self._number(move), outcome)
        self._waiting.clear()
        self._stop_seen = self._stop_seen or time.monotonic()
        if time.monotonic() - self._stop_seen > GRACE_SECONDS:
            self._abandon()

    def _abandon(self) -> None:
        for number, move in list(self._active.items()):
            del self._active[number]
            why = f"it did not stop within {GRACE_SECONDS:g} s; the next run cleans up after it"
            self._end(number, _not_run(move, Result.CANCELLED, "HG542", why))


def _not_run(move: Move, result: Result, code: str, why: str) -> Outcome:
    return Outcome(
        flow=move.flow,
        entity=move.entity,
        into=move.into,
        home=move.home_name,
        store=move.store_name,
        mode=move.settings.mode,
        result=result,
        failure=Failure(code, why, None, move.where),
    )


def _unplanned_outcome(unplanned: Unplanned) -> Outcome:
    return Outcome(
        flow=unplanned.flow,
        entity=unplanned.pattern,
        into=unplanned.pattern,
        home=unplanned.home_name,
        store=unplanned.store_name,
        mode=unplanned.mode,
        result=Result.FAILED,
        failure=failure_of(unplanned.error, unplanned.where),
    )
