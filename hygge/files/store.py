"""Stores that are directories of files: one directory an entity, one format a store."""

from __future__ import annotations

import glob
import os
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, field_validator

from hygge.connector import HomeConfig, ProjectContext, Store, StoreConfig
from hygge.files.formats import FileFormat
from hygge.files.names import refuse_name
from hygge.files.patterns import PLACEHOLDER
from hygge.model import Mode
from hygge.settings import Bytes, LocalPath, Names
from hygge.unfit import UnfitError

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
        from hygge.files.storing import FileStore

        return FileStore(self, Path(os.path.normpath(context.path(self.path))))
