"""Values above the size limit, found by the server before any is sent.

The length of a TOASTed text or bytea is known without reading it. Values of other types are read
only if their compressed size allows a larger value than the limit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.connectors.sql.range_condition import where
from hygge.connectors.sql.table_names import quote
from hygge.types.value_checks import too_large

if TYPE_CHECKING:
    from hygge.connectors.postgres.catalog import Table
    from hygge.connectors.sql.chain import Run
    from hygge.errors import HomeError

_RATIO = 256
"""Above the maximum compression ratio: pglz 91, lz4 255."""
_CHARACTER_BYTES = 4
_PLACE = "ctid::text || ' in ' || tableoid::regclass"
_DECLARED = re.compile(r"character(?: varying)?\((\d+)\)")
_ASIDE = """
WITH RECURSIVE parts AS (
  SELECT $1::oid AS oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN parts ON i.inhparent = oid
)
SELECT coalesce(sum(pg_relation_size(c.reltoastrelid)), 0)
FROM pg_class c JOIN parts ON parts.oid = c.oid WHERE c.reltoastrelid <> 0
"""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Length expressions for the columns of one table whose values may exceed the limit."""

    limit: int
    keys: Sequence[str]
    """Key columns that identify a row in the error; without any, its ctid does."""
    measures: Mapping[str, str]
    """By column: the expression of its length in bytes, null up to the limit."""

    def question(self, source: str, *conditions: str | None) -> str:
        """Return the query for the first row with a value above the limit."""
        large = " OR ".join(f"{one} > {self.limit}" for one in self.measures.values())
        named = [f"{quote(name)}::text" for name in self.keys] or [_PLACE]
        columns = ", ".join([*named, *self.measures.values()])
        return f"SELECT {columns} FROM {source}{where(*conditions, large)}\nLIMIT 1"

    def error(self, row: Sequence[object], entity: str) -> HomeError:
        """Return the error for a row of `question`."""
        names = self.keys or ("ctid",)
        sizes = zip(self.measures, row[len(names) :], strict=True)
        column, size = next(
            (column, size) for column, size in sizes if isinstance(size, int) and size > self.limit
        )
        shown = ", ".join(f"{name} = {value}" for name, value in zip(names, row, strict=False))
        return too_large(column, 0, size, self.limit).error(f"the row with {shown} of {entity}")


def lengths(
    run: Run, table: Table, keys: Sequence[str], types: Mapping[str, str], limit: int
) -> Lengths | None:
    """Return how to find values above `limit` bytes; None where there can be none.

    `types` are the type names of the columns that are read, as in the catalog.
    """
    measures = {
        name: measure
        for name, type_name in types.items()
        if (measure := _measure(quote(name), type_name, limit)) is not None
    }
    if not measures or table.kind not in ("table", "partitioned table", "materialized view"):
        return None
    if int(run(_ASIDE, (table.oid,))[0][0]) * _RATIO <= limit:
        return None
    return Lengths(limit, keys, measures)


def _measure(column: str, type_name: str, limit: int) -> str | None:
    declared = _DECLARED.fullmatch(type_name)
    if declared is not None and int(declared[1]) * _CHARACTER_BYTES <= limit:
        return None
    if declared is not None or type_name in ("text", "bytea", "character varying", "bpchar"):
        return f"octet_length({column})"
    if type_name in ("json", "jsonb", "xml", "hstore", "tsvector") or type_name.endswith("[]"):
        least = limit // _RATIO
        return f"CASE WHEN pg_column_size({column}) > {least} THEN octet_length({column}::text) END"
    return None
