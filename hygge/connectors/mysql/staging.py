"""Staging of splits, each over its own connection."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hygge.connector import WriteRequest
from hygge.connectors.mysql.bulk_load import BulkLoad
from hygge.connectors.mysql.config import MysqlSettings
from hygge.connectors.mysql.connections import Rows, session
from hygge.connectors.mysql.encoding import Zeros
from hygge.connectors.mysql.source import named
from hygge.connectors.sql.pool import Reserved
from hygge.connectors.sql.table_names import TableName, quote
from hygge.errors import StoreError
from hygge.values.model import Part, Split

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.mysql.connections import Link

SPLIT = "_hygge_split"
"""Column of the staging table with the split number of a row."""


class Staging:
    """The staging table of one attempt; several threads may fill it."""

    def __init__(
        self,
        settings: MysqlSettings,
        request: WriteRequest,
        place: TableName,
        staging: TableName,
        *,
        zeros: Zeros,
        may_load: bool,
    ) -> None:
        self._settings = settings
        self._least_bytes = max(request.buffer_bytes // 4, 1)
        self._place = place
        self._staging = staging
        self._zeros = zeros
        self._may_load = may_load
        self._begun: set[int] = set()
        self._lock = threading.Lock()
        self._reserved = Reserved(settings.pool())

    def stage(self, batches: pa.RecordBatchReader, split: Split) -> Part:
        """Load a split, after deleting rows of an earlier staging of it."""
        with self._connection() as connection, self._named():
            self._forget(split, connection)
            loader = BulkLoad(
                connection,
                self._settings,
                named(self._staging),
                batches.schema.names,
                constant=(SPLIT, split.number),
                may_load=self._may_load,
            )
            size = 0
            for held in _gathered(batches, self._least_bytes):
                size += sum(batch.nbytes for batch in held)
                self._zeros.check(held, self._place.shown())
                loader.add(held)
        return Part(split.number, loader.rows, size)

    def _forget(self, split: Split, connection: Link) -> None:
        with self._lock:
            is_again = split.number in self._begun
            self._begun.add(split.number)
        if is_again:
            run = Rows(
                connection, self._settings, StoreError, f"cannot write {self._place.shown()}"
            )
            run(
                f"DELETE FROM {named(self._staging)} WHERE {quote(SPLIT, '`')} = {split.number}",
            )

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Replace the staging table's name by the table's in messages of the server."""
        try:
            yield
        except StoreError as error:
            message = error.message.replace(named(self._staging), self._place.shown())
            message = message.replace(self._staging.name, self._place.name)
            cause = error.__cause__ or error
            raise StoreError(message, hint=error.hint, code=error.code) from cause

    @contextmanager
    def _connection(self) -> Iterator[Link]:
        """Yield the reserved connection, or another one while slots are free."""
        with self._reserved.slot(), session(self._settings, StoreError) as connection:
            yield connection


def _gathered(batches: pa.RecordBatchReader, least_bytes: int) -> Iterator[list[pa.RecordBatch]]:
    """Yield lists of batches of about `size` bytes together."""
    held, size = [], 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size >= least_bytes:
            yield held
            held, size = [], 0
    if held:
        yield held
