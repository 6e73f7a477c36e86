"""The display on a real terminal: a pseudo-terminal of a given size."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pexpect
import polars as pl
import pytest
import stalling
from projects import write_project

SCREEN = """
import sys
from events import EVENTS, ORDERS, RUN, USERS, finished
from hygge.console.progress.live import Live
from hygge.console.output import standard_error, standard_output
from hygge.console.summary import show_summary
from hygge.values.model import *

notes = standard_error()
names = [(f"flow{n}", "users") for n in range(int(sys.argv[1]))]
with Live(notes) as live:
    live.listen(RunStarted(RUN, tuple(names), "2026-01-31T12:00:00+00:00"))
    for flow, entity in names:
        live.listen(MoveStarted(RUN, flow, entity, 1, 1000))
        live.listen(MoveProgress(RUN, flow, entity, 1, 500, 9000, 1000))
    notes.line("a log line [bold]with brackets[/bold]")
    live.listen(MoveRetried(RUN, "flow0", "users", 1, "reset \\x1b]0;owned\\x07", 2.0))
    live.listen(MoveFinished(RUN, EVENTS))
    live._screen.refresh()
show_summary(finished(USERS, EVENTS), standard_output())
"""
ANIMATION = "\x1b[?25l"


def terminal(
    command: list[str], directory: Path, columns: int = 80, /, **variables: str
) -> pexpect.spawn[str]:
    path = os.pathsep.join([str(Path(__file__).parents[1]), variables.pop("PYTHONPATH", "")])
    kept = {k: v for k, v in os.environ.items() if k not in ("CI", "NO_COLOR", "COLUMNS", "LINES")}
    return pexpect.spawn(
        sys.executable,
        command,
        cwd=str(directory),
        env={**kept, "TERM": "xterm", "PYTHONPATH": path, **variables},
        dimensions=(10, columns),
        encoding="utf-8",
        timeout=600,
    )


def everything(child: pexpect.spawn[str]) -> str:
    child.expect(pexpect.EOF)
    child.close()
    assert child.before is not None
    return child.before


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_moves_are_drawn_within_the_terminal_and_gone_before_the_summary(
    columns: int, tmp_path: Path
) -> None:
    text = everything(terminal(["-c", SCREEN, "40"], tmp_path, columns))
    assert text.count(ANIMATION) == text.count("\x1b[?25h") == 1
    live, summary = text.split("\x1b[?25h")
    assert "a log line [bold]with brackets[/bold]" in live
    assert r"attempt 1 failed, retrying in 2.0 s" in live
    assert r": reset \x1b]0;owned\x07" in live
    assert "500 rows" in live
    assert ("rows/s" in live) == (columns >= 72)
    assert "more moves running" in live or columns == 60
    assert "1 ok, 1 failed" in summary
    frame = live.rsplit("\x1b[2K", 1)[1]
    drawn = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", frame).splitlines()
    assert len(drawn) <= 10
    assert all(len(line) <= columns for line in drawn)


def test_a_run_on_a_terminal_is_animated_and_coloured(tmp_path: Path) -> None:
    root = project(tmp_path)
    text = everything(terminal(["-m", "hygge", "go"], root))
    assert ANIMATION in text
    assert text.index("\x1b[?25h") < text.index("result")
    assert "\x1b[32mok\x1b[0m" in text


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"CI": "true"}])
def test_no_display_is_drawn_where_it_cannot_be(tmp_path: Path, variables: dict[str, str]) -> None:
    text = everything(terminal(["-m", "hygge", "go"], project(tmp_path), 80, **variables))
    assert ANIMATION not in text
    assert "users: started" in text


def test_without_colours_the_display_is_still_drawn(tmp_path: Path) -> None:
    text = everything(terminal(["-m", "hygge", "go"], project(tmp_path), NO_COLOR="1"))
    assert ANIMATION in text
    assert not re.search(r"\x1b\[\d*;?3\dm", text)


def test_the_second_ctrl_c_brings_the_cursor_back(tmp_path: Path) -> None:
    root = project(tmp_path)
    write_project(
        root,
        {
            "homes/deaf.yml": "type: stalling\nbehaviour: is deaf\n",
            "flows/deaf.yml": "home: deaf\nstore: lake\n",
        },
    )
    variables = stalling.install(tmp_path / "site")
    child = terminal(["-m", "hygge", "go", "deaf"], root, 80, **variables)
    child.expect("0 rows")
    child.sendintr()
    child.expect("SIGINT: stopping")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert child.before is not None
    assert "\x1b[?25h" in child.before


def project(folder: Path) -> Path:
    root = write_project(
        folder / "project",
        {
            "homes/files.yml": "type: parquet\npath: in\n",
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "flows/users.yml": "home: files\nstore: lake\n",
        },
    )
    (root / "in").mkdir()
    pl.DataFrame({"id": range(3)}).write_parquet(root / "in" / "users.parquet")
    return root
