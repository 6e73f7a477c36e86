"""The commit of an entity that is one file: the new file takes the old one's name by one rename.

A generation is a directory here, too, with the record and the data file, but all of them lie in the
private state. Readers see a second name of the newest one's data file, which waits in its directory
as `next`. Renaming that is the commit. The directory is called `live` afterwards; who comes before
that knows it by its record, and by `next` that is gone.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from hygge.connectors.files.local import durable
from hygge.connectors.files.local.disk import data_file
from hygge.connectors.files.local.generation import (
    LocalGeneration,
    check_kept,
    check_whole,
    was_changed,
)
from hygge.connectors.files.local.generations import LocalGenerations
from hygge.connectors.files.local.place import STAGING, STATE, Place
from hygge.connectors.files.local.record import aside, load_record, located
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.reading.patterns import PLACEHOLDER
from hygge.connectors.files.records import PartFile, Record
from hygge.errors import StoreError

_NEXT = "next"
"""The second name of a data file while it waits for the name that readers know."""


@dataclass(frozen=True, slots=True)
class SinglePlace(Place):
    """The names of one entity whose data is one file."""

    name: str
    """The name of the file that readers see."""

    @property
    def public(self) -> Path:
        """The file that readers see."""
        return self.root / self.name

    @property
    def state(self) -> Path:
        """What hygge keeps of it; not that of a directory of the entity's name."""
        return self.root / STATE / self.name

    @property
    def live(self) -> Path:
        """The directory of the newest commit, once it is tidied up."""
        return self.state / "live"

    @property
    def shown(self) -> Path:
        """What messages call the place: the file that readers see."""
        return self.public

    def check_shown(self) -> None:
        """Raise `StoreError` where something else than a file of its own has the name."""
        public = self.public
        if public.is_symlink() or (public.exists() and not public.is_file()):
            raise StoreError(
                f"{public} is a link or a directory; the store needs a file of its own there",
                hint="move it away, or choose another name with  into: <name>",
            )

    def published(self) -> Path | None:
        """Return the next generation whose file readers see; see `Place`."""
        record = load_record(self.live)
        seq = 1 if record is None else record.commit.seq + 1
        with suppress(FileNotFoundError):
            for path in sorted(self.state.iterdir()):
                if STAGING.fullmatch(path.name) and self._is_published(path, seq):
                    return path
        return None

    def _is_published(self, generation: Path, seq: int) -> bool:
        record = load_record(generation)
        is_next = record is not None and record.commit.seq == seq
        return is_next and not (generation / _NEXT).exists()

    def newest(self) -> Record | None:
        """Return the record of the commit whose file readers see."""
        published = self.published()
        return load_record(self.live if published is None else published)


class SingleFile(LocalGeneration):
    """The next generation of an entity that is one file."""

    place: SinglePlace

    def shown(self, name: str) -> str:
        """Return the path of the file."""
        return str(self.place.public)

    def file(self, name: str) -> DataFile:
        """Return the live file under the name that its record has, to be read for the next one.

        Raises `StoreError` when somebody changed it since.
        """
        public = self.place.public
        if self.live is None:
            return data_file(public)
        self._check_live(next(part for part in self.live.parts if part.name == name))
        return data_file(located(self.place.live / name))

    def _check_live(self, part: PartFile) -> None:
        public = self.place.public
        check_kept(public, part, public)
        if was_changed(public, part, self.place.state / "none"):
            raise StoreError(
                f"{public} was changed since the last commit, and this one would lose that",
                hint="restore the file, or write the entity again with  mode: replace",
            )

    def foreign(self) -> Mapping[str, DataFile | None]:
        """Return the file where no commit of hygge is known of; see `Generation`."""
        public = self.place.public
        if self.live is not None or not public.exists():
            return {}
        return {self.place.name: data_file(public)}

    def changed(self) -> str | None:
        """Return the path of the file where undo would lose what somebody did to it."""
        before = self._before()
        public = self.place.public
        if before is None or self.live is None:
            return None
        (part,) = self.live.parts
        return str(public) if was_changed(public, part, before / part.name) else None

    def keep(self, parts: Sequence[PartFile]) -> None:
        """Link the live file into this generation; see `Generation`."""
        for part in parts:
            if self.live is not None:
                self._check_live(part)
            self._link(part, self.place.public)

    def _target(self, part: PartFile) -> Path:
        """Return where the file of an older generation lies: where no pattern finds it."""
        return aside(self.path / part.name)

    def _reveal(self, parts: Sequence[PartFile]) -> None:
        """See that the file is whole, which gets its name by the commit, and remove others."""
        staged = [located(self.path / part.name) for part in parts]
        for part, path in zip(parts, staged, strict=True):
            check_whole(path, part)
        for path in self.path.iterdir():
            if path not in staged:
                path.unlink()

    def _prepare(self, record: Record) -> None:
        """Make ready what the commit gives its name, with the rights of the file before it."""
        (part,) = record.parts
        public, data = self.place.public, located(self.path / part.name)
        if public.exists():
            status = public.stat()
            with suppress(PermissionError):
                os.chown(data, -1, status.st_gid)
            data.chmod(stat.S_IMODE(status.st_mode))
            if self.live is None:
                self._put_aside(public)
        durable.link_file(data, self.path / _NEXT)

    def _put_aside(self, public: Path) -> None:
        """Keep a file that hygge did not write until the commit after this one."""
        folder = self.place.previous(0)
        durable.make_directory(folder)
        kept = aside(folder / self.place.name)
        if not kept.exists():
            durable.link_file(public, kept)
        durable.sync_directory(folder)

    def _swap(self) -> Path | None:
        """Give the new file its name; then make this generation `live`."""
        (self.path / _NEXT).replace(self.place.public)
        self.is_published = True
        try:
            durable.sync_directory(self.place.root)
            return super()._swap()
        except OSError as error:
            raise self._unknown(error) from error


class SingleFiles(LocalGenerations):
    """One file for each entity in one directory; see `Generations`."""

    generation: ClassVar[type[LocalGeneration]] = SingleFile

    def __init__(self, root: Path, name: str) -> None:
        super().__init__(root)
        self.name = name

    def place(self, into: str) -> SinglePlace:
        """Return the place of an entity."""
        return SinglePlace(self.root, into, self.name.replace(PLACEHOLDER, into))
