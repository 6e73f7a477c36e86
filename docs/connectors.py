"""Writes docs/connectors/ from the connectors' own docstrings: `make docs`.

One page a type, with its home and its store; `--check` only says which pages are stale.
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from hygge.catalog import ConnectorType, connector_types

PAGES = Path(__file__).resolve().parent / "connectors"
_MADE = "<!-- Made by `make docs` from the connector itself; changes here are lost. -->\n\n"


def pages() -> dict[str, str]:
    """Return the text of every page by its file name."""
    types = sorted(connector_types(), key=lambda one: (one.name, one.kind))
    texts = {
        f"{name}.md": _MADE + f"# {name}\n\n" + "\n".join(_section(one) for one in both)
        for name, both in groupby(types, key=lambda one: one.name)
    }
    texts["README.md"] = _MADE + _index(types)
    return texts


def _index(types: list[ConnectorType]) -> str:
    rows = [f"| [{one.name}]({one.name}.md) | {one.kind} | {one.description} |" for one in types]
    return "\n".join(["# Connectors\n", "| type | as | |", "|---|---|---|", *rows]) + "\n"


def _section(one: ConnectorType) -> str:
    lines = [f"## As a {one.kind}", "", one.description, ""]
    lines += [one.notes, ""] if one.notes else []
    lines += ["| option | is | unless given | |", "|---|---|---|---|"]
    for option in one.options:
        default = "required" if option.default is None else f"`{_cell(option.default)}`"
        about = _cell(option.description)
        lines.append(f"| `{option.name}` | {_cell(option.type)} | {default} | {about} |")
    return "\n".join(lines) + "\n"


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
