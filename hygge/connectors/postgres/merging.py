"""A merge in the words of PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygge.connectors.sql.merging import MergingTarget

if TYPE_CHECKING:
    import pyarrow as pa


class PostgresMerging(MergingTarget):
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
