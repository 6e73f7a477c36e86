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


ELSEWHERE = {
    "the files of the project are wrong": (
        *("HG200", "HG201", "HG202", "HG203", "HG204", "HG205", "HG206", "HG207", "HG208"),
        *("HG211", "HG212", "HG213", "HG214", "HG215", "HG216", "HG217", "HG218", "HG225"),
    ),
    "a command cannot tell what is asked for": ("HG230", "HG231", "HG232", "HG233", "HG235"),
    "no store that cannot merge is among these (tests/project/test_check.py)": ("HG209",),
    "a home cannot be read": (
        *("HG501", "HG502", "HG503", "HG505", "HG506", "HG507", "HG508", "HG509"),
        *("HG515", "HG556", "HG575", "HG576", "HG577", "HG578", "HG579"),
    ),
    "a server of objects cannot hold a chain (tests/stores/test_s3_faults.py)": ("HG549",),
    "a store cannot be reached, or another run holds it": (
        *("HG512", "HG513", "HG514", "HG516", "HG540", "HG543", "HG551"),
    ),
    "the machine, a person or a bug ends the run": (
        *("HG500", "HG521", "HG530", "HG541", "HG542", "HG544", "HG545", "HG546", "HG561"),
        "HG590",
    ),
    "nothing is moved: two sides are compared": ("HG552", "HG555"),
}
"""Codes that are tried by other tests, by what they are for."""


def test_every_code_that_keeps_rows_from_harm_is_in_the_table() -> None:
    package = Path(__file__).parents[1] / "hygge"
    found: set[str] = set()
    for path in package.rglob("*.py"):
        if path.parent.name != "codes":
            found |= set(re.findall(r'"(HG[25]\d\d)"', path.read_text("utf-8")))
    elsewhere = {code for codes in ELSEWHERE.values() for code in codes}
    assert found - {one.code for one in GUARDS} - elsewhere == set()
    assert elsewhere - found == set()
