"""The places of a store's entities in an object store; see `Generations`."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from threading import Lock
from typing import TYPE_CHECKING

from hygge.connector import WriteRequest
from hygge.connectors.files.entity_names import refuse_name
from hygge.connectors.files.formats import store_errors
from hygge.connectors.files.objects.generation import ObjectGeneration
from hygge.connectors.files.objects.place import PRIVATE, ObjectPlace
from hygge.connectors.files.records import Record
from hygge.errors import StoreError
from hygge.values.model import Finding

if TYPE_CHECKING:
    from hygge.connectors.files.objects.system import ObjectFiles

_HOLDERS: dict[str, str] = {}
"""The run of this process that writes a place, by its URL."""
_LOCK = Lock()


class ObjectGenerations:
    """Entities below a prefix."""

    def __init__(self, system: ObjectFiles, prefix: str) -> None:
        self._system = system
        self._prefix = prefix

    def __str__(self) -> str:
        return self._system.shown(f"/{self._prefix}")

    def place(self, into: str) -> ObjectPlace:
        """Return the place of an entity; raise `StoreError` for an invalid name."""
        reason = refuse_name(into)
        if reason is not None:
            raise StoreError(
                f"{into!r} cannot be the name of an entity in an object store: {reason}",
                hint="choose another name with  into: <name>",
            )
        return ObjectPlace(self._system, posixpath.join(self._prefix, into))

    def check(self) -> None:
        """List the prefix."""
        with store_errors(f"list {self}"):
            self._system.bucket.has_any(self._prefix)

    def examine(self) -> Iterator[Finding]:
        """Yield findings on credentials, and on each kind of request that a commit needs."""
        yield from self._system.examine()
        self.check()
        self._check_conditions()
        yield Finding("listable, readable and writable; conditional writes work")

    def _check_conditions(self) -> None:
        """Write an object twice; raise `StoreError` when the server accepts the second write."""
        bucket = self._system.bucket
        probe = posixpath.join(self._prefix, f"{PRIVATE}-probe-{token_hex(8)}")
        with store_errors(f"write to {self}"):
            bucket.put_new(probe, b"1")
            try:
                is_exact = _is_refused(self._system, probe)
                first = bucket.get(probe)[0]
            finally:
                bucket.delete([probe])
        if not is_exact or first != b"1":
            raise StoreError(
                f"the server of {self} writes over an object although the request forbids it "
                "(If-None-Match: *), so two runs could both publish one commit",
                hint="use a server with conditional writes, such as Amazon S3, MinIO or Ceph",
                code="HG549",
            )

    def last(self, into: str) -> Record | None:
        """Return the newest commit."""
        place = self.place(into)
        found = place.newest(place.current())
        return found.record if found else None

    @contextmanager
    def open(self, request: WriteRequest) -> Iterator[ObjectGeneration]:
        """Begin the next generation, after the newest commit is settled; see `Generations`.

        Other processes are not excluded: of two that publish the same commit, one is refused.
        """
        place = self.place(request.into)
        with _held(place, request.run_id):
            newest = place.settled(request.keep_generations)
            if newest is None:
                self._check_conditions()
            generation = ObjectGeneration(place, request, newest)
            generation.begin()
            try:
                yield generation
            finally:
                generation.discard()

    def inspect(self, request: WriteRequest) -> ObjectGeneration:
        """Return the next generation without changes."""
        place = self.place(request.into)
        _check_free(place)
        return ObjectGeneration(place, request, place.newest(place.current()))


def _is_refused(system: ObjectFiles, probe: str) -> bool:
    try:
        system.bucket.put_new(probe, b"2")
    except FileExistsError:
        return True
    return False


@contextmanager
def _held(place: ObjectPlace, run_id: str) -> Iterator[None]:
    with _LOCK:
        _check_free(place)
        _HOLDERS[str(place)] = run_id
    try:
        yield
    finally:
        del _HOLDERS[str(place)]


def _check_free(place: ObjectPlace) -> None:
    holder = _HOLDERS.get(str(place))
    if holder is not None:
        raise StoreError(
            f"{place} is already being written by run {holder}",
            hint="wait until that run ends, then start this one again",
            code="HG512",
        )
