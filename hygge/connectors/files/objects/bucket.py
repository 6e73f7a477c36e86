"""A client of one bucket: requests by object name, with errors as `OSError`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hygge import __version__
from hygge.connectors.files.connection import Connection
from hygge.connectors.files.objects.credentials import Access, Keys, access_of, authorities
from hygge.connectors.files.objects.faults import Situation, os_error
from hygge.connectors.files.systems import FileStat

if TYPE_CHECKING:
    from obstore.store import ObjectStore

PART_BYTES = 8 * 2**20
"""Bytes of one request of a large upload."""
_UPLOADS = 2
"""Requests of one upload that run at once."""
_COPIES = 8
"""Copies and look-ups that run at once."""
_PAGE = 1000
"""Objects of one request that lists or deletes."""
_RETRIES = 4
_RETRY_SECONDS = 60
_SECOND_NS = 10**9


@dataclass(frozen=True, slots=True)
class Found:
    """An object in a listing."""

    key: str
    stat: FileStat


class Bucket:
    """One bucket, as seen with some credentials. Used by several threads."""

    def __init__(self, scheme: str, name: str, connection: Connection) -> None:
        self.name = name
        self.scheme = scheme
        self.access = access_of(connection)
        self._store = _store(name, connection, self.access)

    def shown(self, key: str) -> str:
        """Return the URL of an object or prefix."""
        return f"{self.scheme}://{self.name}/{key}"

    @property
    def address(self) -> str:
        """Where the server is, for messages."""
        return self.access.endpoint or f"https://s3.{self.access.region}.amazonaws.com"

    @contextmanager
    def _asking(self, doing: str, key: str) -> Iterator[None]:
        """Convert errors of the driver, which is asked about an object or prefix."""
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, FileNotFoundError) as error:
            situation = Situation(
                doing, self.name, self.address, self.access.source, self.shown(key)
            )
            raise os_error(error, situation) from None

    def head(self, key: str) -> FileStat:
        """Return the metadata of an object. Raises `FileNotFoundError`."""
        import obstore

        with self._asking("read", key):
            return _stat(obstore.head(self._store, key))

    def get(self, key: str) -> tuple[bytes, FileStat]:
        """Return an object and its metadata. Raises `FileNotFoundError`."""
        import obstore

        with self._asking("read", key):
            answer = obstore.get(self._store, key)
            return bytes(answer.bytes()), _stat(answer.meta)

    def find(self, key: str) -> bytes | None:
        """Return an object; None where there is none."""
        try:
            return self.get(key)[0]
        except FileNotFoundError as error:
            if getattr(error, "hint", None):
                raise
            return None

    def range(self, key: str, start: int, end: int, stamp: str) -> bytes:
        """Return bytes of an object, which must still have this stamp. Raises `OSError`."""
        import obstore

        options: Any = {"range": (start, end)}
        if stamp:
            options["if_match"] = f'"{stamp}"'
        with self._asking("read", key):
            return bytes(obstore.get(self._store, key, options=options).bytes())

    def put(self, key: str, data: bytes) -> None:
        """Write an object."""
        import obstore

        with self._asking("write", key):
            obstore.put(self._store, key, data)

    def put_new(self, key: str, data: bytes) -> None:
        """Write an object where none is; raise `FileExistsError` where there is one.

        Also raised where an earlier request of this very call had written it.
        """
        import obstore

        with self._asking("write", key):
            obstore.put(self._store, key, data, mode="create", use_multipart=False)

    def upload(self, key: str) -> Upload:
        """Begin an object of any size; it exists once it is finished."""
        return Upload(self, key)

    def copy(self, source: str, target: str) -> None:
        """Copy an object on the server. Raises `FileNotFoundError`."""
        import obstore

        with self._asking("write", target):
            obstore.copy(self._store, source, target)

    def copy_all(self, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Copy objects on the server; return the pairs whose source does not exist."""

        def one(pair: tuple[str, str]) -> bool:
            try:
                self.copy(*pair)
            except FileNotFoundError:
                return False
            return True

        wanted = list(pairs)
        return [pair for pair, done in zip(wanted, _at_once(one, wanted), strict=True) if not done]

    def heads(self, keys: Sequence[str]) -> dict[str, FileStat | None]:
        """Return the metadata of objects; None for each that does not exist."""

        def one(key: str) -> FileStat | None:
            try:
                return self.head(key)
            except FileNotFoundError:
                return None

        return dict(zip(keys, _at_once(one, keys), strict=True))

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; missing ones are no error."""
        import obstore

        for start in range(0, len(keys), _PAGE):
            with self._asking("delete", keys[start]):
                obstore.delete(self._store, keys[start : start + _PAGE])

    def below(self, prefix: str, after: str | None = None) -> Iterator[Found]:
        """Yield all objects below a prefix, in the order of their names, from `after` on."""
        import obstore

        with self._asking("list", prefix):
            for page in obstore.list(self._store, prefix or None, offset=after, chunk_size=_PAGE):
                for one in page:
                    yield Found(one["path"], _stat(one))

    def has_any(self, prefix: str) -> bool:
        """Return whether there is an object below a prefix."""
        return next(islice(self.below(prefix), 1), None) is not None

    def level(self, prefix: str) -> tuple[list[str], list[Found]]:
        """Return the prefixes and the objects directly below a prefix."""
        import obstore

        with self._asking("list", prefix):
            found = obstore.list_with_delimiter(self._store, prefix or None)
        objects = [Found(one["path"], _stat(one)) for one in found["objects"]]
        return list(found["common_prefixes"]), objects


class Upload:
    """An object while it is written, in several requests where it is large."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        import obstore

        self._bucket = bucket
        self._key = key
        self._writer = obstore.open_writer(
            bucket._store, key, buffer_size=PART_BYTES, max_concurrency=_UPLOADS
        )

    def write(self, data: bytes | memoryview) -> int:
        """Append bytes."""
        with self._bucket._asking("write", self._key):
            # Arrow's buffers are of signed bytes, which the driver refuses.
            return self._writer.write(memoryview(data).cast("B"))

    def finish(self) -> FileStat:
        """Complete the object and return its metadata on the server."""
        with self._bucket._asking("write", self._key):
            self._writer.close()
        return self._bucket.head(self._key)

    def abandon(self) -> None:
        """End the upload; there is no object then. Raises nothing."""
        try:
            self._writer.__exit__(InterruptedError, InterruptedError(), None)
        except Exception:
            return  # the server removes unfinished uploads by its own rules


def _at_once(one: Any, values: Sequence[Any]) -> list[Any]:  # noqa: ANN401
    if len(values) < 2:
        return [one(value) for value in values]
    with ThreadPoolExecutor(_COPIES, "hygge-objects") as pool:
        return list(pool.map(one, values))


def _stat(meta: Mapping[str, Any]) -> FileStat:
    """Return the metadata of an object: times in whole seconds, as some answers have them."""
    seconds = int(meta["last_modified"].timestamp())
    return FileStat(meta["size"], seconds * _SECOND_NS, (meta["e_tag"] or "").strip('"'))


def _store(name: str, connection: Connection, access: Access) -> ObjectStore:
    from obstore.store import S3Store

    more: dict[str, Any] = {}
    endpoint = access.endpoint
    if endpoint is not None:
        more["endpoint"] = endpoint if connection.path_style else _with_host(endpoint, name)
    if connection.anonymous:
        more["skip_signature"] = True
    elif access.keys is not None:
        more["credential_provider"] = _Fixed(access.keys)
    return S3Store(
        name,
        region=access.region,
        virtual_hosted_style_request=not connection.path_style,
        client_options=_client_options(connection, endpoint),
        retry_config={
            "max_retries": _RETRIES,
            "retry_timeout": dt.timedelta(seconds=_RETRY_SECONDS),
        },
        **more,
    )


def _client_options(connection: Connection, endpoint: str | None) -> Any:  # noqa: ANN401
    options: dict[str, Any] = {
        "allow_http": endpoint is not None and endpoint.startswith("http://"),
        "connect_timeout": "5s",
        "timeout": "120s",
        "user_agent": f"hygge/{__version__}",
    }
    if (trusted := authorities(connection)) is not None:
        options["root_certificate"] = trusted
    return options


def _with_host(endpoint: str, bucket: str) -> str:
    url = urlsplit(endpoint)
    return url._replace(netloc=f"{bucket}.{url.netloc}").geturl()


class _Fixed:
    """Gives the driver one key, whatever the environment has."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def __call__(self) -> Any:  # noqa: ANN401
        keys = self._keys
        return {
            "access_key_id": keys.access_key_id,
            "secret_access_key": keys.secret_access_key,
            "token": keys.token,
            "expires_at": None,
        }
