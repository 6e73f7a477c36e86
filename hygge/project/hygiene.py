"""Env files that would leak: not ignored by git, or readable by other users."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from hygge.project import dotenv
from hygge.project.diagnostics import Diagnostic, diagnostic, is_sensitive
from hygge.project.secrets import holds_password
from hygge.project.tree import Span

_EXAMPLES = re.compile(r"\.(example|sample|template|dist)$")

_LONGEST = 2**16
"""Bytes of a .gitignore that are read; no person wrote a longer one."""
_LONGEST_NAME = 255


def check_env_files(root: Path) -> Iterator[Diagnostic]:
    """Yield what is wrong with the project's env files; their values are never told."""
    rules = list(_ignore_rules(root))
    for path in sorted(root.glob(".env*")):
        if not path.is_file() or _EXAMPLES.search(path.name):
            continue
        if path.name != ".env" and not path.name.startswith(".env."):
            continue
        start = Span(path.name, 1, 1, 1)
        values, found = dotenv.read(path, path.name)
        yield from found
        if _in_git(root) and not _is_ignored(path.name, rules):
            message = f"git would take {path.name} into the repository"
            yield diagnostic("HG402", message, start, f"echo {path.name} >> .gitignore")
        if any(_is_secret(*pair) for pair in values.items()) and _is_open(path):
            message = f"every user of this machine can read the secrets in {path.name}"
            yield diagnostic("HG403", message, start, f"chmod 600 {path.name}")


def _is_secret(name: str, value: str) -> bool:
    return bool(value) and (is_sensitive(name) or holds_password(value))


def _is_open(path: Path) -> bool:
    """Return whether every user can read a file: it, and the way to it, are open to others."""
    if not path.stat().st_mode & stat.S_IROTH:
        return False
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents)


def _in_git(root: Path) -> bool:
    return any((folder / ".git").exists() for folder in (root, *root.parents))


def _ignore_rules(root: Path) -> Iterator[str]:
    """Yield the lines of every .gitignore that counts for the root, outermost first."""
    folders = [root]
    for folder in root.parents:
        if (folders[-1] / ".git").exists():
            break
        folders.append(folder)
    for folder in reversed(folders):
        yield from _lines(folder / ".gitignore")


def _lines(path: Path) -> list[str]:
    """Return the lines of a file; none where it cannot be read, as git has it, or is a pipe."""
    if not path.is_file():
        return []
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST).decode("utf-8", "replace").splitlines()
    except OSError:
        return []


def _is_ignored(name: str, rules: list[str]) -> bool:
    """Return whether the last rule that fits a file's name ignores it."""
    ignored = False
    for rule in rules:
        pattern = rule.strip()
        is_kept = pattern.startswith("!")
        pattern = pattern.removeprefix("!").removeprefix("**/").removeprefix("/")
        is_rule = 0 < len(pattern) <= _LONGEST_NAME and not pattern.startswith("#")
        if is_rule and fnmatchcase(name, pattern):
            ignored = not is_kept
    return ignored
