"""Which commands hygge's own texts tell a person to type: found in the source, one by one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "hygge"
OUTSIDE = ("codes", "testing")
"""Pages about errors, whose examples speak of no project; and what only tests use."""
_COMMAND = re.compile(r"(?<![\w./`-])hygge((?: (?:[^\s,;()`'\"]|'[^']*'|\"[^\"]*\")+)+)")
_MAY_HINT = re.compile(r"""(?<![\w./`-])hygge ?['"{]|hygge [a-z…]""")
"""What a source with a command in a text holds; the syntax of the others need not be read."""
_WORD = re.compile(r"--?[a-z][a-z-]*(?:=\S+)?|\{\}|[A-Z]{4,}|[a-z]+|…|\w+=\w+|[\d-]{8,}")
_ALONE = {
    "go",
    "plan",
    "validate",
    "types",
    "list",
    "show",
    "init",
    "undo",
    "verify",
    "discover",
    "doctor",
    "history",
    "destroy",
    "state",
    "schema",
    "new",
    "rename",
    "quarantine",
}
_PAIRED = {
    "state": "show set clear",
    "schema": "lock",
    "new": "home store flow flows template",
    "destroy": "home store flow template",
    "rename": "flow home store",
    "quarantine": "show retry",
}


@dataclass(frozen=True, slots=True, order=True)
class Hint:
    """A command that a text of the source names."""

    module: str
    command: str
    """As it is written, with {} for what is filled in."""

    def __str__(self) -> str:
        return f"{self.module}: {self.command}"


def hints() -> list[Hint]:
    """Return every command that a text of hygge tells a person to type."""
    found: set[Hint] = set()
    for module in sorted(PACKAGE.rglob("*.py")):
        name = module.relative_to(PACKAGE).as_posix()
        if name.partition("/")[0] in OUTSIDE:
            continue
        source = module.read_text("utf-8")
        if not _MAY_HINT.search(source):
            continue
        for text in texts(ast.parse(source)):
            found |= {Hint(name, command) for command in commands(text)}
    return sorted(found)


def commands(text: str) -> Iterator[str]:
    """Yield the commands in a text, each up to where its words end."""
    for match in _COMMAND.finditer(text):
        words: list[str] = []
        for word in match[1].split(" ")[1:]:
            if not word or not _WORD.fullmatch(word) or not _is_next(words, word):
                break
            words.append(word)
        if words and words[0] in _ALONE:
            yield " ".join(["hygge", *words])


def _is_next(words: list[str], word: str) -> bool:
    """Return whether a word goes on with a command; prose may follow one."""
    if not re.fullmatch(r"[a-z]+", word):
        return True
    if not words:
        return word in _ALONE
    return len(words) == 1 and word in _PAIRED.get(words[0], "").split()


def texts(tree: ast.AST) -> Iterator[str]:
    """Yield the texts that code uses: no docstrings, no help of options."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.keyword) and node.arg == "help":
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
            )
            for part in node.values:
                yield from texts(part)
        else:
            yield from texts(node)


if __name__ == "__main__":
    for hint in hints():
        print(hint)
