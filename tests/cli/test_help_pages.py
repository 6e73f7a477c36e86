"""Help pages: found by `-h` too, grouped by purpose, without names of types in Python."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from hygge.cli.app import app
from hygge.cli.command_tree import tree_of
from hygge.cli.help_pages import PANELS

TREE = tree_of(app)
COMMANDS = [
    (),
    *((name,) for name in TREE.commands),
    *((name, inner) for name, one in TREE.commands.items() for inner in one.commands),
]


def page(*words: str) -> str:
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "100"}).stdout


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_answers_to_both_spellings_of_help(command: tuple[str, ...]) -> None:
    short = page(*command, "-h")
    assert "Usage:" in short
    assert short == page(*command, "--help")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_help_page_shows_a_type_of_python(command: tuple[str, ...]) -> None:
    text = page(*command, "-h")
    for word in ("<bool>", "<str>", "<int>", "<path>", "list[", "int range"):
        assert word not in text


def test_commands_are_grouped_in_the_order_of_their_use() -> None:
    text = page("-h")
    shown = [line.strip("─╭╮ ") for line in text.splitlines() if line.startswith("╭─")]
    assert shown == ["Options", *PANELS]
    first_words = [line.split()[1] for line in text.splitlines() if line.startswith("│ ")]
    commands = [word for word in first_words if word in TREE.commands]
    grouped = [name for names in PANELS.values() for name in names]
    assert commands == [name for name in grouped if name in TREE.commands]
    assert set(commands) == set(TREE.commands)
