"""Queries of a SQLite file's schema: names, declared columns, keys and dependents of tables."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.connectors.sql.table_names import quote

if TYPE_CHECKING:
    from hygge.connectors.sql.chain import Run

_TABLES = """
SELECT name, type, wr FROM pragma_table_list
WHERE schema = 'main' AND type IN ('table', 'view', 'virtual')
  AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_hygge\\_%' ESCAPE '\\'
ORDER BY name
"""
_COLUMNS = "SELECT name, coalesce(type, ''), \"notnull\", coalesce(dflt_value, ''), pk, hidden "
_ALIASES = ("rowid", "_rowid_", "oid")


@dataclass(frozen=True, slots=True)
class Table:
    """A table, view or virtual table."""

    name: str
    kind: str
    """Kind of object for messages."""
    has_rowid: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A declared column."""

    name: str
    declared: str
    """Declared type as in CREATE TABLE; empty without one, or for an expression."""
    required: bool = False
    """Whether it is NOT NULL."""
    default: str = ""
    key: int = 0
    """Position in the primary key, from 1; 0 when it is not part of it."""
    is_computed: bool = False


def tables(run: Run) -> list[Table]:
    """Return every table and view except SQLite's own and hygge's."""
    return [
        Table(name, "virtual table" if kind == "virtual" else kind, kind == "table" and not wr)
        for name, kind, wr in run(_TABLES)
    ]


def find(found: Iterable[Table], name: str) -> Table | None:
    """Return the table of a name: with exact case first, else ignoring case like SQLite."""
    alike = [table for table in found if folded(table.name) == folded(name)]
    return next((table for table in alike if table.name == name), alike[0] if alike else None)


def folded(name: str) -> str:
    """Return a name as SQLite compares it: only ASCII letters are case-insensitive."""
    return re.sub("[A-Z]+", lambda letters: letters[0].lower(), name)


def columns(run: Run, table: str, schema: str = "main") -> list[Column]:
    """Return the columns of a table or view, in their order, without hidden ones."""
    rows = run(f"{_COLUMNS} FROM pragma_table_xinfo(?, ?)", (table, schema))
    return [
        Column(name, declared, bool(required), default, key, hidden > 1)
        for name, declared, required, default, key, hidden in rows
        if hidden != 1
    ]


def rowid_of(table: Table, found: Iterable[Column]) -> str | None:
    """Return the name of the rowid; None for a table without one."""
    names = {column.name.lower() for column in found}
    free = [alias for alias in _ALIASES if alias not in names]
    return free[0] if table.has_rowid and free else None


def numbers_itself(column: Column, table: Table, keys: int) -> bool:
    """Return whether a column is an alias of the rowid, which SQLite fills for nulls."""
    return (
        table.has_rowid and keys == 1 and column.key == 1 and column.declared.upper() == "INTEGER"
    )


def primary_key(found: Iterable[Column]) -> tuple[str, ...]:
    """Return the columns of the primary key in its order."""
    keys = sorted((column for column in found if column.key), key=lambda column: column.key)
    return tuple(column.name for column in keys)


_QUOTED = re.compile(
    r"""--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]""", re.S
)
_EXTRAS = re.compile(
    r"\b(CHECK|COLLATE|DEFAULT|GENERATED|AS|REFERENCES|AUTOINCREMENT|UNIQUE|STRICT|WITHOUT"
    r"|CONSTRAINT|CONFLICT)\b",
    re.IGNORECASE,
)


def reason_to_keep(run: Run, table: str) -> str | None:
    """Return the first thing that a swap of the table would lose; None when nothing."""
    for reason, sql in (
        (
            "it has indexes",
            "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL "
            "AND tbl_name = ? COLLATE NOCASE",
        ),
        (
            "it has triggers",
            "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE",
        ),
        (
            "foreign keys refer to it",
            "SELECT DISTINCT t.name FROM sqlite_schema t, pragma_foreign_key_list(t.name) k "
            "WHERE t.type = 'table' AND k.\"table\" = ? COLLATE NOCASE",
        ),
    ):
        names = [name for (name,) in run(sql, (table,))]
        if names:
            return f"{reason}: {', '.join(names[:3])}"
    sql = run("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,))[0][0]
    words = sorted({word.upper() for word in _EXTRAS.findall(_QUOTED.sub(" ", sql))})
    return f"its definition has {', '.join(words)}" if words else None


def relatives(run: Run, table: str) -> list[str]:
    """Return the tables with foreign keys from or to a table, whose references may break."""
    rows = run(
        "SELECT DISTINCT t.name FROM sqlite_schema t, pragma_foreign_key_list(t.name) k "
        "WHERE t.type = 'table' AND ?1 COLLATE NOCASE IN (k.\"table\", t.name)",
        (table,),
    )
    return [name for (name,) in rows]


def dangling(run: Run, names: Iterable[str]) -> int:
    """Return how many rows of tables violate a foreign key."""
    return sum(len(run(f"PRAGMA main.foreign_key_check({quote(name)})")) for name in names)
