"""What needs a column of a table: it cannot change as long as that is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hygge.connectors.sql.table_names import TableName, quote

if TYPE_CHECKING:
    from hygge.connectors.sql.chain import Run

_USERS = """
SELECT DISTINCT CASE
    WHEN r.rulename = '_RETURN' THEN 'view ' || r.ev_class::regclass
    ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END
FROM pg_depend d LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::regclass AND d.deptype = 'n'
  AND (a.attname = ANY($3) OR a.attname = ANY($2) AND d.classid <> 'pg_constraint'::regclass)
UNION SELECT 'its partitioning' FROM pg_partitioned_table p JOIN pg_attribute a
  ON a.attrelid = p.partrelid AND a.attnum = ANY(p.partattrs::int2[])
WHERE p.partrelid = $1::regclass AND a.attname = ANY($2)
UNION SELECT 'table ' || i.inhparent::regclass FROM pg_inherits i JOIN pg_attribute a
  ON a.attrelid = i.inhrelid AND a.attinhcount > 0
WHERE i.inhrelid = $1::regclass AND a.attname = ANY($2)
ORDER BY 1
"""
"""What keeps a column from another type, or from being dropped; keys of others only from that."""


def users_of(run: Run, table: TableName, changed: Sequence[str], gone: Sequence[str]) -> list[str]:
    """Return what needs one of the columns that are `changed`, among them those that are `gone`."""
    name = f"{quote(table.schema)}.{quote(table.name)}"
    return [str(user) for (user,) in run(_USERS, (name, list(changed), list(gone)))]
