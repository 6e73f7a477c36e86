"""Files in memory, and commits on them as an object store makes them.

`path: memory://disk/lake` is the folder `/lake` of a file system named `disk`, which lasts as long
as the process. Nothing here is renamed or linked, and there are no folders: a commit is its record,
put where none is yet. It runs the suites of stores of files without a disk, and shows that
`connectors/files` asks for no more of a file system than `FileSystem` and `Generations` say:

    class TestLedgerStoreInMemory(InMemory, TestLedgerStore):
        pass
"""

from __future__ import annotations

import io
import posixpath
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2s
from itertools import count
from pathlib import Path
from shutil import rmtree
from typing import IO, BinaryIO, Self
from urllib.parse import quote, unquote, urlsplit
from zlib import crc32

import pytest

from hygge.connector import WriteRequest
from hygge.connectors.files.generations import Generations
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.records import PartFile, Record, parse_record
from hygge.connectors.files.systems import CLASSES, FileStat, FileSystem
from hygge.errors import StoreError
from hygge.values.model import Finding

_CLOCK = count(1)
_PRIVATE = "_hygge"
"""What hygge keeps in an entity's place; readers skip names that begin with `_`."""


@dataclass(frozen=True, slots=True)
class _Object:
    data: bytes
    stamp: int
    """Another one for each object; the time it was written, too."""

    def stat(self) -> FileStat:
        return FileStat(len(self.data), self.stamp, f"{self.stamp:x}")


_DISKS: dict[str, dict[str, _Object]] = {}
"""The objects of each file system by their paths."""
_HOLDERS: dict[str, str] = {}
"""The run that has an entity's place, by what the place is called."""


@dataclass(frozen=True)
class _Entry:
    """A name in a folder; see `Entry`."""

    name: str
    path: str
    file: _Object | None

    def is_dir(self) -> bool:
        return self.file is None

    def is_symlink(self) -> bool:
        return False

    def stat(self) -> FileStat:
        if self.file is None:
            raise IsADirectoryError(self.path)
        return self.file.stat()


@dataclass(frozen=True)
class MemoryFiles(FileSystem):
    """Objects by their paths; a folder is there as long as one of them begins with it."""

    disk: str

    @classmethod
    def at(cls, location: str) -> tuple[Self, str]:
        """Return the file system that a URL names, and the path in it."""
        url = urlsplit(location)
        if not url.netloc:
            raise ValueError("it names no file system: memory://name/folder")
        return cls(url.netloc), unquote(url.path) or "/"

    def shown(self, path: str) -> str:
        """Return the URL of a path."""
        return f"memory://{self.disk}{quote(path)}"

    @property
    def objects(self) -> dict[str, _Object]:
        """All objects by their paths."""
        return _DISKS.setdefault(self.disk, {})

    def put(self, path: str, data: bytes) -> None:
        """Write an object where none is; raise `FileExistsError` where there is one."""
        made = _Object(data, next(_CLOCK))
        if self.objects.setdefault(path, made) is not made:
            raise FileExistsError(17, "the object exists", self.shown(path))

    def get(self, path: str) -> _Object:
        """Return an object; raise `FileNotFoundError` where there is none."""
        found = self.objects.get(path)
        if found is None:
            raise FileNotFoundError(2, "no such object", self.shown(path))
        return found

    def below(self, folder: str) -> list[str]:
        """Return the paths of all objects below a folder, sorted."""
        return sorted(path for path in list(self.objects) if path.startswith(f"{folder}/"))

    def is_dir(self, path: str) -> bool:
        """Return whether anything is below a path."""
        return any(one.startswith(f"{path.rstrip('/')}/") for one in list(self.objects))

    def is_file(self, path: str) -> bool:
        """Return whether there is an object."""
        return path in self.objects

    def is_there(self, path: str) -> bool:
        """Return whether there is an object or anything below it."""
        return self.is_file(path) or self.is_dir(path)

    def stat(self, path: str) -> FileStat:
        """Return what is known of an object."""
        return self.get(path).stat()

    def identity(self, folder: str) -> str:
        """Return the path: each folder has one."""
        return folder

    def entries(self, folder: str) -> Sequence[_Entry]:
        """Return the objects in a folder and the folders in it."""
        found: dict[str, _Entry] = {}
        root = folder.rstrip("/")
        for path in self.below(root):
            name, _, more = path[len(root) + 1 :].partition("/")
            file = None if more else self.objects[path]
            found[name] = _Entry(name, f"{root}/{name}", file)
        return list(found.values())

    def check_listing(self, folder: str) -> None:
        """Do nothing: everything may be read."""

    def names(self, folder: str, stem: str) -> Sequence[str]:
        """Return the names in a folder that begin so."""
        names = [entry.name for entry in self.entries(folder)]
        return [name for name in names if name.partition(".")[0] == stem]

    def resolved(self, path: str) -> str:
        """Return the path: there are no links."""
        return path

    def can_read(self, path: str) -> bool:
        """Return true."""
        return True

    def open(self, path: str) -> BinaryIO:
        """Open an object as it is now."""
        return io.BytesIO(self.get(path).data)

    def generations(self, root: str) -> Generations:
        """Return what commits entities below a folder."""
        return MemoryGenerations(self, root)

    @classmethod
    def refuse_name(cls, into: str) -> str | None:
        """Return why an entity cannot be called `into`."""
        if not into or into[0] in "._" or "/" in into:
            return "it is empty, begins with '.' or '_', or holds a slash"
        return None


class NewMemoryFile:
    """An object while it is written; it is put when it is finished. See `NewFile`."""

    def __init__(self, system: MemoryFiles, path: str) -> None:
        self._system = system
        self._path = path
        self._written = io.BytesIO()

    def write(self, data: bytes | memoryview, /) -> int:
        """Append bytes."""
        return self._written.write(data)

    def finish(self) -> DataFile:
        """Put the object."""
        self._system.put(self._path, self._written.getvalue())
        return DataFile.of(self._system, self._path, self._system.stat(self._path))

    def abandon(self) -> None:
        """Forget what was written."""
        self._written.close()


@dataclass(frozen=True, slots=True)
class MemoryStaging:
    """The objects below one path, until they are copied to where readers look. See `Staging`."""

    system: MemoryFiles
    path: str

    def __str__(self) -> str:
        return self.system.shown(self.path)

    def create(self, name: str) -> NewMemoryFile:
        """Begin an object."""
        return NewMemoryFile(self.system, f"{self.path}/{name}")

    def file(self, name: str) -> DataFile:
        """Return a finished object."""
        path = f"{self.path}/{name}"
        return DataFile.of(self.system, path, self.system.stat(path))

    def remove(self, name: str) -> None:
        """Remove an object."""
        self.system.objects.pop(f"{self.path}/{name}", None)

    def spill(self) -> IO[bytes]:
        """Return a file on the local disk."""
        return tempfile.TemporaryFile()


class MemoryPlace:
    """One entity: its objects, and the records of its commits.

    NAME/part-…                       what plain readers list
    NAME/_hygge/commits/00000007.json put where none is: the commit
    NAME/_hygge/staging/…             files of the next commit
    NAME/_hygge/kept/…                files of earlier ones, for an undo
    """

    def __init__(self, system: MemoryFiles, path: str) -> None:
        self.system = system
        self.path = path

    def __str__(self) -> str:
        return self.system.shown(self.path)

    def private(self, *steps: str) -> str:
        """Return the path of what hygge keeps here."""
        return posixpath.join(self.path, _PRIVATE, *steps)

    def _commit(self, seq: int) -> str:
        return self.private("commits", f"{seq:08d}.json")

    def record(self, seq: int) -> Record | None:
        """Return the record of a commit."""
        path = self._commit(seq)
        if not self.system.is_file(path):
            return None
        return parse_record(self.system.get(path).data, self.system.shown(path))

    def newest(self) -> Record | None:
        """Return the newest commit."""
        found = self.system.below(self.private("commits"))
        return self.record(int(posixpath.basename(found[-1]).partition(".")[0])) if found else None

    def put(self, record: Record) -> None:
        """Commit a record; raise `FileExistsError` when its number is taken."""
        self.system.put(self._commit(record.commit.seq), record.dump())

    def visible(self) -> list[str]:
        """Return the names of what a reader sees, sorted."""
        names = [path[len(self.path) + 1 :] for path in self.system.below(self.path)]
        return [name for name in names if not any(step[0] in "._" for step in name.split("/"))]

    def find(self, name: str) -> str | None:
        """Return where a file of a commit lies: where readers look, staged, or kept for an undo."""
        if self.system.is_file(f"{self.path}/{name}"):
            return f"{self.path}/{name}"
        for path in self.system.below(self.private("staging")):
            if path.split("/", self.private("staging").count("/") + 2)[-1] == name:
                return path
        kept = self.private("kept", name)
        return kept if self.system.is_file(kept) else None

    def is_whole(self, record: Record) -> bool:
        """Return whether all files of a commit are still there."""
        return all(self.find(part.name) is not None for part in record.parts)

    def settle(self, keep: int) -> None:
        """Put the files of the newest commit where readers look, and others away; can be repeated.

        Of earlier generations `keep` are kept.
        """
        live = self.newest()
        if live is None:
            return
        names = {part.name for part in live.parts}
        for name in sorted(names):
            source = self.find(name)
            if source is not None and source != f"{self.path}/{name}":
                self.system.put(f"{self.path}/{name}", self.system.get(source).data)
        for name in self.visible():
            if name not in names:
                gone = self.system.objects.pop(f"{self.path}/{name}")
                self.system.objects[self.private("kept", name)] = gone
        wanted = {part.name for record in self.earlier()[:keep] for part in record.parts}
        for path in self.system.below(self.private("kept")):
            if path[len(self.private("kept")) + 1 :] not in wanted - names:
                del self.system.objects[path]
        for path in self.system.below(self.private("staging")):
            del self.system.objects[path]

    def earlier(self) -> list[Record]:
        """Return the commits that an undo could bring back, the newest first.

        Those that an undo brought back or passed over are not among them.
        """
        live = self.newest()
        if live is None:
            return []
        end = live.commit.seq if live.commit.undoes is None else live.commit.undoes - 1
        found = []
        for seq in range(end - 1, 0, -1):
            record = self.record(seq)
            if record is None or not self.is_whole(record):
                break
            found.append(record)
        return found


class MemoryGeneration:
    """The next generation of an entity; see `Generation`."""

    def __init__(self, place: MemoryPlace, request: WriteRequest) -> None:
        self._place = place
        self._request = request
        self.live = place.newest()
        self.seq = 1 if self.live is None else self.live.commit.seq + 1
        attempt = f"{request.run_id}.{request.attempt}"
        self.staging = MemoryStaging(place.system, place.private("staging", attempt))
        self._is_published = False

    def __str__(self) -> str:
        return str(self._place)

    @property
    def stem(self) -> str:
        """How the names of new files begin."""
        run = blake2s(self._request.run_id.encode(), digest_size=4).hexdigest()
        return f"part-{self.seq:08d}-{run}"

    def shown(self, name: str) -> str:
        """Return the URL of a live file."""
        return self._place.system.shown(f"{self._place.path}/{name}")

    def file(self, name: str) -> DataFile:
        """Return a live file, wherever it lies."""
        path = self._place.find(name) or f"{self._place.path}/{name}"
        return DataFile.of(self._place.system, path, self._place.system.stat(path))

    def foreign(self) -> Mapping[str, DataFile | None]:
        """Return what readers see and no commit put there."""
        known = set() if self.live is None else {part.name for part in self.live.parts}
        return {name: self.file(name) for name in self._place.visible() if name not in known}

    def keep(self, parts: Sequence[PartFile]) -> None:
        """Look whether the files are whole; they stay where they are."""
        for part in parts:
            path = self._place.find(part.name)
            if path is None or self._place.system.stat(path).size != part.bytes:
                raise StoreError(f"{self.shown(part.name)} does not match its commit record")

    def publish(self, record: Record) -> None:
        """Put the record, then the files where readers look."""
        for part in record.parts:
            path = self._place.find(part.name)
            if path is None or self._place.system.stat(path).size != part.bytes:
                raise StoreError(
                    f"{self.staging}/{part.name} is not what was staged; nothing was published",
                    code="HG531",
                )
        try:
            self._place.put(record)
        except FileExistsError as error:
            raise StoreError(
                f"commit {record.commit.seq} of {self} belongs to run "
                f"{self.committer(record.commit.seq)}; nothing was published here",
                hint="start this run again; it continues from the newest commit",
                code="HG514",
            ) from error
        self._is_published = True
        self._place.settle(self._request.keep_generations)

    @property
    def previous(self) -> Record | None:
        """The commit before the live one, while its files are there."""
        return next(iter(self._place.earlier()[: self._request.keep_generations]), None)

    def changed(self) -> str | None:
        """Return the URL of a live file that is not as its record says."""
        before = self.previous
        if before is None or self.live is None:
            return None
        known = {part.name for part in before.parts}
        for part in self.live.parts:
            path = f"{self._place.path}/{part.name}"
            found = self._place.system.objects.get(path)
            is_same = found is not None and f"{crc32(found.data):08x}" == part.crc32
            if not is_same and (found is None or part.name not in known):
                return self.shown(part.name)
        return None

    def restore(self) -> None:
        """Do nothing: the files are found by their names when they are published."""

    def committer(self, seq: int) -> str | None:
        """Return the run of a commit."""
        record = self._place.record(seq)
        return None if record is None else record.commit.run_id

    def discard(self) -> None:
        """Remove what was staged."""
        for path in self._place.system.below(self.staging.path):
            self._place.system.objects.pop(path, None)


class MemoryGenerations:
    """The entities below a folder; see `Generations`."""

    def __init__(self, system: MemoryFiles, root: str) -> None:
        self._system = system
        self._root = root

    def __str__(self) -> str:
        return self._system.shown(self._root)

    def check(self) -> None:
        """Do nothing: everything may be written."""

    def examine(self) -> Iterator[Finding]:
        """Yield that it can be written."""
        yield Finding("writable")

    def _place(self, into: str) -> MemoryPlace:
        reason = self._system.refuse_name(into)
        if reason is not None:
            raise StoreError(f"{into!r} cannot be an entity's name: {reason}")
        return MemoryPlace(self._system, posixpath.join(self._root, into))

    def last(self, into: str) -> Record | None:
        """Return the newest commit."""
        return self._place(into).newest()

    @contextmanager
    def open(self, request: WriteRequest) -> Iterator[MemoryGeneration]:
        """Take the place; finish what the newest commit has left to do."""
        place = self._place(request.into)
        self._check_free(place)
        _HOLDERS[str(place)] = request.run_id
        try:
            place.settle(request.keep_generations)
            generation = MemoryGeneration(place, request)
            live = generation.live
            if live is not None and (live.commit.run_id, live.attempt) == (
                request.run_id,
                request.attempt,
            ):
                raise StoreError(
                    f"run {request.run_id} has already published commit {live.commit.seq} of "
                    f"{place}"
                )
            try:
                yield generation
            finally:
                generation.discard()
        finally:
            del _HOLDERS[str(place)]

    def inspect(self, request: WriteRequest) -> MemoryGeneration:
        """Return the next generation without taking the place."""
        place = self._place(request.into)
        self._check_free(place)
        return MemoryGeneration(place, request)

    def _check_free(self, place: MemoryPlace) -> None:
        holder = _HOLDERS.get(str(place))
        if holder is not None:
            raise StoreError(
                f"{place} is already being written by run {holder}",
                hint="wait until that run ends, then start this one again",
                code="HG512",
            )


class InMemory:
    """Runs a suite of a store of files in memory; stands before the suite among the bases."""

    @pytest.fixture(autouse=True)
    def memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let URLs begin with `memory://` as long as a test runs."""
        monkeypatch.setitem(CLASSES, "memory", MemoryFiles)

    def location(self, place: Path) -> str:
        """Return the store's `path`; see `FileStoreSuite`."""
        return f"memory://disk{quote(str(place))}/lake"

    def change_a_row(self, place: Path, entity: str) -> None:
        """Remove a data file; see `FileStoreSuite`."""
        held = MemoryPlace(MemoryFiles("disk"), f"{place}/lake/{entity}")
        del held.system.objects[f"{place}/lake/{entity}/{held.visible()[-1]}"]

    def files(self, place: Path, name: str = "things") -> list[Path]:
        """Return copies on the disk of the files that readers see; see `FileStoreSuite`."""
        entity = MemoryPlace(MemoryFiles("disk"), f"{place}/lake/{name}")
        folder = place / "lake" / name
        rmtree(folder, ignore_errors=True)
        paths = [folder / one for one in entity.visible()]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(entity.system.get(str(path)).data)
        return paths
