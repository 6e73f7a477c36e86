"""One entity in an object store: its objects, its chain of commits, and how readers see them.

    NAME/part-…                             what plain readers list
    NAME/_hygge/commits/00000007.json       put where none is: this is commit 7
    NAME/_hygge/current.json                the newest commit that readers see; may lag behind
    NAME/_hygge/staging/00000008-RUN.1/…    objects of a next commit
    NAME/_hygge/kept/00000007/…             objects that commit 7 removed, for an undo

The newest commit is found by asking for the number after `current.json` until there is none, never
by a listing. Whoever finds a commit that is not settled settles it: its objects are copied to where
readers look, `current.json` names them, the objects that it removed go. Each step can be repeated,
also late by a process that woke up after the next commit: names of objects are never used again, so
it can neither remove an object of a later commit nor add one that stays.
"""

from __future__ import annotations

import json
import logging
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2s
from typing import TYPE_CHECKING

from hygge.connectors.files.objects.staging import ASIDE, ObjectStaging
from hygge.connectors.files.records import PartFile, Record, parse_record
from hygge.values.plurals import listed

if TYPE_CHECKING:
    from hygge.connectors.files.objects.bucket import Bucket, Found
    from hygge.connectors.files.objects.system import ObjectFiles
    from hygge.connectors.files.systems import FileStat

logger = logging.getLogger(__name__)

PRIVATE = "_hygge"
_OWN = re.compile(r"part-(\d{8,})-[0-9a-f]{8}-")
_COMMIT = re.compile(r"(\d{8,})\.json")
_STAGED = re.compile(r"(\d{8,})-")
_KEPT = re.compile(r"(\d{8,})/")


@dataclass(frozen=True, slots=True)
class Link:
    """One commit of the chain."""

    record: Record
    aside: tuple[str, ...] = ()
    """Names of objects that no commit wrote and that this one moved out of readers' sight."""

    @property
    def seq(self) -> int:
        """The number of the commit."""
        return self.record.commit.seq

    @property
    def names(self) -> frozenset[str]:
        """The names of its files."""
        return frozenset(part.name for part in self.record.parts)

    def dump(self, **more: object) -> bytes:
        """Return the object of the commit, with `more` keys."""
        values = json.loads(self.record.dump())
        if self.aside:
            values["aside"] = list(self.aside)
        return json.dumps(values | more, indent=1, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def parse(cls, data: bytes, shown: str) -> Link:
        """Return the commit of an object; see `parse_record`."""
        record = parse_record(data, shown)
        return cls(record, tuple(json.loads(data).get("aside", ())))


@dataclass(frozen=True, slots=True)
class Current:
    """What `current.json` says."""

    link: Link
    is_settled: bool
    """Whether objects that are no longer part of the entity were removed."""


def stem_of(seq: int, run_id: str) -> str:
    """Return how the names of files begin that a run adds in a commit."""
    return f"part-{seq:08d}-{blake2s(run_id.encode(), digest_size=4).hexdigest()}"


def added_by(name: str) -> int | None:
    """Return the number of the commit that added a file; None where no commit did."""
    match = _OWN.match(posixpath.basename(name))
    return int(match[1]) if match else None


class ObjectPlace:
    """One entity. As text it is its URL."""

    def __init__(self, system: ObjectFiles, prefix: str) -> None:
        self.system = system
        self.prefix = prefix

    def __str__(self) -> str:
        return self.system.shown(f"/{self.prefix}")

    @property
    def bucket(self) -> Bucket:
        """The client."""
        return self.system.bucket

    def key(self, name: str) -> str:
        """Return the object name of a file that readers see."""
        return f"{self.prefix}/{name}"

    def private(self, *steps: str) -> str:
        """Return the name of an object that readers of data skip."""
        return posixpath.join(self.prefix, PRIVATE, *steps)

    def staging(self, seq: int, run_id: str, attempt: int) -> ObjectStaging:
        """Return where an attempt stages the files of commit `seq`."""
        return ObjectStaging(self.system, self.private("staging", f"{seq:08d}-{run_id}.{attempt}"))

    def kept(self, seq: int, name: str) -> str:
        """Return the object name of a file that commit `seq` removed."""
        return self.private("kept", f"{seq:08d}", name + ASIDE)

    def commit_key(self, seq: int) -> str:
        """Return the object name of a commit."""
        return self.private("commits", f"{seq:08d}.json")

    def link(self, seq: int) -> Link | None:
        """Return a commit; None where the number is free."""
        key = self.commit_key(seq)
        data = self.bucket.find(key)
        return None if data is None else Link.parse(data, self.bucket.shown(key))

    def current(self) -> Current | None:
        """Return what `current.json` says; None where there is none, or a damaged one."""
        key = self.private("current.json")
        data = self.bucket.find(key)
        try:
            values = json.loads(data or b"{}")
        except ValueError:
            return None
        if data is None or not isinstance(values, dict) or "settled" not in values:
            return None
        return Current(Link.parse(data, self.bucket.shown(key)), bool(values["settled"]))

    def newest(self, current: Current | None) -> Link | None:
        """Return the newest commit, found from `current` on."""
        found = current.link if current else self._guess()
        while (following := self.link(found.seq + 1 if found else 1)) is not None:
            found = following
        return found

    def _guess(self) -> Link | None:
        """Return some commit of a chain without `current.json`, the newest that is listed."""
        names = (posixpath.basename(one.key) for one in self.bucket.below(self.private("commits")))
        numbers = [int(match[1]) for match in map(_COMMIT.fullmatch, names) if match]
        return self.link(max(numbers)) if numbers else None

    def settled(self, keep: int) -> Link | None:
        """Let readers see the newest commit, if they do not yet; return it."""
        current = self.current()
        newest = self.newest(current)
        if newest is None:
            return None
        if current is not None and current.is_settled and current.link.seq == newest.seq:
            return newest
        return self.settle(newest, keep)

    def settle(self, link: Link, keep: int, before: Link | None = None) -> Link:
        """Let readers see a commit, and each one after it; return the newest.

        `before` is the commit before it, if it is known. Of earlier ones the files of `keep` stay.
        """
        following: Link | None = link
        while following is not None:
            link = following
            self._settle(link, before, keep)
            before, following = link, self.link(link.seq + 1)
        return link

    def _settle(self, link: Link, before: Link | None, keep: int) -> None:
        if before is None and link.seq > 1:
            before = self.link(link.seq - 1)
        known = before.names if before else frozenset()
        self._show(link, [part for part in link.record.parts if part.name not in known])
        gone = [*sorted(known - link.names), *link.aside]
        self._say(link, is_settled=not gone)
        if gone:
            if keep or link.aside:
                self.bucket.copy_all([(self.key(one), self.kept(link.seq, one)) for one in gone])
            self.bucket.delete([self.key(one) for one in gone])
            self._say(link, is_settled=True)
        self._sweep(link, before, keep)

    def _show(self, link: Link, added: Sequence[PartFile]) -> None:
        """Copy staged files to where readers look."""
        commit = link.record.commit
        staging = self.staging(commit.seq, commit.run_id, link.record.attempt)
        stem = stem_of(commit.seq, commit.run_id)
        names = [one.name for one in added if posixpath.basename(one.name).startswith(stem)]
        pairs = {staging.key(name): self.key(name) for name in names}
        missing = self.bucket.copy_all(pairs.items())
        lost = [
            key for key, stat in self.bucket.heads([key for _, key in missing]).items() if not stat
        ]
        if lost:
            urls = [self.bucket.shown(key) for key in lost]
            logger.warning("files of commit %d are missing: %s", commit.seq, listed(urls, 3))

    def _say(self, link: Link, *, is_settled: bool) -> None:
        files = [self.bucket.shown(self.key(part.name)) for part in link.record.parts]
        self.bucket.put(self.private("current.json"), link.dump(settled=is_settled, files=files))

    def _sweep(self, link: Link, before: Link | None, keep: int) -> None:
        """Remove staged files that can never be published, and files of forgotten commits."""
        staging, kept = self.private("staging"), self.private("kept")
        gone = [
            one.key
            for one in self.bucket.below(staging)
            if _number(one.key[len(staging) + 1 :], _STAGED) <= link.seq
        ]
        oldest = self._oldest(link, before, keep)
        gone += [
            one.key
            for one in self.bucket.below(kept)
            if _number(one.key[len(kept) + 1 :], _KEPT) <= oldest
        ]
        self.bucket.delete(gone)

    def _oldest(self, link: Link, before: Link | None, keep: int) -> int:
        """Return the number of the oldest commit that an undo may bring back."""
        oldest, known = link.seq, {one.seq: one for one in (link, before) if one}
        last: Link | None = link
        for _ in range(keep):
            last = self.before(last, known) if last else None
            if last is None:
                return 0
            oldest = last.seq
        # Objects that no commit wrote stay until the commit after the one that moved them.
        return min(oldest, link.seq - 1)

    def before(self, link: Link, known: Mapping[int, Link] | None = None) -> Link | None:
        """Return the commit whose rows were there before those of `link`.

        Commits that an undo reverted, or repeated, are passed over.
        """
        find = (known or {}).get
        while link.record.commit.undoes is not None:
            seq = link.record.commit.undoes - 1
            repeated = find(seq) or self.link(seq)
            if repeated is None:
                return None
            link = repeated
        seq = link.seq - 1
        return (find(seq) or self.link(seq)) if seq > 0 else None

    def visible(self) -> dict[str, FileStat]:
        """Return the files that a plain reader lists, by name."""
        start = len(self.prefix) + 1
        names = ((one.key[start:], one.stat) for one in self._public())
        return {
            name: stat
            for name, stat in names
            if not any(step[:1] in ("", ".", "_") for step in name.split("/"))
        }

    def _public(self) -> Iterator[Found]:
        """Yield the objects of the place without hygge's own, of which there may be many."""
        for one in self.bucket.below(self.prefix):
            if one.key.startswith(self.private("")):
                yield from self.bucket.below(self.prefix, self.private("\U0010ffff"))
                return
            yield one

    def published(self) -> list[Found] | None:
        """Return the data files by the commit that readers see; None where there is none.

        Files that no commit wrote are among them.
        """
        from hygge.connectors.files.objects.bucket import Found

        current = self.current()
        if current is None:
            return None
        seen = self.visible()
        names = current.link.names
        missing = self.bucket.heads([self.key(name) for name in names if name not in seen])
        lost = [key for key, stat in missing.items() if stat is None]
        if lost:
            raise FileNotFoundError(2, "no such object", self.bucket.shown(lost[0]))
        found = [Found(key, stat) for key, stat in missing.items() if stat]
        found += [
            Found(self.key(name), stat)
            for name, stat in seen.items()
            if name in names or (added_by(name) is None and name not in current.link.aside)
        ]
        return sorted(found, key=lambda one: one.key)


def _number(text: str, pattern: re.Pattern[str]) -> int:
    match = pattern.match(text)
    return int(match[1]) if match else 2**63


def foreign_names(names: Iterable[str], link: Link | None) -> list[str]:
    """Return the visible names that no commit added, sorted."""
    known = link.names if link else frozenset()
    return sorted(name for name in names if name not in known and added_by(name) is None)
