"""Any valid project, broken in one place: told there, once, and never silently passed."""

from __future__ import annotations

import tempfile
from pathlib import Path

import boxes  # noqa: F401, which registers the type testbin
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mutations import MUTATIONS, Broken, Line, Mutation, projects, text_of
from projects import write_project

from hygge.project import check


@given(projects())
@settings(max_examples=40, deadline=None)
def test_what_is_drawn_is_a_sound_project(files: dict[str, list[Line]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = write_project(Path(folder), {name: text_of(lines) for name, lines in files.items()})
        assert check(root).diagnostics == ()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.__name__)
@given(projects(), st.data())
@settings(max_examples=60, deadline=None)
def test_what_was_broken_is_told_where_it_was_broken(
    mutation: Mutation, files: dict[str, list[Line]], data: st.DataObject
) -> None:
    broken = [one for file, lines in files.items() for one in mutation(file, lines)]
    assume(broken)
    one = data.draw(st.sampled_from(broken))
    texts = {name: text_of(lines) for name, lines in files.items()}
    with tempfile.TemporaryDirectory() as folder:
        root = write_project(Path(folder), {**texts, one.file: one.text})
        found = check(root).diagnostics
    assert [d for d in found if is_what_was_broken(d.file, d.line, d.code, one)], (one, found)
    errors = [d for d in found if d.is_error]
    assert {d.file for d in errors} == {one.file}, (one, found)
    assert len(errors) == 1, (one, found)
    (told,) = errors
    assert told.help
    assert not one.columns or told.column in one.columns, (one, told)
    assert one.names in told.message, (one, told)


def is_what_was_broken(file: str, line: int, code: str, one: Broken) -> bool:
    return file == one.file and code in one.codes and line in one.lines
