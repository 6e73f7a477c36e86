"""The commit of a directory: build the next generation beside the live one, then swap the two.

A reader that lists the live directory sees all of one generation, never a mix of two, in every
mode. The order of the system calls is the protocol: power may be lost after any step.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from hashlib import blake2s
from pathlib import Path
from threading import Timer

from hygge.connectors.files.formats import checksum
from hygge.connectors.files.local import durable, recovery
from hygge.connectors.files.local.disk import data_file
from hygge.connectors.files.local.owner import Owner
from hygge.connectors.files.local.place import Place
from hygge.connectors.files.local.record import ASIDE, RECORD_NAME, aside, load_record, located
from hygge.connectors.files.local.recovery import (
    finish_swap,
    hide,
    kept,
    prune,
    retire,
    sweep,
    throw_away,
    write_intent,
)
from hygge.connectors.files.local.staging import LocalStaging
from hygge.connectors.files.local.visible import visible_files
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.records import PartFile, Record
from hygge.errors import CommitUnknownError, StoreError
from hygge.values.plurals import plural

logger = logging.getLogger(__name__)


class LocalGeneration:
    """The next generation of an entity's directory, built by one attempt under the lock."""

    def __init__(self, place: Place, owner: Owner, keep: int) -> None:
        self.place = place
        self.owner = owner
        self._keep = keep
        self.path = place.staging(owner.run_id, owner.attempt)
        self.staging = LocalStaging(self.path)
        self.live = place.newest()
        self.seq = 1 if self.live is None else self.live.commit.seq + 1
        self.is_published = False

    def __str__(self) -> str:
        return str(self.place.shown)

    @property
    def stem(self) -> str:
        """Name prefix of this generation's own parts, unique to this run."""
        run = blake2s(self.owner.run_id.encode(), digest_size=4).hexdigest()
        return f"part-{self.seq:08d}-{run}"

    def begin(self) -> None:
        """Create the hidden directory; raise when its name exists."""
        if self.live is not None and self._is_own(self.live):
            raise StoreError(
                f"run {self.owner.run_id} has already published commit {self.live.commit.seq} of "
                f"{self.place.shown}",
                hint="start a new run",
            )
        durable.write_new(Place.sidecar(self.path), self.owner.dump(), 0o600)
        self.path.mkdir()

    def _is_own(self, record: Record) -> bool:
        return (record.commit.run_id, record.attempt) == (self.owner.run_id, self.owner.attempt)

    def shown(self, name: str) -> str:
        """Return the path of a live file."""
        return str(self.place.live / name)

    def file(self, name: str) -> DataFile:
        """Return a live file as it is now."""
        return data_file(self.place.live / name)

    def foreign(self) -> Mapping[str, DataFile | None]:
        """Return the visible files that no commit of hygge put there; see `Generation`."""
        live = self.place.live
        known = set() if self.live is None else {part.name for part in self.live.parts}
        names = [name for name in visible_files(live) if name not in known]
        return {name: data_file(live / name) if _is_plain(live / name) else None for name in names}

    def _before(self) -> Path | None:
        """Return the generation before the live one, where it is kept and a commit of hygge's."""
        return next((path for seq, path in kept(self.place)[:1] if seq > 0), None)

    @property
    def previous(self) -> Record | None:
        """The commit of the newest generation that is kept; see `Generation`."""
        before = self._before()
        return None if before is None else load_record(before)

    def changed(self) -> str | None:
        """Return the path of a live file that undo would lose; see `Generation`."""
        before = self._before()
        if before is None or self.live is None:
            return None
        for part in self.live.parts:
            path = self.place.live / part.name
            if was_changed(path, part, before / part.name):
                return str(path)
        return None

    def keep(self, parts: Sequence[PartFile]) -> None:
        """Link files of the live generation into this one; see `Generation`."""
        for part in parts:
            self._link(part, self.place.live / part.name)

    def restore(self) -> None:
        """Link the files of the previous generation into this one."""
        before = self._before()
        record = None if before is None else load_record(before)
        if before is not None and record is not None:
            for part in record.parts:
                self._link(part, before / part.name)

    def _link(self, part: PartFile, source: Path) -> None:
        """Link a file of a generation; raise `StoreError` when it is not what its record says.

        The run that made a newer generation may put the file aside just now: then it is found by
        its other name.
        """
        target = self._target(part)
        target.parent.mkdir(parents=True, exist_ok=True)
        for path in (located(source), aside(source)):
            with suppress(FileNotFoundError):
                durable.link_file(path, target)
                break
        check_kept(target, part, source)

    def _target(self, part: PartFile) -> Path:
        """Return where a file that is taken from another generation lies."""
        return self.path / part.name

    def publish(self, record: Record) -> None:
        """Swap this generation in as commit `record.commit.seq`; durable when it returns.

        Raises `StoreError` when a file changed after its rows were counted.
        """
        self._reveal(record.parts)
        self._prepare(record)
        durable.write_whole(self.path / RECORD_NAME, record.dump())
        if durable.is_directory(self.place.live):
            durable.copy_access(self.place.live, self.path)
        durable.sync_tree(self.path)
        durable.sync_directory(self.place.state)
        claim = self._claim(record.commit.seq)
        try:
            self._check_seq(record.commit.seq)
            replaced = self._swap()
        except CommitUnknownError:
            raise
        except BaseException:
            if not self.is_published:
                claim.unlink(missing_ok=True)
            raise
        self._tidy(replaced, claim)

    def _reveal(self, parts: Sequence[PartFile]) -> None:
        """Rename staged files to their visible names, after all are complete."""
        staged = {part.name: located(self.path / part.name) for part in parts}
        for part in parts:
            check_whole(staged[part.name], part)
        for name, path in staged.items():
            if path.name.endswith(ASIDE):
                path.rename(self.path / name)
        for folder, _, names in os.walk(self.path):
            for left in (Path(folder, name) for name in names if name.endswith(ASIDE)):
                left.unlink()

    def _prepare(self, record: Record) -> None:
        """Make ready what the swap needs, before the record says that all is there."""

    def _claim(self, seq: int) -> Path:
        claim = self.place.claims / str(seq)
        try:
            durable.write_exclusive(claim, self.owner.dump())
        except FileExistsError as error:
            holder = Owner.load(claim.read_bytes())
            raise _lost(self.place, seq, str(holder or "another run")) from error
        return claim

    def _check_seq(self, seq: int) -> None:
        live = self.place.newest()
        found = 0 if live is None else live.commit.seq
        if found != seq - 1:
            holder = "another run" if live is None else f"run {live.commit.run_id}"
            raise _lost(self.place, seq, holder)

    def _swap(self) -> Path | None:
        """Make this generation live; return the path of the replaced one, if any."""
        live = self.place.live
        if not durable.is_directory(live):
            durable.rename_new(self.path, live)
            self.is_published = True
            replaced = None
        else:
            replaced = self._exchange()
        try:
            durable.sync_directory(self.place.root)
            durable.sync_directory(self.place.state)
        except OSError as error:
            raise self._unknown(error) from error
        return replaced

    def _exchange(self) -> Path | None:
        try:
            durable.exchange(self.path, self.place.live)
        except durable.RenameUnsupportedError:
            write_intent(self.place, self.path)
            self.is_published = True
            try:
                finish_swap(self.place)
            except OSError as error:
                raise self._unknown(error) from error
            return None
        self.is_published = True
        return self.path

    def _unknown(self, error: OSError) -> CommitUnknownError:
        return CommitUnknownError(
            f"commit {self.seq} of {self.place.shown} was written, but the disk did not confirm "
            f"it: {error}",
            hint="check the disk; the next run determines whether the commit exists",
        )

    def _tidy(self, replaced: Path | None, claim: Path) -> None:
        # The commit is published: no later error may report it as failed.
        try:
            if replaced is not None:
                retire(self.place, replaced)
            prune(self.place, self._keep)
            claim.unlink(missing_ok=True)
            Place.sidecar(self.path).unlink(missing_ok=True)
            durable.sync_directory(self.place.state)
            sweep(self.place)
            self._hide_soon()
        except (OSError, StoreError) as error:
            logger.warning("the next run will clean up %s: %s", self.place.state, error)

    def _hide_soon(self) -> None:
        """Hide older generations when no reader can be listing them; the process waits for it."""
        if recovery.LISTING_GRACE:
            Timer(recovery.LISTING_GRACE * 1.1, self._hide).start()
        else:
            self._hide()

    def _hide(self) -> None:
        try:
            hide(self.place)
            if not self._keep:
                sweep(self.place, recovery.LISTING_GRACE)
        except FileNotFoundError:
            pass  # The place was removed, or another run has hidden them.
        except OSError as error:
            logger.info("the next run will clean up %s: %s", self.place.state, error)

    def committer(self, seq: int) -> str | None:
        """Return the run that published commit `seq`, while its generation is kept."""
        finish_swap(self.place)
        replaced = [self.path] if self.is_published else []
        previous = [path for _, path in kept(self.place)]
        for folder in (self.place.live, *replaced, *previous):
            record = load_record(folder)
            if record is not None and record.commit.seq == seq:
                return record.commit.run_id
        return None

    def discard(self) -> None:
        """Remove this generation unless it is published."""
        if self.is_published:
            return
        try:
            throw_away(self.path)
        except OSError as error:
            # The error of the attempt matters more; the next run removes the rest.
            logger.warning("the next run will remove %s: %s", self.path, error)


def was_changed(path: Path, part: PartFile, before: Path) -> bool:
    """Return whether a live file differs from its record and undo would lose the change.

    Undo loses nothing where the file is the same as in the generation `before`. A file is read
    again only when its times change.
    """
    if not path.is_file() or path.stat().st_size != part.bytes:
        return True
    for kept_as in (located(before), aside(before)):  # it may be put aside just now
        with suppress(FileNotFoundError):
            if kept_as.samefile(path):
                return False
    stat = path.stat()
    return _checksum_of(path, (stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns)) != part.crc32


@lru_cache(maxsize=100_000)
def _checksum_of(path: Path, stamp: tuple[int, ...]) -> str:
    return checksum(data_file(path))


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def check_kept(link: Path, part: PartFile, source: Path) -> None:
    """Raise `StoreError` unless a file, which has a link now, is as its commit record says."""
    if found := _difference(link, part):
        raise StoreError(
            f"{source} does not match its commit record ({plural(part.rows, 'row')}, "
            f"{plural(part.bytes, 'byte')}): {found}",
            hint="restore the file, or write the entity again with  mode: replace",
        )


def check_whole(path: Path, part: PartFile) -> None:
    """Raise `StoreError` unless a staged file is unchanged since its rows were counted."""
    if found := _difference(path, part):
        raise StoreError(
            f"{path} was staged with {plural(part.rows, 'row')} and {plural(part.bytes, 'byte')}, "
            f"but {found}; nothing was published",
            hint="another program changed the staged files, or the disk lost them: check the disk, "
            "then run again",
            code="HG531",
        )


def _difference(path: Path, part: PartFile) -> str | None:
    """Return the difference of a file's size from its record; None without one."""
    size = path.lstat().st_size if path.is_file() and not path.is_symlink() else None
    if size == part.bytes:
        return None
    return "it is missing" if size is None else f"it has {plural(size, 'byte')}"


def _lost(place: Place, seq: int, holder: str) -> StoreError:
    return StoreError(
        f"commit {seq} of {place.shown} belongs to {holder}; nothing was published here",
        hint="start this run again; it continues from the newest commit",
        code="HG514",
    )
