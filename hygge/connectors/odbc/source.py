"""One table, view or query behind an ODBC driver, read as one stream of rows."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hygge.connector import ReadRequest, Source
from hygge.connectors.odbc.column_rules import LONG_TEXTS
from hygge.connectors.odbc.config import OdbcSettings
from hygge.connectors.odbc.dialects import Dialect
from hygge.connectors.odbc.driver import Column
from hygge.connectors.odbc.faults import fault
from hygge.connectors.sql.column_reading import ColumnReading, UnsafeError, convert, select
from hygge.connectors.sql.range_condition import number, where, within
from hygge.connectors.sql.table_names import quote
from hygge.errors import HomeError
from hygge.types.type_names import arrow_type
from hygge.types.unfit import repeated
from hygge.values.model import Span, Split

if TYPE_CHECKING:
    import pyarrow as pa

_HINT = "set its type in the home:  types: {{{}: string}}  or another type"
_WIDTHS = {"string": 4, "binary": 1}
"""Buffer bytes for each character of a text and each byte of a binary value."""
_FIXED_WIDTH = 24
_SHORT_WIDTH = 1024
"""Buffer bytes of texts of numbers and times where a driver reports no length: 255 characters."""


class OdbcSource(Source):
    """The rows of one SELECT."""

    def __init__(
        self, settings: OdbcSettings, request: ReadRequest, dialect: Dialect, *, sign: str
    ) -> None:
        self._settings = settings
        self._request = request
        self._dialect = dialect
        self._sign = sign
        self._from = ""
        self._within: str | None = None

    def over(self, from_: str, columns: Sequence[Column]) -> OdbcSource:
        """Return a source that reads `columns` from a quoted table or a query in parentheses."""
        names = [column.name for column in columns]
        twice = repeated(names)
        if twice or not names:
            what = f"two columns with the name '{twice[0]}'" if twice else "no columns"
            raise HomeError(f"{self._request.entity} has {what}", hint="name columns with AS")
        self._from = from_
        self._columns = list(columns)
        self._take(self._all_readings(columns))
        return self

    def _all_readings(self, columns: Sequence[Column]) -> list[ColumnReading]:
        found, unsafe = [], {}
        for column in columns:
            try:
                found.append(self._reading(column))
            except UnsafeError as error:
                unsafe[column.name] = str(error)
        if unsafe:
            why = "; ".join(f"column '{name}': {reason}" for name, reason in unsafe.items())
            raise HomeError(
                f"{self._request.entity} cannot be read exactly through this driver: {why}",
                hint=f"set its type in the home:  types: {{{next(iter(unsafe))}: …}}  with a type "
                "such as decimal(38,10) or string; or exclude it with a query",
                code="HG508",
            )
        return found

    def _reading(self, column: Column) -> ColumnReading:
        quoted = quote(column.name, self._sign)
        said, wanted = self._settings.types.get(column.name), self._request.types.get(column.name)
        if said is not None:
            return self._dialect.declared(column, quoted, arrow_type(said))
        try:
            reading = self._dialect.rule(column, quoted)
        except UnsafeError:
            if wanted is None:
                raise
            return self._dialect.declared(column, quoted, arrow_type(wanted))
        if wanted == "string" and str(reading.field.type) != "string":
            return self._dialect.declared(column, quoted, arrow_type(wanted))
        return reading

    def _take(self, readings: Sequence[ColumnReading]) -> None:
        import pyarrow as pa

        self._readings = list(readings)
        self.schema = pa.schema([reading.field for reading in readings])

    def narrow(self, columns: Sequence[str]) -> None:
        """Select these columns only."""
        pairs = list(zip(self._columns, self._readings, strict=True))
        kept = [pair for pair in pairs if pair[0].name in columns] or pairs[:1]
        self._columns = [column for column, _ in kept]
        self._take([reading for _, reading in kept])

    def within(self, span: Span) -> None:
        """Exclude rows outside a range of integers, the same literals in all databases."""
        import pyarrow as pa

        reading = next(one for one in self._readings if one.field.name == span.column)
        column = quote(span.column, self._sign)
        if reading.sql == column and pa.types.is_signed_integer(reading.bound):
            self._within = within(span, column, number)

    def splits(self, wanted: int) -> list[Split]:
        """Return one split: two connections of a driver cannot share a snapshot."""
        return [Split(0, self._request.entity)]

    @contextmanager
    def read(self, split: Split) -> Iterator[pa.RecordBatchReader]:
        """Run the SELECT on its own connection and stream the rows."""
        import pyarrow as pa

        batches = self._batches()
        try:
            yield pa.RecordBatchReader.from_batches(self.schema, batches)
        finally:
            batches.close()

    def _batches(self) -> Generator[pa.RecordBatch]:
        import arrow_odbc

        settings, timeout = self._settings, self._settings.statement_timeout
        try:
            reader = arrow_odbc.read_arrow_batches_from_odbc(
                self.select(),
                settings.text(self._dialect),
                batch_size=self.rows_at_once(),
                max_bytes_per_batch=None,
                max_text_size=settings.max_text_size,
                max_binary_size=settings.max_binary_size,
                login_timeout_sec=round(settings.connect_timeout),
                query_timeout_sec=None if timeout is None else max(round(timeout), 1),
                map_schema=self._bound,
                payload_text_encoding=arrow_odbc.TextEncoding.UTF8,
            )
            for batch in reader:
                yield convert(batch, self._readings, self._request.entity, _HINT)
        except arrow_odbc.Error as error:
            what = f"cannot read {self._request.entity}"
            raise fault(error, what, settings.secrets()) from error

    def rows_at_once(self) -> int:
        """Return how many rows fit into a batch's bytes if every value has its maximum width.

        The buffers for all of them are allocated before the first row, and twice.
        """
        width = sum(
            self._width(column, reading)
            for column, reading in zip(self._columns, self._readings, strict=True)
        )
        return max(1, min(self._settings.batch_rows, self._request.batch_bytes // width))

    def _width(self, column: Column, reading: ColumnReading) -> int:
        kind = str(reading.bound)
        if kind not in _WIDTHS:
            return _FIXED_WIDTH
        is_text = kind == "string"
        most = self._settings.max_text_size if is_text else self._settings.max_binary_size
        if is_text and str(reading.field.type) not in _WIDTHS:
            return _SHORT_WIDTH
        is_as_told = column.code not in LONG_TEXTS and reading.sql == quote(column.name, self._sign)
        if is_as_told or not is_text:
            return min(column.size * _WIDTHS[kind] or most, most) + _FIXED_WIDTH
        return most + _FIXED_WIDTH

    def select(self) -> str:
        """Return the SELECT."""
        columns = select(self._readings, lambda name: quote(name, self._sign))
        return f"{columns} FROM {self._from}{where(self._request.where, self._within)}"

    def _bound(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema for arrow-odbc, which crashes on fixed-size binary values."""
        import pyarrow as pa

        kinds = [one.bound for one in self._readings]
        if any(one.is_odd for one in self._readings):
            kinds.append(pa.int64())
        if len(schema) != len(kinds):
            raise HomeError(f"the columns of {self._request.entity} have changed; run again")
        return pa.schema([f.with_type(kind) for f, kind in zip(schema, kinds, strict=True)])
