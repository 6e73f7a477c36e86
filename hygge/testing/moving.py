"""Moves tables into a store without a flow, for the suites and for a connector's own tests."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import count

import pyarrow as pa

from hygge.connector import Commit, Mode, Part, Split, Store, Target, Watermark, WriteRequest
from hygge.connectors.sql.pool import close_all
from hygge.types.casting import exact_cast
from hygge.values.model import ColumnReceipt, Receipt

_RUNS = count(1)


class SourceFailedError(Exception):
    """What the suite raises in place of a home that dies while it is read."""


def write_request(
    mode: Mode = Mode.REPLACE, into: str = "things", *, flow: str = "things", adopt: bool = False
) -> WriteRequest:
    """Return the request of a new run that writes entity `into`."""
    return WriteRequest(flow, "things", into, f"run-{next(_RUNS)}", 1, mode, adopt)


def next_commit(
    target: Target, request: WriteRequest, parts: Sequence[Part], schema: pa.Schema
) -> Commit:
    """Return the commit that a flow would make of `parts`."""
    last = target.last_commit()
    rows = sum(part.rows for part in parts)
    kept = last.total_rows if last is not None and request.mode is Mode.APPEND else 0
    return Commit(
        flow=request.flow,
        entity=request.entity,
        seq=1 if last is None else last.seq + 1,
        run_id=request.run_id,
        mode=request.mode,
        rows=rows,
        total_rows=kept + rows,
        schema=schema,
        committed_at="2024-02-29T12:00:00.000001Z",
        watermark=Watermark("id", str(rows), "int64"),
        receipt=Receipt(rows, (ColumnReceipt("id", 0, "0", str(rows), "7"),)),
    )


def accepted(target: Target, table: pa.Table) -> pa.Table:
    """Return `table` as the target wants it staged."""
    schema = target.accept(table.schema)
    columns = [
        pa.chunked_array([exact_cast(chunk, field.type) for chunk in column.chunks], field.type)
        for column, field in zip(table.columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def write(
    store: Store, tables: Sequence[pa.Table], request: WriteRequest, rows: int | None = None
) -> Commit:
    """Move `tables`, one a split, in batches of at most `rows` rows; return the commit."""
    with store.open(request) as target:
        parts = []
        for number, table in enumerate(tables):
            reader = accepted(target, table).to_reader(max_chunksize=rows)
            parts.append(target.stage(reader, Split(number, f"split {number}")))
        commit = next_commit(target, request, parts, tables[0].schema)
        target.commit(parts, commit)
        target.discard()
        return commit


def broken(table: pa.Table) -> pa.RecordBatchReader:
    """Return a reader that yields `table` and then fails."""

    def batches() -> Iterator[pa.RecordBatch]:
        yield from table.to_batches(max_chunksize=max(table.num_rows // 3, 1))
        raise SourceFailedError("the connection was reset")

    return pa.RecordBatchReader.from_batches(table.schema, batches())


def open_files() -> set[str]:
    """Return what this process holds open, beside connections at rest: numbers and targets."""
    close_all()
    gc.collect()
    found = set()
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208
        with suppress(FileNotFoundError):  # the listing itself
            found.add(f"{number}: {os.readlink(f'/proc/self/fd/{number}')}")  # noqa: PTH115
    return found


def left_open(before: set[str]) -> set[str]:
    """Return what was opened since and not closed; a driver may open its connection again."""
    now = open_files()
    return now - before if len(now) > len(before) else set()
