"""The objects of a bucket, as `connectors/files` sees them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2s
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Self, cast

from hygge.connectors.files.connection import Connection
from hygge.connectors.files.entity_names import refuse_name
from hygge.connectors.files.systems import Entry, FileStat, FileSystem
from hygge.errors import ConfigError
from hygge.values.model import Finding

if TYPE_CHECKING:
    from hygge.connectors.files.generations import Generations
    from hygge.connectors.files.objects.bucket import Bucket

_URL = re.compile(r"\s*[A-Za-z0-9]+://(?P<bucket>[^/]*)(?P<path>.*)", re.DOTALL)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,220}")
_MD5 = re.compile(r"[0-9a-f]{32}")
_CONNECTIONS: dict[str, Connection] = {}
"""The connections of this process by their digests."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """An object, or a prefix as a folder; see `Entry`."""

    name: str
    path: str
    known: FileStat | None

    def is_dir(self) -> bool:
        return self.known is None

    def is_symlink(self) -> bool:
        return False

    def stat(self) -> FileStat:
        if self.known is None:
            raise IsADirectoryError(21, "it is a prefix", self.path)
        return self.known


@dataclass(frozen=True)
class ObjectFiles(FileSystem, scheme="s3"):
    """The objects of one bucket; a folder exists while an object's name begins with it.

    It knows its connection by a digest, so that no pickle contains credentials: another process
    knows the connection once it has loaded the project.
    """

    bucket_name: str
    connection: str = ""
    """Digest of the connection."""
    scheme: ClassVar[str] = "s3"

    drivers = ("obstore",)
    extra = "cloud"
    max_file_bytes = 2**30

    @classmethod
    def at(cls, location: str) -> tuple[Self, str]:
        """Return the bucket and the path of a URL; see `FileSystem`."""
        match = _URL.fullmatch(location)
        if match is None or not _BUCKET.fullmatch(match["bucket"]):
            raise ValueError(f"'{location}' names no bucket: write {cls.scheme}://bucket/folder")
        return cls(match["bucket"]), match["path"] or "/"

    def using(self, connection: Connection | None) -> Self:
        """Return the bucket reached by a connection."""
        chosen = connection or Connection()
        key = blake2s(repr(_plain(chosen)).encode(), digest_size=16).hexdigest()
        _CONNECTIONS[key] = chosen
        return type(self)(self.bucket_name, key)

    @property
    def bucket(self) -> Bucket:
        """The client, shared by all equal file systems of this process."""
        return _client(self)

    def shown(self, path: str) -> str:
        """Return the URL of a path."""
        return f"{self.scheme}://{self.bucket_name}{path}"

    def is_dir(self, path: str) -> bool:
        """Return whether an object is below a path. Raises `OSError` for an unreachable server."""
        return self.bucket.has_any(key_of(path))

    def is_file(self, path: str) -> bool:
        """Return whether there is an object. Raises `OSError` for an unreachable server."""
        try:
            self.stat(path)
        except FileNotFoundError as error:
            if getattr(error, "hint", None):
                raise
            return False
        return True

    def is_there(self, path: str) -> bool:
        """Return whether there is an object, or one below the path."""
        return self.is_file(path) or self.is_dir(path)

    def stat(self, path: str) -> FileStat:
        """Return the metadata of an object; its etag is the stamp."""
        if not key_of(path):
            raise IsADirectoryError(21, "it is a bucket", self.shown(path))
        return self.bucket.head(key_of(path))

    def identity(self, folder: str) -> str:
        """Return the path: it has no other name."""
        return folder

    def entries(self, folder: str) -> Sequence[Entry]:
        """Return the prefixes and objects directly below a folder."""
        prefixes, objects = self.bucket.level(key_of(folder))
        folders = [_Entry(posixpath.basename(one), f"/{one}", None) for one in prefixes]
        files = [_Entry(posixpath.basename(one.key), f"/{one.key}", one.stat) for one in objects]
        return [*folders, *files]

    def check_listing(self, folder: str) -> None:
        """List the first page of a folder."""
        self.bucket.has_any(key_of(folder))

    def names(self, folder: str, stem: str) -> Sequence[str]:
        """Return the names in a folder with a stem; see `FileSystem`."""
        names = [entry.name for entry in self.entries(folder)]
        return [name for name in names if name.partition(".")[0] == stem]

    def resolved(self, path: str) -> str:
        """Return the path: there are no links."""
        return path

    def can_read(self, path: str) -> bool:
        """Return true: the server decides it for each request."""
        return True

    def open(self, path: str) -> BinaryIO:
        """Open an object for ranged reads."""
        from hygge.connectors.files.objects.reader import ObjectReader

        return cast("BinaryIO", ObjectReader(self.bucket, key_of(path)))

    def published(self, folder: str) -> Sequence[Entry] | None:
        """Return the files of a store's entity by its newest commit; see `FileSystem`."""
        from hygge.connectors.files.objects.place import ObjectPlace

        found = ObjectPlace(self, key_of(folder)).published()
        if found is None:
            return None
        return [_Entry(posixpath.basename(one.key), f"/{one.key}", one.stat) for one in found]

    def content_id(self, path: str, stamp: str) -> str | None:
        """Return the etag; of one that is no MD5, together with the path."""
        if not stamp:
            return None
        return stamp if _MD5.fullmatch(stamp) else f"{path}\0{stamp}"

    def examine(self) -> Iterator[Finding]:
        """Yield where the credentials come from."""
        bucket = self.bucket
        yield Finding(f"{bucket.address}; credentials: {bucket.access.source}")

    def generations(self, root: str) -> Generations:
        """Return the generations of entities below a prefix."""
        from hygge.connectors.files.objects.generations import ObjectGenerations

        return ObjectGenerations(self, key_of(root))

    @classmethod
    def refuse_name(cls, into: str) -> str | None:
        """Return why `into` is not a valid name of an entity."""
        return refuse_name(into)


def key_of(path: str) -> str:
    """Return the object name, or the prefix, of a path."""
    return path.strip("/")


def _plain(connection: Connection) -> list[tuple[str, object]]:
    """Return the settings of a connection, with secrets."""
    secret = ("secret_access_key", "session_token")
    values = dict(connection)
    for name in secret:
        values[name] = values[name] and values[name].get_secret_value()
    return sorted(values.items())


@lru_cache(maxsize=64)
def _client(system: ObjectFiles) -> Bucket:
    from hygge.connectors.files.objects.bucket import Bucket

    connection = _CONNECTIONS.get(system.connection)
    if connection is None:
        raise ConfigError(
            f"the connection of {system.shown('/')} is unknown in this process",
            hint="load the project before a reader of another process is used",
        )
    return Bucket(system.scheme, system.bucket_name, connection)
