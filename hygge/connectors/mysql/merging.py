"""A merge in the SQL of MySQL and MariaDB.

Collations of existing tables may treat different texts as equal. So texts are compared twice: as an
index of the table, or of the staging table, finds them, and by bytes. See
docs/decisions/0053-keys-of-mysql-are-compared-twice.md.
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
"""Split number of a staged row whose key exists in the table."""
_INDEXED = 700
"""Characters indexed of all texts of a key together: InnoDB's limit is 3072 bytes."""
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
"""The collation that compares every byte, also trailing spaces: MariaDB's name, then MySQL's."""
_PADDING = "utf8mb4_bin"
"""The collation for MySQL 5.7, which lacks one without padding."""


class MysqlMerging(MergingTarget):
    """The parts of a merge that are specific to MySQL and MariaDB."""

    holds_nan: ClassVar = False

    def gather(self, schema: pa.Schema) -> str:
        """Index the staging table by the key where the table exists; return its name."""
        if self.live is not None:
            self.index(self.staging, self.request.primary_key)
        return self.staged_rows()

    def index(self, table: TableName, keys: Sequence[str]) -> None:
        """Index a table of hygge by columns, unless it is indexed; ends the transaction.

        Texts are indexed by as long a prefix as InnoDB allows.
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

    # Comparison of values

    def content(self, field: pa.Field, column: str) -> str:
        """Return the expression that `min` accepts for a column: texts as bytes."""
        return self.ordered(field, column)

    def group_terms(self, names: Iterable[str], of: str = "") -> str:
        """Return GROUP BY terms; these servers group long texts by their first bytes only."""
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
        """Return the ORDER BY expression of a column; texts are ordered by bytes."""
        return _bytes(column) if _is_text(field.type) else column

    def same(self, field: pa.Field) -> str:
        """Return the condition of equal keys."""
        return self.equal(field.name, "s")

    def equal(self, name: str, other: str) -> str:
        """Return the condition that rows of the table, `t`, and of `other` have equal values."""
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
        """The collation of texts in tables that hygge creates."""
        rows = self.run(_BYTEWISE)
        return str(rows[0][0]) if rows else _PADDING

    @cached_property
    def _collations(self) -> dict[str, tuple[str, str]]:
        """Character set and collation of the table's text columns."""
        rows = self.run(_COLLATIONS, (self.place.schema, self.place.name))
        return {name: (charset, collation) for name, charset, collation in rows}

    def typed_parameter(self, value: pa.Scalar, field: pa.Field, number: int) -> tuple[str, Any]:
        """Return the cast of a parameter marker, and the value as text."""
        import pyarrow as pa

        is_, kind = pa.types, field.type
        value, wanted = value.cast(kind), self.sql_type(field).partition(" COMMENT")[0]
        if is_.is_integer(kind):
            wanted = "SIGNED" if is_.is_signed_integer(kind) else "UNSIGNED"
        elif is_.is_floating(kind):
            # With its digits as a double, which the server compares.
            value, wanted = value.cast(pa.float64()), "DOUBLE"
        elif is_.is_timestamp(kind):
            value = value.cast(pa.timestamp(kind.unit))
        elif _is_text(kind):
            wanted = "BINARY"
        return f"CAST(? AS {wanted})", value.cast(pa.string()).as_py()

    def _order(self, schema: pa.Schema) -> str:
        """Return the order of rows of one key; raise `StoreError` for texts cut by sorting."""
        for name in self.request.dedupe_by:
            if _is_free(schema.field(name).type):
                self._check_length(name)
        return super()._order(schema)

    def _check_length(self, name: str) -> None:
        most = int(self.run("SELECT @@max_sort_length")[0][0])
        longer = f"{self.staged_rows()} WHERE octet_length({self.quote(name)}) > {most}"
        if self.first("1", longer):
            raise StoreError(
                f"column '{name}' of {self.place.shown()} decides between rows with the same key, "
                f"but the server sorts text only by its first {most:,} bytes, and some values are "
                "longer",
                hint="use other columns in  dedupe_by, or raise max_sort_length on the server",
                code="HG547",
            )

    def first(self, columns: str, rest: str) -> list[tuple[Any, ...]]:
        """Return the first row; sorts the groups, because temporary tables on disk are slow."""
        return super().first(f"SQL_BIG_RESULT {columns}", rest)

    # Changes of rows

    def update(self, names: Sequence[str], staged: str, on: str) -> int:
        """Update rows of the table from the staged rows; return how many there are."""
        sets = ", ".join(f"t.{self.quote(name)} = s.{self.quote(name)}" for name in names)
        return self.change(f"UPDATE {self.table} AS t JOIN {staged} AS s ON {on} SET {sets}")

    def add(self, names: Sequence[str], staged: str, on: str) -> int:
        """Insert the staged rows whose key the table lacks, after the update; return how many.

        Staged rows whose key exists are marked first, so the table needs no index on the key.
        """
        split, listed = self.quote(SPLIT), self._list(names)
        both = f"{staged} AS s JOIN {self.table} AS t ON {on}"
        self.run(f"UPDATE {both} SET s.{split} = {_IS_THERE}")
        return self.change(
            f"INSERT INTO {self.table} ({listed}) SELECT {listed} FROM {staged} "
            f"WHERE {split} <> {_IS_THERE}"
        )

    def matched(self, staged: str, on: str) -> int:
        """Return how many rows of the table have a staged key; each row counts once."""
        return self.count(f"{self.table} AS t JOIN {staged} AS s ON {on}")

    def missing(self, staged: str, on: str) -> tuple[str, str]:
        """Return a join: MariaDB caches a subquery's result for texts equal by collation."""
        return f"LEFT JOIN {staged} AS s ON {on}", f"s.{self.quote(SPLIT)} IS NULL"

    def deleting(self, condition: str, join: str = "") -> str:
        """Return the statement that deletes rows of the table, `t`."""
        return f"DELETE t FROM {self.table} AS t {join} WHERE {condition}"

    def marking(self, change: str, condition: str, join: str = "") -> str:
        """Return the statement that changes one column in rows of the table, `t`."""
        return f"UPDATE {self.table} AS t {join} SET t.{change} WHERE {condition}"

    def thin(self, staged: str, ranking: str) -> None:
        """Number the staged rows, and delete all but the first of each key."""
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
    """Return whether values have unlimited length."""
    import pyarrow as pa

    return _is_text(kind) or bool(pa.types.is_binary(kind))


def _bytes(column: str) -> str:
    return f"CAST(CONVERT({column} USING utf8mb4) AS BINARY)"
