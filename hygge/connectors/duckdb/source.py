"""One table, view or query of a DuckDB file, streamed from one transaction."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from hygge.connector import ReadRequest, Source
from hygge.connectors.duckdb import catalog
from hygge.connectors.duckdb.faults import Rows, fault
from hygge.connectors.duckdb.range_condition import condition
from hygge.connectors.duckdb.types import TOO_LONG, ColumnReading, field_of, reading_of
from hygge.connectors.sql.range_condition import where
from hygge.connectors.sql.table_names import quote
from hygge.errors import HomeError, HyggeError
from hygge.types.ordering import Order
from hygge.types.value_checks import too_large
from hygge.values.model import Span, Split

if TYPE_CHECKING:
    import pyarrow as pa

_SAMPLE_ROWS = 2048
_LARGE = "hygge: too large: "
_LARGE_ONE = re.compile(rf"{_LARGE}(\d+):(\d+):([^\n]*)")
_MOST_ROWS = 122_880
"""Rows of a DuckDB row group."""


class DuckdbSource(Source):
    """The rows of one transaction; DuckDB itself reads with several threads."""

    def __init__(self, request: ReadRequest, run: Rows) -> None:
        self._request = request
        self._run = run
        self._from = ""
        self._row_names: Sequence[str] = ()
        """Columns that name a row in an error: the primary key, or DuckDB's own row number."""
        self._within: str | None = None

    def over_table(self, table: catalog.Table) -> DuckdbSource:
        """Return a source that reads a table or view."""
        found = catalog.columns(self._run, table.name)
        self.estimated_rows = table.rows
        self.primary_key = catalog.primary_key(self._run, table.name, found)
        self._from = f"{quote(table.name.schema)}.{quote(table.name.name)}"
        self._row_names = self.primary_key
        names = {one.name.lower() for one in found}
        if not self._row_names and table.rows is not None and "rowid" not in names:
            self._row_names = ("rowid",)
        required = {one.name for one in found if not one.nullable}
        return self._with(required, f"cannot read {self._request.entity}")

    def over_query(self, query: str) -> DuckdbSource:
        """Return a source that reads a query."""
        self._from = f"(\n{query.strip().rstrip(';')}\n)"
        return self._with(set(), f"the query of {self._request.entity} is rejected")

    def _with(self, required: set[str], what: str) -> DuckdbSource:
        import duckdb

        sql = f"SELECT * FROM {self._from}{where(self._request.where)}"
        try:
            if len(self._run.cursor.extract_statements(sql)) != 1:
                raise HomeError(f"{what}: the query has more than one statement")
            relation = self._run.cursor.sql(sql)
            columns = list(zip(relation.columns, relation.types, strict=True))
        except duckdb.Error as error:
            raise fault(error, HomeError, what) from error
        wanted = self._request.types
        readings = [
            reading_of(
                name,
                kind,
                nullable=name not in required,
                as_text=wanted.get(name) == "string",
            )
            for name, kind in columns
        ]
        texts = [n for n, kind in columns if str(kind) == "VARCHAR" and wanted.get(n) != "string"]
        folded = self._find_folded(texts)
        self._take(
            [replace(one, order=Order.FOLDED) if one.name in folded else one for one in readings]
        )
        return self

    def _find_folded(self, names: Sequence[str]) -> set[str]:
        """Return those of the texts whose collation takes different ones for equal.

        The catalog does not say it: an empty selection of the column is compared.
        """
        if not names:
            return set()
        tests = ", ".join(f"x{n} IN ('A', '\u00e1')" for n in range(len(names)))
        asked = ", ".join(f"{quote(name)} AS x{n}" for n, name in enumerate(names))
        texts = ", ".join(["'a'"] * len(names))
        rows = self._run(
            f"SELECT {tests} FROM "
            f"(SELECT {asked} FROM {self._from} WHERE false UNION ALL SELECT {texts})"
        )
        return {name for name, is_equal in zip(names, rows[0], strict=True) if is_equal}

    def _take(self, readings: Sequence[ColumnReading]) -> None:
        """Select these columns, with the Arrow types that DuckDB reports."""
        import duckdb
        import pyarrow as pa

        self._readings = list(readings)
        try:
            with self._run.cursor.sql(f"{self._select()} LIMIT 0").to_arrow_reader() as reader:
                brought = reader.schema
        except duckdb.Error as error:
            raise fault(error, HomeError, f"cannot read {self._request.entity}") from error
        self.schema = pa.schema(map(field_of, self._readings, brought))

    def narrow(self, columns: Sequence[str]) -> None:
        """Select these columns only."""
        kept = [one for one in self._readings if one.name in columns]
        self._take(kept or self._readings[:1])

    def within(self, span: Span) -> None:
        """Exclude rows outside a range where the column is ordered like the values read."""
        reading = next(one for one in self._readings if one.name == span.column)
        if reading.sql == quote(span.column):
            self._within = condition(span, reading.sql, self.schema.field(span.column).type)

    def splits(self, wanted: int) -> list[Split]:
        """Return one split: other connections would see other rows."""
        return [Split(0, self._request.entity)]

    @contextmanager
    def read(self, split: Split) -> Iterator[pa.RecordBatchReader]:
        """Stream the rows."""
        import pyarrow as pa

        batches = self._batches(self._batch_rows())
        try:
            yield pa.RecordBatchReader.from_batches(self.schema, batches)
        finally:
            batches.close()

    def _select(self, *more: str | None) -> str:
        columns = ", ".join(f"{one.sql} AS {quote(one.name)}" for one in self._readings)
        return f"SELECT {columns} FROM {self._from}{where(self._request.where, *more)}"

    def _sizes(self) -> dict[str, str]:
        """Return the expressions for the bytes of texts and blobs, by the names of columns."""
        import pyarrow as pa

        sizes = {}
        for one, field in zip(self._readings, self.schema, strict=True):
            if one.sql == quote(one.name) and pa.types.is_string(field.type):
                sizes[one.name] = f"strlen({one.sql})"
            elif one.sql == quote(one.name) and pa.types.is_binary(field.type):
                sizes[one.name] = f"octet_length({one.sql})"
        return sizes

    def _guarded(self) -> str:
        """Return the columns of the SELECT list: a value that is too large ends the query.

        The error names the column, the size and the key before DuckDB hands over the value.
        """
        most, sizes = self._request.max_value_bytes, self._sizes()
        keys = [f"coalesce(CAST({quote(key)} AS VARCHAR), '')" for key in self._row_names]
        key = f" || {' || chr(31) || '.join(keys)}" if keys else ""
        columns = []
        for number, one in enumerate(self._readings):
            sql, size = one.sql, sizes.get(one.name)
            if size is not None:
                refusal = f"error('{_LARGE}{number}:' || {size} || ':'{key})"
                sql = f"CASE WHEN {size} > {most} THEN {refusal} ELSE {sql} END"
            columns.append(f"{sql} AS {quote(one.name)}")
        return ", ".join(columns)

    def _batch_rows(self) -> int:
        """Return the rows of a batch of the requested bytes, estimated from the first rows."""
        import duckdb

        sizes = self._sizes()
        others = [one for one in self._readings if one.name not in sizes]
        columns = ", ".join(f"{one.sql} AS {quote(one.name)}" for one in others) or "1"
        rows = f"{self._from}{where(self._request.where)} LIMIT {_SAMPLE_ROWS}"
        lengths = " + ".join(f"coalesce({size}, 0)" for size in sizes.values()) or "0"
        try:
            sample = self._run.cursor.sql(f"SELECT {columns} FROM {rows}").to_arrow_table()
            long = self._run(f"SELECT avg(w) FROM (SELECT {lengths} AS w FROM {rows})")[0][0]
        except duckdb.Error as error:
            raise self._blame(error) from error
        width = max(sample.nbytes // max(sample.num_rows, 1) + int(long or 0), 1)
        return int(min(max(self._request.batch_bytes // width, 1), _MOST_ROWS))

    def _batches(self, rows: int) -> Generator[pa.RecordBatch]:
        import duckdb
        import pyarrow as pa

        try:
            sql = f"SELECT {self._guarded()} FROM {self._from}"
            sql += where(self._request.where, self._within)
            with self._run.cursor.sql(sql).to_arrow_reader(rows) as reader:
                for batch in reader:
                    yield from self._sliced(self._convert(batch))
        except (duckdb.Error, OSError, pa.ArrowException) as error:
            raise self._blame(error) from error

    def _blame(self, error: BaseException) -> HyggeError:
        """Return the `HomeError` for DuckDB's error while rows were read."""
        what = f"cannot read {self._request.entity}"
        if large := _LARGE_ONE.search(str(error)):
            return self._too_large(int(large[1]), int(large[2]), large[3])
        for one in self._readings:
            if f"column '{one.name}' {TOO_LONG}" in str(error):
                return unreadable(one.name, TOO_LONG)
        return fault(error, HomeError, what)

    def _too_large(self, column: int, size: int, key: str) -> HomeError:
        pairs = zip(self._row_names, key.split("\x1f"), strict=False)
        shown = ", ".join(f"{name} = {value}" for name, value in pairs)
        found = too_large(self._readings[column].name, 0, size, self._request.max_value_bytes)
        return found.error(
            f"{f'the row with {shown}' if shown else 'a row'} of {self._request.entity}"
        )

    def _sliced(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Yield a batch in slices where its rows are wider than the estimate."""
        pieces = max(batch.nbytes // (2 * self._request.batch_bytes), 1)
        size = -(-batch.num_rows // pieces) or 1
        for start in range(0, batch.num_rows, size):
            yield batch.slice(start, size)

    def _convert(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        import pyarrow as pa

        arrays = []
        for array, field in zip(batch.columns, self.schema, strict=True):
            if field.type == pa.uuid():
                array = pa.ExtensionArray.from_storage(field.type, array.cast(pa.binary(16)))
            elif not array.type.equals(field.type):
                array = array.cast(field.type)
            _check_time(array, field)
            arrays.append(array)
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def _check_time(array: pa.Array, field: pa.Field) -> None:
    """Raise `HomeError` for `infinity` and `24:00:00`, which Arrow's types have no value for."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_ = pa.types
    if is_.is_struct(array.type):
        for child in array.flatten():
            _check_time(child, field)
    elif is_.is_list(array.type) or is_.is_fixed_size_list(array.type):
        _check_time(array.flatten(), field)
    elif is_.is_map(array.type):
        _check_time(array.items, field)
    if not (is_.is_date32(array.type) or is_.is_timestamp(array.type) or is_.is_time(array.type)):
        return
    bits = array.type.bit_width
    ends = pc.min_max(array.view(pa.int32() if bits == 32 else pa.int64())).as_py()
    if ends["min"] is None:
        return
    edge = 2 ** (bits - 1) - 1
    if is_.is_time(array.type):
        edge = {"us": 86_400 * 10**6, "ns": 86_400 * 10**9}[array.type.unit]
    if ends["max"] >= edge or ends["min"] <= -(2 ** (bits - 1) - 1):
        shown = "24:00:00" if is_.is_time(array.type) else "infinity"
        raise unreadable(field.name, f"contains {shown}, which {field.type} cannot represent")


def unreadable(name: str, problem: str) -> HomeError:
    """Return the error for a column with a value outside its type."""
    return HomeError(
        f"column '{name}' {problem}",
        hint=f"read it as text with  columns: {{{name}: {{type: string}}}}",
        code="HG508",
    )
