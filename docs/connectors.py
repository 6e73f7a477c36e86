"""Writes docs/connectors/ from the connectors' own docstrings: `make docs`.

One page a type, with its home and its store; `--check` only says which pages are stale.
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from hygge.connector import HomeConfig, StoreConfig
from hygge.operations.connector_types import ConnectorType, connector_types
from hygge.testing.cases import CASES
from hygge.types.type_names import NATIVE_TYPE

PAGES = Path(__file__).resolve().parent / "connectors"
_LEGEND = (
    "*exact*: the same type. *wider*: another type that can represent every value. *refused*: the "
    "move fails with the name of the column; `columns: {x: {type: …}}` sets another type. *(text)*: "
    "text that a store of the same database converts back to the type."
)
_MADE = "<!-- Made by `make docs` from the connector itself; changes here are lost. -->\n\n"


def pages() -> dict[str, str]:
    """Return the text of every page by its file name."""
    types = sorted(connector_types(), key=lambda one: (one.name, one.kind))
    texts = {
        f"{name}.md": _MADE
        + "\n".join([f"# {name}\n", *map(_section, both), _types(name)]).rstrip()
        + "\n"
        for name, both in groupby(types, key=lambda one: one.name)
    }
    texts["README.md"] = _MADE + _index(types)
    return texts


def _index(types: list[ConnectorType]) -> str:
    rows = [f"| [{one.name}]({one.name}.md) | {one.kind} | {one.description} |" for one in types]
    return (
        "\n".join(["# Connectors\n", "| type | as | description |", "|---|---|---|", *rows]) + "\n"
    )


def _section(one: ConnectorType) -> str:
    lines = [f"## As a {one.kind}", "", one.description, ""]
    lines += [one.notes, ""] if one.notes else []
    if one.can:
        what = "Modes" if one.kind == "store" else "Also supported in a flow"
        lines += [f"{what}: {', '.join(f'`{word}`' for word in one.can)}.", ""]
    lines += ["| option | type | default | meaning |", "|---|---|---|---|"]
    for option in one.options:
        default = _default(option.default)
        about = _cell(option.description)
        lines.append(f"| `{option.name}` | {_cell(option.type)} | {default} | {about} |")
    return "\n".join(lines) + "\n"


def _types(name: str) -> str:
    """Return what becomes of a database's own types in every store, and of Arrow's in its own."""
    parts = []
    samples = HomeConfig.registry.find(name).type_samples() if name in _homes() else {}
    stores = {one: StoreConfig.registry.find(one) for one in StoreConfig.registry.names()}
    if samples:
        parts += ["## Types when reading", "", _LEGEND, ""]
        parts += [f"| {name} | Arrow | {' | '.join(stores)} |", "|---|---|" + "---|" * len(stores)]
        for own, field in samples.items():
            marks = [_mark(store, field) for store in stores.values()]
            parts.append(f"| {own} | {field.type}{_note(field)} | {' | '.join(marks)} |")
    if samples and name in stores:
        parts += ["", "## Types when writing", "", f"| Arrow | {name} | exact |", "|---|---|---|"]
        parts += [_written(stores[name], kind) for kind in _arrow_types()]
    return "\n".join([*parts, ""]) if parts else ""


def _homes() -> list[str]:
    return HomeConfig.registry.names()


def _note(field: pa.Field) -> str:
    return " (text)" if NATIVE_TYPE in (field.metadata or {}) else ""


def _mark(store: type[StoreConfig], field: pa.Field) -> str:
    held = store.held_as(field)
    if held is None:
        return "refused"
    return "exact" if held[0].type == field.type else f"wider: {_cell(held[1])}"


def _written(store: type[StoreConfig], kind: pa.DataType) -> str:
    held = store.held_as(pa.field("x", kind))
    if held is None:
        return f"| {kind} | – | refused |"
    mark = "exact" if held[0].type == kind else f"wider: {held[0].type}"
    return f"| {kind} | {_cell(held[1])} | {mark} |"


def _arrow_types() -> list[pa.DataType]:
    """Return the type of each case that connectors are tested with, once."""
    return list(dict.fromkeys(make().type for make in CASES.values() if make().type != pa.null()))


def _default(text: str | None) -> str:
    """Return a default value as a cell."""
    if text is None:
        return "required"
    return "" if text == "null" else f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def stale() -> list[str]:
    """Return the pages that differ from what the connectors say, or should not be there."""
    wanted = pages()
    there = {page.name: page.read_text("utf-8") for page in PAGES.glob("*.md")}
    return sorted(name for name in wanted | there if wanted.get(name) != there.get(name))


def main() -> None:
    """Write the pages, or with `--check` name those that are stale."""
    if "--check" in sys.argv:
        sys.exit(f"stale: {', '.join(stale())}; make docs" if stale() else None)
    PAGES.mkdir(exist_ok=True)
    for name in set(stale()) - set(pages()):
        (PAGES / name).unlink()
    for name, text in pages().items():
        (PAGES / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
