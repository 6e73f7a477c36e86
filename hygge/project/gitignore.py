"""Whether git leaves a file out of the repository, by the .gitignore files that everybody has.

What one person excludes for themselves (`.git/info/exclude`, a global file) protects nobody else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

_LARGEST = 2**16
"""Bytes of a .gitignore that are read; no person wrote a larger one."""
_LONGEST = 1000
"""Characters of a rule."""
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class _Rule:
    folder: Path
    """Where the .gitignore lies that holds it."""
    parts: tuple[str, ...]
    is_kept: bool
    folders_only: bool


def top_of_repository(folder: Path) -> Path | None:
    """Return the folder of the repository that `folder` lies in, if it lies in one."""
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), None)


def is_ignored(path: Path, top: Path) -> bool:
    """Return whether git ignores a file of the repository in `top`, or a folder it lies in."""
    folders = [one for one in reversed(path.parents) if one == top or top in one.parents]
    rules = [rule for folder in folders for rule in _rules(folder)]
    return any(_last_word(one, rules, is_folder=one != path) for one in (*folders[1:], path))


def _last_word(path: Path, rules: Sequence[_Rule], *, is_folder: bool) -> bool:
    """Return whether the last rule that fits ignores `path`."""
    for rule in reversed(rules):
        is_meant = rule.folder in path.parents and (is_folder or not rule.folders_only)
        if is_meant and _fits(path.relative_to(rule.folder).parts, rule.parts):
            return not rule.is_kept
    return False


def _fits(names: Sequence[str], parts: Sequence[str]) -> bool:
    """Return whether the names of a path fit a rule's parts; `**` is any number of names."""
    ends = {0}
    for number, part in enumerate(parts):
        if part == "**":
            first = min(ends, default=len(names)) + (number == len(parts) - 1)
            ends = set(range(first, len(names) + 1))
        else:
            ends = {at + 1 for at in ends if at < len(names) and fnmatchcase(names[at], part)}
    return len(names) in ends


def _rules(folder: Path) -> Iterator[_Rule]:
    for line in _lines(folder / ".gitignore"):
        text = re.sub(r"(?<!\\) +$", "", line)
        if not text or text.startswith("#") or len(text) > _LONGEST:
            continue
        is_kept = text.startswith("!")
        text = text.removeprefix("!")
        way = text.removesuffix("/")
        parts = [_plain(part) for part in way.removeprefix("/").split("/")]
        if "/" not in way:
            parts.insert(0, "**")
        yield _Rule(folder, tuple(parts), is_kept, folders_only=text.endswith("/"))


def _plain(part: str) -> str:
    """Return a part of a rule as Python's own globs write it: no backslashes, `[!a]` for `[^a]`."""
    if len(part) > 1 and not part.strip("*"):
        return "**"
    return _ESCAPED.sub(r"[\1]", part).replace("[^", "[!")


def _lines(path: Path) -> list[str]:
    """Return the lines of a .gitignore; none where git, too, could read none."""
    if not path.is_file():  # a pipe in its place never ends
        return []
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST).decode("utf-8-sig", "replace").splitlines()
    except OSError:
        return []
