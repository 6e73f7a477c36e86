"""Stores that are directories of files: one directory an entity, one format a store."""

from __future__ import annotations

import glob
import os
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, field_validator

from hygge.connector import (
    HomeConfig,
    Inspection,
    ProjectContext,
    Store,
    StoreConfig,
    Target,
    WriteRequest,
)
from hygge.connectors.files.formats import BUFFER_BYTES, FileFormat, store_errors
from hygge.connectors.files.local.adoption import check_adoption
from hygge.connectors.files.local.generations import inspect_generation, open_generation
from hygge.connectors.files.local.names import refuse_name
from hygge.connectors.files.local.place import STATE, Place
from hygge.connectors.files.local.record import load_record
from hygge.connectors.files.reading.patterns import PLACEHOLDER
from hygge.connectors.files.writing.splits import Layout
from hygge.connectors.files.writing.target import FileTarget
from hygge.errors import StoreError
from hygge.settings.move import Bytes, LocalPath, Names
from hygge.types.unfit import UnfitError
from hygge.values.model import Commit, Finding, Mode

if TYPE_CHECKING:
    import pyarrow as pa


class FileStoreConfig(StoreConfig):
    """What every store of files says in YAML; a format adds its own settings."""

    path: LocalPath
    """The store's directory, relative to the project; each entity is a directory in it."""
    file_max_rows: Annotated[int, Field(ge=1)] | None = None
    """Begin a new file after this many rows."""
    file_max_bytes: Bytes | None = None
    """Begin a new file once one has reached about this size, such as `256MB`."""
    partition_by: Names = ()
    """Columns whose values become directories, `country=NO/`, instead of columns in the files."""

    modes: ClassVar[frozenset[Mode]] = frozenset(Mode)
    suffixes: ClassVar[tuple[str, ...]] = ()
    """How names of single files of this format end."""

    @field_validator("path")
    @classmethod
    def _is_directory(cls, path: str) -> str:
        if path.lower().rstrip("/").endswith(cls.suffixes):
            raise ValueError(
                f"'{path}' looks like one file, but a store is a directory: name the directory; "
                "each entity becomes a directory of data files in it"
            )
        if "\0" in path:
            raise ValueError("a path cannot hold a NUL")
        return path

    @abstractmethod
    def format(self) -> FileFormat:
        """Return the format that these settings describe. Imports its driver."""

    @classmethod
    def held_as(cls, field: pa.Field) -> tuple[pa.Field, str] | None:
        """Return the column of a file that holds `field`; see `StoreConfig.held_as`."""
        try:
            fitted = field.with_type(cls(type=cls.type_name, path="x").format().fit(field.type))
        except UnfitError:
            return None
        return fitted, str(fitted.type)

    def read_files_by(self, home: type[HomeConfig], **more: object) -> HomeConfig:
        """Return the home of a class that reads these files; see `StoreConfig.read_by`."""
        path = (
            self.path
            if glob.escape(self.path) == self.path
            else f"{glob.escape(self.path)}/{PLACEHOLDER}"
        )
        return self.read_by(home, path=path, **more)

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return the directory of entity `name`."""
        return [os.path.normpath(context.path(self.path) / name)]

    def refuse_name(self, into: str) -> str | None:
        """Return why no directory can be called `into`; see `StoreConfig.refuse_name`."""
        return refuse_name(into)

    def store(self, context: ProjectContext) -> Store:
        """Return the store; touches nothing."""
        from hygge.connectors.files.writing.store import FileStore

        return FileStore(self, Path(os.path.normpath(context.path(self.path))))


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
