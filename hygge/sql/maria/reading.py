"""One table, view or query, read over the one connection that holds the snapshot."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hygge.connector import ReadRequest, Source
from hygge.errors import HomeError
from hygge.model import Span, Split
from hygge.sql.literals import where
from hygge.sql.maria import bounding, catalog
from hygge.sql.maria.connecting import Rows
from hygge.sql.maria.faults import fault
from hygge.sql.maria.types import Column, Reading, reading_of, shape
from hygge.sql.maria.values import decoded
from hygge.sql.maria.window import condition, in_order
from hygge.sql.maria.wire import Block, DesyncError, Stream
from hygge.sql.names import TableName, quote

if TYPE_CHECKING:
    import pyarrow as pa

SNAPSHOT = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"


def named(table: TableName) -> str:
    """Return a table's name with its database, quoted."""
    return ".".join(quote(part, "`") for part in (table.schema, table.name) if part)


class MariaSource(Source):
    """Rows as they were when the snapshot was taken, whatever others write meanwhile.

    No second connection can see the same snapshot, so there is one split.
    """

    def __init__(self, request: ReadRequest, run: Rows) -> None:
        self._request = request
        self._run = run
        self._from = ""
        self._within: str | None = None
        self._columns: dict[str, Column] = {}
        self._is_left = False

    def over_table(self, table: catalog.Table) -> MariaSource:
        """Read a table or view."""
        self._from = named(table.name)
        self.primary_key = catalog.primary_keys(self._run, table.name).get(table.name, ())
        return self._with(catalog.columns(self._run, table.name).get(table.name, []))

    def over_query(self, query: str) -> MariaSource:
        """Read what a query selects."""
        self._from = f"(\n{query.strip().rstrip(';')}\n) AS q"
        asking = Rows(
            self._run.connection, HomeError, f"the query of {self._request.entity} is refused"
        )
        return self._with(catalog.query_columns(asking, self._from + where(self._request.where)))

    def _with(self, columns: Sequence[Column]) -> MariaSource:
        names = [column.name for column in columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice or not names:
            what = f"two columns called '{twice[0]}'" if twice else "no columns"
            raise HomeError(f"{self._request.entity} has {what}", hint="name columns with AS")
        self._columns = {column.name: column for column in columns}
        wanted = self._request.types
        self._take(
            [
                reading_of(column, quote(column.name, "`"), wanted.get(column.name))
                for column in columns
            ]
        )
        return self

    def _take(self, readings: Sequence[Reading]) -> None:
        import pyarrow as pa

        self._readings = list(readings)
        self.schema = pa.schema([reading.field for reading in readings])

    def narrow(self, columns: Sequence[str]) -> None:
        """Ask the server for these columns only."""
        kept = [one for one in self._readings if one.field.name in columns]
        self._take(kept or self._readings[:1])

    def watermark_column(self) -> bounding.Column | None:
        """Return what tells up to where rows are complete; None for a column of an odd order."""
        name = self._request.watermark or ""
        reading = next((one for one in self._readings if one.field.name == name), None)
        if reading is None or reading.sql != quote(name, "`"):
            return None
        base, _, _ = shape(self._columns[name].type)
        compared = in_order(reading.sql, base)
        if compared is None:
            return None
        highest = f"SELECT MAX({compared}) FROM {self._from}{where(self._request.where)}"
        return bounding.Column(self._request.entity, highest, reading.field.type)

    def within(self, span: Span) -> None:
        """Leave out rows outside of a range where the column itself is read, in its own order."""
        reading = next(one for one in self._readings if one.field.name == span.column)
        if reading.sql == quote(span.column, "`"):
            base, _, _ = shape(self._columns[span.column].type)
            self._within = condition(span, reading.sql, base)

    def splits(self, wanted: int) -> list[Split]:
        """Return one split, whatever is wanted."""
        return [Split(0, self._request.entity)]

    @contextmanager
    def read(self, split: Split) -> Iterator[pa.RecordBatchReader]:
        """Stream the rows over the connection of the snapshot."""
        import pyarrow as pa

        if self._is_left:
            raise HomeError(f"{self._request.entity} was left unread, and its snapshot is gone")
        columns = ", ".join(f"{one.sql} AS {quote(one.field.name, '`')}" for one in self._readings)
        rows = where(self._request.where, self._within)
        sql = f"SELECT {columns} FROM {self._from}{rows}"
        stream = Stream(self._run.connection, sql, max(self._request.batch_bytes // 2, 1))
        batches = self._batches(stream)
        try:
            yield pa.RecordBatchReader.from_batches(self.schema, batches)
        finally:
            batches.close()
            if not stream.is_at_end:
                # The server would send all the rest before it listens again.
                self._is_left = True
                self._run.connection._force_close()

    def _batches(self, stream: Stream) -> Generator[pa.RecordBatch]:
        import pymysql

        try:
            for block in stream.blocks():
                yield self._batch(block)
        except (pymysql.MySQLError, OSError, DesyncError) as error:
            raise fault(error, HomeError, f"cannot read {self._request.entity}") from error

    def _batch(self, block: Block) -> pa.RecordBatch:
        import pyarrow as pa

        texts = block.column_texts(len(self._readings))
        arrays = [decoded(one, field) for one, field in zip(texts, self.schema, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)
