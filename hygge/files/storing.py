"""A store that is a directory of files: what it does with its entities' directories."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryFile

from hygge.connector import Inspection, Store, Target, WriteRequest
from hygge.errors import StoreError
from hygge.files.adoption import check_adoption
from hygge.files.formats import BUFFER_BYTES, store_errors
from hygge.files.generations import inspect_generation, open_generation
from hygge.files.place import STATE, Place
from hygge.files.record import load_record
from hygge.files.splits import Layout
from hygge.files.store import FileStoreConfig
from hygge.files.target import FileTarget
from hygge.model import Commit, Finding

_LITTLE_SPACE = 10**9


class FileStore(Store):
    """A directory of entities, each published by swapping whole directories."""

    def __init__(self, config: FileStoreConfig, root: Path) -> None:
        self.config = config
        self.root = root

    def check(self) -> None:
        """Look whether the directory, or the nearest one above it, can be written."""
        place = self._nearest()
        if not place.is_dir():
            raise StoreError(
                f"{place} is not a directory, so the store cannot be {self.root}",
                hint="choose another path",
            )
        if not os.access(place, os.W_OK | os.X_OK):
            raise StoreError(
                f"{place} cannot be written by this user",
                hint=f"grant the right to write there, or choose another path than {self.root}",
            )

    def _nearest(self) -> Path:
        """Return the directory, or the nearest one above it that is there."""
        place = self.root
        while not place.exists() and place != place.parent:
            place = place.parent
        return place

    def examine(self) -> Iterator[Finding]:
        """Yield whether a file can be written there, and how much room is left."""
        self.check()
        place = self._nearest()
        with store_errors(f"write to {place}"), TemporaryFile(dir=place):
            free = disk_usage(place).free
        state = "it can be written" if place == self.root else "it can be made"
        yield Finding(f"{state}; {free / 10**9:,.1f} GB are free")
        if free < _LITTLE_SPACE:
            hint = f"a replace needs room for the old rows and the new ones:  df -h {place}"
            yield Finding(f"{free // 10**6:,} MB are little", "warning", hint)

    def last_commit(self, into: str) -> Commit | None:
        """Return the commit of the live directory; see `Store.last_commit`."""
        live = Place(self.root, into).live
        with store_errors(f"read {live}"):
            record = load_record(live)
        return None if record is None else record.commit

    @contextmanager
    def open(self, request: WriteRequest) -> Iterator[Target]:
        """Take the entity's directory for one attempt; see `Store.open`."""
        with ExitStack() as stack:
            with store_errors(f"write to {self.root / request.into}"):
                generation = stack.enter_context(open_generation(self.root, request))
                check_adoption(generation, request)
            layout = self._layout(request.buffer_bytes)
            yield FileTarget(generation, request, layout, self.config)

    @contextmanager
    def inspect(self, request: WriteRequest) -> Iterator[Inspection]:
        """Show the entity's directory as it is; see `Store.inspect`."""
        with store_errors(f"look at {self.root / request.into}"):
            generation = inspect_generation(self.root, request)
            check_adoption(generation, request)
            self._check_room(generation.place)
        yield FileTarget(generation, request, self._layout(request.buffer_bytes), self.config)

    def _check_room(self, place: Place) -> None:
        """Raise `StoreError` where this user can make no file in what `open` would use."""
        self.check()
        for folder in (place.root / STATE, place.state, place.claims):
            if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
                raise StoreError(
                    f"{folder} cannot be written by this user, and hygge stages rows there",
                    hint=f"give it to the user who runs hygge:  chown -R $USER {folder}",
                )

    def _layout(self, buffer_bytes: int) -> Layout:
        config = self.config
        return Layout(
            config.format(),
            config.file_max_rows,
            config.file_max_bytes,
            config.partition_by,
            min(buffer_bytes, BUFFER_BYTES),
        )
