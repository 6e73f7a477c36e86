"""Outcomes and events for the tests of what a person sees."""

from __future__ import annotations

from hygge.values.model import Failure, Mode, Outcome, Result, RunFinished

RUN = "0123456789abcdef"

USERS = Outcome(
    flow="users",
    entity="users",
    into="users",
    home="sample_files",
    store="lake",
    mode=Mode.REPLACE,
    result=Result.OK,
    rows=1000,
    bytes=72_000,
    seconds=0.1,
    attempts=1,
    seq=1,
)
ORDERS = Outcome(
    flow="orders",
    entity="public.orders",
    into="orders",
    home="app_db",
    store="warehouse",
    mode=Mode.MERGE,
    result=Result.OK,
    rows=2_481_220,
    bytes=355_000_000,
    seconds=51.2,
    attempts=1,
    seq=7,
)
EVENTS = Outcome(
    flow="events",
    entity="events",
    into="events",
    home="app_db",
    store="warehouse",
    mode=Mode.APPEND,
    result=Result.FAILED,
    seconds=3.4,
    attempts=2,
    failure=Failure(
        "HG503",
        "cannot read events: permission denied for table events",
        "grant SELECT on events to user 'loader'",
        "flows/events.yml:1",
    ),
)


def finished(*outcomes: Outcome, seconds: float = 62.0) -> RunFinished:
    return RunFinished(RUN, seconds, outcomes, "2026-01-31T12:01:02+00:00")
