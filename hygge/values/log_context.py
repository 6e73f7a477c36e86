"""The run, flow, entity and attempt of log lines, carried into threads."""

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
    """Return the current fields of this thread."""
    return _context.get({})


@contextmanager
def context(**fields: str | int) -> Iterator[None]:
    """Add `run`, `flow`, `entity` or `attempt` to every log line of this thread in the block.

    A new thread starts without the fields of its creator: enter a context in it, or wrap its
    function with `bound`.
    """
    token = _context.set({**_context.get({}), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def bound(function: Callable[P, R]) -> Callable[P, R]:
    """Return `function` wrapped to log with the current fields in any thread."""
    fields = _context.get({})

    @wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with context(**fields):
            return function(*args, **kwargs)

    return inside
