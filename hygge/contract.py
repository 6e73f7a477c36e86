"""The schema contract: what the home offers, what the store holds, what the flow allows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.datatypes import NATIVE_TYPE
from hygge.errors import FlowError
from hygge.model import Mode
from hygge.settings import SchemaContract
from hygge.widening import wider

if TYPE_CHECKING:
    import pyarrow as pa


_AFTER_DROP = {
    Mode.REPLACE: "and leaves the store",
    Mode.APPEND: "and is filled with nulls",
    Mode.MERGE: "and stays as it is in the store",
}


@dataclass(frozen=True, slots=True)
class Agreement:
    """The schema that will be staged, and what a person should know about it."""

    schema: pa.Schema
    notes: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    """Columns of the schema that the home no longer has."""


@dataclass(frozen=True, slots=True)
class _Difference:
    kind: str
    column: str
    text: str
    refusal: str | None


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
    offered: pa.Schema, held: pa.Schema | None, contract: SchemaContract, mode: Mode
) -> Agreement:
    """Return the schema to stage for rows of `offered` into a target that holds `held`.

    `offered` is what the store would make of the home's columns (see `typed`, `Target.accept`):
    a type that every commit changes in the same way is no difference. Columns are matched by
    name, never by position. A replace mirrors the home; an append keeps the store's column order
    and metadata, puts new columns last and fills dropped ones with nulls. An offered type is
    widened only where every value of both sides stays exact; two types of a database that are one
    in Arrow have no wider one. Raises one `FlowError` that lists every difference the contract
    refuses.
    """
    import pyarrow as pa

    if held is None:
        return Agreement(offered)
    differences = list(_differences(offered, held, contract, mode))
    if any(difference.refusal for difference in differences):
        raise _refused(differences)
    notes = tuple(difference.text for difference in differences)
    if mode is Mode.REPLACE:
        return Agreement(offered, notes)
    fields = [_held_field(field, offered) for field in held]
    # What was appended before has no such column, so it is null there.
    fields += [field.with_nullable(True) for field in offered if field.name not in held.names]
    gone = tuple(name for name in held.names if name not in offered.names)
    return Agreement(pa.schema(fields), notes, gone)


def _held_field(held: pa.Field, offered: pa.Schema) -> pa.Field:
    if held.name not in offered.names:
        return held.with_nullable(True)
    field = offered.field(held.name)
    both = wider(held.type, field.type)
    known = next((one for one in (held, field) if one.type.equals(both)), held.remove_metadata())
    return known.with_type(both).with_nullable(held.nullable or field.nullable)


def _differences(
    offered: pa.Schema, held: pa.Schema, contract: SchemaContract, mode: Mode
) -> Iterator[_Difference]:
    twins = {name.casefold(): name for name in held.names}
    for field in offered:
        name = field.name
        twin = twins.get(name.casefold(), name)
        if name not in held.names and twin != name:
            refusal = None if mode is Mode.REPLACE else "names differ only in case"
            yield _Difference("spelling", name, f"'{name}' is '{twin}' in the store", refusal)
        elif name not in held.names:
            refusal = None if contract.add == "evolve" else "add: fail"
            yield _Difference("new", name, f"column '{name}' ({field.type}) is new", refusal)
        elif not field.type.equals(held.field(name).type):
            yield _changed(held.field(name), field, contract, mode)
        elif _differ_natively(held.field(name), field):
            yield _renamed(held.field(name), field, contract, mode)
        elif field.nullable and not held.field(name).nullable:
            refusal = "change: fail" if contract.change == "fail" else None
            yield _Difference("nulls", name, f"column '{name}' had no nulls and may have", refusal)
    spelled = {name.casefold() for name in offered.names}
    for name in held.names:
        if name.casefold() not in spelled:
            refusal = None if contract.drop == "keep" else "drop: fail"
            after = _AFTER_DROP[mode]
            yield _Difference(
                "gone", name, f"column '{name}' is no longer in the home {after}", refusal
            )


def _changed(
    held: pa.Field, offered: pa.Field, contract: SchemaContract, mode: Mode
) -> _Difference:
    refusal = None
    if contract.change == "fail":
        refusal = "change: fail"
    elif mode is not Mode.REPLACE and wider(held.type, offered.type) is None:
        refusal = "no type holds both exactly"
    text = f"column '{held.name}' was {held.type} and is {offered.type}"
    return _Difference("changed", held.name, text, refusal)


def _native(field: pa.Field) -> str | None:
    """Return what a database calls the column's type, where Arrow cannot tell."""
    name = (field.metadata or {}).get(NATIVE_TYPE)
    return None if name is None else name.decode(errors="replace")


def _differ_natively(held: pa.Field, offered: pa.Field) -> bool:
    names = {_native(held), _native(offered)} - {None}
    return len(names) > 1


def _renamed(
    held: pa.Field, offered: pa.Field, contract: SchemaContract, mode: Mode
) -> _Difference:
    """Return the difference of two types of a database that are one type in Arrow."""
    refusal = None
    if contract.change == "fail":
        refusal = "change: fail"
    elif mode is not Mode.REPLACE:
        refusal = "no type holds both exactly"
    text = f"column '{held.name}' was {_native(held)} and is {_native(offered)}"
    return _Difference("native", held.name, text, refusal)


def _refused(differences: list[_Difference]) -> FlowError:
    lines = [
        f"  {difference.kind:8}  {difference.text}"
        + (f"   [refused: {difference.refusal}]" if difference.refusal else "")
        for difference in differences
    ]
    ways: dict[str, str] = {}
    for difference in differences:
        if difference.refusal:
            ways.setdefault(difference.kind, _way_out(difference))
    return FlowError(
        "the home's columns differ from the store's in a way the flow does not allow:\n"
        + "\n".join(lines),
        hint="; ".join(ways.values()),
        code="HG522",
    )


def _way_out(difference: _Difference) -> str:
    name = json.dumps(difference.column, ensure_ascii=False)
    if difference.kind == "new":
        out = json.dumps([f"-{difference.column}"], ensure_ascii=False)
        return f"leave it out with  select: {out}, or let it in:  schema_contract: {{add: evolve}}"
    if difference.kind == "gone":
        return "let columns go:  schema_contract: {drop: keep}"
    if difference.kind == "spelling":
        return f"call it as the store does with  columns: {{{name}: {{rename: …}}}}"
    if difference.kind == "native":
        return "take the home's types with  hygge go --full-refresh"
    allow = "allow it with  schema_contract: {change: evolve}"
    if difference.kind == "nulls":
        return f"let none in with  columns: {{{name}: {{nullable: false}}}}, or {allow}"
    cast = f"cast to the store's type with  columns: {{{name}: {{type: …}}}}"
    allow = "allow what stays exact with  schema_contract: {change: evolve}"
    return f"{cast}, or {allow}" if difference.refusal == "change: fail" else cast
