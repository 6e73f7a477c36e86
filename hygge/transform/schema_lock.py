"""Lock files: the columns of a home as a user accepted them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hygge.errors import FlowError
from hygge.transform.schema_contract import Difference, table
from hygge.types.type_names import NATIVE_TYPE

if TYPE_CHECKING:
    import pyarrow as pa

_NO_VALUE = "null"
"""Type of a column without values, which may become any other type."""


def pins(schema: pa.Schema) -> dict[str, str]:
    """Return the lock's entry for each column: its type, the database's name, `not null`."""
    return {field.name: _pin(field) for field in sorted(schema, key=lambda field: field.name)}


def _pin(field: pa.Field) -> str:
    native = (field.metadata or {}).get(NATIVE_TYPE)
    own = "" if native is None else f" ({native.decode(errors='replace')})"
    return f"{field.type}{own}{'' if field.nullable else ' not null'}"


def drift(schema: pa.Schema, pinned: Mapping[str, str]) -> list[Difference]:
    """Return the differences between a home's columns and a lock."""
    offered = pins(schema)
    found = []
    for name in sorted(offered.keys() | pinned.keys()):
        old, new = pinned.get(name, "-"), offered.get(name, "-")
        kind = "new" if name not in pinned else "gone" if name not in offered else "changed"
        if old != new and not (kind == "changed" and _NO_VALUE in (old, new)):
            text = f"column '{name}' changed from {old} to {new}"
            found.append(Difference(kind, name, old, new, text, "", "locked"))
    return found


def check_pinned(
    schema: pa.Schema, pinned: Mapping[str, str] | None, flow: str, *, is_part: bool = False
) -> None:
    """Raise `FlowError` with a table unless the home's columns match the flow's lock.

    `None` is a flow without a lock; an empty schema an entity that the lock lacks. With `is_part`
    the columns are those of new files only.
    """
    if pinned is None:
        return
    found = drift(schema, pinned)
    if found:
        way = f"if this is right, update the lock file with  hygge schema lock {flow}"
        if is_part:
            way = (
                f"of new files only; if a type was inferred wrongly, set `types` in the home; {way}"
            )
        raise FlowError(
            "the columns of the home differ from the lock file of the flow; nothing was staged:\n"
            + "\n".join(table(found, "lock", "home")),
            hint=way,
            code="HG522",
        )
