"""New flows from the entities of a home."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from glob import escape
from itertools import count
from typing import TYPE_CHECKING

from hygge.errors import UsageError
from hygge.operations.discover import survey, watermark_candidates
from hygge.project.diagnostics import did_you_mean
from hygge.project.project import Project
from hygge.scaffold.changes import Wanted
from hygge.scaffold.flows import NewFlow, flow_files
from hygge.scaffold.name_check import lawful_name
from hygge.scaffold.quoting import quoted
from hygge.values.model import EntityFacts
from hygge.values.plurals import plural

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_COLUMNS = 200
_LONGEST = 60
_LONGEST_STEM = 50
"""Maximum length of a name before a number is appended."""
_MERGE = "merge"


@dataclass(frozen=True, slots=True)
class NewFlows:
    """Parameters of `hygge new flows`."""

    home: str
    pattern: str = "*"
    store: str | None = None
    mode: str | None = None
    exclude: tuple[str, ...] = ()
    """Globs of excluded entities."""


@dataclass(frozen=True, slots=True)
class Discovered:
    """The flows for a home's entities."""

    files: list[Wanted]
    notes: list[str]
    """Notes: entities that could not be read, and flows with another name."""


def discovered_flows(project: Project, wanted: NewFlows) -> Discovered:
    """Return one flow for each entity of a home, with its columns in a comment.

    A flow is named like its entity, in lower case, without accents, and with `_` for characters
    that a name cannot contain. A number makes duplicate names unique. Raises `UsageError` when
    nothing matches; the home's own error when it cannot be read.
    """
    home = project.home(wanted.home).home(project.context)
    found = survey(home, wanted.home, wanted.pattern)
    names = _not_excluded(found.names, wanted)
    facts = {one.name: one for one in found.facts}
    files: list[Wanted] = []
    why = "the columns of {} could not be read: {}"
    unread = found.unread.items()
    notes = [why.format(quoted(name), reason) for name, reason in unread if name in names]
    places: set[str] = set()
    for flow, entity in _named(names).items():
        new = _flow(flow, entity, facts.get(entity), wanted)
        if entity.casefold() in places:  # many stores are case-insensitive
            new = replace(new, into=flow)
        places.add(entity.casefold())
        if flow != lawful_name(entity):
            into = f", and into {flow}" if new.into else ""
            notes.append(
                f"{quoted(entity)} is moved by flows/{flow}.yml{into}: "
                f"another entity already has the name {lawful_name(entity)}"
            )
        files.extend(flow_files(project.root, new))
    return Discovered(files, notes)


def _not_excluded(names: Sequence[str], wanted: NewFlows) -> list[str]:
    for pattern in wanted.exclude:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UsageError(
                f"--exclude {quoted(pattern)} matches no entity of home {wanted.home}"
                f"{did_you_mean(pattern, names)}",
                hint=f"hygge discover {wanted.home}",
            )
    kept = [name for name in names if not any(fnmatchcase(name, glob) for glob in wanted.exclude)]
    if not kept:
        raise UsageError("--exclude excludes all entities", hint=f"hygge discover {wanted.home}")
    return kept


def _named(entities: Sequence[str]) -> dict[str, str]:
    """Return the entities by the names of their flows."""
    flows: dict[str, str] = {}
    taken = {lawful_name(entity) for entity in entities}
    for entity in entities:
        name = lawful_name(entity)
        if name in flows:
            free = (f"{name[:_LONGEST_STEM]}_{number}" for number in count(2))
            name = next(one for one in free if one not in taken)
            taken.add(name)
        flows[name] = entity
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
