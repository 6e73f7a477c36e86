"""A merge in SQL Server's SQL, with exact comparisons that can use an index of the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from hygge.connectors.mssql import catalog, comparison, types
from hygge.connectors.mssql.catalog import Column, bracketed
from hygge.connectors.mssql.comparison import Held
from hygge.connectors.mssql.connections import ROLLBACK
from hygge.connectors.sql import range_condition
from hygge.connectors.sql.merging import MergingTarget
from hygge.errors import StoreError
from hygge.values.model import Commit, Mode, Part

if TYPE_CHECKING:
    import pyarrow as pa


class MssqlMerging(MergingTarget):
    """The parts of a merge that are specific to SQL Server."""

    holds_nan: ClassVar = False

    def count(self, rest: str, values: Sequence[Any] = ()) -> int:
        """Return the number of rows of SELECT … FROM `rest`, also beyond 2^31."""
        return int(self.run(f"SELECT COUNT_BIG(*) FROM {rest}", values)[0][0])

    def first(self, columns: str, rest: str) -> list[tuple[Any, ...]]:
        """Return the first row of SELECT `columns` FROM `rest`, if there is one."""
        return self.run(f"SELECT TOP (1) {columns} FROM {rest}")

    def some(self, rest: str, most: int) -> list[tuple[Any, ...]]:
        """Return at most `limit` rows of SELECT * FROM `rest`."""
        return self.run(f"SELECT TOP ({most}) * FROM {rest}")

    @contextmanager
    def reading(self, query: str) -> Iterator[object]:
        """Run the block in a transaction that is rolled back."""
        self.run("BEGIN TRANSACTION")
        try:
            yield None
        finally:
            with suppress(StoreError):
                self.run(ROLLBACK)

    # Values

    def group_terms(self, names: Iterable[str], of: str = "") -> str:
        """Return GROUP BY or PARTITION BY terms under which no two different values are equal."""
        return ", ".join(
            comparison.group_terms(self._field(n), f"{of}{bracketed(n)}") for n in names
        )

    def select_terms(self, names: Iterable[str], of: str = "") -> str:
        """Return columns as a SELECT list beside `GROUP BY group_terms(…)`."""
        return ", ".join(comparison.key(self._field(n), f"{of}{bracketed(n)}") for n in names)

    def content(self, field: pa.Field, column: str) -> str:
        """Return an expression that `min` accepts, injective on the values of a column."""
        return comparison.content(field, column)

    def ordered(self, field: pa.Field, column: str) -> str:
        """Return the ORDER BY expression of a column; texts are ordered by character."""
        return comparison.ordered(field, column)

    def same(self, field: pa.Field) -> str:
        """Return the condition of equal keys, compared exactly and by the table's indexes."""
        return comparison.same(field, self.held(field))

    def ranged(self, field: pa.Field) -> str:
        """Return the expression of a column that is compared with a range; texts as bytes."""
        held = self.held(field) or Held(self.sql_type(field))
        column = f"t.{bracketed(field.name)}"
        read = types.any_reading_of(Column(field.name, held.type, True), column).sql
        return comparison.in_range(field, read)

    def typed_parameter(self, value: pa.Scalar, field: pa.Field, number: int) -> tuple[str, Any]:
        """Return the SQL of parameter `number`, cast to a column's type, and the value to bind."""
        import pyarrow as pa

        if pa.types.is_binary(field.type):
            raise StoreError(
                f"a range of column '{field.name}' cannot be deleted in {self.place.shown()}: the "
                "order of bytes there ignores zeros at the end",
                hint="use a column of numbers, dates, timestamps or text",
            )
        typed = f"CAST(? AS {self.sql_type(field)})"
        return comparison.in_range(field, typed), _parameter(value, field.type)

    def held(self, field: pa.Field) -> Held | None:
        """Return the type of a column that the commit does not change; None for any other."""
        for column in self.live or ():
            if self.folded(column.field.name) == self.folded(field.name):
                name = column.field.name
                is_kept = not self.differs(column, field)
                return Held(column.type, self.collations.get(name)) if is_kept else None
        return None

    @cached_property
    def collations(self) -> dict[str, str]:
        """The collations of the table's text columns."""
        return catalog.collations(self.run, self.place)

    def _field(self, name: str) -> pa.Field:
        assert self.staged is not None
        return self.staged.field(name)

    # Statements

    def update(self, names: Sequence[str], staged: str, on: str) -> int:
        """Update rows of the table from the staged rows; return how many there are."""
        sets = ", ".join(f"{bracketed(name)} = s.{bracketed(name)}" for name in names)
        return self.change(f"UPDATE t SET {sets} FROM {self.table} AS t JOIN {staged} AS s ON {on}")

    def thin(self, staged: str, ranking: str) -> None:
        """Delete all staged rows but the first of each key."""
        ranked = f"SELECT {ranking} AS number FROM {staged}"
        self.run(f"WITH ranked AS ({ranked}) DELETE FROM ranked WHERE number > 1")

    def deleting(self, condition: str, join: str = "") -> str:
        """Return the statement that deletes rows of the table, `t`."""
        return f"DELETE t FROM {self.table} AS t {join} WHERE {condition}"

    def marking(self, change: str, condition: str, join: str = "") -> str:
        """Return the statement that changes one column in rows of the table, `t`."""
        return f"UPDATE t SET {change} FROM {self.table} AS t {join} WHERE {condition}"

    # Values that the table would change

    def prepare(self, parts: Sequence[Part], commit: Commit) -> pa.Schema:
        """Return the schema of the staged rows; raise `StoreError` for values that would change."""
        schema = super().prepare(parts, commit)
        if self.live is not None and not self.swaps():
            for field in schema:
                self._check_fits(field)
        return schema

    def _check_fits(self, field: pa.Field) -> None:
        """Raise `StoreError` for a value that a column would change silently.

        Such as a character outside the code page of a `varchar`, or microseconds in a `datetime`.
        """
        held = self.held(field)
        condition = None if held is None else comparison.changes(field, held)
        if held is None or condition is None:
            return
        shown = comparison.shown(field, bracketed(field.name))
        found = self.first(shown, f"{self.staged_rows()} WHERE {condition}")
        if found:
            raise StoreError(
                f"column '{field.name}' of {self.place.shown()} is {held.type} and would change "
                f"{found[0][0]}; nothing was published",
                hint="change the column of the table to a type that fits, or cast in the flow "
                f"with  columns: {{{field.name}: {{type: …}}}}",
                code="HG535",
            )

    @property
    def holds_table(self) -> bool:
        """Whether the table is locked against changes during this commit or undo."""
        adds = self.request.mode is Mode.APPEND and self.request.clears is None
        return self.live is not None and not adds


def _parameter(value: pa.Scalar, kind: pa.DataType) -> str | float:
    """Return the SQL of a parameter cast to its column's type, and the value to bind."""
    import pyarrow as pa

    is_ = pa.types
    if is_.is_timestamp(kind) and is_.is_timestamp(value.type):
        return _moment(value, kind)
    fitted = value.cast(kind)
    if is_.is_timestamp(kind):
        return _moment(fitted, kind)
    if is_.is_floating(kind):
        return float(fitted.as_py())
    return str(fitted.cast(pa.string()).as_py())


def _moment(value: pa.Scalar, kind: pa.DataType) -> str:
    """Return a time in UTC as text with seven fractional digits, rounded up."""
    import pyarrow as pa

    zone = "" if kind.tz is None else " +00:00"
    if value.type.unit != "ns":
        return f"{range_condition.moment(value) or value}{zone}"
    nanos = value.cast(pa.int64()).as_py()
    ticks = -(-nanos // 100)
    micros = pa.scalar(ticks // 10, pa.timestamp("us", value.type.tz))
    return f"{range_condition.moment(micros) or micros}{ticks % 10}{zone}"
