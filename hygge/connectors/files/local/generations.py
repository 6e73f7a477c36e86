"""The places of a store's entities on a local disk: one directory each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryFile
from typing import ClassVar

from hygge.connector import WriteRequest
from hygge.connectors.files.formats import store_errors
from hygge.connectors.files.local.generation import LocalGeneration
from hygge.connectors.files.local.owner import Owner
from hygge.connectors.files.local.place import (
    RUN_ID,
    STATE,
    Place,
    check_name,
    check_place,
    locked,
    prepare,
    refuse_written,
)
from hygge.connectors.files.local.recovery import check_claims, recover
from hygge.connectors.files.records import Record
from hygge.errors import StoreError
from hygge.values.model import Finding

_LITTLE_SPACE = 10**9


class LocalGenerations:
    """Directories of data files below one directory; see `Generations`."""

    generation: ClassVar[type[LocalGeneration]] = LocalGeneration

    def __init__(self, root: Path) -> None:
        self.root = root

    def place(self, into: str) -> Place:
        """Return the place of an entity."""
        return Place(self.root, into)

    def __str__(self) -> str:
        return str(self.root)

    def check(self) -> None:
        """Check that the directory, or its nearest existing parent, is writable."""
        place = self._nearest()
        if not place.is_dir():
            raise StoreError(
                f"{place} is not a directory, so the store cannot be {self.root}",
                hint="choose another path",
            )
        if not os.access(place, os.W_OK | os.X_OK):
            raise StoreError(
                f"this user has no permission to write to {place}",
                hint=f"grant write permission, or choose another path than {self.root}",
            )

    def _nearest(self) -> Path:
        """Return the directory, or its nearest existing parent."""
        place = self.root
        while not place.exists() and place != place.parent:
            place = place.parent
        return place

    def examine(self) -> Iterator[Finding]:
        """Yield findings on whether a file can be written, and on free space."""
        self.check()
        place = self._nearest()
        with store_errors(f"write to {place}"), TemporaryFile(dir=place):
            free = disk_usage(place).free
        state = "writable" if place == self.root else "can be created"
        yield Finding(f"{state}; {free / 10**9:,.1f} GB are free")
        if free < _LITTLE_SPACE:
            hint = f"a replace needs room for the old rows and the new ones:  df -h {place}"
            yield Finding(f"only {free // 10**6:,} MB are free", "warning", hint)

    def last(self, into: str) -> Record | None:
        """Return the record of the live directory."""
        return self.place(into).newest()

    @contextmanager
    def open(self, request: WriteRequest) -> Iterator[LocalGeneration]:
        """Lock and recover the place of `request.into`, and begin its next generation.

        Staged files that were not published are removed when the `with` ends.
        """
        check_name(request.into)
        if not RUN_ID.fullmatch(request.run_id):
            raise StoreError(f"invalid run id {request.run_id!r}: use letters, digits, '-' and '_'")
        place = self.place(request.into)
        prepare(place)
        with locked(place, request) as owner:
            recover(place, owner.lock)
            generation = self.generation(place, owner, request.keep_generations)
            generation.begin()
            try:
                yield generation
            finally:
                generation.discard()

    def inspect(self, request: WriteRequest) -> LocalGeneration:
        """Return the next generation without changing its place.

        Makes the checks of `open`, and raises `StoreError` where this user cannot create files in
        its directories.
        """
        check_name(request.into)
        place = self.place(request.into)
        check_place(place)
        refuse_written(place)
        lock = place.lock.stat().st_ino if place.lock.exists() else 0
        if place.claims.is_dir():
            check_claims(place, lock)
        self.check()
        _check_room(place)
        owner = Owner.here(request.run_id, request.attempt, lock)
        return self.generation(place, owner, request.keep_generations)


def _check_room(place: Place) -> None:
    for folder in (place.root / STATE, place.state, place.claims):
        if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
            raise StoreError(
                f"this user has no permission to write to {folder}, where hygge stages rows",
                hint=f"give it to the user who runs hygge:  chown -R $USER {folder}",
            )
