"""The events of a run as log lines."""

from __future__ import annotations

import logging

from hygge.values.model import (
    WARNING,
    Event,
    MoveFinished,
    MoveRetried,
    MoveStarted,
    Notice,
    Outcome,
    Result,
    RunFinished,
    RunStarted,
)

LOGGER = "hygge.run"
"""Name of the logger; its lines are hidden on a terminal that shows progress."""

log = logging.getLogger(LOGGER)


def listen(event: Event) -> None:
    """Log an event: failures as errors, retries as warnings, everything else as info."""
    run = {"run": event.run_id}
    match event:
        case RunStarted(moves=moves, env=env):
            where = "" if env is None else f" in environment {env}"
            log.info("run started%s, moves: %d", where, len(moves), extra=run)
        case MoveStarted() | MoveRetried():
            _log_attempt(event)
        case MoveFinished(outcome=outcome):
            _log_outcome(event.run_id, outcome)
        case Notice(text=text):
            log.info("%s", text, extra=run)
        case RunFinished(outcomes=outcomes, seconds=seconds):
            well = sum(outcome.result in (Result.OK, Result.KEPT) for outcome in outcomes)
            log.info(
                "run ended: %d of %d moves succeeded in %.1f s",
                well,
                len(outcomes),
                seconds,
                extra=run,
            )


def _log_attempt(event: MoveStarted | MoveRetried) -> None:
    fields = {
        "run": event.run_id,
        "flow": event.flow,
        "entity": event.entity,
        "attempt": event.attempt,
    }
    if isinstance(event, MoveStarted):
        log.info("move started", extra=fields)
    else:
        log.warning(
            "attempt failed, retrying in %.1f s (for %.0f s more): %s",
            event.wait,
            event.left,
            event.reason,
            extra=fields,
        )


def _log_outcome(run_id: str, outcome: Outcome) -> None:
    attempt = outcome.attempts or None
    fields = {"run": run_id, "flow": outcome.flow, "entity": outcome.entity, "attempt": attempt}
    if outcome.failure is not None:
        level = logging.ERROR if outcome.result is Result.FAILED else logging.WARNING
        code, message = outcome.failure.code, outcome.failure.message
        log.log(level, "move %s [%s]: %s", outcome.result, code, message, extra=fields)
        return
    for note in outcome.notes:
        if note.startswith(WARNING):
            log.warning("%s", note.removeprefix(WARNING), extra=fields)
    log.info(
        "move %s: %d rows, %d bytes in %.1f s",
        outcome.result,
        outcome.rows,
        outcome.bytes,
        outcome.seconds,
        extra=fields,
    )
