"""Streams of a Redis server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from hygge.connector import Commit, Home, ProjectContext, Purpose, ReadRequest, Source
from hygge.connectors.messages.gaps import Gaps, deleted
from hygge.connectors.messages.rows import Message, MessageRows
from hygge.connectors.messages.unread import NoMessages
from hygge.connectors.redis.config import RedisHomeConfig
from hygge.connectors.redis.connection import connected, is_passing
from hygge.connectors.spool.spool import spooled
from hygge.connectors.sql.table_names import nearest
from hygge.errors import HomeError
from hygge.values.model import EntityFacts, Finding

if TYPE_CHECKING:
    import redis

_PAGE = 1000
_SAMPLE = 1000
"""Entries that a plan or a survey reads to know the columns."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = "0-0"
_WAY = "set  max_messages  in the home, so that a move reads fewer messages"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a stream."""

    id: str
    """ID of the last entry before it."""
    added: int
    """Number of entries that were ever added up to it."""

    @classmethod
    def of(cls, positions: Mapping[str, str]) -> Place:
        """Return the place in positions of a commit."""
        return cls(positions["id"], int(positions["added"]))

    def positions(self) -> dict[str, str]:
        """Return the positions for a commit."""
        return {"id": self.id, "added": str(self.added)}

    def is_after(self, other: str) -> bool:
        """Return whether it is after an ID."""
        return _order(self.id) > _order(other)


@dataclass(frozen=True, slots=True)
class Stream:
    """The state of a stream at one time."""

    end: Place
    length: int
    first: str
    """ID of its first entry; `0-0` without entries."""

    @property
    def start(self) -> Place:
        """The place before its first entry."""
        return Place(_FIRST, self.end.added - self.length)

    def is_another_than(self, place: Place) -> bool:
        """Return whether the stream was created again after a place in it was recorded."""
        if place.is_after(self.end.id) or place.added > self.end.added:
            return True
        is_later = _order(self.first) > _order(place.id)
        return is_later and self.length > self.end.added - place.added


def _order(id_: str) -> tuple[int, int]:
    time, _, number = id_.partition("-")
    return int(time), int(number)


class RedisHome(Home):
    """Streams of a Redis server."""

    def __init__(self, config: RedisHomeConfig, context: ProjectContext) -> None:
        self.config = config
        self.context = context

    def check(self) -> None:
        """Connect; raise `HomeError` for a server that is too old."""
        with self._connected("cannot read") as client:
            _version(client)

    def examine(self) -> Iterator[Finding]:
        """Yield the version, and whether the server may evict streams."""
        with self._connected("cannot read") as client:
            yield Finding(f"connected to Redis {_version(client)}")
            names = list(self._names(client))
            policy = str(client.info("memory").get("maxmemory_policy", ""))
        yield Finding(f"readable; streams: {len(names):,}")
        if policy.startswith("allkeys"):
            text = f"the server evicts keys when its memory is full (maxmemory-policy {policy})"
            yield Finding(text, "warning", "set  maxmemory-policy noeviction  on the server")

    def entities(self, pattern: str = "*") -> list[str]:
        """Return the keys of streams, without the prefix."""
        with self._connected("cannot list streams") as client:
            return sorted(name for name in self._names(client) if fnmatchcase(name, pattern))

    def survey(self, pattern: str = "*") -> list[EntityFacts]:
        """Return columns, from a sample, and entries of each stream."""
        found = []
        for name in self.entities(pattern):
            with self._view(ReadRequest(name), _SAMPLE) as source:
                found.append(EntityFacts(name, source.schema, source.total_rows, kind="stream"))
        return found

    def open(self, request: ReadRequest) -> AbstractContextManager[Source]:
        """Read the entries up to the stream's end as it is now, at most `max_messages`."""
        return self._view(request, _SAMPLE if request.purpose is Purpose.PLAN else None)

    def retry_after(self, error: BaseException) -> float | None:
        """Return 0.0 for lost connections, and servers that start or fail over."""
        return 0.0 if is_passing(error) else None

    @contextmanager
    def _view(self, request: ReadRequest, sample: int | None) -> Iterator[Source]:
        """Open a stream; with `sample` only so many entries are read, to know the columns."""
        with (
            self._connected(f"cannot read {request.entity}") as client,
            spooled(self.context, request, way=_WAY) as spool,
        ):
            stream = self._stream(client, request)
            gaps = Gaps(self.config, request.entity)
            start = self._start(stream, request, gaps)
            settle = _Settling(client, self.config, self._key(request.entity))
            if request.positions and start == stream.end:
                settle.place = start
                yield NoMessages(start.positions(), settle, gaps.notes)
                return
            rows = MessageRows(spool, self.config, request)
            known = stream.end.added - start.added
            most = min(self.config.max_messages or known, known)
            settle.place = end = self._read(client, request, rows, start, stream, sample or most)
            if sample is None and end == stream.end and rows.count < known:
                gaps.report(deleted(known - rows.count, start.id))
            source = rows.source(settle, gaps.notes)
            if sample is not None:
                source.total_rows = most
            source.positions = None if request.positions is None else end.positions()
            yield source

    def _read(
        self,
        client: redis.Redis,
        request: ReadRequest,
        rows: MessageRows,
        start: Place,
        stream: Stream,
        most: int,
    ) -> Place:
        """Read at most `most` entries; return the place after them."""
        key, last = self._key(request.entity), start.id
        while rows.count < most:
            size = min(_PAGE, most - rows.count)
            page: Any = client.xrange(key, f"({last}", stream.end.id, size)
            for id_, fields in page:
                rows.add(self._message(id_.decode(), fields, request.entity))
            if len(page) < size:
                return stream.end
            last = page[-1][0].decode()
        return stream.end if last == stream.end.id else Place(last, start.added + rows.count)

    def _message(self, id_: str, fields: Mapping[bytes, bytes] | None, entity: str) -> Message:
        metadata = {"id": id_, "time": _time(id_), "key": entity}
        fields = fields or {}
        if self.config.field is not None:
            value = fields.get(self.config.field.encode())
            problem = f"no field '{self.config.field}'" if value is None else None
            return Message(id_, value, metadata, problem)
        texts = {
            name.decode(errors="surrogateescape"): value.decode(errors="surrogateescape")
            for name, value in fields.items()
        }
        return Message(id_, json.dumps(texts).encode(), metadata)

    def _stream(self, client: redis.Redis, request: ReadRequest) -> Stream:
        import redis

        _version(client)
        try:
            info: Any = client.xinfo_stream(self._key(request.entity))
        except redis.ResponseError as error:
            if "no such key" not in str(error):
                raise
            raise self._unknown(client, request) from error
        first = info["first-entry"]
        end = Place(info["last-generated-id"].decode(), info["entries-added"])
        return Stream(end, info["length"], first[0].decode() if first else _FIRST)

    def _start(self, stream: Stream, request: ReadRequest, gaps: Gaps) -> Place:
        if not request.positions:
            return stream.start
        place = Place.of(request.positions)
        if stream.is_another_than(place):
            gaps.report(f"the stream was created again after entry {place.id} was moved")
            return stream.start
        return place

    def _unknown(self, client: redis.Redis, request: ReadRequest) -> HomeError:
        known = sorted(self._names(client))
        if request.positions:
            return HomeError(
                f"stream '{request.entity}' was deleted after entry {request.positions['id']} was "
                "moved",
                hint="create it again, or remove it from the flow",
                code="HG556",
            )
        return HomeError(
            f"{self.config.shown()} has no stream '{request.entity}'"
            f"{nearest(request.entity, known)}",
            hint="to list the streams:  hygge discover HOME",
            code="HG506",
        )

    def _names(self, client: redis.Redis) -> Iterator[str]:
        prefix = self.config.prefix
        pattern = "".join(f"\\{c}" if c in "*?[]\\" else c for c in prefix)
        for key in client.scan_iter(f"{pattern}*", count=1000, _type="stream"):
            yield key.decode(errors="surrogateescape").removeprefix(prefix)

    def _key(self, entity: str) -> str:
        return f"{self.config.prefix}{entity}"

    def _connected(self, what: str) -> AbstractContextManager[redis.Redis]:
        return connected(self.config, what, HomeError)


class _Settling:
    """Sets the consumer group to the end of a view once its entries are published."""

    def __init__(self, client: redis.Redis, config: RedisHomeConfig, key: str) -> None:
        self.place = Place(_FIRST, 0)
        self._client = client
        self._group = config.group
        self._key = key

    def __call__(self, commit: Commit | None) -> None:
        import redis

        if commit is None or self._group is None:
            return
        id_, added = self.place.id, self.place.added
        try:
            self._client.xgroup_setid(self._key, self._group, id_, entries_read=added)
        except redis.ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            self._client.xgroup_create(self._key, self._group, id_, entries_read=added)


def _version(client: redis.Redis) -> str:
    """Return the version of the server; raise `HomeError` for one that does not count entries."""
    version = str(client.info("server")["redis_version"])
    if int(version.partition(".")[0]) < 7:
        raise HomeError(
            f"Redis {version} does not count the entries of streams, so lost ones are not noticed",
            hint="update the server to 7.0 or later",
        )
    return version


def _time(id_: str) -> datetime | None:
    """Return the time in an ID; None for one that is no time."""
    try:
        return _EPOCH + timedelta(milliseconds=_order(id_)[0])
    except OverflowError:
        return None
