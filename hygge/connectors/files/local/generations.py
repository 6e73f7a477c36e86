"""The commit of a directory: build the next generation beside the live one, then swap the two.

A reader that lists the live directory sees all of one generation, never a mix of two, in every
mode. The order of the system calls is the protocol; each step below is safe to be the last one
before the power goes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from hashlib import blake2s
from pathlib import Path
from threading import Timer

from hygge.connector import WriteRequest
from hygge.connectors.files.formats import checksum
from hygge.connectors.files.local import durable, recovery
from hygge.connectors.files.local.owner import Owner
from hygge.connectors.files.local.place import (
    RUN_ID,
    Place,
    check_name,
    check_place,
    locked,
    prepare,
    refuse_written,
)
from hygge.connectors.files.local.record import (
    ASIDE,
    RECORD_NAME,
    PartFile,
    Record,
    load_record,
    located,
)
from hygge.connectors.files.local.recovery import (
    check_claims,
    finish_swap,
    hide,
    kept,
    prune,
    recover,
    retire,
    sweep,
    throw_away,
    write_intent,
)
from hygge.errors import CommitUnknownError, StoreError
from hygge.values.plurals import plural

logger = logging.getLogger(__name__)


class Generation:
    """The next generation of an entity's directory, built by one attempt under the lock."""

    def __init__(self, place: Place, owner: Owner, keep: int) -> None:
        self.place = place
        self.owner = owner
        self._keep = keep
        self.path = place.staging(owner.run_id, owner.attempt)
        self.live = load_record(place.live)
        self.seq = 1 if self.live is None else self.live.commit.seq + 1
        self.is_published = False

    @property
    def stem(self) -> str:
        """How the names of this generation's own parts begin; no other run has the same."""
        run = blake2s(self.owner.run_id.encode(), digest_size=4).hexdigest()
        return f"part-{self.seq:08d}-{run}"

    def begin(self) -> None:
        """Make the directory that nobody reads yet; raise when its name is taken."""
        if self.live is not None and self._is_own(self.live):
            raise StoreError(
                f"run {self.owner.run_id} has already published commit {self.live.commit.seq} of "
                f"{self.place.live}",
                hint="start a new run",
            )
        durable.write_new(Place.sidecar(self.path), self.owner.dump(), 0o600)
        self.path.mkdir()

    def _is_own(self, record: Record) -> bool:
        return (record.commit.run_id, record.attempt) == (self.owner.run_id, self.owner.attempt)

    @property
    def previous(self) -> Path | None:
        """The generation before the live one, where it is kept and a commit of hygge's."""
        return next((path for seq, path in kept(self.place)[:1] if seq > 0), None)

    def keep(self, parts: Sequence[PartFile], *, of: Path | None = None) -> None:
        """Link files of the live generation, or `of` another one, into this one.

        Raises `StoreError` when one is not what its record says.
        """
        for part in parts:
            source, target = (of or self.place.live) / part.name, self.path / part.name
            source = source if of is None else located(source)
            check_kept(source, part)
            target.parent.mkdir(parents=True, exist_ok=True)
            durable.link_file(source, target)

    def publish(self, record: Record) -> None:
        """Swap this generation in as commit `record.commit.seq`; durable when it returns.

        Raises `StoreError` when a file is no longer what it was when its rows were counted.
        """
        self._reveal(record.parts)
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
        """Give what was staged the names under which readers find it, once all of it is whole."""
        staged = {part.name: located(self.path / part.name) for part in parts}
        for part in parts:
            check_whole(staged[part.name], part)
        for name, path in staged.items():
            if path.name.endswith(ASIDE):
                path.rename(self.path / name)

    def _claim(self, seq: int) -> Path:
        claim = self.place.claims / str(seq)
        try:
            durable.write_exclusive(claim, self.owner.dump())
        except FileExistsError as error:
            holder = Owner.load(claim.read_bytes())
            raise _lost(self.place, seq, str(holder or "another run")) from error
        return claim

    def _check_seq(self, seq: int) -> None:
        live = load_record(self.place.live)
        found = 0 if live is None else live.commit.seq
        if found != seq - 1:
            holder = "another run" if live is None else f"run {live.commit.run_id}"
            raise _lost(self.place, seq, holder)

    def _swap(self) -> Path | None:
        """Make this generation live; return where the one it replaced lies now, if anywhere."""
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
            f"commit {self.seq} of {self.place.live} was made, but the disk did not confirm it: "
            f"{error}",
            hint="check the disk; the next run finds out what it holds",
        )

    def _tidy(self, replaced: Path | None, claim: Path) -> None:
        # The commit has landed: from here on nothing may make it look like a failure.
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
            logger.warning("the next run will tidy %s: %s", self.place.state, error)

    def _hide_soon(self) -> None:
        """Hide older generations once no reader can be listing them; the process waits for it."""
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
            pass  # Somebody removed the place, or another run has hidden them.
        except OSError as error:
            logger.info("the next run will tidy %s: %s", self.place.state, error)

    def committer(self, seq: int) -> str | None:
        """Return the run that published commit `seq`, as far back as generations are kept."""
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
            # Whatever ended the attempt matters more; the next run removes the rest.
            logger.warning("the next run will remove %s: %s", self.path, error)


def was_changed(path: Path, part: PartFile, before: Path) -> bool:
    """Return whether a live file is not what its record says, and undo would lose that.

    It would not where the file is one with that of the generation `before`. What was read once
    is not read again as long as the file's times stay.
    """
    if not path.is_file() or path.stat().st_size != part.bytes:
        return True
    before = located(before)
    if before.is_file() and before.samefile(path):
        return False
    stat = path.stat()
    return _checksum_of(path, (stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns)) != part.crc32


@lru_cache(maxsize=100_000)
def _checksum_of(path: Path, stamp: tuple[int, ...]) -> str:
    return checksum(path)


def check_kept(source: Path, part: PartFile) -> None:
    """Raise `StoreError` unless a file is as its commit record says."""
    if found := _difference(source, part):
        raise StoreError(
            f"{source} is not as its commit record says ({plural(part.rows, 'row')} in "
            f"{plural(part.bytes, 'byte')}): {found}",
            hint="put the file back, or write the entity anew with  mode: replace",
        )


def check_whole(path: Path, part: PartFile) -> None:
    """Raise `StoreError` unless a staged file is what it was when its rows were counted."""
    if found := _difference(path, part):
        raise StoreError(
            f"{path} was staged with {plural(part.rows, 'row')} in {plural(part.bytes, 'byte')}, "
            f"but {found}; nothing was published",
            hint="somebody changed what was staged, or the disk lost it: check the disk, run again",
            code="HG531",
        )


def _difference(path: Path, part: PartFile) -> str | None:
    """Return how a file differs in size from what is known of it; None when it does not."""
    size = path.lstat().st_size if path.is_file() and not path.is_symlink() else None
    if size == part.bytes:
        return None
    return "it is missing" if size is None else f"it has {plural(size, 'byte')}"


def _lost(place: Place, seq: int, holder: str) -> StoreError:
    return StoreError(
        f"commit {seq} of {place.live} belongs to {holder}; nothing was published here",
        hint="start this run again; it begins from the newest commit",
        code="HG514",
    )


def inspect_generation(root: Path, request: WriteRequest) -> Generation:
    """Return the next generation of `request.into` without beginning it, its place unchanged.

    Makes the checks of `open_generation`.
    """
    check_name(request.into)
    place = Place(root, request.into)
    check_place(place)
    refuse_written(place)
    lock = place.lock.stat().st_ino if place.lock.exists() else 0
    if place.claims.is_dir():
        check_claims(place, lock)
    owner = Owner.here(request.run_id, request.attempt, lock)
    return Generation(place, owner, request.keep_generations)


@contextmanager
def open_generation(root: Path, request: WriteRequest) -> Iterator[Generation]:
    """Lock and recover the place of `request.into` below `root`, and begin its next generation.

    What was staged and not published is removed when the `with` ends.
    """
    check_name(request.into)
    if not RUN_ID.fullmatch(request.run_id):
        raise StoreError(f"{request.run_id!r} cannot be a run's id: letters, digits, '-' and '_'")
    place = Place(root, request.into)
    prepare(place)
    with locked(place, request) as owner:
        recover(place, owner.lock)
        generation = Generation(place, owner, request.keep_generations)
        generation.begin()
        try:
            yield generation
        finally:
            generation.discard()
