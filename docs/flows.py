"""Writes docs/flows.md, every key of a flow, from the docstrings of the keys: `make docs`.

`--check` only says whether the page is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import BaseModel

from hygge.catalog import options_of
from hygge.project.models import EntitySettings, FlowSettings
from hygge.settings import ColumnSettings, DefaultSettings, MoveSettings, SchemaContract

PAGE = Path(__file__).resolve().parent / "flows.md"
_HEAD = """<!-- Made by `make docs` from the keys themselves; changes here are lost. -->

# Flows

A flow, `flows/<name>.yml`, moves entities from one home to one store. It may be empty: the only
home and the only store of a project need not be named, and the entity is called like the flow.

```yaml
# flows/sales.yml
home: shop
store: lake
where: status <> 'test'            # for every entity that says nothing else
snapshot: shared                   # orders and customers as they are at one instant
entities:
  - orders
  - {name: customers, primary_key: id, where: null}
  - name: best_customers           # a name only: the rows are those of the query
    query: select customer, sum(amount) as total from orders group by customer
    where: total > 1000
```

`where`, `query` and `snapshot: shared` need a home that speaks SQL; `hygge types TYPE` tells which
of them a home knows, and `hygge validate` refuses the others. `where` and `query` may stand
together: the condition then chooses among the rows of the query.
"""
_TABLES: tuple[tuple[str, str, type[BaseModel], type[BaseModel] | None], ...] = (
    ("Keys of a flow", "Beside them every key of an entity.", FlowSettings, EntitySettings),
    (
        "Keys of an entity",
        "For all entities of a flow in the flow, and for one in its item of `entities`, beside its "
        "`name` and `into`.",
        MoveSettings,
        None,
    ),
    ("Keys of a column", "By the column's name in the home: `columns: {…}`.", ColumnSettings, None),
    ("Keys of `schema_contract`", "", SchemaContract, None),
)


def page() -> str:
    """Return the text of the page."""
    everywhere = ", ".join(f"`{name}`" for name in DefaultSettings.model_fields)
    tables = [_table(*one) for one in _TABLES]
    last = f"\n`defaults` in hygge.yml may give {everywhere} for every flow.\n"
    return "".join([_HEAD, *tables, last])


def _table(title: str, about: str, model: type[BaseModel], but: type[BaseModel] | None) -> str:
    left_out = set(but.model_fields) - {"into"} if but else set()
    rows = [
        f"| `{one.name}` | {_cell(one.type)} | `{_cell(one.default or 'required')}` "
        f"| {_cell(one.description)} |"
        for one in options_of(model)
        if one.name not in left_out
    ]
    head = [f"\n## {title}\n", *([about, ""] if about else [])]
    return "\n".join([*head, "| key | is | unless given | |", "|---|---|---|---|", *rows]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write the page, or with `--check` say that it is stale."""
    is_stale = not PAGE.is_file() or PAGE.read_text("utf-8") != page()
    if "--check" in sys.argv:
        sys.exit("stale: flows.md; make docs" if is_stale else None)
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
