"""Suggested commands, with the global options of the current one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

_COMMAND = re.compile(r"(?<![\w./-])hygge (?=[a-z])")
_NAMES_ENV = re.compile(r"[^\n;]*? --env[ =]")
_place: list[str] = []
_env: list[str] = []


def repeat(place: Sequence[str], env: str | None) -> None:
    """Set the global options and `--env` that are added to suggested commands."""
    _place[:] = place
    _env[:] = ["--env", env] if env else []


def repeat_env(env: str | None) -> None:
    """Set another environment for suggested commands."""
    repeat(list(_place), env)


def with_options(text: str) -> str:
    """Return a text with the options of `repeat` added to each `hygge …` command in it.

    Without them a copied command would use another environment, or find no project.
    """

    def complete(match: re.Match[str]) -> str:
        names_env = _NAMES_ENV.match(text, match.end())
        options = _place if names_env else [*_place, *_env]
        return shlex.join(["hygge", *options]) + " "

    return _COMMAND.sub(complete, text) if _place or _env else text
