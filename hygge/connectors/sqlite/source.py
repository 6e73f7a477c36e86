"""One table, view or query of a SQLite file, read from one snapshot by ranges of rowids."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hygge.connector import ReadRequest, Source
from hygge.connectors.sql import range_condition
from hygge.connectors.sql.range_condition import where
from hygge.connectors.sql.table_names import quote
from hygge.connectors.sqlite import catalog
from hygge.connectors.sqlite.connections import Rows, cursor_of
from hygge.connectors.sqlite.conversion import first_unreadable, from_stored
from hygge.connectors.sqlite.faults import fault
from hygge.connectors.sqlite.sampling import Sampling
from hygge.connectors.sqlite.snapshot import Snapshot
from hygge.connectors.sqlite.types import (
    Kind,
    any_text_kind,
    bytes_kind,
    declared_kind,
    order_of,
    stored_kind,
)
from hygge.errors import HomeError, LateTypeError
from hygge.types.ordering import Order, marks
from hygge.types.value_checks import too_large
from hygge.values.model import Span, Split

if TYPE_CHECKING:
    import pyarrow as pa

_COLLATED = "FROM sqlite_schema WHERE sql LIKE '%collate%' LIMIT 1"
_SPLIT_ROWS = 5_000
_MOST_ROWS = 2**16
_SHOWN = 40
"""Characters of a value that an error shows."""
_FIRST = {"integer": "0", "real": "0.5", "text": "'x'", "blob": "x'00'"}
"""A row of these values is sent first, because the driver infers types from the first row."""


@dataclass(frozen=True, slots=True)
class ColumnReading:
    """How one column is read."""

    name: str
    declared: str
    kind: Kind
    nullable: bool
    is_guess: bool = False
    """Whether the type was inferred from a sample of the values."""

    @property
    def fits(self) -> str:
        """SQL condition for readable values."""
        return self.kind.fits.format(quote(self.name), self.kind.stored)

    @property
    def size(self) -> str | None:
        """The expression for the bytes of a value, which reads none of them; None for numbers."""
        is_long = self.kind.stored in ("text", "blob")
        return f"octet_length({quote(self.name)})" if is_long else None

    def sql(self, most: int) -> str:
        """Return the expression for the value; null where it does not fit or has more bytes."""
        fits = self.fits if self.size is None else f"{self.fits} AND {self.size} <= {most}"
        return f"CASE WHEN {fits} THEN {self.kind.sql.format(quote(self.name))} END"


class SqliteSource(Source):
    """The rows of one snapshot."""

    def __init__(self, request: ReadRequest, view: Snapshot, *, keeps_view: bool) -> None:
        self._request = request
        self._view = view
        self._keeps_view = keeps_view
        self._run = view.main
        self._from = ""
        self._within: str | None = None
        self._rowid: str | None = None
        self._unread: set[int] = set()
        self._folded: set[str] = set()

    def over_table(self, table: catalog.Table) -> SqliteSource:
        """Return a source that reads a table or view."""
        self._from = f"main.{quote(table.name)}"
        found = catalog.columns(self._run, table.name)
        self._rowid = catalog.rowid_of(table, found)
        self.primary_key = catalog.primary_key(found)
        keys = len(self.primary_key)
        return self._with(
            [
                replace(one, required=True) if catalog.numbers_itself(one, table, keys) else one
                for one in found
            ]
        )

    def over_query(self, query: str) -> SqliteSource:
        """Return a source that reads a query; a temporary view provides its columns."""
        name = "_hygge_query"
        self._query = query.strip().rstrip(";")
        try:
            self._run(f"CREATE TEMP VIEW {name} AS\n{self._query}\n")
            found = catalog.columns(self._run, name, "temp")
            self._run(f"DROP VIEW temp.{name}")
        except HomeError as error:
            what = f"the query of {self._request.entity} is rejected"
            raise HomeError(f"{what}: {error.message.partition(': ')[2]}") from error.__cause__
        self._from = f"(\n{self._query}\n)"
        return self._with(found)

    def _with(self, columns: Sequence[catalog.Column]) -> SqliteSource:
        if not columns:
            raise HomeError(f"{self._request.entity} has no columns")
        sampling = Sampling(self._run, self._rows(), thorough=self._request.thorough)
        guessed = sampling.kinds([one for one in columns if self._kind(one) is None])
        self._folded = self._find_folded(columns)
        self._take(
            [
                ColumnReading(
                    one.name,
                    one.declared,
                    self._kind(one) or guessed[one.name],
                    not one.required,
                    self._kind(one) is None,
                )
                for one in columns
            ]
        )
        return self

    def _kind(self, column: catalog.Column) -> Kind | None:
        """Return how a column is read, by its declaration or the flow's cast."""
        import pyarrow as pa

        declared = declared_kind(column.declared)
        wanted = self._request.types.get(column.name)
        if wanted == "string":
            return any_text_kind()
        if wanted == "binary" and _is_text_or_bytes(declared):
            return bytes_kind()
        is_text = declared is not None and pa.types.is_string(declared.type)
        own = {"int64": pa.int64(), "float64": pa.float64()}.get(wanted or "")
        return declared if own is None or is_text else stored_kind(own)

    def _find_folded(self, columns: Sequence[catalog.Column]) -> set[str]:
        """Return the columns whose collation takes different texts for equal.

        No catalog says it of a view or query: an empty selection of the column is compared.
        """
        wanted = self._request.types
        names = [one.name for one in columns if wanted.get(one.name) != "string"]
        if not names or not self._run(f"SELECT 1 {_COLLATED}"):
            return set()
        tests = ", ".join(f"x{n} IN ('A', 'a ', '\u00e1')" for n in range(len(names)))
        asked = ", ".join(f"{quote(name)} AS x{n}" for n, name in enumerate(names))
        texts = ", ".join(["'a'"] * len(names))
        rows = self._run(
            f"SELECT {tests} FROM "
            f"(SELECT {asked} FROM {self._from} WHERE 0 UNION ALL SELECT {texts} LIMIT 9)"
        )
        return {name for name, is_equal in zip(names, rows[0], strict=True) if is_equal}

    def _order_of(self, reading: ColumnReading) -> Order | None:
        import pyarrow as pa

        if reading.name in self._folded and pa.types.is_string(reading.kind.type):
            return Order.FOLDED
        return order_of(reading.declared, reading.kind)

    def _take(self, readings: Sequence[ColumnReading]) -> None:
        import pyarrow as pa

        self._readings = list(readings)
        self.schema = pa.schema(
            [
                pa.field(one.name, one.kind.type, one.nullable, marks(self._order_of(one)))
                for one in readings
            ]
        )

    def narrow(self, columns: Sequence[str]) -> None:
        """Select these columns only."""
        kept = [one for one in self._readings if one.name in columns]
        self._take(kept or self._readings[:1])

    def within(self, span: Span) -> None:
        """Exclude integers outside a range; other types are not restricted."""
        import pyarrow as pa

        reading = next(one for one in self._readings if one.name == span.column)
        kind, column = reading.kind, quote(span.column)
        if kind.type != pa.int64() or kind.stored != "integer" or kind.sql != "{0}":
            return
        self._within = range_condition.within(span, column, range_condition.number)
        if self._within is not None and span.high is not None:
            # Texts and bytes, which are errors in this column, are ordered above all numbers.
            self._within += f" OR {column} >= ''"

    def _rows(self, *more: str | None) -> str:
        """Return the FROM clause and what follows."""
        return f"{self._from}{where(self._request.where, self._within, *more)}"

    def splits(self, wanted: int) -> list[Split]:
        """Return ranges of rowids, or a single split without rowids or with few rows."""
        entity = self._request.entity
        low, high = self._ends() if wanted > 1 and self._within is None else (0, 0)
        number = min(wanted, (high - low) // _SPLIT_ROWS)
        if number > 1:
            number = 1 + self._view.more(number - 1)
        edges = [low + (high - low) * n // number for n in range(1, number)] if number > 1 else []
        ranges = list(pairwise([None, *edges, None]))
        self._unread = set(range(len(ranges)))
        if len(ranges) == 1:
            return [Split(0, entity)]
        return [
            Split(
                n,
                f"{entity} rows {'' if first is None else first}-{'' if end is None else end}",
                (first, end),
            )
            for n, (first, end) in enumerate(ranges)
        ]

    def _ends(self) -> tuple[int, int]:
        if self._rowid is None:
            return 0, 0
        row = self._run(
            f"SELECT (SELECT min({self._rowid}) FROM {self._from}), "
            f"(SELECT max({self._rowid}) FROM {self._from})"
        )[0]
        return (0, 0) if row[0] is None else (int(row[0]), int(row[1]) + 1)

    @contextmanager
    def read(self, split: Split) -> Iterator[pa.RecordBatchReader]:
        """Stream the rows of a split over its own connection."""
        import pyarrow as pa

        with self._view.lend() as run:
            size = Sampling(run, self._rows(), thorough=False).batch_rows(
                [(one.name, one.kind.stored) for one in self._readings], self._request.batch_bytes
            )
            with cursor_of(run.connection, min(size, _MOST_ROWS)) as cursor:
                rows = _Stream(self, split, run, cursor)
                batches = rows.batches()
                try:
                    yield pa.RecordBatchReader.from_batches(self.schema, batches)
                finally:
                    batches.close()
        if rows.is_at_end:
            self._unread.discard(split.number)
        if not self._unread and not self._keeps_view:
            self._view.let_go()

    @property
    def readings(self) -> list[ColumnReading]:
        """How each column of `schema` is read."""
        return self._readings

    @property
    def entity(self) -> str:
        """Name of the entity."""
        return self._request.entity

    @property
    def max_value_bytes(self) -> int:
        """How large a value may be."""
        return self._request.max_value_bytes

    @property
    def is_thorough(self) -> bool:
        """Whether types are inferred from all values."""
        return self._request.thorough

    def select(self, split: Split) -> str:
        """Return the query of a split: the number of the column that cannot be read goes first.

        It is negative for a value that is too large, of which not a byte is read.
        """
        most = self._request.max_value_bytes
        bad = " ".join(
            f"WHEN NOT ({one.fits}) AND {quote(one.name)} IS NOT NULL THEN {n}"
            for n, one in enumerate(self._readings, 1)
        )
        bad += "".join(
            f" WHEN {one.size} > {most} THEN {-n}"
            for n, one in enumerate(self._readings, 1)
            if one.size is not None
        )
        values = ", ".join(one.sql(most) for one in self._readings)
        first = ", ".join(_FIRST[one.kind.stored] for one in self._readings)
        return (
            f"SELECT -1, {first} UNION ALL SELECT CASE {bad} ELSE 0 END, {values} "
            f"FROM {self.rows_of(split)}"
        )

    def rows_of(self, split: Split) -> str:
        """Return the FROM clause and what follows for the rows of a split."""
        if split.detail is None:
            return self._rows()
        low, high = split.detail
        ends = [] if low is None else [f"{self._rowid} >= {low}"]
        ends += [] if high is None else [f"{self._rowid} < {high}"]
        return self._rows(" AND ".join(ends))

    @property
    def rowid(self) -> str | None:
        """Name of the rowid; None where rows have none."""
        return self._rowid


def _is_text_or_bytes(declared: Kind | None) -> bool:
    """Return whether values of a declared type are texts or bytes; true for no declaration."""
    import pyarrow as pa

    if declared is None:
        return True
    return bool(pa.types.is_string(declared.type) or pa.types.is_binary(declared.type))


class _Stream:
    """The rows of one split on their way."""

    def __init__(self, source: SqliteSource, split: Split, run: Rows, cursor: Any) -> None:  # noqa: ANN401
        self._source = source
        self._split = split
        self._run = run
        self._cursor = cursor
        self._rows = 0
        self.is_at_end = False

    def batches(self) -> Generator[pa.RecordBatch]:
        import adbc_driver_manager
        import pyarrow as pa

        try:
            self._cursor.execute(self._source.select(self._split))
            with self._cursor.fetch_record_batch() as reader:
                yield from self._rows_of(reader)
            self.is_at_end = True
        except (adbc_driver_manager.Error, OSError, pa.ArrowException) as error:
            what = f"cannot read {self._source.entity}"
            raise fault(error, HomeError, what) from error

    def _rows_of(self, reader: pa.RecordBatchReader) -> Generator[pa.RecordBatch]:
        """Yield all rows but the first, which only determines the driver's types."""
        first = 1
        for batch in reader:
            rows, first = batch.slice(first), 0
            if rows.num_rows:
                yield self._convert(rows)
                self._rows += rows.num_rows

    def _convert(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        import pyarrow as pa
        import pyarrow.compute as pc

        flags, *values = batch.columns
        if pc.min_max(flags).as_py() != {"min": 0, "max": 0}:
            at = pc.index(pc.not_equal(flags, 0), True).as_py()
            number = flags[at].as_py()
            raise (self._contradiction if number > 0 else self._too_large)(abs(number) - 1, at)
        arrays = []
        for number, (array, reading) in enumerate(zip(values, self._source.readings, strict=True)):
            try:
                arrays.append(from_stored(array, reading.kind.type))
            except pa.ArrowException:
                at = first_unreadable(array, reading.kind.type)
                raise self._contradiction(number, at) from None
        return pa.RecordBatch.from_arrays(arrays, schema=self._source.schema)

    def _too_large(self, column: int, at: int) -> HomeError:
        """Return the error for a value that is larger than allowed, naming its row."""
        name, rowid, nth = self._source.readings[column].name, self._source.rowid, self._rows + at
        row, size = self._run(
            f"SELECT {rowid or 0}, octet_length({quote(name)}) "
            f"FROM {self._source.rows_of(self._split)} LIMIT 1 OFFSET {nth}"
        )[0]
        found = too_large(name, 0, int(size), self._source.max_value_bytes)
        shown = str(row) if rowid else f"{nth + 1:,}"
        return found.error(f"row {shown} of {self._source.entity}")

    def _contradiction(self, column: int, at: int) -> HomeError:
        """Return the error for a value that its column's type cannot have, naming its row."""
        import pyarrow as pa

        reading = self._source.readings[column]
        nth = self._rows + at
        rowid = self._source.rowid
        where, held = self._look(quote(reading.name), rowid or "''", nth)
        shown = f"row {where}" if rowid else f"row {nth + 1:,}"
        if reading.is_guess and not self._source.is_thorough:
            return LateTypeError(
                f"column '{reading.name}' of {self._source.entity} contains {held} in {shown}"
            )
        said = f"is declared {reading.declared}" if reading.declared else "has other values before"
        way, kind = "text", "string"
        if pa.types.is_string(reading.kind.type) and held.startswith(("the text", "the blob")):
            way, kind = "bytes", "binary"
            said += "" if held.startswith("the blob") else ", and is not valid UTF-8"
        return HomeError(
            f"column '{reading.name}' of {self._source.entity} contains {held} in {shown}, but "
            f"{said}",
            hint=f"read it as {way} with  columns: {{{reading.name}: {{type: {kind}}}}}",
            code="HG508",
        )

    def _look(self, name: str, rowid: str, nth: int) -> tuple[str, str]:
        shown = f"CASE typeof({name}) WHEN 'blob' THEN hex({name}) ELSE CAST({name} AS TEXT) END"
        rows = self._run(
            f"SELECT {rowid}, typeof({name}), CAST(substr({shown}, 1, {_SHOWN}) AS BLOB) "
            f"FROM {self._source.rows_of(self._split)} LIMIT 1 OFFSET {nth}"
        )
        number, kind, text = rows[0]
        return str(number), f"the {kind} '{text.decode(errors='backslashreplace')}'"
