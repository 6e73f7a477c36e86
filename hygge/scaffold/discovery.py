"""New flows from a look into a home: one for each entity that it lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from glob import escape
from typing import TYPE_CHECKING

from hygge.candidates import watermark_candidates
from hygge.errors import UsageError
from hygge.model import EntityFacts
from hygge.plurals import plural
from hygge.project.project import Project
from hygge.scaffold.changes import Wanted
from hygge.scaffold.flows import NewFlow, flow_files
from hygge.scaffold.naming import lawful_name
from hygge.scaffold.quoting import quoted
from hygge.survey import survey

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_COLUMNS = 200
_LONGEST = 60
_MERGE = "merge"


@dataclass(frozen=True, slots=True)
class NewFlows:
    """What `hygge new flows` was asked for."""

    home: str
    pattern: str = "*"
    store: str | None = None
    mode: str | None = None


@dataclass(frozen=True, slots=True)
class Discovered:
    """The flows for a home's entities."""

    files: list[Wanted]
    notes: list[str]
    """What could not be found out, and why."""


def discovered_flows(project: Project, wanted: NewFlows) -> Discovered:
    """Return one flow for each entity of a home, with the columns found there in a comment.

    A flow is called like its entity, in lower case, without accents, and with `_` for whatever a
    name cannot hold. Raises `UsageError` when nothing matches and when two entities would become
    one flow; the home's own error when it cannot be read.
    """
    home = project.home(wanted.home).home(project.context)
    found = survey(home, wanted.home, wanted.pattern)
    facts = {one.name: one for one in found.facts}
    files: list[Wanted] = []
    for flow, entity in _named(found.names).items():
        files.extend(flow_files(project.root, _flow(flow, entity, facts.get(entity), wanted)))
    why = "the columns of {} could not be read: {}"
    notes = [why.format(quoted(name), reason) for name, reason in found.unread.items()]
    return Discovered(files, notes)


def _named(entities: Sequence[str]) -> dict[str, str]:
    """Return the entities by the names of their flows."""
    flows: dict[str, str] = {}
    for entity in entities:
        flow = lawful_name(entity)
        other = flows.setdefault(flow, entity)
        if other != entity:
            raise UsageError(
                f"the entities {quoted(other)} and {quoted(entity)} would both become "
                f"flows/{flow}.yml",
                hint=f"hygge new flow NAME --entity {quoted(entity)}, and a PATTERN for the others",
                code="HG207",
            )
    return flows


def _columns(schema: pa.Schema) -> tuple[str, ...]:
    """Return a line for each column: its name as YAML writes it, and its type."""
    fields = [(quoted(field.name), _short(str(field.type))) for field in schema]
    shown = fields[:_MOST_COLUMNS]
    width = max((len(name) for name, _ in shown), default=0)
    lines = [f"{name:<{min(width, _LONGEST)}}  {kind}" for name, kind in shown]
    more = len(fields) - len(shown)
    return (*lines, f"… and {plural(more, 'more column')}") if more else tuple(lines)


def _short(text: str) -> str:
    line = "".join(char if char.isprintable() else " " for char in text)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _flow(flow: str, entity: str, facts: EntityFacts | None, wanted: NewFlows) -> NewFlow:
    literal = escape(entity).replace("${", "$${")
    needs_key = wanted.mode == _MERGE
    key = facts.primary_key if facts else ()
    return NewFlow(
        name=flow,
        home=wanted.home,
        store=wanted.store,
        entities=(literal,),
        mode=wanted.mode,
        primary_key=key if needs_key else (),
        found=_columns(facts.schema) if facts else (),
        key=key,
        watermarks=watermark_candidates(facts) if facts else (),
    )
