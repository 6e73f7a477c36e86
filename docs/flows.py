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

A flow, `flows/<name>.yml`, moves entities from one home to one store. All keys are optional. If a
project has only one home or only one store, the flow need not name it. Without `entity` the flow
moves the entity that has the flow's name.

```yaml
# flows/sales.yml
home: shop
store: lake
where: status <> 'test'            # default for all entities of the flow
snapshot: shared                   # orders and customers from one consistent snapshot
entities:
  - orders
  - {name: customers, primary_key: id, where: null}
  - name: best_customers           # only a name: the rows come from the query
    query: select customer, sum(amount) as total from orders group by customer
    where: total > 1000
```

`query` and `snapshot: shared` require a home that supports SQL. `hygge types TYPE` shows whether a
home supports them; otherwise `hygge validate` reports an error. If a flow has both `where` and
`query`, the condition filters the rows of the query.

## Incremental flows

```yaml
# flows/orders.yml
home: shop
store: lake
mode: merge                        # a changed order replaces the old one
primary_key: id
incremental: updated_at            # only rows above the watermark
columns:
  email: {mask: hash}              # needs  mask_salt  in hygge.yml
  total: {compute: price * quantity}
checks:
  - not_null: customer
  - accepted_values: {column: status, values: [open, paid, sent]}
on_bad_row: quarantine             # bad rows go to .hygge/quarantine/, the others are moved
```

The *watermark* is the highest value of the column that was moved. It is stored in the commit of the
rows, so that rows and watermark always agree.

| command | effect on an incremental flow |
|---|---|
| `hygge state show` | shows the watermark of each entity |
| `hygge state set FLOW VALUE` | continues from another value; `--back 1d` goes back by a duration or a number |
| `hygge state clear FLOW` | clears the watermark: a merge reads all rows again, an append stops and asks |
| `hygge go --full-refresh` | replaces all rows |
| `hygge go --from A --to B` | moves a range again; the watermark is unchanged |
| `hygge undo FLOW` | reverts the newest commit, with its watermark; `--last-run` reverts a whole run |
| `hygge verify` | compares all rows of home and store |

Several rows can share the highest value. hygge records which of them it has moved, so that a row
added later with the same value is neither lost nor duplicated.

A row may be committed late, with a value below the watermark. PostgreSQL and MySQL show open
transactions, so hygge waits with newer rows until those transactions have ended. For other homes,
use `lookback`: it reads earlier rows again, which requires a merge. With `lookback` no row waits;
the next move starts where late rows are possible.

## Quarantine

With `on_bad_row: quarantine`, rows that fail a cast or a check are written to `.hygge/quarantine/`
and the other rows are moved. `hygge quarantine show` lists them by run and reason. Once the cause is
fixed, `hygge quarantine retry FLOW` moves them again from the home. This works for `replace` and
`merge`; an append would duplicate other rows.

## Guarantees and receipts

A move publishes nothing unless the number of rows read, the number of rows staged and the number
that the store counts are equal. Each commit has a receipt of what was staged: for each column the
number of nulls, the minimum and maximum of numbers and times, and the exact sum of integers and
decimals, but never text. `hygge history --receipt` shows it; `hygge history --json` contains it.

```yaml
# flows/payments.yml
home: shop
store: lake
mode: append
incremental: id
guarantee: exactly-once            # an error if the flow guarantees less
```

| guarantee | given by |
|---|---|
| `exactly-once` | a replace; an append with `incremental`; a merge with `incremental: COLUMN` |
| `effectively-once` | other merges, also with `lookback` or `include`: rows are matched by their key |
| `at-least-once` | an append without `incremental` |

`hygge plan` shows the guarantee of a flow and the reason. With `guarantee:`, `hygge validate` reports
an error if a flow guarantees less. A move that would break the guarantee fails before it stages
rows: an append with `incremental: files` if a moved file has changed, and `hygge go --limit` with
`exactly-once`.

## Conditions and computed columns

`compute`, and `where` for homes without SQL, support:

- operators: `and or not`, `= <> < <= > >=`, `is null`, `in (…)`, `between … and …`, `+ - * /`, `||`
  for text, parentheses
- values: numbers, `'text'`, `true`, `false`, `null`, `date '2026-01-31'`,
  `timestamp '2026-01-31T12:00:00Z'`
- columns, by their names in the home; other than plain words in `"double quotes"`
- functions: `lower upper trim length abs coalesce`

Nulls behave as in SQL. An overflow fails the move; with `on_bad_row: quarantine` it quarantines the
row.
"""
_TABLES: tuple[tuple[str, str, type[BaseModel], type[BaseModel] | None], ...] = (
    ("Keys of a flow", "A flow also has all keys of an entity.", FlowSettings, EntitySettings),
    (
        "Keys of an entity",
        "In the flow they apply to all its entities; in an item of `entities`, which also has `name` "
        "and `into`, to one.",
        MoveSettings,
        None,
    ),
    ("Keys of a column", "By the column's name in the home: `columns: {…}`.", ColumnSettings, None),
    ("Keys of `schema_contract`", "", SchemaContract, None),
    ("Keys of `incremental`", "A plain name sets `column`.", Incremental, None),
    ("Keys of a check", "A check has one rule and optionally a severity.", Check, None),
)


def page() -> str:
    """Return the text of the page."""
    everywhere = ", ".join(f"`{name}`" for name in DefaultSettings.model_fields)
    tables = [_table(*one) for one in _TABLES]
    last = f"\n`defaults` in hygge.yml may set {everywhere} for all flows.\n"
    return "".join([_HEAD, *tables, last])


def _table(title: str, about: str, model: type[BaseModel], but: type[BaseModel] | None) -> str:
    left_out = set(but.model_fields) - {"into"} if but else set()
    rows = [
        f"| `{one.name}` | {_cell(one.type)} | {_default(one.default)} | {_cell(one.description)} |"
        for one in options_of(model)
        if one.name not in left_out
    ]
    head = [f"\n## {title}\n", *([about, ""] if about else [])]
    return (
        "\n".join([*head, "| option | type | default | meaning |", "|---|---|---|---|", *rows])
        + "\n"
    )


def _default(text: str | None) -> str:
    """Return a default value as a cell."""
    if text is None:
        return "required"
    return "" if text == "null" else f"`{_cell(text)}`"


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
