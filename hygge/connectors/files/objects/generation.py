"""The next generation of an entity in an object store."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hygge.connector import WriteRequest
from hygge.connectors.files.formats import checksum
from hygge.connectors.files.objects.place import (
    Link,
    ObjectPlace,
    added_by,
    foreign_names,
    stem_of,
)
from hygge.connectors.files.objects.staging import data_file
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.records import PartFile, Record
from hygge.connectors.files.systems import FileStat
from hygge.errors import CommitUnknownError, StoreError
from hygge.runtime.system import explain
from hygge.values.plurals import plural

logger = logging.getLogger(__name__)

_TRIES = 3
"""How often a commit is put, and looked for, while the server does not say what became of it."""
_SECOND_NS = 10**9


class ObjectGeneration:
    """The next generation of an entity, built by one attempt; see `Generation`."""

    def __init__(self, place: ObjectPlace, request: WriteRequest, link: Link | None) -> None:
        self._place = place
        self._request = request
        self._link = link
        self.seq = 1 if link is None else link.seq + 1
        self.staging = place.staging(self.seq, request.run_id, request.attempt)
        self._seen = place.visible()
        self._restored: dict[str, str] = {}
        self._is_settled_later = False

    def __str__(self) -> str:
        return str(self._place)

    @property
    def live(self) -> Record | None:
        """The newest commit when this generation was begun."""
        return self._link.record if self._link else None

    @property
    def stem(self) -> str:
        """How the names of new files begin."""
        return stem_of(self.seq, self._request.run_id)

    def begin(self) -> None:
        """Refuse a run that has published already; remove what was left where readers look."""
        live, request = self.live, self._request
        if live and (live.commit.run_id, live.attempt) == (request.run_id, request.attempt):
            raise StoreError(
                f"run {request.run_id} has already published commit {live.commit.seq} of {self}",
                hint="start a new run",
            )
        known = self._link.names if self._link else frozenset()
        left = [
            name
            for name in self._seen
            if name not in known and (added_by(name) or self.seq) < self.seq
        ]
        if left:
            logger.info("removing files of earlier commits from %s", self)
            self._place.bucket.delete([self._place.key(name) for name in left])
            self._seen = {name: stat for name, stat in self._seen.items() if name not in left}

    def shown(self, name: str) -> str:
        """Return the URL of a live file."""
        return self._place.bucket.shown(self._place.key(name))

    def file(self, name: str) -> DataFile:
        """Return a live file as it is now."""
        key = self._place.key(name)
        return data_file(self._place.system, key, self._place.bucket.head(key))

    def foreign(self) -> Mapping[str, DataFile | None]:
        """Return the visible files that no commit wrote; see `Generation`."""
        names = foreign_names(self._seen, self._link)
        system, key = self._place.system, self._place.key
        return {name: data_file(system, key(name), self._seen[name]) for name in names}

    def _stats(self, names: Sequence[str]) -> dict[str, FileStat | None]:
        """Return metadata by name: from the listing, and by asking for those that it lacks."""
        others = [name for name in names if name not in self._seen]
        asked = self._place.bucket.heads([self._place.key(name) for name in others])
        return {name: self._seen.get(name) or asked.get(self._place.key(name)) for name in names}

    def keep(self, parts: Sequence[PartFile]) -> None:
        """Check that files are as their records say; they stay where they are."""
        found = self._stats([part.name for part in parts])
        for part in parts:
            if difference := _difference(found[part.name], part):
                raise StoreError(
                    f"{self.shown(part.name)} does not match its commit record "
                    f"({plural(part.rows, 'row')}, {plural(part.bytes, 'byte')}): {difference}",
                    hint="restore the file, or write the entity again with  mode: replace",
                )

    def publish(self, record: Record) -> None:
        """Put the record where none is, then the files where readers look; see `Generation`."""
        parts = tuple(
            replace(part, name=self._restored.get(part.name, part.name)) for part in record.parts
        )
        self._check_staged(parts)
        kept = {part.name for part in parts}
        aside = tuple(name for name in foreign_names(self._seen, self._link) if name not in kept)
        link = Link(replace(record, parts=parts), aside)
        self._is_settled_later = True
        try:
            self._put(link)
        except CommitUnknownError:
            raise
        except BaseException:
            self._is_settled_later = False
            raise
        try:
            self._place.settle(link, self._request.keep_generations, self._link)
        except (OSError, StoreError) as error:
            # The commit is published: no later error may report it as failed.
            logger.warning("the next run will complete commit %d of %s: %s", self.seq, self, error)

    def _check_staged(self, parts: Sequence[PartFile]) -> None:
        staged = [part for part in parts if posixpath.basename(part.name).startswith(self.stem)]
        found = self._place.bucket.heads([self.staging.key(part.name) for part in staged])
        for part in staged:
            if difference := _difference(found[self.staging.key(part.name)], part):
                if rival := self._place.link(self.seq):  # whose run removed what was staged here
                    raise self._taken(rival)
                raise StoreError(
                    f"{self.staging}/{part.name} was staged with {plural(part.rows, 'row')} and "
                    f"{plural(part.bytes, 'byte')}, but {difference}; nothing was published",
                    hint="another program changed the staged files: stop it, then run again",
                    code="HG531",
                )

    def _put(self, link: Link) -> None:
        """Commit; an unanswered request is decided by who has the number."""
        place, data = self._place, link.dump()
        for _ in range(_TRIES):
            try:
                place.bucket.put_new(place.commit_key(self.seq), data)
                return
            except FileExistsError:
                self._check_own(link, place.link(self.seq))
                return
            except PermissionError:
                raise
            except OSError as error:
                failure = error
            try:
                found = place.link(self.seq)
            except OSError:
                continue
            if found is not None:
                self._check_own(link, found)
                return
        raise CommitUnknownError(
            f"the server did not confirm commit {self.seq} of {place}: {explain(failure)}",
            hint="check the connection; the next run determines whether the commit exists",
        ) from failure

    def _check_own(self, link: Link, found: Link | None) -> None:
        """Raise `StoreError` where the number belongs to another attempt."""
        if found is not None and _owner(found) == _owner(link):
            return
        raise self._taken(found)

    def _taken(self, found: Link | None) -> StoreError:
        """Return the error for a number that another run has."""
        holder = f"run {found.record.commit.run_id}" if found else "another run"
        return StoreError(
            f"commit {self.seq} of {self} belongs to {holder}; nothing was published here",
            hint="start this run again; it continues from the newest commit",
            code="HG514",
        )

    @property
    def previous(self) -> Record | None:
        """The commit before the live one, while its files are kept; see `Generation`."""
        found = self._before()
        return found.record if found else None

    def _before(self) -> Link | None:
        if self._link is None or not self._request.keep_generations:
            return None
        before = self._place.before(self._link)
        if before is None:
            return None
        places = self._kept_at(before).values()
        is_whole = all(self._place.bucket.heads(list(places)).values())
        return before if is_whole else None

    def _kept_at(self, before: Link) -> dict[str, str]:
        """Return where the files of an earlier commit are that are not live, by name."""
        live = self._link.names if self._link else frozenset()
        wanted = before.names - live
        found: dict[str, str] = {}
        for seq in range(before.seq + 1, self.seq):
            link = self._place.link(seq)
            gone = wanted - found.keys() - (link.names if link else frozenset())
            found |= {name: self._place.kept(seq, name) for name in gone}
        return found

    def changed(self) -> str | None:
        """Return the URL of a live file that an undo would lose; see `Generation`."""
        before = self._before()
        if before is None or self.live is None:
            return None
        published = self._place.bucket.head(self._place.private("current.json")).modified_ns
        found = self._stats([part.name for part in self.live.parts])
        for part in self.live.parts:
            stat = found[part.name]
            if stat is None or (
                part.name not in before.names and self._was_changed(part, stat, published)
            ):
                return self.shown(part.name)
        return None

    def _was_changed(self, part: PartFile, stat: FileStat, published: int) -> bool:
        """Return whether a file is not the one that was published; times are whole seconds."""
        if stat.size != part.bytes:
            return True
        if stat.modified_ns + _SECOND_NS < published:
            return False
        return checksum(self.file(part.name)) != part.crc32

    def restore(self) -> None:
        """Copy the files of the previous generation to staging, under names of this one.

        No name is used again, so a process that wakes up late cannot remove a restored file.
        """
        before = self._before()
        if before is None:
            return
        places = self._kept_at(before)
        pairs = []
        for number, (name, key) in enumerate(sorted(places.items())):
            folder, _, base = name.rpartition("/")
            new = posixpath.join(folder, f"{self.stem}-u{number:05d}{_suffix(base)}")
            self._restored[name] = new
            pairs.append((key, self.staging.key(new)))
        self._place.bucket.copy_all(pairs)

    def committer(self, seq: int) -> str | None:
        """Return the run of a commit."""
        found = self._place.link(seq) if seq > 0 else None
        return found.record.commit.run_id if found else None

    def discard(self) -> None:
        """Remove staged files, unless they are or may be published."""
        if self._is_settled_later:
            return
        try:
            bucket = self._place.bucket
            bucket.delete([one.key for one in bucket.below(self.staging.prefix)])
        except OSError as error:
            logger.warning("the next run will remove %s: %s", self.staging, error)


def _owner(link: Link) -> tuple[str, int]:
    return link.record.commit.run_id, link.record.attempt


def _suffix(name: str) -> str:
    """Return a file name from its first dot on."""
    dot = name.find(".")
    return name[dot:] if dot >= 0 else ""


def _difference(stat: FileStat | None, part: PartFile) -> str | None:
    if stat is None:
        return "it is missing"
    return None if stat.size == part.bytes else f"it has {plural(stat.size, 'byte')}"
