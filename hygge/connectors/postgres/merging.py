"""A merge in PostgreSQL's SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygge.connectors.sql.merging import MergingTarget

if TYPE_CHECKING:
    import pyarrow as pa


class PostgresMerging(MergingTarget):
    """The parts of a merge that are specific to PostgreSQL."""

    def gather(self, schema: pa.Schema) -> str:
        """Analyze the staging table for the planner; return its name."""
        table = self.staged_rows()
        self.run(f"ANALYZE {table}")
        return table

    def content(self, field: pa.Field, column: str) -> str:
        """Return a column as text, because not all types have an order."""
        return f'{column}::text COLLATE "C"'

    def ordered(self, field: pa.Field, column: str) -> str:
        """Return the ORDER BY expression of a column; texts are ordered by bytes."""
        import pyarrow as pa

        is_text = pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        is_text = is_text and self.sql_type(field) == "text"
        return f'{column} COLLATE "C"' if is_text else column
