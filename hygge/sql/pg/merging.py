"""A merge in the words of PostgreSQL."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from hygge.sql.merging import MergingTarget
from hygge.sql.names import quote

if TYPE_CHECKING:
    import pyarrow as pa

_COLLATIONS = (
    "SELECT a.attname, n.nspname, c.collname, t.typcollation <> a.attcollation "
    "FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid "
    "JOIN pg_collation c ON c.oid = a.attcollation JOIN pg_namespace n ON n.oid = c.collnamespace "
    "WHERE a.attrelid = to_regclass($1) AND a.attnum > 0"
)


class PgMerging(MergingTarget):
    """What a table of PostgreSQL does in a way of its own when rows are merged."""

    def gather(self, schema: pa.Schema) -> str:
        """Return the staging table, of which the planner then knows how many rows it has."""
        table = self.staged_rows()
        self.run(f"ANALYZE {table}")
        return table

    def content(self, field: pa.Field, column: str) -> str:
        """Return a column as text: every type has one, and not all have an order."""
        return f'{column}::text COLLATE "C"'

    def ordered(self, field: pa.Field, column: str) -> str:
        """Return a column as it is ordered, texts by their bytes."""
        import pyarrow as pa

        is_text = pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        is_text = is_text and self.sql_type(field) == "text"
        return f'{column} COLLATE "C"' if is_text else column

    def same(self, field: pa.Field) -> str:
        """Return the condition of one key, compared as the table's own indexes do."""
        collation = self._collations.get(field.name)
        return super().same(field) + (f" COLLATE {collation}" if collation else "")

    @cached_property
    def _collations(self) -> dict[str, str]:
        """The collations of columns that have another one than the database."""
        rows = self.run(_COLLATIONS, (self.table,))
        return {name: f"{quote(of)}.{quote(own)}" for name, of, own, is_own in rows if is_own}
