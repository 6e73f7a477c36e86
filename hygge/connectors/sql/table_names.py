"""Names of tables: how a project writes them, and the one way they reach SQL."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from hygge.errors import StoreError

_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """Schema and name of a table, spelled exactly as in the database."""

    schema: str
    """The schema (PostgreSQL, DuckDB), or the database (MySQL); empty where there are none."""
    name: str

    def shown(self, default_schema: str = "") -> str:
        """Return the entity's name: with the schema only when it is not the default."""
        if self.schema in ("", default_schema):
            return self.name
        return f"{self.schema}.{self.name}"


OWN = "_hygge_"
"""Name prefix of hygge's own tables."""


def refuse_table(name: str) -> str | None:
    """Return why no moved table can have this name in any database; None when it can."""
    if name.casefold().startswith(OWN):
        return f"names that begin with '{OWN}' are reserved for hygge's own tables"
    return None


def check_name(name: str, refuse: Callable[[str], str | None]) -> None:
    """Raise `StoreError` where `refuse` returns a reason against the name of a table or column."""
    if reason := refuse(name):
        raise StoreError(
            f"invalid name '{name}': {reason}",
            hint="choose another name with into: for a table, or columns: {…: {rename: …}} for a "
            "column",
        )


def quote(name: str, sign: str = '"') -> str:
    """Return `name` as a quoted identifier: the only way that a name reaches SQL.

    Raises `ValueError` for a name that no database can hold.
    """
    if not name or "\0" in name:
        raise ValueError(f"{name!r} cannot be a name in a database")
    return sign + name.replace(sign, sign * 2) + sign


def readings(entity: str, default_schema: str) -> list[TableName]:
    """Return the tables that an entity's name may mean, most likely first.

    `"Odd schema"."odd.name"` is split at its quotes. `sales.orders` is table `orders` of schema
    `sales`, or else a table with a dot in its name.
    """
    if quoted := _split_quoted(entity):
        return [TableName(quoted[0] if len(quoted) == 2 else default_schema, quoted[-1])]
    schema, dot, name = entity.partition(".")
    plain = TableName(default_schema, entity)
    return [TableName(schema, name), plain] if dot and schema and name else [plain]


def _split_quoted(entity: str) -> list[str]:
    """Return the parts of a name with at least one quoted part; for any other, an empty list."""
    parts, rest = [], entity
    while rest:
        match = _QUOTED.match(rest) or (re.match(r"[^\".]+", rest) if '"' in entity else None)
        if match is None:
            return []
        text = match[0]
        parts.append(text[1:-1].replace('""', '"') if text.startswith('"') else text)
        rest = rest[match.end() :]
        if rest.startswith(".") and len(rest) > 1:
            rest = rest[1:]
        elif rest:
            return []
    return parts if '"' in entity and len(parts) <= 2 and all(parts) else []


def matching(tables: Iterable[TableName], pattern: str, default_schema: str) -> list[str]:
    """Return the names of tables that match a glob, sorted.

    A glob with a dot matches in all schemas (`sales.*`), one without in the default schema only.
    """
    found = []
    for table in tables:
        names = set()
        if table.schema in ("", default_schema):
            names.add(table.name)
        if table.schema and "." in pattern:
            names.add(f"{table.schema}.{table.name}")
        if any(fnmatchcase(name, pattern) for name in names):
            found.append(table.shown(default_schema))
    return sorted(found)


def nearest(entity: str, tables: Sequence[str]) -> str:
    """Return `; did you mean 'x'?` for the table with the most similar name, or an empty string."""
    others = [name for name in tables if name != entity]
    near = get_close_matches(entity, others, n=1)
    if not near:
        tails = {name.rpartition(".")[2]: name for name in others}
        near = [tails[tail] for tail in get_close_matches(entity.rpartition(".")[2], tails, n=1)]
    if near and _looks(near[0]) == _looks(entity):
        return f"; did you mean {near[0]!a}, which only looks the same as {entity!a}?"
    return f"; did you mean '{near[0]}'?" if near else ""


def _looks(name: str) -> str:
    """Return a name in Unicode NFKC without surrounding spaces, for comparison by sight."""
    return unicodedata.normalize("NFKC", name).strip()
