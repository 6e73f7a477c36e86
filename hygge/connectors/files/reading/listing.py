"""Which files are an entity: the names on the disk, nothing of what is inside.

With a plain `path: data/in`, entity `users` is the file `data/in/users.<ext>` or every matching
file below `data/in/users/`. A `path` with `{entity}` or a glob says so itself, see `patterns`.
Names that begin with `.` or `_` are not data.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import unquote

from hygge.connectors.files.reading.faults import FileChangedError, disk_error, listing
from hygge.connectors.files.reading.folders import names_like
from hygge.connectors.files.reading.owners import known_owner, owner, rival
from hygge.connectors.files.reading.packing import holds_one
from hygge.connectors.files.reading.patterns import PathPattern, is_hidden
from hygge.errors import HomeError
from hygge.values.plurals import listed

NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"

_PARTITION = re.compile(r"([^=]+)=(.*)", re.DOTALL)
_DIGITS = re.compile(r"([0-9]+)")
_SHOWN_NAMES = 10


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of an entity, as it was when it was listed."""

    path: str
    """Absolute."""
    size: int
    modified_ns: int
    inode: int
    compression: str = ""
    """The suffix that says how the whole file is packed, e.g. `.gz`; empty when it is not."""
    partitions: tuple[tuple[str, str | None], ...] = ()
    """Columns and values that the directories' names carry (`year=2024/`), outermost first."""
    start: int = 0
    """How many bytes at its beginning hold rows that were moved before."""

    def check_unchanged(self) -> None:
        """Raise `FileChangedError` unless the name still leads to the file that was listed."""
        try:
            now = Path(self.path).stat()
        except FileNotFoundError as error:
            raise FileChangedError(f"{self.path} vanished while it was read") from error
        except OSError as error:
            raise disk_error(self.path, error) from error
        if (now.st_size, now.st_mtime_ns, now.st_ino) != (self.size, self.modified_ns, self.inode):
            raise FileChangedError(
                f"{self.path} changed while it was read",
                hint="let the program that writes it finish first, then run  hygge go FLOW",
            )


@dataclass(frozen=True)
class Layout:
    """The entities below one home's path."""

    pattern: PathPattern
    extensions: tuple[str, ...]
    compressions: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise `HomeError` when the path is not there or cannot be listed."""
        fixed = self.pattern.fixed
        with listing(str(fixed)):
            if fixed.is_file() and self.pattern.is_single:
                return
            if fixed.is_dir():
                with os.scandir(fixed) as entries:
                    next(entries, None)
                return
        raise self._missing_base()

    def places(self, entity: str) -> list[str]:
        """Return where `entity` lies, as absolute paths, from the names alone."""
        if not self.pattern.is_plain:
            return [self.pattern.place(entity)]
        base = self.pattern.fixed / entity
        return [str(base), *(f"{base}{extension}" for extension in self.extensions)]

    def entities(self, wanted: str = "*") -> list[str]:
        """Return the entities whose names match the glob `wanted`, sorted.

        Raises `HomeError` when the home's path is not there.
        """
        self.check()
        if self.pattern.is_single:
            return [n for n in (self.pattern.single_name,) if fnmatchcase(n, wanted)]
        names = self._plain_names() if self.pattern.is_plain else self._pattern_names()
        return sorted((n for n in names if fnmatchcase(n, wanted)), key=natural_key)

    def find(
        self, entity: str, *, may_be_gone: bool = False, siblings: Collection[str] = ()
    ) -> list[DataFile]:
        """Return the files of `entity` in natural order; an empty list for an empty directory.

        A file whose name fits one of the `siblings`, too, belongs to the longest name.

        Raises `HomeError` for a name that is no entity, with the nearest one, unless it
        `may_be_gone`; for a name that leads out of the home's path, when both a file and a
        directory carry the name, and for a file that may be another entity's.
        """
        self._check_name(entity)
        self.check()
        found = (
            self._plain_places(entity) if self.pattern.is_plain else self._matches(entity, siblings)
        )
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
        if bad or Path(entity).is_absolute() or any(part in {"", ".", ".."} for part in parts):
            raise HomeError(
                f"{entity!r} is no entity of {self.pattern.text}: a name stays inside the path",
                hint="set the home's `path` to the directory and name the entity by its file",
            )

    def _check_inside(self, path: str) -> None:
        if not self._is_inside(path):
            raise HomeError(
                f"{path} is a link that leads out of {self.pattern.fixed}",
                hint="set the home's `path` to the directory that holds the data itself",
            )

    def _is_inside(self, path: str) -> bool:
        root = os.path.realpath(self.pattern.fixed)
        return Path(os.path.realpath(path)).is_relative_to(root)

    def _plain_places(self, entity: str) -> list[str]:
        place = self.pattern.fixed / entity
        parent, name = place.parent, place.name
        if is_hidden(name) or not parent.is_dir():
            return []
        self._check_inside(str(parent))
        with listing(str(parent)):
            paths = [str(parent / one) for one in names_like(parent, name)]
        found = [
            path
            for path in paths
            if self._stem(path) == name or (path == str(place) and Path(path).is_dir())
        ]
        if len(found) > 1:
            first, second, *_ = sorted(found)
            raise HomeError(
                f"entity '{entity}' is there twice: {first} and {second}",
                hint="move one away, or say which is meant with {entity} in the home's `path`",
            )
        return found

    def _matches(self, entity: str, siblings: Collection[str]) -> list[str]:
        pattern = self.pattern
        found = dict.fromkeys(path for path, _ in pattern.bind(entity).expand())
        if pattern.is_ambiguous:
            readings = self._readings()
            found = {
                p: None for p in found if self._owns(entity, p, readings.get(p, [entity]), siblings)
            }
        return [p for p in found if Path(p).is_dir() or pattern.names_files or self._stem(p)]

    def _owns(
        self, entity: str, path: str, readings: Collection[str], siblings: Collection[str]
    ) -> bool:
        """Return whether a path is the entity's; raise `HomeError` where names do not decide."""
        known = known_owner(readings, {entity, *siblings})
        other = rival(entity, readings)
        if known == entity and other is not None:
            raise HomeError(
                f"{path} may be a file of '{entity}' or of '{other}': "
                f"{self.pattern.text} fits both",
                hint="say in the home's `path` how names go on, e.g. {entity}_[0-9]*, or name "
                f"'{other}' in a flow of this home, too",
                code="HG579",
            )
        return known == entity

    def _readings(self) -> dict[str, list[str]]:
        """Return every path that matches, with all the entities that its name fits."""
        found: dict[str, list[str]] = {}
        for path, name in self.pattern.expand():
            if name is not None:
                found.setdefault(path, []).append(name)
        return found

    def _stem(self, path: str) -> str | None:
        """Return a file's name without extension and packing; None when it is none of this home.

        An archive without an extension before its ending is looked into: it may hold one file.
        """
        name = path.rpartition("/")[2]
        lower = name.lower()
        packing = next((c for c in self.compressions if lower.endswith(c)), "")
        bare = lower.removesuffix(packing)
        extension = next((e for e in self.extensions if bare.endswith(e)), None)
        if extension is None and packing and holds_one(path, self.extensions):
            extension = ""
        if extension is None or len(bare) == len(extension):
            return None
        return name[: len(bare) - len(extension)]

    def _files(self, path: str) -> Iterator[DataFile]:
        fixed = path if self.pattern.is_plain else str(self.pattern.fixed)
        with listing(path):
            if not Path(path).is_dir():
                yield self._data_file(path, Path(path).stat(), fixed)
                return
        for entry in self._walk(path):
            if entry.is_symlink():
                self._check_inside(entry.path)
            with listing(entry.path):
                yield self._data_file(entry.path, entry.stat(), fixed)

    def _walk(self, directory: str) -> Iterator[os.DirEntry[str]]:
        """Yield the data files below a directory, each folder once, however links lead to it.

        A link that leads out of the home's path is yielded itself, for the caller to refuse.
        """
        folders, links, seen = [directory], list[str](), set[int]()
        while folders or links:
            folder = (folders or links).pop()
            with listing(folder), os.scandir(folder) as opened:
                entries = [entry for entry in opened if not is_hidden(entry.name)]
                inode = Path(folder).stat().st_ino
            if inode in seen:
                continue
            seen.add(inode)
            for entry in entries:
                if entry.is_dir() and (not entry.is_symlink() or self._is_inside(entry.path)):
                    (links if entry.is_symlink() else folders).append(entry.path)
                elif entry.is_dir() or self._stem(entry.path) is not None:
                    yield entry

    def _data_file(self, path: str, stat: os.stat_result, fixed: str) -> DataFile:
        lower = path.lower()
        return DataFile(
            path=path,
            size=stat.st_size,
            modified_ns=stat.st_mtime_ns,
            inode=stat.st_ino,
            compression=next((c for c in self.compressions if lower.endswith(c)), ""),
            partitions=read_partitions(path[len(fixed) :].rpartition("/")[0], path),
        )

    def _plain_names(self) -> set[str]:
        fixed = self.pattern.fixed
        with listing(str(fixed)), os.scandir(fixed) as opened:
            entries = [entry for entry in opened if not is_hidden(entry.name)]
        names = {self._stem(entry.path) for entry in entries}
        names |= {e.name for e in entries if e.is_dir() and self._holds_data(e.path)}
        return {name for name in names if name is not None}

    def _holds_data(self, directory: str) -> bool:
        return next(self._walk(directory), None) is not None

    def _pattern_names(self) -> set[str]:
        names = set()
        for path, readings in self._readings().items():
            if Path(path).is_dir():
                is_data = self._holds_data(path)
            else:
                is_data = self.pattern.names_files or self._stem(path) is not None
            if is_data:
                names.add(owner(readings))
        return names

    def _missing_base(self) -> HomeError:
        fixed = self.pattern.fixed
        if fixed.is_file():
            return HomeError(
                f"the home's path {fixed} is a file that does not end in "
                f"{listed(self.extensions, _SHOWN_NAMES)}",
                hint="write a file of that format and name it in `path`, or the directory of such "
                "files",
            )
        near = _near_sibling(fixed)
        return HomeError(
            f"the home's path {fixed} does not exist",
            hint=f"did you mean {near}?" if near else "correct `path` in the home's file",
        )

    def _unknown(self, entity: str) -> HomeError:
        names = self.entities()
        near = get_close_matches(entity, names, n=1) or [n for n in names if entity.startswith(n)]
        guess = f"; did you mean '{near[0]}'?" if near else ""
        extensions = ", ".join(self.extensions)
        return HomeError(
            f"no entity '{entity}' in {self.pattern.text}{guess}",
            hint=f"there is: {listed(names, _SHOWN_NAMES)}"
            if names
            else f"no {extensions} file is there",
        )


def _check_packed(files: Sequence[DataFile]) -> None:
    """Raise `HomeError` for a file that lies there packed and unpacked: its rows would be twice."""
    seen: dict[str, DataFile] = {}
    for file in files:
        bare = file.path[: len(file.path) - len(file.compression)]
        other = seen.setdefault(bare, file)
        if other is not file:
            raise HomeError(
                f"{other.path} and {file.path} are one file, packed and unpacked: its rows would "
                "come twice",
                hint="remove one of them",
                code="HG577",
            )


def _near_sibling(path: Path) -> str | None:
    if not path.parent.is_dir():
        return None
    near = get_close_matches(path.name, [p.name for p in path.parent.iterdir()], n=1)
    return str(path.parent / near[0]) if near else None


def natural_key(path: str) -> tuple[object, ...]:
    """Return a sort key under which `part-2` comes before `part-10`, directory by directory."""
    parts = tuple(
        tuple(int(text) if i % 2 else text for i, text in enumerate(_DIGITS.split(part)))
        for part in path.split("/")
    )
    return parts, path


def read_partitions(folders: str, shown: str) -> tuple[tuple[str, str | None], ...]:
    """Return the columns that `folders` name: `year=2024/month=%31` → year 2024, month 1.

    Raises `HomeError` when one column is named twice.
    """
    found: dict[str, str | None] = {}
    for folder in folders.split("/"):
        match = _PARTITION.fullmatch(folder)
        if match is None:
            continue
        name, value = unquote(match[1]), unquote(match[2])
        if name in found:
            raise HomeError(f"{shown}: its folders name the column '{name}' twice")
        found[name] = None if value == NULL_PARTITION else value
    return tuple(found.items())


def partition_names(files: Sequence[DataFile]) -> list[str]:
    """Return every partition column of a listing, in the order of first sight."""
    return list(dict.fromkeys(name for file in files for name, _ in file.partitions))
