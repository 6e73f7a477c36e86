"""One table holds every code that hygge tells, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from hygge.codes import CODES, GROUPS, Code

ROOT = Path(__file__).resolve().parent.parent
USE = re.compile(r"\"(HG\d{3})\"")


def used() -> dict[str, set[str]]:
    """Return the modules that name each code, those of the table left out."""
    uses: dict[str, set[str]] = {}
    for module in sorted((ROOT / "hygge").rglob("*.py")):
        if module.parent.name != "codes":
            for code in USE.findall(module.read_text("utf-8")):
                uses.setdefault(code, set()).add(module.relative_to(ROOT).as_posix())
    return uses


def test_every_code_that_is_told_is_explained_and_every_explained_one_is_told() -> None:
    assert sorted(used()) == sorted(CODES)


def test_codes_are_in_order_and_in_their_group() -> None:
    told = [one.code for group in GROUPS.values() for one in group]
    assert told == sorted(set(told))
    for number, group in enumerate(GROUPS.values()):
        assert {one.code[:3] for one in group} == {f"HG{number}"}


def test_no_two_codes_share_a_title() -> None:
    assert len({one.title for one in CODES.values()}) == len(CODES)


@pytest.mark.parametrize("one", CODES.values(), ids=lambda one: one.code)
def test_a_code_is_explained_in_sentences_with_both_sides_of_an_example(one: Code) -> None:
    assert one.text.endswith(".")
    assert one.text[0].isupper() or one.text[0] == "`"
    assert not one.title.endswith(".")
    assert bool(one.wrong) == bool(one.right)
    for lines in (one.wrong, one.right):
        assert not lines or (lines.startswith("# ") and lines.endswith("\n"))


@pytest.mark.parametrize(
    "one",
    [one for one in CODES.values() if one.right and one.code != "HG302"],
    ids=lambda c: c.code,
)
def test_the_right_side_of_an_example_is_yaml(one: Code) -> None:
    assert yaml.safe_load(one.right)


@pytest.mark.parametrize(
    "one",
    [one for one in CODES.values() if one.wrong and one.code[:3] in ("HG1", "HG2")],
    ids=lambda c: c.code,
)
def test_what_is_wrong_in_an_example_is_not_its_yaml(one: Code) -> None:
    assert yaml.safe_load(one.wrong) is not None
