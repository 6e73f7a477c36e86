"""One table, view or query, read under one snapshot; a large table over several connections."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

from hygge.connector import ReadRequest, Source
from hygge.connectors.mysql import catalog, upper_bound
from hygge.connectors.mysql.config import MysqlSettings
from hygge.connectors.mysql.connections import Rows
from hygge.connectors.mysql.decoding import decoded
from hygge.connectors.mysql.faults import fault
from hygge.connectors.mysql.key_ranges import edges, estimate_of, query_plan
from hygge.connectors.mysql.packets import Block, ProtocolError, Stream, TooLargeError
from hygge.connectors.mysql.range_condition import condition, in_order, overlooked
from hygge.connectors.mysql.shared_snapshot import Readers, SingleConnectionError
from hygge.connectors.mysql.types import Column, ColumnReading, reading_of, shape
from hygge.connectors.sql.range_condition import collation_error, where
from hygge.connectors.sql.table_names import TableName, quote
from hygge.errors import HomeError
from hygge.types.unfit import repeated
from hygge.types.value_checks import too_large
from hygge.values.model import Purpose, Span, Split

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_SPLIT_BYTES = 2**25
"""Minimum bytes of a split; below it no second connection is opened."""
_WHOLE = frozenset(("tinyint", "smallint", "mediumint", "int", "integer", "bigint"))


def named(table: TableName) -> str:
    """Return a table's name with its database, quoted."""
    return ".".join(quote(part, "`") for part in (table.schema, table.name) if part)


class MysqlSource(Source):
    """The rows of one snapshot."""

    def __init__(self, settings: MysqlSettings, request: ReadRequest, run: Rows) -> None:
        self._request = request
        self._run = run
        self._readers = Readers(settings, run, request.entity)
        self._table: catalog.Table | None = None
        self._from = ""
        self._within: str | None = None
        self._columns: dict[str, Column] = {}
        self._firsts: list[int] | None = None

    def over_table(self, table: catalog.Table) -> MysqlSource:
        """Return a source that reads a table or view."""
        self._table = table
        self._from = named(table.name)
        self.estimated_rows = table.rows
        self.primary_key = catalog.primary_keys(self._run, table.name).get(table.name, ())
        return self._with(catalog.columns(self._run, table.name).get(table.name, []))

    def over_query(self, query: str) -> MysqlSource:
        """Return a source that reads a query."""
        self._from = f"(\n{query.strip().rstrip(';')}\n) AS q"
        what = f"the query of {self._request.entity} is rejected"
        asking = Rows(self._run.connection, self._run.settings, HomeError, what)
        return self._with(catalog.query_columns(asking, self._from + where(self._request.where)))

    def _with(self, columns: Sequence[Column]) -> MysqlSource:
        names = [column.name for column in columns]
        twice = repeated(names)
        if twice or not names:
            what = f"two columns with the name '{twice[0]}'" if twice else "no columns"
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

    def _take(self, readings: Sequence[ColumnReading]) -> None:
        import pyarrow as pa

        self._readings = list(readings)
        self.schema = pa.schema([reading.field for reading in readings])

    def narrow(self, columns: Sequence[str]) -> None:
        """Select these columns only."""
        kept = [one for one in self._readings if one.field.name in columns]
        self._take(kept or self._readings[:1])

    def watermark_column(self) -> upper_bound.Column | None:
        """Return the watermark column for `upper_bound`; None for one without a usable order."""
        name = self._request.watermark or ""
        reading = next((one for one in self._readings if one.field.name == name), None)
        if reading is None or reading.sql != quote(name, "`"):
            return None
        base, _, _ = shape(self._columns[name].type)
        compared = in_order(reading.sql, base)
        if compared is None:
            return None
        highest = f"SELECT MAX({compared}) FROM {self._from}{where(self._request.where)}"
        looks = self._request.purpose is Purpose.PLAN
        return upper_bound.Column(self._request.entity, highest, reading.field.type, looks)

    def within(self, span: Span) -> None:
        """Exclude rows outside a range where the column is ordered like the values read."""
        reading = next(one for one in self._readings if one.field.name == span.column)
        if reading.sql == quote(span.column, "`"):
            base, _, _ = shape(self._columns[span.column].type)
            self._within = condition(span, reading.sql, base)
            self._check_collation(span, reading.sql, base)

    def _check_collation(self, span: Span, column: str, base: str) -> None:
        """Raise `HomeError` where rows above the watermark by collation are below it by bytes."""
        test = overlooked(span, column, base)
        if test is None:
            return
        rows = where(self._request.where, test)
        found = self._run(f"SELECT LEFT({column}, 80) FROM {self._from}{rows} LIMIT 1")
        if found:
            raise collation_error(
                span.column, str(found[0][0]), "CONVERT(… USING utf8mb4) COLLATE utf8mb4_bin"
            )

    def foresee(self) -> None:
        """Have the server check the statement and the rights to all that it reads."""
        self._run(f"{self._select(Split(0, self._request.entity))}\nLIMIT 0")

    def splits(self, wanted: int) -> list[Split]:
        """Return ranges of the primary key, each for its own connection, or a single split.

        Several connections see the current state of the table; the log says why there is only one.
        """
        entity = self._request.entity
        if self._firsts is None and wanted > 1:
            try:
                self._firsts = self._share(wanted)
            except SingleConnectionError as error:
                log.log(error.level, "%s is read over one connection: %s", entity, error)
                self._firsts = []
        firsts = (self._firsts or [])[: wanted - 1]
        if not firsts:
            return [Split(0, entity)]
        key = self.primary_key[0]
        return [
            Split(n, f"{entity} {key} {'' if low is None else low}…", (low, high))
            for n, (low, high) in enumerate(pairwise([None, *firsts, None]))
        ]

    def _share(self, wanted: int) -> list[int]:
        """Open connections under one state of the table; return the first keys of the ranges."""
        key = quote(self._splitting_key(), "`")
        number = min(wanted, self._bytes() // _SPLIT_BYTES)
        if number < 2:
            raise SingleConnectionError("it is small", logging.DEBUG)
        low, high = self._run(f"SELECT MIN({key}), MAX({key}) FROM {self._from}")[0]
        if low is None:
            raise SingleConnectionError("it is empty", logging.DEBUG)
        guess = estimate_of(self._run, self._from, key, self._within)
        firsts = edges(guess, (int(low), int(high)), number)
        if not firsts:
            raise SingleConnectionError("all its rows have the same key", logging.DEBUG)
        self._check_columns()
        number = self._readers.share(self._from, len(firsts) + 1)
        if number <= len(firsts):
            firsts = edges(guess, (int(low), int(high)), number)
        return firsts

    def _splitting_key(self) -> str:
        """Return the column to split by; raises `SingleConnectionError` where there is none."""
        table = self._table
        if table is None or table.kind != "table":
            raise SingleConnectionError(f"it is a {'query' if table is None else table.kind}")
        if table.engine != "InnoDB":
            raise SingleConnectionError(f"its engine is {table.engine}")
        for name in self.primary_key[:1]:
            if name in self._columns and shape(self._columns[name].type)[0] in _WHOLE:
                return name
        raise SingleConnectionError("no primary key begins with a whole number")

    def _bytes(self) -> int:
        """Return the estimated bytes of the table that the server will examine."""
        table = self._table
        assert table is not None
        plan = query_plan(self._run, self._select(Split(0, self._request.entity)), table.name.name)
        if plan.index is not None:
            raise SingleConnectionError(
                f"its rows are read by the index '{plan.index}'", logging.DEBUG
            )
        return int(table.bytes * min(plan.rows / (table.rows or 1), 1))

    def _check_columns(self) -> None:
        """Raise unless the table still has the columns that were found, which are now locked.

        The open transaction has used the table and so holds a metadata lock on it.
        """
        assert self._table is not None
        name = self._table.name
        if catalog.columns(self._run, name).get(name, []) != [*self._columns.values()]:
            raise SingleConnectionError("its columns have just changed")

    def close(self) -> None:
        """Close the connections that `splits` opened."""
        self._readers.close()

    def _select(self, split: Split) -> str:
        columns = ", ".join(f"{one.sql} AS {quote(one.field.name, '`')}" for one in self._readings)
        low, high = split.detail or (None, None)
        key = quote(self.primary_key[0], "`") if split.detail else ""
        ends = [
            f"{key} {sign} {end}" for sign, end in ((">=", low), ("<", high)) if end is not None
        ]
        by = " FORCE INDEX (PRIMARY)" if split.detail else ""
        rows = where(self._request.where, self._within, *ends)
        return f"SELECT {columns} FROM {self._from}{by}{rows}"

    @contextmanager
    def read(self, split: Split) -> Iterator[pa.RecordBatchReader]:
        """Stream the rows of a split over its own connection."""
        import pyarrow as pa

        # A session that has read keeps its snapshot.
        self._firsts = self._firsts or []
        run = self._readers.take()
        size = max(self._request.batch_bytes // 2, 1)
        stream = Stream(
            run.connection,
            run.settings,
            self._select(split),
            size,
            self._request.max_value_bytes,
        )
        batches = self._batches(stream)
        try:
            yield pa.RecordBatchReader.from_batches(self.schema, batches)
        finally:
            batches.close()
            if stream.is_at_end:
                self._readers.give_back(run)
            else:
                # The server would send all remaining rows before it accepts a command.
                run.connection._force_close()

    def _batches(self, stream: Stream) -> Generator[pa.RecordBatch]:
        import pymysql

        rows = 0
        try:
            for block in stream.blocks():
                yield self._batch(block)
                rows += len(block.starts)
        except TooLargeError as error:
            raise self._too_large(error, rows) from None
        except (pymysql.MySQLError, OSError, ProtocolError) as error:
            raise fault(error, HomeError, f"cannot read {self._request.entity}") from error

    def _too_large(self, error: TooLargeError, rows: int) -> HomeError:
        """Return the error for a value that follows so many rows, its row named by its key."""
        names = self.schema.names
        limit, shown = self._request.max_value_bytes, dict(zip(names, error.before, strict=False))
        place = f"a row after row {rows:,}"
        if self.primary_key and set(self.primary_key) <= shown.keys():
            keys = (
                f"{one} = {(shown[one] or b'').decode(errors='replace')}"
                for one in self.primary_key
            )
            place = f"the row with {', '.join(keys)}"
        found = too_large(names[len(error.before)], 0, error.size, limit)
        return found.error(f"{place} of {self._request.entity}")

    def _batch(self, block: Block) -> pa.RecordBatch:
        import pyarrow as pa

        texts = block.column_texts(len(self._readings))
        arrays = [decoded(one, field) for one, field in zip(texts, self.schema, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)
