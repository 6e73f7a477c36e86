"""The run, flow, entity and attempt that log lines name, carried into its threads."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

FIELDS = ("run", "flow", "entity", "attempt")
_context: contextvars.ContextVar[dict[str, str | int]] = contextvars.ContextVar("hygge_log")


def fields() -> Mapping[str, str | int]:
    """Return the fields of this thread, here and now."""
    return _context.get({})


@contextmanager
def context(**fields: str | int) -> Iterator[None]:
    """Put `run`, `flow`, `entity` or `attempt` on every line logged inside, in this thread.

    A thread starts without the fields of the one that made it: enter a context in it, or give it
    a function that went through `bound`.
    """
    token = _context.set({**_context.get({}), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def bound(function: Callable[P, R]) -> Callable[P, R]:
    """Return `function` so that it logs with the fields of here and now, in whichever thread."""
    fields = _context.get({})

    @wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with context(**fields):
            return function(*args, **kwargs)

    return inside
