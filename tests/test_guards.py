"""Every refusal that keeps rows from harm: it is told, changes nothing, and without it harm comes.

Each guard is tried twice: as it is, and taken out. Where another guard stands behind it, that one
is named (`caught`) and must be what refuses then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from guarded import GUARDS
from guards import Guard, Scene
from undo_places import open_place

CASES = [pytest.param(one, kind, id=f"{one.name}-{kind}") for one in GUARDS for kind in one.kinds]


@pytest.fixture
def scene(tmp_path: Path, kind: str) -> Iterator[Scene]:
    with open_place(kind, tmp_path) as place:
        yield Scene(place)


def prepare(scene: Scene, guard: Guard) -> None:
    for step in guard.steps:
        assert scene.take(step) is None


@pytest.mark.parametrize(("guard", "kind"), CASES)
def test_it_refuses_and_changes_nothing(
    scene: Scene, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(scene, guard)
    guard.past(monkeypatch)
    if guard.bad.sql:
        scene.place.ask(guard.bad.sql)
    before = scene.state()
    failure = scene.take(replace(guard.bad, sql=""))
    assert failure is not None
    assert (failure.code, failure.trace) == (guard.code, None)
    assert guard.says in failure.message
    assert failure.hint
    assert scene.state() == before


@pytest.mark.parametrize(("guard", "kind"), CASES)
def test_without_it_harm_would_come(
    scene: Scene, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(scene, guard)
    with monkeypatch.context() as patch:
        guard.past(patch)
        guard.off(patch)
        failure = scene.take(guard.bad)
        if guard.after is not None:
            assert scene.take(guard.after) is None
    if guard.caught is not None:
        assert failure is not None
        assert failure.code == guard.caught
        assert guard.wrong is None
        return
    assert failure is None
    assert guard.wrong is not None
    assert scene.rows(guard.columns) == sorted(guard.wrong, key=str)


HOLDERS = [
    "backfill",
    "checks",
    "contract",
    "derived",
    "guards",
    "history",
    "increment",
    "marking",
    "pinned",
    "promises",
    "quarantine",
    "shape",
    "staging",
    "undoing",
    "files/merging",
    "files/settling",
    "files/adoption",
    "files/generations",
    "files/splits",
    "files/target",
    "project/lockfile",
    "project/modes",
    "project/shaping",
    "sql/keeping",
    "sql/merging",
    "sql/refusing",
    "sql/target",
    "cli/going",
    "cli/state",
]
"""The modules whose refusals keep rows from harm."""
ELSEWHERE = {
    "HG209": "tests/project/test_check.py: no store that cannot merge is among these",
    "HG215": "a warning",
    "HG514": "tests/sql/test_pg_writing.py, tests/files/test_generations.py: two runs at once",
    "HG542": "a stop",
    "HG544": "out of memory, in whichever driver",
}


def test_every_code_that_keeps_rows_from_harm_is_in_the_table() -> None:
    package = Path(__file__).parents[1] / "hygge"
    found: set[str] = set()
    for name in HOLDERS:
        text = (package / f"{name}.py").read_text("utf-8")
        found |= set(re.findall(r'"(HG[25]\d\d)"', text))
    assert found - {one.code for one in GUARDS} - set(ELSEWHERE) == set()
