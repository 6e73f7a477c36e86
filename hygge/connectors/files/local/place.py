"""One entity's place in a store of files: its names on disk, and the lock on it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hygge.connector import WriteRequest
from hygge.connectors.files.entity_names import refuse_name
from hygge.connectors.files.local.durable import make_directory
from hygge.connectors.files.local.owner import Owner
from hygge.connectors.files.local.record import load_record
from hygge.connectors.files.records import Record
from hygge.errors import StoreError
from hygge.runtime.locks import LockHeldError, holder_of, lock_file, write_note
from hygge.runtime.system import explain

STATE = ".hygge"
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
STAGING = re.compile(RUN_ID.pattern + r"\.\d{1,6}")


@dataclass(frozen=True, slots=True)
class Place:
    """The names of one entity in a store."""

    root: Path
    """The store's directory."""
    into: str
    """The entity's name in the store."""

    @property
    def live(self) -> Path:
        """The directory that readers see."""
        return self.root / self.into

    @property
    def state(self) -> Path:
        """What hygge keeps beside it, on the same file system: staging, claims, the lock."""
        return self.root / STATE / self.into

    @property
    def lock(self) -> Path:
        """The file whose flock is held while a target is open."""
        return self.state / "lock"

    def previous(self, seq: int) -> Path:
        """The generation of commit `seq` after it was live; 0 is data that hygge did not write."""
        return self.state / f"previous-{seq}"

    @property
    def claims(self) -> Path:
        """One file for each commit number that a run is about to publish."""
        return self.state / "claims"

    @property
    def intent(self) -> Path:
        """The intent of a swap by two renames, where names cannot be swapped atomically."""
        return self.state / "intent.json"

    def staging(self, run_id: str, attempt: int) -> Path:
        """The next generation while an attempt builds it."""
        return self.state / f"{run_id}.{attempt}"

    @property
    def shown(self) -> Path:
        """What messages call the place: what readers see."""
        return self.live

    def check_shown(self) -> None:
        """Raise `StoreError` where what readers see could not be what the store makes."""
        if self.live.is_symlink() or (self.live.exists() and not self.live.is_dir()):
            raise StoreError(
                f"{self.live} is a link or a file; the store needs a directory there",
                hint="move it away, or choose another name with  into: <name>",
            )

    def published(self) -> Path | None:
        """Return a next generation that readers already see and that is not yet `live`."""
        return None

    def newest(self) -> Record | None:
        """Return the record of the newest commit."""
        return load_record(self.live)

    @staticmethod
    def sidecar(staging: Path) -> Path:
        """The file beside a next generation that says which process builds it."""
        return staging.with_name(staging.name + ".owner")


def check_name(into: str) -> None:
    """Raise `StoreError` when an entity's name cannot be the name of a directory."""
    reason = refuse_name(into)
    if reason is not None:
        raise StoreError(
            f"{into!r} cannot be the name of a directory in a file store: {reason}",
            hint="choose another name with  into: <name>",
        )


def prepare(place: Place) -> None:
    """Make the directories that the place needs; refuse links and directories of other users."""
    check_place(place)
    make_directory(place.root)
    for folder in _private(place):
        if not folder.is_symlink():
            make_directory(folder, 0o700)
        _check_private(folder)


def _private(place: Place) -> tuple[Path, ...]:
    return place.root / STATE, place.state, place.claims


def check_place(place: Place) -> None:
    """Raise `StoreError` where no entity can be written; creates nothing."""
    if (place.root / "hygge.yml").exists():
        raise StoreError(
            f"the path of the store, {place.root}, is the folder of the project itself",
            hint="use a separate folder for the store, such as  path: data/lake",
        )
    for folder in _private(place):
        if folder.is_symlink() or folder.exists():
            _check_private(folder)
    place.check_shown()


def _check_private(folder: Path) -> None:
    status = folder.lstat()
    is_ours = status.st_uid in (os.geteuid(), 0) and not status.st_mode & 0o022
    if not stat.S_ISDIR(status.st_mode) or not is_ours:
        raise StoreError(
            f"{folder} is a link, or a directory that another user owns or can write to; "
            "hygge keeps unpublished data there",
            hint=f"check it, then remove it:  rm -r {folder}",
        )


@contextmanager
def locked(place: Place, request: WriteRequest) -> Iterator[Owner]:
    """Hold the entity's lock; yield who this process is.

    Raises `StoreError` naming the run that holds it.
    """
    with ExitStack() as stack:
        try:
            descriptor = stack.enter_context(lock_file(place.lock))
        except LockHeldError as error:
            raise _in_use(place, error.note) from error
        owner = Owner.here(request.run_id, request.attempt, os.fstat(descriptor).st_ino)
        write_note(descriptor, owner.dump())
        try:
            yield owner
        except (OSError, StoreError) as error:
            _explain_by_rival(place, owner, descriptor, error)
            raise


def refuse_written(place: Place) -> None:
    """Raise what `locked` would raise, without taking the lock."""
    note = holder_of(place.lock)
    if note is not None:
        raise _in_use(place, note)


def _in_use(place: Place, note: bytes, late: str = "") -> StoreError:
    return StoreError(
        f"{place.shown} is already being written by {Owner.load(note) or 'another run'}{late}",
        hint="wait until that run ends, then start this one again",
        code="HG512",
    )


def _explain_by_rival(
    place: Place, owner: Owner, descriptor: int, error: OSError | StoreError
) -> None:
    """Raise the true cause of an error where another run works in the place despite the lock.

    The file system granted the lock twice: the note in the lock file is the other run's, and the
    failed call, or a missing staged file (HG531), is a consequence.
    """
    if isinstance(error, StoreError) and error.code not in (StoreError.code, "HG531"):
        return
    with suppress(OSError):
        note = os.pread(descriptor, 4096, 0)
        rival = Owner.load(note)
        if rival is not None and rival != owner:
            reason = error.message if isinstance(error, StoreError) else explain(error)
            late = (
                "; nothing was published here. The file system does not enforce locks between "
                f"runs, so this was noticed late ({reason})"
            )
            raise _in_use(place, note, late) from error
