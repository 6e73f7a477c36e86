"""What a user reads is written as docs/style.md asks: words that must not come back."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hygge.codes import CODES
from hygge.operations.connector_types import connector_types, options_of
from hygge.project.models import FlowSettings, OverlaySettings, ProjectSettings

ROOT = Path(__file__).resolve().parent.parent
BANNED = re.compile(
    r"\b(unless given|(is|are|was|were) told|mend(s|ed)?|circles?|one instant|tak(e|es|en) back"
    r"|put(s)? aside|nobody|whom|who comes in|is meant|anew|goes on from|as it was"
    r"|is not as|holds signs|let in)\b",
    re.IGNORECASE,
)
PAGES = [
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / "docs/connectors").glob("*.md"),
    ROOT / "README.md",
]
ALLOWED = {"style.md", "architecture.md"}
"""Pages that name the words, or are read by developers."""


def written(node: ast.AST) -> Iterator[str]:
    """Yield the texts of an expression; what an f-string inserts is left out."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def messages(module: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of errors, hints and command-line help in a module, with their lines."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield from ((node.lineno, text) for text in written(node.exc))
        elif isinstance(node, ast.keyword) and node.arg in ("hint", "help"):
            yield from ((node.value.lineno, text) for text in written(node.value))


def test_messages_hints_and_help_use_plain_words() -> None:
    found = [
        f"{module.relative_to(ROOT)}:{line}: {text}"
        for module in sorted((ROOT / "hygge").rglob("*.py"))
        for line, text in messages(module)
        if BANNED.search(text)
    ]
    assert found == []


def test_codes_use_plain_words() -> None:
    assert [one.code for one in CODES.values() if BANNED.search(f"{one.title} {one.text}")] == []


def test_options_use_plain_words() -> None:
    options = [
        (one.name, option.name, option.description)
        for one in connector_types()
        for option in one.options
    ]
    for model in (FlowSettings, ProjectSettings, OverlaySettings):
        options += [(model.__name__, one.name, one.description) for one in options_of(model)]
    assert [place for *place, text in options if BANNED.search(text)] == []


@pytest.mark.parametrize("page", sorted(PAGES), ids=lambda page: page.name)
def test_pages_use_plain_words(page: Path) -> None:
    lines = [] if page.name in ALLOWED else page.read_text("utf-8").splitlines()
    assert [line for line in lines if BANNED.search(line)] == []


@pytest.mark.parametrize("text", ["Nobody is told.", "unless given, 60 s", "Mend the rows."])
def test_a_banned_word_is_found(text: str) -> None:
    assert BANNED.search(text)
