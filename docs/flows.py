"""Writes docs/flows.md, every key of a flow, from the docstrings of the keys: `make docs`.

`--check` only says whether the page is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import BaseModel

from hygge.operations.connector_types import options_of
from hygge.project.models import EntitySettings, FlowSettings
from hygge.settings.move import (
    Check,
    ColumnSettings,
    DefaultSettings,
    Incremental,
    MoveSettings,
    SchemaContract,
)

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

`query` and `snapshot: shared` need a home that speaks SQL; `hygge types TYPE` tells which of them a
home knows, and `hygge validate` refuses the others. `where` and `query` may stand together: the
condition then chooses among the rows of the query.

## Only what is new

```yaml
# flows/orders.yml
home: shop
store: lake
mode: merge                        # a changed order takes the place of the old one
primary_key: id
incremental: updated_at            # only what is newer than the newest that was moved
columns:
  email: {mask: hash}              # needs  mask_salt  in hygge.yml
  total: {compute: price * quantity}
checks:
  - not_null: customer
  - accepted_values: {column: status, values: [open, paid, sent]}
on_bad_row: quarantine             # bad rows go to .hygge/quarantine/, the others move
```

How far a flow has come is written in the commit of its rows, so the two cannot disagree; `hygge go
--full-refresh` begins anew, `--from` and `--to` move a range again, `hygge undo` takes the newest
commit back, and `hygge verify` compares home and store in full. Rows that share the highest value
moved are told apart, so that one that comes later is neither lost nor doubled. A row that comes
late, with a value below that, is not lost where PostgreSQL or MySQL tell of open transactions, for
newer rows then wait; elsewhere it is found by `lookback`, which reads back and so needs a merge.
With both no row waits, and the next move begins where rows may still come.

## What a flow gives, and the proof of it

A move publishes nothing unless as many rows were read as were staged, and as many as the store
itself counts before it publishes. What was staged is in the commit: its receipt, of each column the
nulls, the least and greatest number or time, and the exact sum of whole numbers and decimals, never
a text. `hygge history --receipt` shows it, `hygge history --json` always has it.

```yaml
# flows/payments.yml
home: shop
store: lake
mode: append
incremental: id
guarantee: exactly-once            # refuse to be changed into a flow that gives less
```

| a flow gives | when |
|---|---|
| `exactly-once` | it replaces, appends what is `incremental`, or merges by `incremental: COLUMN` |
| `effectively-once` | it merges otherwise, or with `lookback` or `include`: rows meet their keys |
| `at-least-once` | it appends, and nothing tells which rows it has moved |

`hygge plan` tells what a flow gives and why. With `guarantee:` `hygge validate` refuses a flow that
gives less, and a move ends before it stages anything when it would break it: an append of `files`
of which one has changed, and, where `exactly-once` is asked for, `hygge go --limit`.

## Conditions and computed columns

`compute`, and `where` for homes that speak no SQL, know: `and or not`, `= <> < <= > >=`, `is null`,
`in (…)`, `between … and …`, `+ - * /`, `||` for texts, parentheses; numbers, `'texts'`, `true`,
`false`, `null`, `date '2026-01-31'`, `timestamp '2026-01-31T12:00:00Z'`; columns by their names in
the home, in `"double quotes"` where they are no plain words; and the functions `lower upper trim
length abs coalesce`. Nulls are as in SQL. A sum that overflows fails the move, or puts the row
aside with `on_bad_row: quarantine`.
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
    ("Keys of `incremental`", "A name alone is the `column`.", Incremental, None),
    ("Keys of a check", "Each has one rule, and a severity.", Check, None),
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
