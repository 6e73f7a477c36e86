"""Receipts as JSON, for commits, the journal and reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hygge.values.model import ColumnReceipt, Event, MoveFinished, Receipt, RunFinished


def dump_receipt(receipt: Receipt) -> dict[str, Any]:
    """Return a receipt as JSON values; numbers are texts at full precision."""
    columns = []
    for one in receipt.columns:
        figures = {"min": one.min, "max": one.max, "sum": one.sum}
        known = {name: text for name, text in figures.items() if text is not None}
        columns.append({"name": one.name, "nulls": one.nulls, **known})
    more = {"left_out": receipt.left_out} if receipt.left_out else {}
    return {"rows": receipt.rows, "columns": columns, **more}


def without_receipts(event: Event) -> Event:
    """Return an event without receipts, which contain values of rows."""
    match event:
        case MoveFinished(outcome=outcome):
            return replace(event, outcome=replace(outcome, receipt=None))
        case RunFinished(outcomes=outcomes):
            return replace(event, outcomes=tuple(replace(one, receipt=None) for one in outcomes))
    return event


def load_receipt(data: Mapping[str, Any]) -> Receipt:
    """Return the receipt of `dump_receipt`.

    Raises `KeyError`, `TypeError` or `ValueError` for an invalid record.
    """
    columns = tuple(ColumnReceipt(**column) for column in data["columns"])
    return Receipt(int(data["rows"]), columns, int(data.get("left_out", 0)))
