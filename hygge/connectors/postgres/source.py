"""One table, view or query of PostgreSQL, read by several connections under one snapshot."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hygge.connector import Reader, ReadRequest, Source
from hygge.connectors.postgres import catalog, upper_bound
from hygge.connectors.postgres.config import PostgresSettings
from hygge.connectors.postgres.connections import Bulk, PostgresServer, Rows, bulk, cursor_of
from hygge.connectors.postgres.faults import fault
from hygge.connectors.postgres.large_values import Lengths, lengths
from hygge.connectors.postgres.range_condition import condition, overlooked
from hygge.connectors.postgres.types import ColumnReading, ordered_type, reading_of
from hygge.connectors.postgres.upper_bound import SAYS_READ_ONLY
from hygge.connectors.sql.range_condition import collation_error, where
from hygge.connectors.sql.read_timeout import LONGEST_PAUSE
from hygge.connectors.sql.table_names import quote
from hygge.errors import HomeError
from hygge.types.watermarks import reason_against
from hygge.values.model import Purpose, Span, Split

if TYPE_CHECKING:
    import pyarrow as pa

READ_ONLY = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_SPLIT_BYTES = 8 * 2**20
_PAGE_BYTES = 8192
_PAGES_SINCE = 140000
"""The first server version with TID range scans."""
_FIRST_DAY = -2_440_588
"""4714-11-24 BC, PostgreSQL's first day, in days since 1970. Earlier values from the driver are
`infinity`, `-infinity`, or times outside Arrow's 64 bits that wrapped around.
"""
_FIRST_MICROSECOND = _FIRST_DAY * 86_400_000_000
_DAY = 86_400_000_000
_LOOKED_AT, _SHOWN_BYTES = 200, 40
"""Rows of which the texts are looked at at once, and bytes of a text that an error shows."""
_ARRAY = re.compile(r"malformed array literal: \"(column '(.*)' contains an array (\[.*?\]))\"")
"""The server's error for the cast of `types._one_dimensional`."""


class PostgresSource(Source):
    """The rows of one snapshot."""

    def __init__(
        self, settings: PostgresSettings, request: ReadRequest, run: Rows, *, snapshot: str | None
    ) -> None:
        self.settings = settings
        self._request = request
        self._run = run
        self._snapshot = snapshot
        self._extra = 0
        self._table: catalog.Table | None = None
        self._from = ""
        self._within: str | None = None
        self._types: dict[str, str] = {}
        self._lengths: Lengths | None = None

    def over_table(self, table: catalog.Table) -> PostgresSource:
        """Return a source that reads a table or view."""
        self._table = table
        self.estimated_rows = table.rows
        name = f"{quote(table.name.schema)}.{quote(table.name.name)}"
        self._from = name
        found = catalog.columns(self._run, [table.oid]).get(table.oid, [])
        self.primary_key = catalog.primary_keys(self._run, [table.oid]).get(table.oid, ())
        return self._with(found)

    def over_query(self, query: str) -> PostgresSource:
        """Return a source that reads a query."""
        self._from = f"(\n{query.strip().rstrip(';')}\n) AS q"
        described = self._describe(
            f"SELECT * FROM {self._from}{where(self._request.where)} LIMIT 0"
        )
        return self._with(catalog.query_columns(self._run, described))

    def _describe(self, sql: str) -> list[tuple[str, int, int]]:
        import psycopg

        try:
            with self._run.answering():
                result = self._run.connection.execute(sql.encode()).pgresult
        except (psycopg.Error, OSError) as error:
            what = f"the query of {self._request.entity} is rejected"
            raise fault(error, HomeError, what) from error
        assert result is not None
        names = [(result.fname(n) or b"").decode() for n in range(result.nfields)]
        return [(name, result.ftype(n), result.fmod(n)) for n, name in enumerate(names)]

    def _with(self, columns: Sequence[catalog.Column]) -> PostgresSource:
        twice = sorted({c.name for c in columns if [d.name for d in columns].count(c.name) > 1})
        if twice or not columns:
            what = f"two columns with the name '{twice[0]}'" if twice else "no columns"
            raise HomeError(f"{self._request.entity} has {what}", hint="name columns with AS")
        wanted = self._request.types
        self._types = {column.name: column.type for column in columns}
        self._take(
            [
                reading_of(
                    column.name,
                    quote(column.name),
                    column.type,
                    nullable=column.nullable,
                    as_text=wanted.get(column.name) == "string",
                    as_bytes=wanted.get(column.name) == "binary",
                    is_enum=column.is_enum,
                    is_folded=column.is_folded and wanted.get(column.name) != "string",
                )
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
        if reading is None or self._is_foreign or not self._is_ordered(reading):
            return None
        type_name, column = self._types[name], quote(name)
        is_text = reading.sql == column and str(reading.field.type) == "string"
        ordered = f'{column} COLLATE "C"' if is_text else column
        numbers = {"numeric": f"{column}::text NOT IN ('NaN', 'Infinity')"}
        numbers |= dict.fromkeys(("real", "double precision"), f"{column} < 'Infinity'")
        finite = numbers.get(type_name.partition("(")[0])
        rows = where(self._request.where, f"{column} IS NOT NULL", finite)
        table = self._table
        return upper_bound.Column(
            self._request.entity,
            # Not every type has max(), and ORDER BY with the bare name would sort the text alias.
            f"SELECT {column}::text FROM (SELECT {column} FROM {self._from}{rows} "
            f"ORDER BY {ordered} DESC LIMIT 1) AS highest",
            type_name,
            reading.field.type,
            table.oid if table is not None and "table" in table.kind else None,
            self._request.reads_back,
            name,
            self._request.exact,
            self._request.purpose is Purpose.PLAN,
        )

    def _is_ordered(self, reading: ColumnReading) -> bool:
        """Return whether a range of the read values is a range of the column itself."""
        if reading.sql != quote(reading.field.name):
            return ordered_type(reading.field) is not None
        return reason_against(reading.field.type) is None

    @property
    def _is_foreign(self) -> bool:
        return self._table is not None and self._table.kind == "foreign table"

    def within(self, span: Span) -> None:
        """Exclude rows outside a range where the column is ordered like the values read."""
        reading = next(one for one in self._readings if one.field.name == span.column)
        column, type_name = quote(span.column), self._types[span.column]
        encoding = self._run.connection.info.parameter_status("server_encoding")
        if self._is_ordered(reading):
            self._within = condition(span, column, type_name, is_utf8=encoding == "UTF8")
        if self._within is not None:
            self.total_rows = None
            self._check_collation(span, column, type_name)

    def _check_collation(self, span: Span, column: str, type_name: str) -> None:
        """Raise `HomeError` where rows above the watermark by collation are below it by bytes."""
        test = overlooked(span, column, type_name)
        if test is None:
            return
        rows = where(self._request.where, test)
        found = self._run(f"SELECT left({column}, 80) FROM {self._from}{rows} LIMIT 1")
        if found:
            raise collation_error(
                span.column,
                str(found[0][0]),
                f'ALTER TABLE … ALTER COLUMN {column} TYPE {type_name} COLLATE "C"',
            )

    def foresee(self) -> None:
        """Have the server check the statement and the rights to all that it reads."""
        self._run(f"{self.reader().select(Split(0, self._request.entity))}\nLIMIT 0")

    def splits(self, wanted: int) -> list[Split]:
        """Return ranges of pages, one per free connection slot, or a single split.

        Views, queries and servers before version 14 cannot be read by page. Rows that the server
        finds by an index are read by that index.
        """
        self._lengths = self._measures()
        pages = 0 if wanted < 2 or self._by_index() else self._pages()
        number = min(wanted, pages * _PAGE_BYTES // _SPLIT_BYTES)
        if number > 1:
            self._extra = self.settings.pool().spare(number - 1)
            number = 1 + self._extra
        if number < 2:
            return [Split(0, self._request.entity)]
        edges = [pages * n // number for n in range(number)]
        ranges = [*pairwise(edges), (edges[-1], None)]
        return [
            Split(
                n, f"{self._request.entity} pages {low}-{'' if high is None else high}", (low, high)
            )
            for n, (low, high) in enumerate(ranges)
        ]

    def _measures(self) -> Lengths | None:
        """Return how to find values above the size limit; None where there can be none."""
        if self._table is None:
            return None
        read = [reading.field.name for reading in self._readings]
        types = {name: self._types[name] for name in read}
        limit = self._request.max_value_bytes
        return lengths(self._run, self._table, self.primary_key, types, limit)

    def _pages(self) -> int:
        table = self._table
        if table is None or not table.has_pages or self._snapshot is None:
            return 0
        if self._run.connection.info.server_version < _PAGES_SINCE:
            return 0
        return table.bytes // _PAGE_BYTES

    def _by_index(self) -> bool:
        """Return whether the server would use an index for the range."""
        if self._within is None:
            return False
        plan = self._run(f"EXPLAIN {self.reader().select(Split(0, self._request.entity))}")
        return any(" Scan" in line and "Index" in line for (line,) in plan)

    def close(self) -> None:
        """Release the connection slots that `splits` took."""
        self.settings.pool().release(self._extra)
        self._extra = 0

    def reader(self) -> PostgresReader:
        """Return what reads the splits: the statement, and the snapshot by its name."""
        return PostgresReader(
            entity=self._request.entity,
            batch_bytes=self._request.batch_bytes,
            from_=self._from,
            where=self._request.where,
            within=self._within,
            readings=tuple(self._readings),
            lengths=self._lengths,
            primary_key=self.primary_key,
            snapshot=self._snapshot,
            settings=self.settings,
        )

    def read(self, split: Split) -> AbstractContextManager[pa.RecordBatchReader]:
        """Stream the rows of a split; see `PostgresReader.read`."""
        return self.reader().read(split)


@dataclass(frozen=True, kw_only=True)
class PostgresReader(Reader):
    """Reads splits of a view over connections of its own, under the snapshot of the view.

    The server lets any connection use the snapshot, from any host, while the view's source is open.
    A pickle leaves out the settings, for they hold the password.
    """

    entity: str
    batch_bytes: int
    from_: str
    where: str | None
    within: str | None
    readings: tuple[ColumnReading, ...]
    lengths: Lengths | None
    primary_key: tuple[str, ...]
    snapshot: str | None
    settings: PostgresSettings | None = field(repr=False)

    def __getstate__(self) -> dict[str, object]:
        """Return everything but the settings."""
        return {**self.__dict__, "settings": None}

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns of every batch."""
        import pyarrow as pa

        return pa.schema([reading.field for reading in self.readings])

    @contextmanager
    def read(self, split: Split) -> Iterator[pa.RecordBatchReader]:
        """Stream the rows of a split over its own connection, under the snapshot."""
        import pyarrow as pa

        if self.settings is None:
            raise ValueError("a reader of another process needs Home.attach")
        with bulk(self.settings, HomeError) as connection:
            with cursor_of(connection, self.batch_bytes) as cursor:
                rows = _Stream(self, connection, cursor, self.settings.read_timeout)
                batches = rows.batches(split)
                try:
                    yield pa.RecordBatchReader.from_batches(self.schema, batches)
                finally:
                    batches.close()
            if not rows.is_at_end:
                # The server would send all remaining rows before it reads a cancel.
                connection.close()

    def select(self, split: Split) -> str:
        """Return the statement that reads a split."""
        columns = ", ".join(f"{one.sql} AS {quote(one.field.name)}" for one in self.readings)
        rows = where(self.where, self.within, _pages_of(split))
        return f"SELECT {columns} FROM {self.from_}{rows}"

    def begin(self, cursor: Any) -> None:  # noqa: ANN401
        """Begin a transaction under the snapshot."""
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if self.snapshot is not None:
            cursor.execute(f"SET TRANSACTION SNAPSHOT '{self.snapshot}'")
        cursor.execute(SAYS_READ_ONLY)

    def check_lengths(self, cursor: Any, split: Split) -> None:  # noqa: ANN401
        """Raise `HomeError` for a value of a split that is larger than the request allows."""
        if self.lengths is None:
            return
        conditions = (self.where, self.within, _pages_of(split))
        cursor.execute(self.lengths.question(self.from_, *conditions))
        row = cursor.fetchone()
        if row is not None:
            raise self.lengths.error(row, self.entity)

    def convert(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a driver's batch in the types of `schema`; values do not change."""
        import pyarrow as pa

        arrays = [
            _converted(array, reading)
            for array, reading in zip(batch.columns, self.readings, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def blame(self, error: BaseException) -> HomeError:
        """Return the `HomeError` for a driver's error while rows were read."""
        array = _ARRAY.search(str(error))
        if array is not None:
            return _unreadable(self.schema.field(array[2]), f"an array {array[3]}")
        if "invalid byte sequence" in str(error) and self.settings is not None:
            # Beyond the pool's limit: the read that failed still has its connection.
            with PostgresServer(self.settings).connected(HomeError, "cannot read") as run:
                bad = self._value_without_text(run)
            if bad is not None:
                return bad
        raised = fault(error, HomeError, f"cannot read {self.entity}")
        return HomeError(raised.message, hint=raised.hint, code=raised.code)

    def _value_without_text(self, run: Rows) -> HomeError | None:
        """Return the error for the first value that is no UTF-8; the server does not name it.

        Only a database of SQL_ASCII has such values, so it is asked for all of them as bytes, by
        `run`, under the same snapshot.
        """
        names = [one.field.name for one in self.readings if "string" in str(one.field.type)]
        asked = [*self.primary_key, *names]
        values = ", ".join(f"convert_to(({quote(name)})::text, 'SQL_ASCII')" for name in asked)
        rows = where(self.where, self.within)
        run(READ_ONLY)
        if self.snapshot is not None:
            run(f"SET TRANSACTION SNAPSHOT '{self.snapshot}'")
        run(SAYS_READ_ONLY)
        run(f"DECLARE _hygge_texts NO SCROLL CURSOR FOR SELECT {values} FROM {self.from_}{rows}")
        number = 0
        while found := run(f"FETCH {_LOOKED_AT} FROM _hygge_texts"):
            for row in found:
                number += 1
                keys, texts = row[: -len(names)], row[-len(names) :]
                for name, text in zip(names, texts, strict=True):
                    if text is not None and not _is_text(text):
                        shown = [
                            f"{key} = {_shown(value)}"
                            for key, value in zip(self.primary_key, keys, strict=True)
                        ]
                        place = f"the row with {', '.join(shown)}" if shown else f"row {number:,}"
                        field = self.schema.field(name)
                        return _no_text(field, f"{place} of {self.entity}", text)
        return None


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _shown(value: bytes) -> str:
    return value[:_SHOWN_BYTES].decode(errors="backslashreplace")


def _pages_of(split: Split) -> str | None:
    if split.detail is None:
        return None
    low, high = split.detail
    pages = f"ctid >= '({low},0)'::tid"
    return pages if high is None else f"{pages} AND ctid < '({high},0)'::tid"


class _Stream:
    """The rows of one split on their way."""

    def __init__(
        self,
        reader: PostgresReader,
        bulk: Bulk,
        cursor: Any,  # noqa: ANN401
        read_timeout: float,
    ) -> None:
        self._reader = reader
        self._bulk = bulk
        self._cursor = cursor
        self._pause = read_timeout * LONGEST_PAUSE
        self._longest: float | None = None
        self.is_at_end = False

    def batches(self, split: Split) -> Generator[pa.RecordBatch]:
        import adbc_driver_manager
        import pyarrow as pa

        try:
            with self._bulk.answering():
                self._reader.begin(self._cursor)
                self._reader.check_lengths(self._cursor, split)
                self._cursor.execute(self._reader.select(split))
            with self._cursor.fetch_record_batch() as reader:
                while (batch := self._next(reader)) is not None:
                    yield self._reader.convert(batch)
            self.is_at_end = True
        except (adbc_driver_manager.Error, OSError, pa.ArrowException) as error:
            raise self._reader.blame(error) from error

    def _next(self, reader: pa.RecordBatchReader) -> pa.RecordBatch | None:
        with self._bulk.answering(self._longest):
            batch = next(reader, None)
        self._longest = self._pause
        return batch


def _converted(array: pa.Array, reading: ColumnReading) -> pa.Array:
    import pyarrow as pa

    kind = reading.field.type
    if isinstance(array.type, pa.BaseExtensionType) and array.type != kind:
        array = array.storage
    if reading.is_number_text:
        return _decimals(array, reading)
    if not array.type.equals(kind):
        array = array.cast(kind)
    _check_time(array, reading.field)
    return array


def _decimals(texts: pa.Array, reading: ColumnReading) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return texts.cast(reading.field.type)
    except pa.ArrowInvalid as error:
        odd = texts.filter(pc.match_substring_regex(texts, "^[^-+.0-9]"))
        shown = f"'{odd[0].as_py()}'" if len(odd) else f"a value beyond {reading.field.type}"
        raise _unreadable(reading.field, shown) from error


def _check_time(array: pa.Array, field: pa.Field) -> None:
    """Raise `HomeError` for `infinity` and `24:00:00`, which Arrow's types have no value for."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_ = pa.types
    if is_.is_date32(array.type):
        low, high, whole = _FIRST_DAY, 2**31, pa.int32()
    elif is_.is_timestamp(array.type):
        low, high, whole = _FIRST_MICROSECOND, 2**63, pa.int64()
    elif is_.is_time(array.type):
        low, high, whole = 0, _DAY, pa.int64()
    else:
        return
    ends = pc.min_max(array.view(whole)).as_py()
    if ends["min"] is not None and (ends["min"] < low or ends["max"] >= high):
        raise _unreadable(field, "24:00:00" if is_.is_time(array.type) else "infinity or similar")


def _no_text(field: pa.Field, place: str, value: bytes) -> HomeError:
    """Return the error for bytes that are no text, which a database of SQL_ASCII may hold."""
    import pyarrow as pa

    name = field.name
    hint = f'exclude it with  select: ["-{name}"], or fix its encoding in the home'
    if pa.types.is_string(field.type):
        hint = (
            f"move it as bytes with  columns: {{{name}: {{type: binary}}}}, or decode it with  "
            f"query: SELECT convert_from(convert(convert_to({quote(name)}, 'SQL_ASCII'), "
            f"'WIN1252', 'UTF8'), 'SQL_ASCII') AS {quote(name)}"
        )
    return HomeError(
        f"{place}: column '{name}' contains bytes that are not UTF-8, '{_shown(value)}', which a "
        "database of the encoding SQL_ASCII lets in",
        hint=hint,
        code="HG508",
    )


def _unreadable(field: pa.Field, shown: str) -> HomeError:
    return HomeError(
        f"column '{field.name}' contains {shown}, which {field.type} cannot represent",
        hint=f"read it as text with  columns: {{{field.name}: {{type: string}}}} ; a PostgreSQL "
        "store converts it back to times",
        code="HG508",
    )
