"""The suites touch every member of the contract, as seen by a connector that writes it down."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import pytest
import test_memory_connector as whole
from direct import FAILURES, names_of_tests, run
from memory_connector import (
    MemoryHome,
    MemoryHomeConfig,
    MemorySource,
    MemoryStore,
    MemoryStoreConfig,
    MemoryTarget,
)

from hygge import connector

CONTRACT: dict[type, type] = {
    connector.HomeConfig: MemoryHomeConfig,
    connector.StoreConfig: MemoryStoreConfig,
    connector.Home: MemoryHome,
    connector.Source: MemorySource,
    connector.Store: MemoryStore,
    connector.Target: MemoryTarget,
}
"""The classes of the contract, and who stands for each."""
NOT_FOR_SUITES = {"model_config": "how pydantic reads a config"}
TYPES_ONLY = {"test_a_type_comes_back_exactly", "test_an_awkward_column_is_written"}
"""Tests of many cases that touch nothing which the others do not."""


def members(of: type) -> set[str]:
    """Return the public members that the contract gives a class, its bases' included."""
    ours = [base for base in of.__mro__ if base.__module__ == connector.__name__]
    named = {name for base in ours for name in [*vars(base), *inspect.get_annotations(base)]}
    return {name for name in named if not name.startswith("_")} - NOT_FOR_SUITES.keys()


def is_called_by_suites(depth: int) -> bool:
    return str(sys._getframe(depth).f_globals["__name__"]).startswith("hygge.testing")


def watch(kind: type, seen: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Write down which attributes of instances the suites read and set."""
    read: Any = kind.__getattribute__
    put: Any = kind.__setattr__

    def reading(self: object, name: str) -> Any:  # noqa: ANN401
        if is_called_by_suites(2):
            seen.add(name)
        return read(self, name)

    def putting(self: object, name: str, value: object) -> None:
        if is_called_by_suites(2):
            seen.add(name)
        put(self, name, value)

    monkeypatch.setattr(kind, "__getattribute__", reading)
    monkeypatch.setattr(kind, "__setattr__", putting)


def test_the_suites_touch_every_member_of_the_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[type, set[str]] = {promised: set() for promised in CONTRACT}
    for promised, kind in CONTRACT.items():
        watch(kind, seen[promised], monkeypatch)
    failed = []
    for suite in (whole.TestMemoryHome, whole.TestMemoryStore):
        for name in {*names_of_tests(suite)} - TYPES_ONLY:
            try:
                run(suite, name, tmp_path)
            except FAILURES as error:
                failed.append(f"{name}: {error}")
    assert failed == []
    untouched = {
        f"{promised.__name__}.{name}"
        for promised in CONTRACT
        for name in members(promised) - seen[promised]
    }
    assert untouched == set(), "call them in hygge/testing, and break them in test_breaks.py"
