"""The schema contract: the home's columns, the store's columns, and what the flow allows."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hygge.errors import FlowError
from hygge.settings.move import SchemaContract
from hygge.types.type_names import NATIVE_TYPE
from hygge.types.widening import wider
from hygge.values.model import Mode

if TYPE_CHECKING:
    import pyarrow as pa

_INEXACT = "no type represents both exactly"


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between a column of the home and of the store."""

    kind: str
    """`new`, `gone`, `changed`, `native`, `nulls`, or `spelling`."""
    column: str
    held: str
    """Its type in the store; `-` where the store lacks it."""
    offered: str
    """Its type in the home; `-` where the home lacks it."""
    text: str
    """The difference as a sentence."""
    deed: str
    """What happens to it unless it is refused; continues `text`."""
    refusal: str | None = None
    """The contract's key, or the reason, that refuses it."""
    changes_store: bool = True
    """False where all values of the home fit into the store's column."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The schema to stage, and notes on it."""

    schema: pa.Schema
    notes: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    """Columns that are not moved and that a merge leaves unchanged."""


@dataclass(frozen=True, slots=True)
class HomeNames:
    """Mapping between the home's columns and names in the store."""

    sources: Mapping[str, str]
    """The home's name of each column that is moved."""
    still: Collection[str]
    """Columns of the store whose column in the home still exists, moved or not."""


_NO_NAMES = HomeNames({}, ())


def typed(offered: pa.Schema, held: pa.Schema | None) -> pa.Schema:
    """Return `offered` with a type for every column: `null` becomes the held type, or string."""
    import pyarrow as pa

    known = {} if held is None else {field.name: field for field in held}
    fields = []
    for field in offered:
        if pa.types.is_null(field.type):
            own = known.get(field.name, field.with_type(pa.string()))
            field = own.with_nullable(field.nullable)
        fields.append(field)
    return pa.schema(fields, metadata=offered.metadata)


def agree(
    offered: pa.Schema,
    held: pa.Schema | None,
    contract: SchemaContract,
    mode: Mode,
    home: HomeNames | None = None,
) -> Agreement:
    """Return the schema to stage for rows of `offered` into a target that holds `held`.

    `offered` is the schema that the store would hold for the home's columns (see `typed`,
    `Target.accept`): a type that every commit changes in the same way is no difference. Columns are
    matched by name, never by position. A replace mirrors the home, as far as the contract keeps
    nothing; any other mode keeps the store's column order and metadata, puts new columns last and
    has nulls in dropped ones of new rows. An offered type is widened only where every value of both
    sides stays exact; two types of a database that are one in Arrow have no wider one. A narrower
    one that changes nothing in the store is no note, for it would be one in every run. Raises one
    `FlowError` that lists every difference the contract refuses.
    """
    if held is None:
        return Agreement(offered)
    names = home or _NO_NAMES
    found = differences(offered, held, contract, mode, names)
    alike = [
        like_a_rename(old, names.sources.get(new, new))
        for old, new in renames(found, offered, held)
        if old not in names.still
    ]
    _check_allowed(found, alike)
    notes = [one.text + one.deed for one in found if one.changes_store] + alike
    schema = _agreed(offered, held, contract, mode)
    keeps = mode is Mode.MERGE and contract.drop == "keep"
    offers = set(offered.names)
    kept = tuple(name for name in schema.names if keeps and name not in offers)
    return Agreement(schema, tuple(notes), kept)


def _agreed(offered: pa.Schema, held: pa.Schema, contract: SchemaContract, mode: Mode) -> pa.Schema:
    import pyarrow as pa

    known = {name.casefold() for name in held.names}
    taken = [field for field in offered if contract.add != "keep" or field.name.casefold() in known]
    if mode is Mode.REPLACE:
        if contract.change == "keep":
            taken = [held.field(one.name) if _has(held, one.name) else one for one in taken]
        spelled = {name.casefold() for name in offered.names}
        gone = [one for one in held if one.name.casefold() not in spelled]
        kept = gone if contract.drop == "keep" else []
        fields = [*taken, *(one.with_nullable(True) for one in kept)]
        return pa.schema(fields, metadata=offered.metadata)
    fields = [_held_field(one, offered, contract) for one in held]
    # What was appended before has no such column, so it is null there.
    fields += [one.with_nullable(True) for one in taken if not _has(held, one.name)]
    return pa.schema(fields)


def _has(schema: pa.Schema, name: str) -> bool:
    """Return whether a schema has a column, without building the list of all names."""
    return bool(schema.get_field_index(name) >= 0)


def _held_field(held: pa.Field, offered: pa.Schema, contract: SchemaContract) -> pa.Field:
    if not _has(offered, held.name):
        return held.with_nullable(True)
    if contract.change == "keep":
        return held
    field = offered.field(held.name)
    both = wider(held.type, field.type)
    known = next((one for one in (held, field) if one.type.equals(both)), held.remove_metadata())
    return known.with_type(both).with_nullable(held.nullable or field.nullable)


def differences(
    offered: pa.Schema,
    held: pa.Schema,
    contract: SchemaContract,
    mode: Mode,
    home: HomeNames | None = None,
) -> list[Difference]:
    """Return every difference between the home's columns and the store's, as in `agree`."""
    rules = _Rules(contract, mode, home or _NO_NAMES)
    twins = {name.casefold(): name for name in held.names}
    found = []
    for field in offered:
        twin = twins.get(field.name.casefold())
        if twin is None:
            found.append(rules.new(field))
        elif not _has(held, field.name):
            found.append(rules.spelled(field, held.field(twin)))
        else:
            found += rules.compared(held.field(field.name), field)
    spelled = {name.casefold() for name in offered.names}
    found += [rules.gone(field) for field in held if field.name.casefold() not in spelled]
    return found


@dataclass(frozen=True, slots=True)
class _Rules:
    """The contract's rule for each kind of difference."""

    contract: SchemaContract
    mode: Mode
    home: HomeNames

    @property
    def _mirrors(self) -> bool:
        return self.mode is Mode.REPLACE

    @property
    def _fate(self) -> str:
        """What happens to a column that is gone."""
        keeps = self.contract.drop == "keep"
        if self._mirrors:
            return "is filled with nulls" if keeps else "is dropped from the store"
        if self.mode is not Mode.MERGE:
            return "is filled with nulls"
        if keeps:
            return "keeps its values; new rows get null (drop: keep)"
        return "is filled with nulls, also in rows that are updated"

    def new(self, field: pa.Field) -> Difference:
        text = f"column '{field.name}' ({field.type}) is new"
        deed = ", not moved (add: keep)" if self.contract.add == "keep" else ""
        refusal = "add: fail" if self.contract.add == "fail" else None
        return Difference("new", field.name, "-", _told(field), text, deed, refusal)

    def gone(self, field: pa.Field) -> Difference:
        where = "moved" if field.name in self.home.still else "in the home"
        text = f"column '{field.name}' is no longer {where}"
        deed = f" and {self._fate}"
        refusal = "drop: fail" if self.contract.drop == "fail" else None
        return Difference("gone", field.name, _told(field), "-", text, deed, refusal)

    def spelled(self, field: pa.Field, twin: pa.Field) -> Difference:
        text = f"'{field.name}' is '{twin.name}' in the store"
        refusal = None if self._mirrors else "names differ only in case"
        return Difference("spelling", field.name, _told(twin), _told(field), text, "", refusal)

    def compared(self, held: pa.Field, field: pa.Field) -> Iterator[Difference]:
        change = self.contract.change
        difference = Difference("changed", field.name, _told(held), _told(field), "", "")
        frozen = "change: fail" if change == "fail" else None
        if not field.type.equals(held.type):
            text = f"column '{held.name}' changed from {held.type} to {field.type}"
            both = None if self._mirrors and change == "evolve" else wider(held.type, field.type)
            is_lost = not self._mirrors and change == "evolve"
            lossy = _INEXACT if is_lost and both is None else None
            fits = both is not None and both.equals(held.type)
            deed = f", cast to {held.type} (change: keep)" if change == "keep" else ""
            deed = f", and fits into {held.type}" if fits and not frozen else deed
            yield replace(
                difference, text=text, deed=deed, refusal=frozen or lossy, changes_store=not fits
            )
        elif _differ_natively(held, field):
            text = f"column '{held.name}' changed from {_native(held)} to {_native(field)}"
            lossy = None if self._mirrors and change == "evolve" else _INEXACT
            yield replace(difference, kind="native", text=text, refusal=frozen or lossy)
        elif field.nullable and not held.nullable:
            text = f"column '{field.name}' was not null and is nullable now"
            deed = ", but nulls are rejected (change: keep)" if change == "keep" else ""
            yield replace(difference, kind="nulls", text=text, deed=deed, refusal=frozen)


def renames(
    found: Iterable[Difference], offered: pa.Schema, held: pa.Schema
) -> list[tuple[str, str]]:
    """Return a dropped column and a new one that may be the same under another name.

    Only where each is the only one of its type.
    """
    found = list(found)
    gone = [held.field(one.column) for one in found if one.kind == "gone"]
    new = [offered.field(one.column) for one in found if one.kind == "new"]
    pairs = []
    for field in gone:
        like = [one for one in new if one.type.equals(field.type)]
        rivals = [one for one in gone if one.type.equals(field.type)]
        if len(like) == len(rivals) == 1:
            pairs.append((field.name, like[0].name))
    return pairs


def like_a_rename(old: str, new: str) -> str:
    """Return the hint for a renamed column."""
    way = f"columns: {{{_quoted(new)}: {{rename: {_quoted(old)}}}}}"
    return f"'{new}' may be '{old}' renamed; if it is, write  {way}"


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _told(field: pa.Field) -> str:
    """Return a column's type for messages, with the database's name."""
    native = _native(field)
    own = "" if native is None else f" ({native})"
    return f"{field.type}{own}{'' if field.nullable else ' not null'}"


def _native(field: pa.Field) -> str | None:
    """Return the database's name of a column's type, where Arrow has no equivalent."""
    name = (field.metadata or {}).get(NATIVE_TYPE)
    return None if name is None else name.decode(errors="replace")


def _differ_natively(held: pa.Field, offered: pa.Field) -> bool:
    names = {_native(held), _native(offered)} - {None}
    return len(names) > 1


def _verdict(one: Difference) -> str:
    if one.refusal:
        return f"refused: {one.refusal}"
    deed = one.deed.strip(", ").removeprefix("and ")
    return deed or ("is added" if one.kind == "new" else "is allowed")


def table(found: Sequence[Difference], *sides: str) -> list[str]:
    """Return a text table of differences; `sides` names the two compared."""
    rows = [("", "column", *sides, "")]
    for one in found:
        rows.append((one.kind, one.column, one.held, one.offered, _verdict(one)))
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _check_allowed(found: list[Difference], alike: list[str]) -> None:
    ways: dict[str, str] = {}
    for difference in found:
        if difference.refusal:
            ways.setdefault(difference.kind, _way_out(difference))
    if ways:
        raise FlowError(
            "the columns of home and store differ in a way that the schema_contract of the flow "
            "does not allow:\n" + "\n".join(table(found, "store", "home")),
            hint="; ".join([*alike, *ways.values()]),
            code="HG522",
        )


def _way_out(difference: Difference) -> str:
    name = _quoted(difference.column)
    if difference.kind == "new":
        out = json.dumps([f"-{difference.column}"], ensure_ascii=False)
        return f"exclude it with  select: {out}, or allow it with  schema_contract: {{add: evolve}}"
    if difference.kind == "gone":
        return "allow it with  schema_contract: {drop: evolve}"
    if difference.kind == "spelling":
        return (
            f"use the name of the store with  columns: {{{name}: {{rename: …}}}}, or move "
            "everything again with  hygge go FLOW --full-refresh"
        )
    if difference.kind == "native":
        return "take the home's types with  hygge go FLOW --full-refresh"
    allow = "allow it with  schema_contract: {change: evolve}"
    if difference.kind == "nulls":
        return f"reject nulls with  columns: {{{name}: {{nullable: false}}}}, or {allow}"
    cast = (
        f"cast to the store's type with  columns: {{{name}: {{type: …}}}}, or move everything "
        "again with  hygge go FLOW --full-refresh"
    )
    allow = "allow exact changes with  schema_contract: {change: evolve}"
    return f"{cast}, or {allow}" if difference.refusal == "change: fail" else cast
