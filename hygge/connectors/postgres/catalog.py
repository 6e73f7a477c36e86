"""Queries of the server's catalog: names, columns, keys, sizes and dependents of tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from hygge.connectors.sql.table_names import TableName, quote

if TYPE_CHECKING:
    from hygge.connectors.sql.chain import Run

KINDS = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
}

_TABLES = """
SELECT n.nspname, c.relname, c.oid, c.relkind, c.reltuples::float8,
       CASE WHEN c.relkind IN ('r', 'm') THEN c.relpages::int8 * 8192 ELSE 0 END,
       coalesce(a.amname = 'heap', false)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am a ON a.oid = c.relam
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp\\_%'
  AND c.relname NOT LIKE '\\_hygge\\_%'
ORDER BY 1, 2
"""
_ONE = (
    _TABLES.replace(" AND NOT c.relispartition", "")
    .replace("c.relpages::int8 * 8192", "coalesce(pg_relation_size(c.oid), 0)")
    .replace("ORDER BY 1, 2", "AND n.nspname = $1 AND c.relname = $2")
)
"""The exact size of one table. It waits for locks on the table, which a list of all tables must
not.
"""
_COLUMNS = """
WITH RECURSIVE base AS (
  SELECT a.attrelid, a.attnum, a.attname, a.attnotnull, a.atttypid AS typid, a.atttypmod AS typmod,
         a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '' AS fills, a.attidentity,
         a.attgenerated, a.attcollation
  FROM pg_attribute a WHERE a.attrelid = ANY($1) AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT b.attrelid, b.attnum, b.attname, b.attnotnull, t.typbasetype,
         CASE WHEN b.typmod < 0 THEN t.typtypmod ELSE b.typmod END, b.fills, b.attidentity,
         b.attgenerated, b.attcollation
  FROM base b JOIN pg_type t ON t.oid = b.typid WHERE t.typtype = 'd'
)
SELECT b.attrelid, b.attname, format_type(b.typid, b.typmod), b.attnotnull, b.fills,
       b.attidentity <> '' OR b.attgenerated <> '', t.typtype = 'e', b.attgenerated <> '',
       NOT coalesce(c.collisdeterministic, true)
FROM base b JOIN pg_type t ON t.oid = b.typid LEFT JOIN pg_collation c ON c.oid = b.attcollation
WHERE t.typtype <> 'd' ORDER BY b.attrelid, b.attnum
"""
_KEYS = """
SELECT i.indrelid, a.attname FROM pg_index i
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, position)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = ANY($1) AND i.indisprimary AND k.position <= i.indnkeyatts
ORDER BY i.indrelid, k.position
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table, view or other thing with rows."""

    name: TableName
    oid: int
    kind: str
    """Kind of object for messages: `table`, `view`, …"""
    rows: int | None
    """The server's estimate; None before the first ANALYZE."""
    bytes: int
    """Size of its rows on disk in bytes; 0 where the rows are stored elsewhere."""
    has_pages: bool
    """Whether its rows are stored in heap pages that can be read by page number."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column; its type as `format_type` writes it, domains resolved to their base type."""

    name: str
    type: str
    nullable: bool
    fills_itself: bool
    """Whether it has a default, or is an identity or generated column."""
    is_computed: bool
    """Whether the server rejects or ignores values for it: identity and generated columns."""
    is_enum: bool = False
    is_generated: bool = False
    """Whether its values are computed from others."""
    is_folded: bool = False
    """Whether its collation takes different texts for equal."""


def tables(run: Run) -> list[Table]:
    """Return every table except the server's own and hygge's, without partitions."""
    return [_table(row) for row in run(_TABLES)]


def find(run: Run, name: TableName) -> Table | None:
    """Return the table of exactly this name; None when there is none."""
    rows = run(_ONE, (name.schema, name.name))
    return _table(rows[0]) if rows else None


def _table(row: Sequence[Any]) -> Table:
    schema, name, oid, kind, rows, size, is_heap = row
    return Table(
        TableName(schema, name),
        oid,
        KINDS[kind],
        None if rows < 0 or kind in "vf" else int(rows),
        int(size),
        is_heap and kind in "rm",
    )


def columns(run: Run, oids: Sequence[int]) -> dict[int, list[Column]]:
    """Return the columns of tables, in their order."""
    rows = run(_COLUMNS, (list(oids),))
    return {
        oid: [Column(name, kind, not required, bool(fills), bool(computed), bool(is_enum),
                     bool(is_generated), bool(is_folded)) for
              _, name, kind, required, fills, computed, is_enum, is_generated, is_folded in group]
        for oid, group in groupby(rows, key=lambda row: row[0])
    }  # fmt: skip


def primary_keys(run: Run, oids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Return the primary keys of tables that have one."""
    rows = run(_KEYS, (list(oids),))
    return {
        oid: tuple(name for _, name in group)
        for oid, group in groupby(rows, key=lambda row: row[0])
    }


def default_schema(run: Run) -> str:
    """Return the default schema; `public` when the search path has no existing schema."""
    return run("SELECT coalesce(current_schema(), 'public')")[0][0]  # type: ignore[no-any-return]


def query_columns(run: Run, described: Sequence[tuple[str, int, int]]) -> list[Column]:
    """Return the columns of a query from their names, types and type modifiers."""
    oids = [oid for _, oid, _ in described]
    modifiers = [modifier for _, _, modifier in described]
    rows = run(
        "SELECT format_type(t, m), p.typtype = 'e' FROM unnest($1::oid[], $2::int4[]) "
        "WITH ORDINALITY AS u(t, m, n) JOIN pg_type p ON p.oid = t ORDER BY n",
        (oids, modifiers),
    )
    return [
        Column(
            name, kind, nullable=True, fills_itself=False, is_computed=False, is_enum=bool(is_enum)
        )
        for (name, _, _), (kind, is_enum) in zip(described, rows, strict=True)
    ]


_LOSSES = (
    (
        "views use it: {}",
        "SELECT DISTINCT v.oid::regclass::text FROM pg_depend d JOIN pg_rewrite r ON "
        "r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class WHERE d.classid = "
        "'pg_rewrite'::regclass AND d.refobjid = $1::regclass AND v.oid <> d.refobjid",
    ),
    (
        "foreign keys refer to it: {}",
        "SELECT conrelid::regclass::text || '.' || conname FROM pg_constraint "
        "WHERE contype = 'f' AND confrelid = $1::regclass",
    ),
    (
        "it has constraints: {}",
        "SELECT conname FROM pg_constraint WHERE conrelid = $1::regclass "
        "AND contype IN ('f', 'c', 'u', 'x')",
    ),
    (
        "it has indexes: {}",
        "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = $1::regclass "
        "AND NOT indisprimary",
    ),
    (
        "others have privileges on it: {}",
        "SELECT DISTINCT coalesce(r.rolname, 'public') FROM pg_class c, aclexplode(c.relacl) a "
        "LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE c.oid = $1::regclass "
        "AND a.grantee <> c.relowner",
    ),
    (
        "it belongs to {}",
        "SELECT rolname FROM pg_class JOIN pg_roles r ON r.oid = relowner "
        "WHERE pg_class.oid = $1::regclass AND rolname <> current_user",
    ),
    (
        "it has triggers: {}",
        "SELECT tgname FROM pg_trigger WHERE tgrelid = $1::regclass AND NOT tgisinternal",
    ),
    (
        "it has rules: {}",
        "SELECT rulename FROM pg_rewrite WHERE ev_class = $1::regclass",
    ),
    (
        "others have privileges on its columns: {}",
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attacl IS NOT NULL",
    ),
    (
        "its row security is {}",
        "SELECT 'on' FROM pg_class WHERE oid = $1::regclass AND relrowsecurity",
    ),
    (
        "it has policies: {}",
        "SELECT polname FROM pg_policy WHERE polrelid = $1::regclass",
    ),
    (
        "publications contain it: {}",
        "SELECT pubname FROM pg_publication_rel JOIN pg_publication p ON p.oid = prpubid "
        "WHERE prrelid = $1::regclass",
    ),
    (
        "it has a replica identity of its own: {}",
        "SELECT CASE relreplident WHEN 'f' THEN 'full' WHEN 'n' THEN 'nothing' ELSE 'index' END "
        "FROM pg_class WHERE oid = $1::regclass AND relreplident <> 'd'",
    ),
    (
        "it is a child of other tables: {}",
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = $1::regclass "
        "UNION ALL SELECT inhparent::regclass::text FROM pg_inherits "
        "WHERE inhrelid = $1::regclass",
    ),
    (
        "columns are generated: {}",
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 "
        "AND NOT attisdropped AND (atthasdef OR attidentity <> '' OR attgenerated <> '')",
    ),
    (
        "it or its columns have comments: {}",
        "SELECT left(description, 30) FROM pg_description WHERE objoid = $1::regclass "
        "AND classoid = 'pg_class'::regclass",
    ),
)
_MOST_NAMES = 3


def reason_to_keep(run: Run, table: TableName) -> str | None:
    """Return the first thing that a swap of the table would lose; None when nothing."""
    values = (f"{quote(table.schema)}.{quote(table.name)}",)
    for reason, sql in _LOSSES:
        names = [str(name) for (name,) in run(sql, values)]
        if names:
            more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
            return reason.format(", ".join(sorted(names)[:_MOST_NAMES]) + more)
    return None
