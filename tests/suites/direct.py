"""Runs tests of a suite without pytest, many times faster, for tests of the suites themselves."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count, product
from pathlib import Path
from typing import Any

import pytest

from hygge.testing.cases import plain_table
from hygge.testing.suite import MANY, HomeCases, StoreCases, Suite

FAILURES = (Exception, pytest.fail.Exception)
_NUMBERS = count()


def names_of_tests(suite: type[Suite]) -> list[str]:
    """Return the names of a suite's tests."""
    return sorted(name for name in dir(suite) if name.startswith("test_"))


def run(suite: type[Suite], name: str, place: Path) -> None:
    """Run one test of a suite with each of its parameters; raise what the first one raises."""
    for given in _parameters(getattr(suite, name)):
        own = place / str(next(_NUMBERS))
        own.mkdir()
        with suppress(pytest.skip.Exception):
            _call(suite(), name, own, given)


def _parameters(test: Callable[..., None]) -> Iterator[dict[str, Any]]:
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    for values in product(*(mark.args[1] for mark in marks)):
        given: dict[str, Any] = {}
        for mark, value in zip(marks, values, strict=True):
            names = [mark.args[0]] if isinstance(mark.args[0], str) else mark.args[0]
            given |= zip(names, [value] if len(names) == 1 else value, strict=True)
        yield given


def _call(suite: Suite, name: str, place: Path, given: dict[str, Any]) -> None:
    """Call one test with what its arguments name: parameters and the suites' fixtures."""
    fixtures: dict[str, Callable[[], Any]] = {"tmp_path": lambda: place}
    if isinstance(suite, HomeCases):
        fixtures["many"] = lambda: suite.make_home(place, {"things": plain_table(MANY)})
    if isinstance(suite, StoreCases):
        fixtures["config"] = lambda: suite.configure(place)
        fixtures["store"] = fixtures["merger"] = lambda: suite.make_store(place)
    test = getattr(suite, name)
    wanted = inspect.signature(test).parameters.keys() - given.keys()
    test(**given, **{one: fixtures[one]() for one in wanted})
