"""Global options are accepted anywhere on the command line."""

from __future__ import annotations

from collections.abc import Sequence

_FLAGS = frozenset({"-q", "--quiet", "-v", "-vv", "-vvv", "--verbose", "--no-input"})
_WITH_VALUE = frozenset({"-C", "--env", "--env-file", "--color"})


def apart(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the global options, and the command with its own arguments; `--` ends the search."""
    first: list[str] = []
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            rest += [word, *waiting]
            break
        if word in _FLAGS or word.partition("=")[0] in _WITH_VALUE - {word}:
            first.append(word)
        elif word in _WITH_VALUE:
            first += [word, *waiting[:1]]
            del waiting[:1]
        else:
            rest.append(word)
    return first, rest
