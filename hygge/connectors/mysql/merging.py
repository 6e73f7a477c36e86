"""A merge in the words of MySQL and MariaDB.

Collations of tables that others made take texts for equal that are not. So texts are compared in
two ways at once: as an index of the table, or of the staging table, finds them, and by their bytes.
See docs/decisions/0053-keys-of-mysql-are-compared-twice.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from hygge.connectors.mysql.staging import SPLIT
from hygge.connectors.sql.merging import MergingTarget
from hygge.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.sql.table_names import TableName

_IS_THERE = -1
"""Stands in place of the split of a staged row whose key the table has."""
_INDEXED = 700
"""Of all texts of a key so many characters are indexed: InnoDB takes 3072 bytes."""
_INDEXED_OF_ONE = 255
_MOST_COLUMNS = 16
_INDEX = "_hygge_key"
_LENGTHS = (
    "SELECT column_name, character_maximum_length FROM information_schema.columns "
    "WHERE table_schema = ? AND table_name = ? AND character_maximum_length IS NOT NULL"
)
_COLLATIONS = (
    "SELECT column_name, character_set_name, collation_name FROM information_schema.columns "
    "WHERE table_schema = ? AND table_name = ? AND collation_name IS NOT NULL"
)
_BYTEWISE = (
    "SELECT collation_name FROM information_schema.collations "
    "WHERE collation_name IN ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin') ORDER BY 1 DESC"
)
"""The collation that compares every byte, also blanks at the end: MariaDB's name, then MySQL's."""
_PADDING = "utf8mb4_bin"
"""What MySQL 5.7 has in place of it."""


class MysqlMerging(MergingTarget):
    """What a table of MySQL or MariaDB does in a way of its own when rows are merged."""

    holds_nan: ClassVar = False

    def gather(self, schema: pa.Schema) -> str:
        """Return the staging table, whose rows are found by their key where a table is there."""
        if self.live is not None:
            self.index(self.staging, self.request.primary_key)
        return self.staged_rows()

    def index(self, table: TableName, keys: Sequence[str]) -> None:
        """Let rows of a table of hygge's own be found by columns; commits, unless they can be.

        Of texts as much is indexed as there is room for.
        """
        if self.run(f"SHOW INDEX FROM {self.name(table)} WHERE Key_name = ?", (_INDEX,)):
            return
        lengths = dict(self.run(_LENGTHS, (table.schema, table.name)))
        free = [name for name in keys if name in lengths]
        most = min(_INDEXED // max(len(free), 1), _INDEXED_OF_ONE)
        parts = (
            self.quote(name) + (f"({most})" if int(lengths.get(name, 0)) > most else "")
            for name in keys[:_MOST_COLUMNS]
        )
        self.run(f"ALTER TABLE {self.name(table)} ADD INDEX {_INDEX} ({', '.join(parts)})")
        self.run(f"ANALYZE NO_WRITE_TO_BINLOG TABLE {self.name(table)}")

    # How values are compared

    def content(self, field: pa.Field, column: str) -> str:
        """Return what `min` takes of a column: of texts their bytes."""
        return self.ordered(field, column)

    def apart(self, names: Iterable[str], of: str = "") -> str:
        """Return columns as GROUP BY takes them; the servers group by the first bytes of texts."""
        assert self.staged is not None
        columns = []
        for name in names:
            field, column = self.staged.field(name), of + self.quote(name)
            if name in self.request.primary_key:
                column = self.content(field, column)
            elif _is_free(field.type):
                column = f"UNHEX(SHA2({column}, 256))"
            columns.append(column)
        return ", ".join(columns)

    def ordered(self, field: pa.Field, column: str) -> str:
        """Return a column as it is ordered, texts by their bytes."""
        return _bytes(column) if _is_text(field.type) else column

    def same(self, field: pa.Field) -> str:
        """Return the condition of one key."""
        return self.equal(field.name, "s")

    def equal(self, name: str, other: str) -> str:
        """Return the condition that a row of the table, `t`, and one of `other` share a value."""
        mine, theirs = f"t.{self.quote(name)}", f"{other}.{self.quote(name)}"
        if name not in self._collations:
            return f"{mine} = {theirs}"
        charset, collation = self._collations[name]
        found = f"{mine} = {theirs}"
        if collation != self.collation:
            found = f"{mine} = CONVERT({theirs} USING {charset}) COLLATE {collation} "
            found += f"AND CONVERT({mine} USING utf8mb4) COLLATE {self.collation} = {theirs}"
        return f"{found} AND {_bytes(mine)} = {_bytes(theirs)}"

    @cached_property
    def collation(self) -> str:
        """The collation of texts in tables that hygge makes."""
        rows = self.run(_BYTEWISE)
        return str(rows[0][0]) if rows else _PADDING

    @cached_property
    def _collations(self) -> dict[str, tuple[str, str]]:
        """Character set and collation of the columns of the table that are texts."""
        rows = self.run(_COLLATIONS, (self.place.schema, self.place.name))
        return {name: (charset, collation) for name, charset, collation in rows}

    def told(self, value: pa.Scalar, field: pa.Field, number: int) -> tuple[str, Any]:
        """Return a cast of the mark of a parameter, and the text of a value."""
        import pyarrow as pa

        is_, kind = pa.types, field.type
        value, wanted = value.cast(kind), self.sql_type(field).partition(" COMMENT")[0]
        if is_.is_integer(kind):
            wanted = "SIGNED" if is_.is_signed_integer(kind) else "UNSIGNED"
        elif is_.is_floating(kind):
            # With the digits that it has as a double, to which the server compares it.
            value, wanted = value.cast(pa.float64()), "DOUBLE"
        elif is_.is_timestamp(kind):
            value = value.cast(pa.timestamp(kind.unit))
        elif _is_text(kind):
            wanted = "BINARY"
        return f"CAST(? AS {wanted})", value.cast(pa.string()).as_py()

    def _order(self, schema: pa.Schema) -> str:
        """Return the order of rows of one key; raise `StoreError` for texts cut while sorting."""
        for name in self.request.dedupe_by:
            if _is_free(schema.field(name).type):
                self._check_length(name)
        return super()._order(schema)

    def _check_length(self, name: str) -> None:
        most = int(self.run("SELECT @@max_sort_length")[0][0])
        longer = f"{self.staged_rows()} WHERE octet_length({self.quote(name)}) > {most}"
        if self.first("1", longer):
            raise StoreError(
                f"column '{name}' of {self.place.shown()} decides between rows of one key, and the "
                f"server sorts texts by their first {most:,} bytes only, which some exceed",
                hint="name other columns with  dedupe_by, or raise max_sort_length on the server",
                code="HG547",
            )

    def first(self, columns: str, rest: str) -> list[tuple[Any, ...]]:
        """Return the first row; groups are sorted, for tables of them on the disk are slow."""
        return super().first(f"SQL_BIG_RESULT {columns}", rest)

    # How rows are changed

    def update(self, names: Sequence[str], staged: str, on: str) -> int:
        """Give rows of the table what is staged for them; return how many there are."""
        sets = ", ".join(f"t.{self.quote(name)} = s.{self.quote(name)}" for name in names)
        return self.change(f"UPDATE {self.table} AS t JOIN {staged} AS s ON {on} SET {sets}")

    def add(self, names: Sequence[str], staged: str, on: str) -> int:
        """Add the staged rows whose key the table lacks, after the update; return how many.

        Those that it has are marked first: so it need not have an index to be looked up by.
        """
        split, listed = self.quote(SPLIT), self._list(names)
        both = f"{staged} AS s JOIN {self.table} AS t ON {on}"
        self.run(f"UPDATE {both} SET s.{split} = {_IS_THERE}")
        return self.change(
            f"INSERT INTO {self.table} ({listed}) SELECT {listed} FROM {staged} "
            f"WHERE {split} <> {_IS_THERE}"
        )

    def matched(self, staged: str, on: str) -> int:
        """Return how many rows of the table have a key that is staged, each of them once."""
        return self.count(f"{self.table} AS t JOIN {staged} AS s ON {on}")

    def missing(self, staged: str, on: str) -> tuple[str, str]:
        """Return a join: MariaDB takes what a subquery said of a text for one that is like it."""
        return f"LEFT JOIN {staged} AS s ON {on}", f"s.{self.quote(SPLIT)} IS NULL"

    def deleting(self, condition: str, join: str = "") -> str:
        """Return the statement that deletes rows of the table, `t`."""
        return f"DELETE t FROM {self.table} AS t {join} WHERE {condition}"

    def marking(self, change: str, condition: str, join: str = "") -> str:
        """Return the statement that changes one column in rows of the table, `t`."""
        return f"UPDATE {self.table} AS t {join} SET t.{change} WHERE {condition}"

    def thin(self, staged: str, ranking: str) -> None:
        """Take away the staged rows that are not the first of their key: they get numbers."""
        self.run(f"ALTER TABLE {staged} ADD COLUMN _hygge_row bigint AUTO_INCREMENT UNIQUE")
        ranked = f"SELECT _hygge_row AS place, {ranking} AS number FROM {staged}"
        self.run(
            f"DELETE s FROM {staged} AS s JOIN ({ranked}) AS r ON r.place = s._hygge_row "
            "WHERE r.number > 1"
        )
        self.run(f"ALTER TABLE {staged} DROP COLUMN _hygge_row")


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind))


def _is_free(kind: pa.DataType) -> bool:
    """Return whether values may be of any length."""
    import pyarrow as pa

    return _is_text(kind) or bool(pa.types.is_binary(kind))


def _bytes(column: str) -> str:
    return f"CAST(CONVERT({column} USING utf8mb4) AS BINARY)"
