"""What would be lost with a table if a new one took its place. Grants and views go by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygge.connectors.sql.names import TableName

if TYPE_CHECKING:
    from hygge.connectors.sql.chain import Run

_ONE = "table_schema = ? AND table_name = ?"
_LOSSES = (
    (
        "it has triggers: {}",
        "SELECT trigger_name FROM information_schema.triggers "
        "WHERE event_object_schema = ? AND event_object_table = ?",
    ),
    (
        "foreign keys refer to it: {}",
        "SELECT DISTINCT concat(table_name, '.', constraint_name) "
        "FROM information_schema.key_column_usage "
        "WHERE referenced_table_schema = ? AND referenced_table_name = ?",
    ),
    (
        "it has constraints: {}",
        f"SELECT constraint_name FROM information_schema.table_constraints WHERE {_ONE} "
        "AND constraint_type IN ('FOREIGN KEY', 'UNIQUE', 'CHECK')",
    ),
    (
        "it has indexes: {}",
        f"SELECT DISTINCT index_name FROM information_schema.statistics WHERE {_ONE} "
        "AND index_name <> 'PRIMARY'",
    ),
    (
        "it is in partitions: {}",
        f"SELECT partition_name FROM information_schema.partitions WHERE {_ONE} "
        "AND partition_name IS NOT NULL",
    ),
    (
        "columns fill themselves: {}",
        f"SELECT column_name FROM information_schema.columns WHERE {_ONE} AND "
        "((column_default IS NOT NULL AND column_default <> 'NULL') OR extra <> '')",
    ),
    (
        "its columns have comments: {}",
        f"SELECT column_name FROM information_schema.columns WHERE {_ONE} "
        "AND column_comment <> '' AND column_comment NOT LIKE 'hygge: %'",
    ),
    (
        "it keeps its own history, as its type says: {}",
        f"SELECT table_type FROM information_schema.tables WHERE {_ONE} "
        "AND table_type = 'SYSTEM VERSIONED'",
    ),
)
_MOST_NAMES = 3


def reason_to_keep(run: Run, table: TableName) -> str | None:
    """Return the first thing that a swap would lose of a table; None when nothing."""
    for reason, sql in _LOSSES:
        names = sorted({str(name) for (name,) in run(sql, (table.schema, table.name))})
        if names:
            more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
            return reason.format(", ".join(names[:_MOST_NAMES]) + more)
    return None
