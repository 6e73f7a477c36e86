"""Stores of files: one place an entity, one format a store."""

from __future__ import annotations

import glob
import posixpath
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, ClassVar, Self, cast

from pydantic import Field, field_validator, model_validator

from hygge.connector import (
    HomeConfig,
    Inspection,
    ProjectContext,
    Store,
    StoreConfig,
    Target,
    WriteRequest,
)
from hygge.connectors.files.connection import Connection
from hygge.connectors.files.formats import BUFFER_BYTES, FileFormat, store_errors
from hygge.connectors.files.generations import Generation, Generations
from hygge.connectors.files.reading.home import FileHome
from hygge.connectors.files.reading.patterns import PLACEHOLDER
from hygge.connectors.files.systems import (
    FileLocation,
    FileSystem,
    class_of,
    file_system,
    missing_of,
)
from hygge.connectors.files.writing.adoption import check_adoption
from hygge.connectors.files.writing.single import check_packing, check_single
from hygge.connectors.files.writing.splits import FileOptions
from hygge.connectors.files.writing.target import FileTarget
from hygge.errors import CommitUnknownError, StoreError
from hygge.runtime.system import PASSING, PlaceError
from hygge.settings.move import Bytes, Names
from hygge.types.unfit import UnfitError
from hygge.values.model import Commit, Finding, Mode
from hygge.values.plurals import listed

if TYPE_CHECKING:
    import pyarrow as pa


_OF_MANY = ("file_max_rows", "file_max_bytes", "partition_by")
"""Settings that lay an entity out in several files."""


class FileStoreConfig(StoreConfig):
    """What every store of files says in YAML; a format adds its own settings."""

    path: FileLocation
    """Directory of the store, relative to the project; each entity is a directory in it.

    With `{entity}` in the last step, such as `out/{entity}.csv`, each entity is that one file: a
    commit replaces it at once, and an append or a merge writes all of it again.
    """
    connection: Connection | None = None
    """Endpoint and credentials for a `path` such as s3://bucket/folder: `endpoint`, `region`,
    `access_key_id`, `secret_access_key`, `session_token`, `profile`, `anonymous`, `path_style`,
    `allow_http`, `ca_file`. Default: the standard variables of the cloud."""
    file_max_rows: Annotated[int, Field(ge=1)] | None = None
    """Maximum number of rows of a file."""
    file_max_bytes: Bytes | None = None
    """Approximate maximum size of a file, such as `256MB`; in an object store 1 GiB by default."""
    partition_by: Names = ()
    """Columns that become directories, such as `country=NO/`, instead of columns in the files."""

    modes: ClassVar[frozenset[Mode]] = frozenset(Mode)
    stages_elsewhere: ClassVar = True
    suffixes: ClassVar[tuple[str, ...]] = ()
    """Extensions of single files of this format."""

    @field_validator("path")
    @classmethod
    def _check_path(cls, path: str) -> str:
        if "\0" in path:
            raise ValueError("a path cannot contain a NUL character")
        if PLACEHOLDER in path:
            check_single(cls.suffixes, path)
        elif path.lower().rstrip("/").endswith(cls.suffixes):
            folder, name = posixpath.split(path.rstrip("/"))
            ending = next(one for one in cls.suffixes if name.lower().endswith(one))
            one_file = posixpath.join(folder, PLACEHOLDER + ending)
            raise ValueError(
                f"'{path}' looks like one file, but a store contains many entities: name the "
                f"directory, or one file for each entity with  path: {one_file}"
            )
        return path

    @model_validator(mode="after")
    def _check_files(self) -> Self:
        if self.is_single:
            more = [name for name in _OF_MANY if getattr(self, name)]
            if more:
                raise ValueError(
                    f"{listed(more)} would make several files, and path '{self.path}' is one file "
                    "for each entity: remove one of them"
                )
            check_packing(self.suffixes, self.path, getattr(self, "compression", "none"))
        return self

    @property
    def is_single(self) -> bool:
        """Whether each entity is one file."""
        return PLACEHOLDER in self.path

    @abstractmethod
    def format(self) -> FileFormat:
        """Return the format with these settings. Imports its driver."""

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
            if self.is_single or glob.escape(self.path) == self.path
            else f"{glob.escape(self.path)}/{PLACEHOLDER}"
        )
        return self.read_by(home, path=path, **more)

    def missing(self) -> tuple[list[str], str | None]:
        """Return the drivers that the path needs, too; see `ConnectorConfig.missing`."""
        names, extra = super().missing()
        return (names, extra) if names else missing_of(self.path)

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return the directory of entity `name`."""
        system, root = self._root(context)
        if self.is_single:
            return [system.shown(root.replace(PLACEHOLDER, name))]
        return [system.shown(posixpath.join(root, name))]

    def refuse_name(self, into: str) -> str | None:
        """Return why no directory can be called `into`; see `StoreConfig.refuse_name`."""
        return class_of(self.path).refuse_name(into)

    def generations(self, context: ProjectContext) -> Generations:
        """Return what commits the entities; touches nothing."""
        system, root = self._root(context)
        if self.is_single:
            return system.single_files(*posixpath.split(root))
        return system.generations(root)

    def _root(self, context: ProjectContext) -> tuple[FileSystem, str]:
        system, path = file_system(context.location(self.path), self.connection)
        return system, posixpath.normpath(path)

    def store(self, context: ProjectContext) -> Store:
        """Return the store; touches nothing."""
        return FileStore(self, context)


class FileStore(Store):
    """Entities as sets of data files, each published at once."""

    def __init__(self, config: FileStoreConfig, context: ProjectContext) -> None:
        self.config = config
        self._context = context
        self._generations = config.generations(context)

    def check(self) -> None:
        """Look whether the store can be written."""
        self._generations.check()

    def examine(self) -> Iterator[Finding]:
        """Yield findings on whether a file can be written, and on free space."""
        yield from self._generations.examine()

    def retry_after(self, error: BaseException) -> float | None:
        """Return 0.0 for a server that did not answer, or was busy."""
        cause = error.__cause__ if isinstance(error, StoreError) else error
        is_passing = isinstance(cause, PlaceError) and cause.errno in PASSING
        return 0.0 if is_passing and not isinstance(error, CommitUnknownError) else None

    def last_commit(self, into: str) -> Commit | None:
        """Return the commit of the live generation; see `Store.last_commit`."""
        with store_errors(f"read {self._place(into)}"):
            record = self._generations.last(into)
        return None if record is None else record.commit

    @contextmanager
    def open(self, request: WriteRequest) -> Iterator[Target]:
        """Take the entity's place for one attempt; see `Store.open`."""
        with ExitStack() as stack:
            with store_errors(f"write to {self._place(request.into)}"):
                generation = stack.enter_context(self._generations.open(request))
                check_adoption(generation, request)
            yield self._target(generation, request)

    @contextmanager
    def inspect(self, request: WriteRequest) -> Iterator[Inspection]:
        """Show the entity's place as it is; see `Store.inspect`."""
        with store_errors(f"inspect {self._place(request.into)}"):
            generation = self._generations.inspect(request)
            check_adoption(generation, request)
        yield self._target(generation, request)

    def _place(self, into: str) -> str:
        return self.config.places(self._context, into)[0]

    def _target(self, generation: Generation, request: WriteRequest) -> FileTarget:
        config = self.config
        options = FileOptions(
            config.format(),
            config.file_max_rows,
            config.file_max_bytes or class_of(config.path).max_file_bytes,
            config.partition_by,
            min(request.buffer_bytes, BUFFER_BYTES),
            config.is_single,
        )
        return FileTarget(generation, request, options, self._home)

    def _home(self, schema: pa.Schema) -> FileHome:
        """Return the home that reads these files, whose columns have the types of `schema`."""
        home = self.config.as_home(schema)
        if home is None:
            raise StoreError(f"files of a {self.config.type_name} store cannot be read again")
        return cast("FileHome", home.home(self._context))
