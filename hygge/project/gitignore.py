"""Whether a file is ignored by git, from the .gitignore files of the repository.

Personal excludes (`.git/info/exclude`, a global file) do not count, because they protect no other
user.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

_LARGEST = 2**16
"""Maximum bytes of a .gitignore that are read."""
_LONGEST = 1000
"""Maximum characters of a rule."""
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class _Rule:
    folder: Path
    """Folder of its .gitignore."""
    parts: tuple[str, ...]
    is_kept: bool
    folders_only: bool


def top_of_repository(folder: Path) -> Path | None:
    """Return the root of the repository that contains `folder`; None without one."""
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), None)


def is_ignored(path: Path, top: Path) -> bool:
    """Return whether git ignores a file of the repository in `top`, or a parent folder."""
    folders = [one for one in reversed(path.parents) if one == top or top in one.parents]
    rules = [rule for folder in folders for rule in _rules(folder)]
    return any(_last_word(one, rules, is_folder=one != path) for one in (*folders[1:], path))


def _last_word(path: Path, rules: Sequence[_Rule], *, is_folder: bool) -> bool:
    """Return whether the last matching rule ignores `path`."""
    for rule in reversed(rules):
        is_meant = rule.folder in path.parents and (is_folder or not rule.folders_only)
        if is_meant and _fits(path.relative_to(rule.folder).parts, rule.parts):
            return not rule.is_kept
    return False


def _fits(names: Sequence[str], parts: Sequence[str]) -> bool:
    """Return whether a path matches a rule's parts; `**` matches any number of names."""
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
    """Return a part of a rule as a Python glob: no backslashes, `[!a]` for `[^a]`."""
    if len(part) > 1 and not part.strip("*"):
        return "**"
    return _ESCAPED.sub(r"[\1]", part).replace("[^", "[!")


def _lines(path: Path) -> list[str]:
    """Return the lines of a .gitignore; empty where git could not read it either."""
    if not path.is_file():  # reading a pipe would never end
        return []
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST).decode("utf-8-sig", "replace").splitlines()
    except OSError:
        return []
