"""One table, view or query of SQL Server, read in one statement."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from hygge.connector import ReadRequest, Source
from hygge.connectors.mssql import catalog
from hygge.connectors.mssql.catalog import bracketed, quoted
from hygge.connectors.mssql.config import MssqlSettings
from hygge.connectors.mssql.connections import Rows, connected
from hygge.connectors.mssql.faults import drivers_errors, fault
from hygge.connectors.mssql.range_condition import condition
from hygge.connectors.mssql.types import reading_of
from hygge.connectors.sql.column_reading import ColumnReading, UnsafeError, convert, select
from hygge.connectors.sql.range_condition import where
from hygge.connectors.sql.table_names import TableName
from hygge.errors import HomeError
from hygge.types.unfit import repeated
from hygge.values.model import Span, Split

if TYPE_CHECKING:
    import pyarrow as pa
    from mssql_python import Connection

_HINT = "read it as text with  columns: {{{}: {{type: string}}}}"
_WIDTH = 32
_LONG_WIDTH = 1024
"""Assumed bytes of a value when rows per batch are computed: a number, a long text."""
_MOST_ROWS = 65_536


class MssqlSource(Source):
    """The rows of one SELECT, under snapshot isolation where the database allows it."""

    def __init__(
        self, settings: MssqlSettings, request: ReadRequest, run: Rows, *, is_versioned: bool
    ) -> None:
        self._settings = settings
        self._request = request
        self._run = run
        self._is_versioned = is_versioned
        self._from = ""
        self._within: str | None = None
        self._types: dict[str, str] = {}

    def over_table(self, table: TableName) -> MssqlSource:
        """Return a source that reads a table or view."""
        self._from = quoted(table)
        self.primary_key = tuple(str(name) for (name,) in self._run(catalog.KEY, (self._from,)))
        return self._with(catalog.columns(self._run, table))

    def over_query(self, query: str) -> MssqlSource:
        """Return a source that reads a query."""
        self._from = f"(\n{query.strip().rstrip(';')}\n) AS q"
        columns, refused = catalog.described(self._run, f"SELECT * FROM {self._from}")
        if refused:
            raise HomeError(f"the query of {self._request.entity} is refused: {refused}")
        return self._with(columns)

    def _with(self, columns: Sequence[catalog.Column]) -> MssqlSource:
        names = [column.name for column in columns]
        twice = repeated(names)
        if twice or not all(names) or not names:
            what = f"two columns with the name '{twice[0]}'" if twice else "columns without names"
            raise HomeError(f"{self._request.entity} has {what}", hint="name columns with AS")
        found, unsafe = [], {}
        for column in columns:
            as_text = self._request.types.get(column.name) == "string"
            try:
                found.append(reading_of(column, bracketed(column.name), as_text=as_text))
            except UnsafeError as error:
                unsafe[column.name] = str(error)
        if unsafe:
            why = "; ".join(f"column '{name}': {reason}" for name, reason in unsafe.items())
            hint = _HINT.format(next(iter(unsafe)))
            raise HomeError(
                f"{self._request.entity} cannot be read: {why}", hint=hint, code="HG508"
            )
        self._types = {column.name: column.type or "" for column in columns}
        self._take(found)
        return self

    def _take(self, readings: Sequence[ColumnReading]) -> None:
        import pyarrow as pa

        self._readings = list(readings)
        self.schema = pa.schema([reading.field for reading in readings])

    def narrow(self, columns: Sequence[str]) -> None:
        """Select these columns only."""
        kept = [one for one in self._readings if one.field.name in columns]
        self._take(kept or self._readings[:1])

    def within(self, span: Span) -> None:
        """Exclude rows outside a range where the column is ordered like the values read."""
        is_text = self._request.types.get(span.column) == "string"
        if not is_text:
            self._within = condition(span, bracketed(span.column), self._types[span.column])

    def splits(self, wanted: int) -> list[Split]:
        """Return one split: sessions of SQL Server cannot share a snapshot."""
        return [Split(0, self._request.entity)]

    @contextmanager
    def read(self, split: Split) -> Iterator[pa.RecordBatchReader]:
        """Stream the rows over their own connection."""
        import pyarrow as pa

        with closing(self._batches()) as batches:
            yield pa.RecordBatchReader.from_batches(self.schema, batches)

    def _batches(self) -> Generator[pa.RecordBatch]:
        what = f"cannot read {self._request.entity}"
        with connected(self._settings, HomeError) as connection:
            run = Rows(connection, HomeError, what)
            for sql in begin(is_versioned=self._is_versioned):
                run(sql)
            try:
                yield from self._stream(connection)
            except drivers_errors() as error:
                raise fault(error, HomeError, what) from error

    def _stream(self, connection: Connection) -> Generator[pa.RecordBatch]:
        with closing(connection.cursor()) as cursor:
            cursor.execute(self.select())
            with closing(cursor.arrow_reader(batch_size=self.rows_at_once())) as reader:
                for batch in reader:
                    yield convert(batch, self._readings, self._request.entity, _HINT)

    def select(self) -> str:
        """Return the SELECT."""
        rows = where(self._request.where, self._within)
        return f"{select(self._readings, bracketed)} FROM {self._from}{rows}"

    def rows_at_once(self) -> int:
        """Return the estimated rows of a batch of the requested bytes."""
        kinds = [str(one.field.type) for one in self._readings]
        width = sum(_LONG_WIDTH if kind in ("string", "binary") else _WIDTH for kind in kinds)
        return max(1, min(_MOST_ROWS, self._request.batch_bytes // width))


def begin(*, is_versioned: bool) -> tuple[str, ...]:
    """Return the statements that begin a read: snapshot isolation where it is allowed."""
    level = "SNAPSHOT" if is_versioned else "READ COMMITTED"
    return (f"SET TRANSACTION ISOLATION LEVEL {level}", "BEGIN TRANSACTION")
