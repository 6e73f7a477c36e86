"""A home's `path` as a pattern: fixed text, globs (`*`, `?`, `[…]`, `**`) and `{entity}`."""

from __future__ import annotations

import fnmatch
import glob
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from hygge.connectors.files.reading.faults import listing
from hygge.connectors.files.systems import Entry, FileSystem

PLACEHOLDER = "{entity}"
_MAGIC = re.compile(r"[*?\[]")


def is_hidden(name: str) -> bool:
    """Return whether a name is that of a hidden file, which is not data."""
    return name.startswith((".", "_"))


@dataclass(frozen=True)
class PathPattern:
    """An absolute path that may contain globs and the placeholder `{entity}`.

    Plain: neither of them; the entities are below it. Single: a glob without placeholder, or a file
    name; all matches are one entity, whatever its name in a flow.
    """

    text: str
    suffixes: tuple[str, ...] = ()
    """Extensions of files."""

    @cached_property
    def parts(self) -> list[str]:
        """The path cut at `/`, repeated `**` as one."""
        parts = posixpath.normpath(self.text).lstrip("/").split("/")
        return [p for i, p in enumerate(parts) if not (p == "**" and parts[i - 1 : i] == ["**"])]

    @cached_property
    def fixed(self) -> str:
        """The leading directories without glob or placeholder."""
        kept = []
        for part in self.parts:
            if _is_open(part):
                break
            kept.append(part)
        return posixpath.join("/", *kept)

    @property
    def is_plain(self) -> bool:
        """Whether entities are below the path."""
        return not self.is_single and PLACEHOLDER not in self.text

    @property
    def is_single(self) -> bool:
        """Whether the whole pattern is one entity."""
        ends_like_a_file = self.text.lower().endswith(self.suffixes)
        is_glob = any(_MAGIC.search(part) for part in self.parts)
        return PLACEHOLDER not in self.text and (is_glob or ends_like_a_file)

    @property
    def single_name(self) -> str:
        """The listed name of a single pattern: its last fixed part without extension."""
        name = posixpath.basename(self.fixed)
        ends = sorted((s for s in self.suffixes if name.lower().endswith(s)), key=len)
        return name[: -len(ends[-1])] if ends else name

    @property
    def names_files(self) -> bool:
        """Whether the pattern has its own extension, so that any match is data."""
        return "." in _MAGIC.split(self.parts[-1])[-1].replace(PLACEHOLDER, "")

    def place(self, entity: str) -> str:
        """Return the pattern for `entity`, cut before a glob that is not in the last part."""
        parts = [part.replace(PLACEHOLDER, entity) for part in self.parts]
        cut = next((i for i, p in enumerate(self.parts) if _MAGIC.search(p)), len(parts))
        keep = cut + 1 if cut == len(parts) - 1 and parts[cut] != "**" else cut
        return posixpath.join("/", *parts[:keep])

    @cached_property
    def is_ambiguous(self) -> bool:
        """Whether a name may match several entities: a glob is beside the placeholder."""
        first = next((part for part in self.parts if PLACEHOLDER in part), "")
        return _MAGIC.search(first) is not None

    def bind(self, entity: str) -> PathPattern:
        """Return the pattern with the placeholder replaced by the literal `entity`."""
        return PathPattern(self.text.replace(PLACEHOLDER, glob.escape(entity)), self.suffixes)

    def expand(self, system: FileSystem) -> Iterator[tuple[str, str | None]]:
        """Yield every path that is there and matches, with the entity its placeholder stands for.

        The order is the file system's. A path may come twice, and comes with every entity that it
        fits.
        """
        rest = self.parts[sum(1 for part in self.fixed.split("/") if part) :]
        yield from _expand(system, self.fixed, rest, None)


def _is_open(part: str) -> bool:
    return PLACEHOLDER in part or _MAGIC.search(part) is not None


def _expand(
    system: FileSystem, path: str, rest: list[str], entity: str | None
) -> Iterator[tuple[str, str | None]]:
    if not rest:
        yield path, entity
    elif not system.is_dir(path):
        return
    elif rest[0] == "**":
        yield from _expand_deep(system, path, rest, entity)
    elif _is_open(rest[0]):
        yield from _expand_open(system, path, rest, entity)
    elif system.is_there(posixpath.join(path, rest[0])):
        yield from _expand(system, posixpath.join(path, rest[0]), rest[1:], entity)


def _expand_open(
    system: FileSystem, path: str, rest: list[str], entity: str | None
) -> Iterator[tuple[str, str | None]]:
    wanted = _reader(rest[0])
    for step in _steps(system, path):
        if is_hidden(step.name) and not is_hidden(rest[0]):
            continue
        for bound in wanted(step.name):
            left = rest[1:]
            if bound is not None:
                left = [part.replace(PLACEHOLDER, glob.escape(bound)) for part in left]
            yield from _expand(system, step.path, left, entity if bound is None else bound)


def _expand_deep(
    system: FileSystem, path: str, rest: list[str], entity: str | None
) -> Iterator[tuple[str, str | None]]:
    if rest[1:]:
        yield from _expand(system, path, rest[1:], entity)
    for step in _steps(system, path):
        if is_hidden(step.name):
            continue
        if step.is_dir() and not step.is_symlink():
            yield from _expand_deep(system, step.path, rest, entity)
        elif not rest[1:]:
            yield step.path, entity


def _steps(system: FileSystem, path: str) -> Sequence[Entry]:
    with listing(system.shown(path)):
        return system.entries(path)


def _reader(part: str) -> Callable[[str], Iterable[str | None]]:
    """Return a function that yields the entities of a name; None for a part without placeholder."""
    before, *after = part.split(PLACEHOLDER)
    start = re.compile(_translate(before), re.DOTALL)
    if not after:
        return lambda name: [None] if start.fullmatch(name) else []
    rest = "(?P=entity)".join(map(_translate, after))
    whole = re.compile(f"{start.pattern}(?P<entity>.+?){rest}", re.DOTALL)
    last = re.compile(_translate(after[-1]), re.DOTALL)

    def ends(entity: str) -> re.Pattern[str]:
        if len(after) == 1:
            return last
        return re.compile(re.escape(entity).join(map(_translate, after)), re.DOTALL)

    if not _MAGIC.search(part):
        return lambda name: [match["entity"] for match in [whole.fullmatch(name)] if match]

    def readings(name: str) -> Iterator[str]:
        if whole.fullmatch(name) is None:
            return
        begins = range(len(name)) if _MAGIC.search(before) else [len(before)]
        for begin in begins:
            if start.fullmatch(name, 0, begin) is None:
                continue
            for end in range(begin + 1, len(name) + 1):
                entity = name[begin:end]
                if ends(entity).fullmatch(name, end):
                    yield entity

    return readings


def _translate(piece: str) -> str:
    return re.sub(r"^\(\?s:(.*)\)\\[Zz]$", r"\1", fnmatch.translate(piece), flags=re.DOTALL)
