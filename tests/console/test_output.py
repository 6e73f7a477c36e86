from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from hygge.console.output import Output


def test_a_reader_that_went_away_closes_the_output_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        output = Output(stream)
        output.line("nobody reads this")
        output.line("nor this")
        assert isinstance(output.error, BrokenPipeError)


def test_a_full_disk_is_remembered_and_raises_nothing() -> None:
    with Path("/dev/full").open("w") as stream:
        output = Output(stream)
        output.line("no room")
        assert isinstance(output.error, OSError)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "0"}, False),
    ],
)
def test_colours_follow_the_variables(
    variables: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Output(io.StringIO()).color is expected


def test_an_option_beats_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert Output(io.StringIO(), color="always").color
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not Output(io.StringIO(), color="never").color


def test_forced_colours_never_animate_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert not Output(io.StringIO()).can_animate
