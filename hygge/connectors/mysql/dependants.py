"""What needs a column of a table: it cannot change, or would fail later without it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hygge.connectors.sql.table_names import TableName, quote

if TYPE_CHECKING:
    from hygge.connectors.sql.chain import Run

_VIEWS = (
    "SELECT concat(table_schema, '.', table_name), view_definition FROM information_schema.views "
    "WHERE instr(view_definition, ?) > 0 ORDER BY 1"
)
_TRIGGERS = (
    "SELECT trigger_name, action_statement FROM information_schema.triggers "
    "WHERE event_object_schema = ? AND event_object_table = ? ORDER BY 1"
)
_KEYS = (
    "SELECT concat(table_name, '.', constraint_name), referenced_column_name "
    "FROM information_schema.key_column_usage "
    "WHERE referenced_table_schema = ? AND referenced_table_name = ? ORDER BY 1"
)
_QUOTED = re.compile("`((?:[^`]|``)+)`")
_HOLDING = re.compile(r"FOREIGN KEY|PARTITION BY", re.IGNORECASE)
_COMPUTING = re.compile(r"CHECK|GENERATED ALWAYS AS", re.IGNORECASE)
"""What needs a column only as long as it is there, of whatever type."""


def users_of(
    run: Run, table: TableName, changed: Sequence[str], gone: Sequence[str], definition: str
) -> list[str]:
    """Return what needs one of the columns that are `changed`, among them those that are `gone`.

    Views and triggers of a dropped column stay, and fail when they are used. `definition` is
    what SHOW CREATE TABLE says.
    """
    keys = run(_KEYS, (table.schema, table.name))
    return [
        *_views(run, table, gone),
        *_triggers(run, table, gone),
        *_parts(definition, _HOLDING, changed),
        *_parts(definition, _COMPUTING, gone),
        *(f"constraint {key}" for key, column in keys if column in changed),
    ]


def _views(run: Run, table: TableName, gone: Sequence[str]) -> Iterator[str]:
    place = ".".join(quote(part, "`") for part in (table.schema, table.name))
    for name, text in run(_VIEWS, (place,)):
        aliases = re.findall(rf"{re.escape(place)} (`(?:[^`]|``)+`)", text)
        columns = [f"{of}.{quote(one, '`')}" for of in (place, *aliases) for one in gone]
        if any(column in text for column in columns):
            yield f"view {name}"


def _triggers(run: Run, table: TableName, gone: Sequence[str]) -> Iterator[str]:
    for name, text in run(_TRIGGERS, (table.schema, table.name)):
        said = {one.lower() for one in re.findall(r"\b(?:new|old)\s*\.\s*`?(\w+)", text, re.I)}
        if said.intersection(one.lower() for one in gone):
            yield f"trigger {name}"


def _parts(definition: str, kind: re.Pattern[str], columns: Sequence[str]) -> Iterator[str]:
    """Yield the parts of a table's definition, of one kind, that name one of the columns."""
    for line in definition.splitlines():
        text = line.strip()
        own, *others = [name.replace("``", "`") for name in _QUOTED.findall(text)] or [""]
        if not kind.search(text) or (text.startswith("`") and own in columns):
            continue
        if "PARTITION BY" in text:
            others, what = [own, *others], "its partitioning"
        else:
            what = f"{'column' if text.startswith('`') else 'constraint'} {own}"
        if set(others) & set(columns):
            yield what
