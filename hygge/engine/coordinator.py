"""Many moves: their order, concurrency, stop rules and events."""

from __future__ import annotations

import logging
import os
import queue
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from hygge.engine.move import failure_of, run_move
from hygge.engine.plan import Move, Plan, Unplanned
from hygge.engine.snapshots import Snapshots
from hygge.engine.staging import RunScope
from hygge.engine.threads import run_splits
from hygge.runtime.spools import sweep_spools
from hygge.types.batches import MemoryBudget
from hygge.values.model import (
    Event,
    Failure,
    MoveFinished,
    Outcome,
    Result,
    RunFinished,
    RunStarted,
)
from hygge.values.stop import Stop

__all__ = ["Stop", "run"]

log = logging.getLogger(__name__)

GRACE_SECONDS = 10.0
"""Seconds for moves to end after a stop request or their timeout."""
COMMIT_SECONDS = 120.0
"""Further seconds for a move whose commit has begun, to learn its outcome."""
_POLL_SECONDS = 0.1
_LARGEST_BATCH = 4 * 2**20
_SMALLEST_BATCH = 64 * 2**10
_LARGEST_BUFFER = 32 * 2**20
_SHARE_OF_STORES = 2
_SHARE_OF_COMMITS = 4
"""Share of the memory budget for commits: nothing is read while a move commits, but sorting holds
rows twice.
"""
_BATCHES_HELD_BY_A_SPLIT = 4
_SHARE_OF_A_VALUE = 4
_SMALLEST_VALUE_LIMIT = 16 * 2**20
_GOOD = (Result.OK, Result.KEPT)
_UNKNOWN = "its commit was started and has not ended; the next run determines whether it succeeded"


def run(
    plan: Plan, *, stop: Stop, listen: Callable[[Event], None], fail_fast: bool = False
) -> RunFinished:
    """Run every move of `plan` and return the outcomes.

    One failing move does not stop the others, but what comes `after:` its flow is skipped, and with
    `fail_fast` everything stops. `listen` receives every event, one at a time, in the thread where
    it happens. After `stop` was requested, moves that have not published end within `GRACE_SECONDS`
    as cancelled.
    """
    return _Run(plan, stop, listen, fail_fast).run()


@dataclass(frozen=True, slots=True)
class _Active:
    move: Move
    since: float


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
        self._waiting = dict(enumerate(plan.moves))
        self._active: dict[int, _Active] = {}
        self._ended: queue.SimpleQueue[tuple[int, Outcome]] = queue.SimpleQueue()
        self._outcomes: dict[int, Outcome] = {}
        self._bad_flows: dict[str, str] = {}
        self._stop_seen: float | None = None
        self._scope = self._make_scope()

    def run(self) -> RunFinished:
        scope, plan = self._scope, self._plan
        with suppress(OSError):
            sweep_spools(plan.context.root)
        names = [(m.flow, m.entity) for m in plan.moves]
        names += [(u.flow, u.pattern) for u in plan.unplanned]
        self._emit(
            RunStarted(
                scope.run_id,
                tuple(names),
                scope.started_at.isoformat(),
                env=plan.env,
                manner=plan.manner,
                is_partial=plan.is_partial,
            )
        )
        for number, unplanned in enumerate(plan.unplanned, start=len(plan.moves)):
            self._end(number, _unplanned_outcome(unplanned))
        while self._waiting or self._active:
            self._cancel_waiting()
            self._skip_dependants()
            self._start_ready()
            self._collect()
            self._abandon_late()
        scope.snapshots.wait(GRACE_SECONDS)
        outcomes = tuple(self._outcomes[number] for number in sorted(self._outcomes))
        seconds, now = time.monotonic() - self._started, datetime.now(UTC).isoformat()
        finished = RunFinished(scope.run_id, seconds, outcomes, now, env=plan.env)
        self._emit(finished)
        return finished

    def _make_scope(self) -> RunScope:
        plan = self._plan
        at_once = max(1, min(plan.concurrency, len(plan.moves)))
        splits = max(1, (os.cpu_count() or 1) // at_once)
        # Rows that stores buffer for large writes are memory too: a share is reserved.
        buffers = min(_LARGEST_BUFFER * splits, plan.memory_limit // _SHARE_OF_STORES // at_once)
        budget = plan.memory_limit - buffers * at_once
        share = budget // (at_once * splits * _BATCHES_HELD_BY_A_SPLIT)
        return RunScope(
            run_id=secrets.token_hex(8),
            started_at=datetime.now(UTC),
            context=plan.context,
            budget=MemoryBudget(budget),
            max_value_bytes=max(plan.memory_limit // _SHARE_OF_A_VALUE, _SMALLEST_VALUE_LIMIT),
            buffer_bytes=buffers,
            commit_bytes=plan.memory_limit // _SHARE_OF_COMMITS // at_once,
            stop=self._stop,
            emit=self._emit,
            engine=run_splits,
            batch_bytes=max(_SMALLEST_BATCH, min(_LARGEST_BATCH, share)),
            splits=splits,
            adopt=plan.adopt,
            limit=plan.limit,
            again=plan.again,
            salt=plan.salt,
            snapshots=Snapshots(plan.moves),
        )

    def _emit(self, event: Event) -> None:
        with self._listening:
            self._listen(event)

    def _start_ready(self) -> None:
        unfinished = {move.flow for move in self._waiting.values()}
        unfinished |= {active.move.flow for active in self._active.values()}
        for number, move in list(self._waiting.items()):
            if len(self._active) >= self._plan.concurrency or self._stop.requested:
                return
            if unfinished.isdisjoint(self._plan.after.get(move.flow, ())):
                self._start(number, self._waiting.pop(number))

    def _start(self, number: int, move: Move) -> None:
        self._active[number] = _Active(move, time.monotonic())

        def work() -> None:
            self._ended.put((number, run_move(move, self._scope)))

        try:
            name = f"hygge-{move.flow}-{move.entity}"
            threading.Thread(target=work, name=name, daemon=True).start()
        except RuntimeError as error:
            why = f"the system allows no more threads ({error})"
            self._ended.put((number, _not_run(move, Result.FAILED, "HG544", why)))

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
        if number < len(self._plan.moves):
            self._scope.snapshots.end(self._plan.moves[number])
        if outcome.result not in _GOOD:
            self._bad_flows.setdefault(outcome.flow, outcome.result.value)
        if outcome.result is Result.FAILED and self._fail_fast:
            self._stop.request(reason="another move failed and --fail-fast was given: stopped")
        self._emit(MoveFinished(self._scope.run_id, outcome))

    def _skip_dependants(self) -> None:
        for number, move in list(self._waiting.items()):
            bad = [f for f in self._plan.after.get(move.flow, ()) if f in self._bad_flows]
            if bad:
                why = f"it runs after {bad[0]}, which did not complete"
                del self._waiting[number]
                self._end(number, _not_run(move, Result.SKIPPED, "HG545", why))

    def _cancel_waiting(self) -> None:
        if not self._stop.requested:
            return
        self._stop_seen = self._stop_seen or time.monotonic()
        for number, move in self._waiting.items():
            self._end(number, _not_run(move, Result.CANCELLED, "HG542", self._stop.reason))
        self._waiting.clear()

    def _abandon_late(self) -> None:
        """Abandon moves that hang, since threads cannot be killed."""
        now = time.monotonic()
        for number, active in list(self._active.items()):
            move, timeout = active.move, active.move.settings.timeout
            is_committing = (move.flow, move.entity) in self._scope.committing
            latest = now - GRACE_SECONDS - (COMMIT_SECONDS if is_committing else 0)
            if self._stop_seen is not None and self._stop_seen < latest:
                why = f"it did not stop within {GRACE_SECONDS:g} s; the next run cleans up"
                outcome = _not_run(move, Result.CANCELLED, "HG542", why)
            elif timeout is not None and active.since + timeout < latest:
                why = (
                    f"the move does not respond after its timeout of {timeout:g} s; the next run "
                    "cleans up"
                )
                outcome = _not_run(move, Result.FAILED, "HG541", why)
            else:
                continue
            if is_committing:
                outcome = _not_run(move, outcome.result, "HG551", _UNKNOWN)
            del self._active[number]
            self._end(number, outcome)


def _not_run(move: Move, result: Result, code: str, why: str) -> Outcome:
    return move.outcome(result, Failure(code, why, None, move.where))


def _unplanned_outcome(unplanned: Unplanned) -> Outcome:
    return Outcome(
        flow=unplanned.flow,
        entity=unplanned.pattern,
        into=unplanned.pattern,
        home=unplanned.home_name,
        store=unplanned.store_name,
        mode=unplanned.mode,
        result=Result.FAILED,
        failure=failure_of(unplanned.error, unplanned),
    )
