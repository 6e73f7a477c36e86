"""The listing of an entity's files, from names only.

With a plain `path: data/in`, entity `users` is the file `data/in/users.<ext>` or every matching
file below `data/in/users/`. For a `path` with `{entity}` or a glob see `patterns`. Names that begin
with `.` or `_` are not data.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from urllib.parse import unquote

from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.reading.faults import listing
from hygge.connectors.files.reading.owners import known_owner, owner, rival
from hygge.connectors.files.reading.packing import holds_one
from hygge.connectors.files.reading.patterns import PathPattern, is_hidden
from hygge.connectors.files.systems import Entry, FileStat, FileSystem
from hygge.errors import HomeError
from hygge.values.plurals import listed

NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"

_PARTITION = re.compile(r"([^=]+)=(.*)", re.DOTALL)
_DIGITS = re.compile(r"([0-9]+)")
_SHOWN_NAMES = 10


@dataclass(frozen=True)
class Layout:
    """The entities below one home's path. As text it is the path, as users call it."""

    system: FileSystem
    pattern: PathPattern
    extensions: tuple[str, ...]
    compressions: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.system.shown(self.pattern.text)

    @property
    def _fixed(self) -> str:
        """The part of the path that is no pattern, as users call it."""
        return self.system.shown(self.pattern.fixed)

    def check(self) -> None:
        """Raise `HomeError` when the path is not there or cannot be listed."""
        system, fixed = self.system, self.pattern.fixed
        with listing(self._fixed):
            if self.pattern.is_single and system.is_file(fixed):
                return
            if system.is_dir(fixed):
                system.check_listing(fixed)
                return
        raise self._missing_base()

    def places(self, entity: str) -> list[str]:
        """Return the places of `entity` as absolute paths, from names only."""
        if not self.pattern.is_plain:
            return [self.system.shown(self.pattern.place(entity))]
        base = self.system.shown(posixpath.join(self.pattern.fixed, entity))
        return [base, *(f"{base}{extension}" for extension in self.extensions)]

    def entities(self, wanted: str = "*") -> list[str]:
        """Return the entities whose names match the glob `wanted`, sorted.

        Raises `HomeError` when the home's path is not there.
        """
        self.check()
        if self.pattern.is_single:
            return [n for n in (self.pattern.single_name,) if fnmatchcase(n, wanted)]
        with listing(str(self)):
            names = self._plain_names() if self.pattern.is_plain else self._pattern_names()
        return sorted((n for n in names if fnmatchcase(n, wanted)), key=natural_key)

    def find(
        self, entity: str, *, may_be_gone: bool = False, siblings: Collection[str] = ()
    ) -> list[DataFile]:
        """Return the files of `entity` in natural order; an empty list for an empty directory.

        A file whose name also matches one of the `siblings` belongs to the longest name.

        Raises `HomeError` for an unknown entity, with a similar name, unless it `may_be_gone`; for
        a name outside of the home's path; when both a file and a directory have the name; and for a
        file that may be another entity's.
        """
        self._check_name(entity)
        self.check()
        with listing(str(self)):
            is_plain = self.pattern.is_plain
            found = self._plain_places(entity) if is_plain else self._matches(entity, siblings)
        if not found and not may_be_gone:
            raise self._unknown(entity)
        files: dict[str, DataFile] = {}
        for path in found:
            self._check_inside(path)
            files.update((file.path, file) for file in self._files(path))
        found_files = sorted(files.values(), key=lambda file: natural_key(file.path))
        _check_packed(found_files)
        return found_files

    def _check_name(self, entity: str) -> None:
        parts = entity.split("/")
        bad = not entity or "\0" in entity or "\n" in entity or "\\" in entity
        if bad or any(part in {"", ".", ".."} for part in parts):
            raise HomeError(
                f"{entity!r} is not an entity of {self}: a name cannot leave the path",
                hint="set the home's `path` to the directory and name the entity by its file",
            )

    def _check_inside(self, path: str) -> None:
        if not self._is_inside(path):
            raise HomeError(
                f"{self.system.shown(path)} is a link to a place outside of {self._fixed}",
                hint="set the home's `path` to the directory that holds the data itself",
            )

    def _is_inside(self, path: str) -> bool:
        root = self.system.resolved(self.pattern.fixed).rstrip("/")
        real = self.system.resolved(path)
        return real == root or real.startswith(f"{root}/")

    def _plain_places(self, entity: str) -> list[str]:
        place = posixpath.join(self.pattern.fixed, entity)
        parent, name = posixpath.split(place)
        if is_hidden(name) or not self.system.is_dir(parent):
            return []
        self._check_inside(parent)
        with listing(self.system.shown(parent)):
            names = self.system.names(parent, name.partition(".")[0])
        paths = [posixpath.join(parent, one) for one in names]
        found = [
            path
            for path in paths
            if self._stem(path) == name or (path == place and self.system.is_dir(path))
        ]
        if len(found) > 1:
            first, second, *_ = map(self.system.shown, sorted(found))
            raise HomeError(
                f"entity '{entity}' exists twice: {first} and {second}",
                hint="move one away, or select one with {entity} in `path` of the home",
            )
        return found

    def _matches(self, entity: str, siblings: Collection[str]) -> list[str]:
        pattern = self.pattern
        found = dict.fromkeys(path for path, _ in pattern.bind(entity).expand(self.system))
        if pattern.is_ambiguous:
            readings = self._readings()
            found = {
                p: None for p in found if self._owns(entity, p, readings.get(p, [entity]), siblings)
            }
        is_dir = self.system.is_dir
        return [p for p in found if is_dir(p) or pattern.names_files or self._stem(p)]

    def _owns(
        self, entity: str, path: str, readings: Collection[str], siblings: Collection[str]
    ) -> bool:
        """Return whether a path is the entity's; raise `HomeError` where that is ambiguous."""
        known = known_owner(readings, {entity, *siblings})
        other = rival(entity, readings)
        if known == entity and other is not None:
            raise HomeError(
                f"{self.system.shown(path)} may belong to '{entity}' or to '{other}': {self} "
                "matches both",
                hint="use a narrower `path` in the home, such as {entity}_[0-9]*, or add "
                f"'{other}' to a flow of this home",
                code="HG579",
            )
        return known == entity

    def _readings(self) -> dict[str, list[str]]:
        """Return every path that matches, with all the entities that its name may belong to."""
        found: dict[str, list[str]] = {}
        for path, name in self.pattern.expand(self.system):
            if name is not None:
                found.setdefault(path, []).append(name)
        return found

    def _stem(self, path: str) -> str | None:
        """Return a file's name without its extensions; None for a file of another type.

        An archive without an inner extension is opened, because it may contain one such file.
        """
        name = path.rpartition("/")[2]
        lower = name.lower()
        packing = next((c for c in self.compressions if lower.endswith(c)), "")
        bare = lower.removesuffix(packing)
        extension = next((e for e in self.extensions if bare.endswith(e)), None)
        if extension is None and packing and holds_one(self.system, path, self.extensions):
            extension = ""
        if extension is None or len(bare) == len(extension):
            return None
        return name[: len(bare) - len(extension)]

    def _files(self, path: str) -> Iterator[DataFile]:
        fixed = path if self.pattern.is_plain else self.pattern.fixed
        with listing(self.system.shown(path)):
            if not self.system.is_dir(path):
                yield self._data_file(path, self.system.stat(path), fixed)
                return
            published = self.system.published(path)
        found = self._walk(path) if published is None else self._data(published)
        for entry in found:
            if entry.is_symlink():
                self._check_inside(entry.path)
            with listing(self.system.shown(entry.path)):
                yield self._data_file(entry.path, entry.stat(), fixed)

    def _walk(self, directory: str) -> Iterator[Entry]:
        """Yield the data files below a directory, each folder once, following links.

        A link out of the home's path is yielded itself, for the caller to reject.
        """
        folders, links, seen = [directory], list[str](), set[str]()
        while folders or links:
            folder = (folders or links).pop()
            with listing(self.system.shown(folder)):
                entries = [e for e in self.system.entries(folder) if not is_hidden(e.name)]
                identity = self.system.identity(folder)
            if identity in seen:
                continue
            seen.add(identity)
            for entry in entries:
                if entry.is_dir() and (not entry.is_symlink() or self._is_inside(entry.path)):
                    (links if entry.is_symlink() else folders).append(entry.path)
                elif entry.is_dir() or self._stem(entry.path) is not None:
                    yield entry

    def _data(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        return (entry for entry in entries if self._stem(entry.path) is not None)

    def _data_file(self, path: str, stat: FileStat, fixed: str) -> DataFile:
        lower = path.lower()
        folders = path[len(fixed) :].rpartition("/")[0]
        return DataFile(
            self.system,
            path,
            stat.size,
            stat.modified_ns,
            stat.stamp,
            compression=next((c for c in self.compressions if lower.endswith(c)), ""),
            partitions=read_partitions(folders, self.system.shown(path)),
        )

    def _plain_names(self) -> set[str]:
        with listing(self._fixed):
            found = self.system.entries(self.pattern.fixed)
        entries = [entry for entry in found if not is_hidden(entry.name)]
        names = {self._stem(entry.path) for entry in entries}
        names |= {e.name for e in entries if e.is_dir() and self._holds_data(e.path)}
        return {name for name in names if name is not None}

    def _holds_data(self, directory: str) -> bool:
        return next(self._walk(directory), None) is not None

    def _pattern_names(self) -> set[str]:
        names = set()
        for path, readings in self._readings().items():
            if self.system.is_dir(path):
                is_data = self._holds_data(path)
            else:
                is_data = self.pattern.names_files or self._stem(path) is not None
            if is_data:
                names.add(owner(readings))
        return names

    def _missing_base(self) -> HomeError:
        fixed = self.pattern.fixed
        if self.system.is_file(fixed):
            return HomeError(
                f"the path of the home, {self._fixed}, is a file that does not end in "
                f"{listed(self.extensions, _SHOWN_NAMES)}",
                hint="set `path` to a file of that format, or to a directory of such files",
            )
        near = _near_sibling(self.system, fixed)
        return HomeError(
            f"the path of the home, {self._fixed}, does not exist",
            hint=f"did you mean {near}?" if near else "fix `path` in the home",
        )

    def _unknown(self, entity: str) -> HomeError:
        names = self.entities()
        near = get_close_matches(entity, names, n=1) or [n for n in names if entity.startswith(n)]
        guess = f"; did you mean '{near[0]}'?" if near else ""
        extensions = ", ".join(self.extensions)
        return HomeError(
            f"no entity '{entity}' in {self}{guess}",
            hint=f"entities: {listed(names, _SHOWN_NAMES)}"
            if names
            else f"there is no {extensions} file",
        )


def _check_packed(files: Sequence[DataFile]) -> None:
    """Raise `HomeError` for a file that exists compressed and uncompressed."""
    seen: dict[str, DataFile] = {}
    for file in files:
        bare = file.path[: len(file.path) - len(file.compression)]
        other = seen.setdefault(bare, file)
        if other is not file:
            raise HomeError(
                f"{other} and {file} are the same file, compressed and uncompressed: its rows "
                "would be read twice",
                hint="remove one of the two",
                code="HG577",
            )


def _near_sibling(system: FileSystem, path: str) -> str | None:
    parent, name = posixpath.split(path)
    if not system.is_dir(parent):
        return None
    near = get_close_matches(name, [entry.name for entry in system.entries(parent)], n=1)
    return system.shown(posixpath.join(parent, near[0])) if near else None


def natural_key(path: str) -> tuple[object, ...]:
    """Return a sort key under which `part-2` comes before `part-10`, directory by directory."""
    parts = tuple(
        tuple(int(text) if i % 2 else text for i, text in enumerate(_DIGITS.split(part)))
        for part in path.split("/")
    )
    return parts, path


def read_partitions(folders: str, shown: str) -> tuple[tuple[str, str | None], ...]:
    """Return the partition columns of `folders`: `year=2024/month=%31` → year 2024, month 1.

    Raises `HomeError` for a duplicate column.
    """
    found: dict[str, str | None] = {}
    for folder in folders.split("/"):
        match = _PARTITION.fullmatch(folder)
        if match is None:
            continue
        name, value = unquote(match[1]), unquote(match[2])
        if name in found:
            raise HomeError(f"{shown}: the names of its folders contain the column '{name}' twice")
        found[name] = None if value == NULL_PARTITION else value
    return tuple(found.items())


def partition_names(files: Sequence[DataFile]) -> list[str]:
    """Return every partition column of a listing, in order of first occurrence."""
    return list(dict.fromkeys(name for file in files for name, _ in file.partitions))
