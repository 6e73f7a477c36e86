"""Output of `hygge discover`: entities and their columns."""

from __future__ import annotations

import json
from typing import Any

from hygge.console.output import Output
from hygge.console.table import Column, show_table
from hygge.console.text import clean, count, size
from hygge.operations.discover import Survey, watermark_candidates
from hygge.types.type_names import NATIVE_TYPE
from hygge.values.model import EntityFacts
from hygge.values.plurals import plural
from hygge.values.redact import redact, redact_values

_NOTHING = "–"


def show_survey(found: Survey, output: Output, *, with_columns: bool = False) -> None:
    """Print a line for each entity; `with_columns` adds one for each of its columns."""
    facts = found.facts
    if facts:
        columns = [
            Column("entity", [clean(one.name) for one in facts], shrinks=True),
            Column("kind", [clean(one.kind) for one in facts], drop=3),
            Column("rows", [_rows(one) for one in facts], right=True),
            Column("size", [_size(one) for one in facts], right=True, drop=2),
            Column("key", [_names(one.primary_key) for one in facts], shrinks=True),
            Column(
                "watermark candidate", [_watermarks(one) for one in facts], shrinks=True, drop=1
            ),
        ]
        show_table(columns, output)
    for one in facts if with_columns else ():
        output.line()
        output.line(output.paint(clean(one.name), "bold"))
        _show_columns(one, output)
    output.line()
    unread = f", {len(found.unread):,} could not be read" if found.unread else ""
    output.line(plural(len(facts), "entity", "entities") + unread)


def _rows(facts: EntityFacts) -> str:
    if facts.rows is None:
        return _NOTHING
    return ("≈ " if facts.is_estimate else "") + count(facts.rows)


def _size(facts: EntityFacts) -> str:
    return _NOTHING if facts.bytes is None else size(facts.bytes)


def _names(names: tuple[str, ...]) -> str:
    return clean(", ".join(names)) or _NOTHING


def _watermarks(facts: EntityFacts) -> str:
    return _names(watermark_candidates(facts))


def _show_columns(facts: EntityFacts, output: Output) -> None:
    fields = list(facts.schema)
    if not fields:
        output.line("  no columns")
        return
    notes = [_note(facts, field.name) for field in fields]
    columns = [
        Column("column", [clean(field.name) for field in fields], shrinks=True),
        Column("type", [clean(str(field.type)) for field in fields], shrinks=True),
    ]
    if any(notes):
        columns.append(Column("", notes, shrinks=True))
    show_table(columns, output)


def _note(facts: EntityFacts, name: str) -> str:
    """Return the remarks on a column beside its type."""
    field = facts.schema.field(name)
    native = _native(facts, name)
    said = ["key"] if name in facts.primary_key else []
    said += [] if field.nullable else ["no nulls"]
    return clean(", ".join([*said, native] if native else said))


def _native(facts: EntityFacts, name: str) -> str | None:
    called = (facts.schema.field(name).metadata or {}).get(NATIVE_TYPE)
    return None if called is None else called.decode(errors="replace")


def write_survey(found: Survey, home: str, output: Output) -> None:
    """Write the same as one JSON object, always with columns."""
    entities = [_fields(one) for one in found.facts]
    entities += [{"name": name, "error": redact(why)} for name, why in found.unread.items()]
    entities.sort(key=lambda one: str(one["name"]))
    output.line(json.dumps(redact_values({"home": home, "entities": entities}), indent=1))


def _fields(facts: EntityFacts) -> dict[str, Any]:
    return {
        "name": facts.name,
        "kind": facts.kind,
        "rows": facts.rows,
        "is_estimate": facts.is_estimate,
        "bytes": facts.bytes,
        "primary_key": list(facts.primary_key),
        "watermarks": list(watermark_candidates(facts)),
        "columns": [
            {
                "name": field.name,
                "type": str(field.type),
                "nullable": field.nullable,
                "native_type": _native(facts, field.name),
            }
            for field in facts.schema
        ],
    }
