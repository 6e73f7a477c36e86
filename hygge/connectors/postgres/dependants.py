"""What would be lost with a table if a new one took its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hygge.connectors.sql.names import TableName, quote

if TYPE_CHECKING:
    from hygge.connectors.sql.chain import Run

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
        "others have rights on it: {}",
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
        "others have rights on its columns: {}",
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
        "publications send it: {}",
        "SELECT pubname FROM pg_publication_rel JOIN pg_publication p ON p.oid = prpubid "
        "WHERE prrelid = $1::regclass",
    ),
    (
        "it has a replica identity of its own: {}",
        "SELECT CASE relreplident WHEN 'f' THEN 'full' WHEN 'n' THEN 'nothing' ELSE 'index' END "
        "FROM pg_class WHERE oid = $1::regclass AND relreplident <> 'd'",
    ),
    (
        "it is part of others: {}",
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = $1::regclass "
        "UNION ALL SELECT inhparent::regclass::text FROM pg_inherits "
        "WHERE inhrelid = $1::regclass",
    ),
    (
        "columns fill themselves: {}",
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
    """Return the first thing that a swap would lose of a table; None when nothing."""
    values = (f"{quote(table.schema)}.{quote(table.name)}",)
    for reason, sql in _LOSSES:
        names = [str(name) for (name,) in run(sql, values)]
        if names:
            more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
            return reason.format(", ".join(sorted(names)[:_MOST_NAMES]) + more)
    return None


_VIEWS = """
SELECT DISTINCT v.oid::regclass::text FROM pg_depend d
JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = $1::regclass AND a.attname = ANY($2)
ORDER BY 1
"""


def views_on(run: Run, table: TableName, columns: Sequence[str]) -> list[str]:
    """Return the views and rules that show one of the columns: such a column cannot change."""
    name = f"{quote(table.schema)}.{quote(table.name)}"
    return [str(view) for (view,) in run(_VIEWS, (name, list(columns)))]
