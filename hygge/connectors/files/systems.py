"""File systems: where data files lie, reached by the scheme of a URL.

`path: data/in` and `path: file:///data/in` are the local one. A package adds another by an entry
point of the group `hygge.file_systems`, named like the scheme, that loads a `FileSystem` class.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, BinaryIO, ClassVar, Protocol, Self

from pydantic import AfterValidator, Field

from hygge.connectors.files.connection import Connection
from hygge.values.locations import LOCAL, local_path, scheme_of

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.files.generations import Generations
    from hygge.values.model import Finding

GROUP = "hygge.file_systems"
_BUILT_IN = {
    LOCAL: "hygge.connectors.files.local.disk",
    "s3": "hygge.connectors.files.objects.system",
}
CLASSES: dict[str, type[FileSystem]] = {}
"""The imported file systems, by URL scheme."""


@dataclass(frozen=True, slots=True)
class FileStat:
    """Metadata of a file."""

    size: int
    """Bytes."""
    modified_ns: int
    """When it was written, in nanoseconds since 1970."""
    stamp: str
    """A value that changes when another file gets the name: an inode here, an etag elsewhere."""


class Entry(Protocol):
    """One name in a folder."""

    @property
    def name(self) -> str:
        """The last step of the path."""

    @property
    def path(self) -> str:
        """The path in its file system."""

    def is_dir(self) -> bool:
        """Return whether it is a folder, or a link to one."""

    def is_symlink(self) -> bool:
        """Return whether it is a link."""

    def stat(self) -> FileStat:
        """Return what is known of the file, links followed. Raises `OSError`."""


class FileSystem(ABC):
    """A file system. A value that can be pickled and compared.

    `class X(FileSystem, scheme="x")` registers itself. A path in it begins with `/` and has `/`
    between its steps. Failures raise `OSError`: `FileNotFoundError`, `PermissionError`, or one with
    the reason in `strerror`.
    """

    def __init_subclass__(cls, scheme: str | None = None) -> None:
        super().__init_subclass__()
        if scheme is not None:
            CLASSES[scheme] = cls

    @classmethod
    @abstractmethod
    def at(cls, location: str) -> tuple[Self, str]:
        """Return the file system and path of a URL. Touches no network.

        Raises `ValueError` with the reason for an invalid URL.
        """

    drivers: ClassVar[tuple[str, ...]] = ()
    """Import names of the packages it needs at run time."""
    extra: ClassVar[str | None] = None
    """The extra of hygge-data that installs them."""
    max_file_bytes: ClassVar[int | None] = None
    """Approximate maximum size of a file that a store writes, where it sets none itself."""

    def using(self, connection: Connection | None) -> FileSystem:
        """Return the file system reached by a connection. Touches no network.

        A file system without connections returns itself.
        """
        return self

    @abstractmethod
    def shown(self, path: str) -> str:
        """Return a path as users write it in `path:`."""

    @abstractmethod
    def is_dir(self, path: str) -> bool:
        """Return whether a path is a folder; false for one that cannot be reached."""

    @abstractmethod
    def is_file(self, path: str) -> bool:
        """Return whether a path is a file; false for one that cannot be reached."""

    @abstractmethod
    def is_there(self, path: str) -> bool:
        """Return whether the name exists, also for a dangling link."""

    @abstractmethod
    def stat(self, path: str) -> FileStat:
        """Return the metadata of a file. Raises `OSError`."""

    @abstractmethod
    def identity(self, folder: str) -> str:
        """Return an id of a folder, equal for two paths to it. Raises `OSError`."""

    @abstractmethod
    def entries(self, folder: str) -> Sequence[Entry]:
        """Return the entries of a folder. Raises `OSError`."""

    @abstractmethod
    def check_listing(self, folder: str) -> None:
        """Raise `OSError` where this user may not list a folder; reads as little as possible."""

    @abstractmethod
    def names(self, folder: str, stem: str) -> Sequence[str]:
        """Return the names in a folder that equal `stem` up to their first dot. Raises `OSError`.

        Called once for each of many entities in one folder.
        """

    @abstractmethod
    def resolved(self, path: str) -> str:
        """Return a path without links in it."""

    @abstractmethod
    def can_read(self, path: str) -> bool:
        """Return whether this user may read a file."""

    @abstractmethod
    def open(self, path: str) -> BinaryIO:
        """Open a file to read any range of it: `seek` and `read`, not buffered. Raises `OSError`.

        `read` returns fewer bytes than wanted only at the end of the file.
        """

    def published(self, folder: str) -> Sequence[Entry] | None:
        """Return the files below a folder by the commit that hygge published there.

        None where there is no commit, or where a listing is exact. Raises `OSError`.
        """
        return None

    def content_id(self, path: str, stamp: str) -> str | None:
        """Return an id of a file's content for its stamp; None where the file must be read."""
        return None

    def examine(self) -> Iterator[Finding]:
        """Yield findings for `hygge doctor`, such as where credentials come from."""
        yield from ()

    def arrow_file(self, path: str, *, mapped: bool = False) -> pa.NativeFile:
        """Open a file for Arrow, `mapped` into memory where the file system can."""
        import pyarrow as pa

        return pa.PythonFile(self.open(path), mode="r")

    @abstractmethod
    def generations(self, root: str) -> Generations:
        """Return the `Generations` below a folder; touches nothing."""

    has_single_files: ClassVar[bool] = False
    """Whether an entity of a store can be one file of a name that stays; see `single_files`."""

    def single_files(self, folder: str, name: str) -> Generations:
        """Return what commits entities as one file each in a folder; touches nothing.

        `name` is the files' name, with `{entity}` for the entity's.
        """
        raise NotImplementedError

    @classmethod
    @abstractmethod
    def refuse_name(cls, into: str) -> str | None:
        """Return why `into` is not a valid entity name here; None when it is."""


@cache
def entry_points_by_scheme() -> dict[str, EntryPoint]:
    """Return the file systems of other packages by scheme; imports none."""
    return {point.name.lower(): point for point in entry_points(group=GROUP)}


def schemes() -> list[str]:
    """Return the supported schemes of `path`, sorted; imports nothing."""
    return sorted({*_BUILT_IN, *CLASSES, *entry_points_by_scheme()})


def find_class(scheme: str) -> type[FileSystem]:
    """Return the file system of one of the `schemes`."""
    if scheme not in CLASSES:
        if scheme in _BUILT_IN:
            import_module(_BUILT_IN[scheme])
        else:
            CLASSES[scheme] = entry_points_by_scheme()[scheme].load()
    return CLASSES[scheme]


def class_of(location: str) -> type[FileSystem]:
    """Return the file system of a path or URL."""
    return find_class(scheme_of(location) or LOCAL)


@lru_cache(maxsize=64)
def file_system(location: str, connection: Connection | None = None) -> tuple[FileSystem, str]:
    """Return the file system of an absolute path or URL, and the path in it."""
    system, path = class_of(location).at(location)
    return system.using(connection), path


def missing_of(location: str) -> tuple[list[str], str | None]:
    """Return the packages that a path needs and that are not installed, and their extra."""
    system = class_of(location)
    return [name for name in system.drivers if find_spec(name) is None], system.extra


def check_location(text: str) -> str:
    """Return the local path of `text`, or an unchanged URL.

    Raises `ValueError` for an unknown scheme, with the known ones, and for an invalid URL.
    """
    if scheme_of(text) in (None, LOCAL):
        return local_path(text)
    others = [scheme for scheme in schemes() if scheme != LOCAL]
    if scheme_of(text) not in others:
        return local_path(text, others)
    file_system(text)
    return text


FileLocation = Annotated[str, Field(min_length=1), AfterValidator(check_location)]
"""A path of files: one on the local disk, or a URL whose scheme has a file system."""
