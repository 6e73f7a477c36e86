"""The guards of moves, merges, contracts, checks, undo and state, and the harm each keeps away.

Not here, for nothing of theirs reaches rows: the order of flows (HG205, HG206), locks of moves,
which save work only (HG543), comparisons (HG552), and a warning (HG215).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from guards import (
    ABC,
    APPEND,
    EVERYWHERE,
    MERGE,
    SINCE,
    SQL,
    Guard,
    Scene,
    Step,
    command,
    out,
    table,
    undo,
)

from hygge import (
    backfill,
    checks,
    contract,
    derived,
    flow,
    guards,
    history,
    increment,
    marking,
    plan,
    quarantine,
    shape,
    staging,
)
from hygge.cli import going, state
from hygge.files import generations, settling, store
from hygge.files import merging as files_merging
from hygge.files import target as files_target
from hygge.project import lockfile, modes, shaping
from hygge.sql import keeping, merging, target
from hygge.sql.lite import catalog as lite_catalog
from hygge.sql.lite import values

D = (4, "d", 4)
LAST_TWICE = [*ABC, (3, "C", 3)]
CLOCK = pa.timestamp("us", tz="UTC")


def both(*offs: Any) -> Any:  # noqa: ANN401
    """Return what takes several guards out."""

    def off(patch: pytest.MonkeyPatch) -> None:
        for one in offs:
            one(patch)

    return off


def times(*rows: tuple[int, int]) -> pa.Table:
    """Return rows of `id` and, in seconds since 1970, `at`."""
    at = [datetime.fromtimestamp(second, UTC) for _, second in rows]
    return pa.table({"id": [n for n, _ in rows], "at": pa.array(at, CLOCK)})


MANY = pa.table({"id": range(10_001), "at": [5] * 10_001})
TIES = both(
    out(files_merging.Merge, "_refuse"),
    out(merging.MergingTarget, "_check_ties"),
)


def nullable(is_nullable: bool, value: str | None) -> pa.Table:
    """Return a row of `id` and a `name` that may be null or not."""
    fields = [pa.field("id", pa.int64()), pa.field("name", pa.string(), is_nullable)]
    return pa.table([[1], [value]], schema=pa.schema(fields))


NEW_ROWS = [
    Guard(
        "limit",
        "HG539",
        "an append of what is new cannot be limited",
        [Step(SINCE, ABC)],
        Step(SINCE, [(5, "e", 5), D], {"limit": 1}),
        out(increment, "_check_whole"),
        past=out(plan, "_check_limit"),
        after=Step(SINCE, [(5, "e", 5), D]),
        wrong=[*ABC, D, (5, "e", 5), (5, "e", 5)],
    ),
    Guard(
        "limit, as it is asked for",
        "HG220",
        "--limit would leave out rows of users",
        [Step(SINCE, ABC)],
        Step(SINCE, [(5, "e", 5), D], {"limit": 1}),
        out(plan, "_check_limit"),
        caught="HG539",
    ),
    Guard(
        "limit of a merge that deletes",
        "HG220",
        "--limit would leave out rows of users",
        [Step(MERGE, ABC)],
        Step(f"{MERGE}delete_missing: hard\nmax_shrink: 1\n", ABC, {"limit": 1}),
        out(plan, "_check_limit"),
        wrong=ABC[:1],
        kinds=EVERYWHERE,
    ),
    Guard(
        "nulls",
        "HG539",
        "has no value in 1 rows",
        [Step(SINCE, ABC)],
        Step(SINCE, [*ABC, (9, "lost", None), D]),
        out(increment.Increment, "_judge"),
        wrong=[*ABC, D],
    ),
    Guard(
        "future",
        "HG539",
        "is more than a day ahead",
        [Step(SINCE, times((1, 1)))],
        Step(SINCE, times((1, 1), (2, 4_000_000_000))),
        out(increment.Increment, "_judge"),
        after=Step(SINCE, times((1, 1), (2, 4_000_000_000), (3, 2))),
        columns="id",
        wrong=[(1,), (2,)],
    ),
    Guard(
        "many ties",
        "HG539",
        "more than 10,000 rows share",
        [],
        Step(SINCE, MANY),
        out(increment, "_check_told_apart"),
        after=Step(SINCE, MANY),
        columns="count(*)",
        wrong=[(20_002,)],
    ),
    Guard(
        "ties not told apart",
        "HG538",
        "none of the columns is left",
        [Step(f"{SINCE}select: [id]\n", [(1, "a", 3)])],
        Step(f"{SINCE}select: [name]\n", pa.table({"name": ["a"], "at": [3]})),
        out(increment, "_check_comparable"),
        columns="count(*)",
        wrong=[(2,)],
    ),
    Guard(
        "column that does not grow",
        "HG539",
        "cannot be the column of incremental",
        [],
        Step("mode: append\nincremental: open\n", pa.table({"id": [1], "open": [True]})),
        out(increment, "reason_against"),
        after=Step(
            "mode: append\nincremental: open\n", pa.table({"id": [1, 2], "open": [True, False]})
        ),
        columns="id",
        wrong=[(1,)],
    ),
    Guard(
        "append that looks back",
        "HG539",
        "an append would double",
        [Step(SINCE, ABC)],
        Step("mode: append\nincremental: {column: at, lookback: 1}\n", ABC),
        out(increment, "_check_mode"),
        past=out(modes, "_clashes", lambda _: ()),
        wrong=[*ABC, ABC[1]],
    ),
    Guard(
        "append that looks back, as it is written",
        "HG222",
        "an append would double them",
        [Step(SINCE, ABC)],
        Step("mode: append\nincremental: {column: at, lookback: 1}\n", ABC),
        out(modes, "_clashes", lambda _: ()),
        caught="HG539",
    ),
    Guard(
        "watermark of another type",
        "HG538",
        "was int64 when its watermark was written",
        [Step(SINCE, [(1, "a", 300)])],
        Step(SINCE, pa.table({"id": [1], "name": ["a"], "at": pa.array([3], pa.int8())})),
        out(increment, "_known"),
        wrong=[(1, "a", 300), (1, "a", 3)],
    ),
    Guard(
        "no distance to look back",
        "HG539",
        "has no distance",
        [Step(f"{MERGE}incremental: {{column: name, lookback: 1}}\n", ABC)],
        Step(f"{MERGE}incremental: {{column: name, lookback: 1}}\n", [*ABC, (9, "bb", 9)]),
        out(increment, "before", lambda value, _: value),
        wrong=ABC,
    ),
    Guard(
        "initial",
        "HG539",
        "initial of 'at'",
        [],
        Step("mode: append\nincremental: {column: at, initial: two}\n", ABC),
        out(increment.Increment, "_initial"),
        wrong=ABC,
    ),
]

GOING_ON = [
    Guard(
        "another key",
        "HG538",
        "rows were merged by [id] so far",
        [Step(MERGE, ABC)],
        Step("mode: merge\nprimary_key: name\n", [(1, "A", 1)]),
        out(history, "_check_key"),
        wrong=[*ABC, (1, "A", 1)],
    ),
    Guard(
        "another key of a table",
        "HG538",
        "rows were merged by [id] so far",
        [Step(MERGE, ABC)],
        Step("mode: merge\nprimary_key: name\n", [(1, "A", 1)]),
        out(history, "_check_key"),
        caught="HG511",
        kinds=SQL,
    ),
    Guard(
        "another watermark column",
        "HG538",
        "new rows were told by 'at' so far",
        [Step(SINCE, ABC)],
        Step("mode: append\nincremental: id\n", [*ABC, (0, "lost", 9)]),
        out(history, "_check_increment"),
        wrong=ABC,
    ),
    Guard(
        "rows of before a watermark",
        "HG538",
        "no commit tells up to where",
        [Step(APPEND, ABC)],
        Step(SINCE, [*ABC, D]),
        out(history, "_check_increment"),
        wrong=[*ABC, *ABC, D],
    ),
    Guard(
        "rows of before a ledger",
        "HG538",
        "no commit tells up to where",
        [Step(APPEND, ABC)],
        Step("mode: append\nincremental: files\n", ABC),
        out(history, "_check_increment"),
        wrong=[*ABC, *ABC],
    ),
    Guard(
        "range of a column that is not stored",
        "HG539",
        "the store has no column 'at'",
        [Step(f"{SINCE}select: [id, name]\n", ABC)],
        Step(f"{SINCE}select: [id, name]\n", ABC, {"again": ("1", "3")}),
        out(backfill, "_check_stored"),
        caught="HG590",
    ),
    Guard(
        "range that ends before it begins",
        "HG539",
        "ends where it begins, or before",
        [Step(SINCE, ABC)],
        Step(SINCE, [(1, "mended", 1), *ABC[1:]], {"again": ("2", "1")}),
        out(backfill, "_check_ends"),
        wrong=ABC,
    ),
    Guard(
        "range that is no value",
        "HG539",
        "the range of 'at'",
        [Step(SINCE, ABC)],
        Step(SINCE, ABC[1:], {"again": ("first", "second")}),
        out(backfill, "value_of"),
        wrong=[*ABC, ABC[1]],
    ),
    Guard(
        "range of a flow without a watermark",
        "HG220",
        "has no watermark column",
        [Step(APPEND, ABC)],
        Step(APPEND, ABC, {"again": ("1", "2")}),
        out(plan, "_check_ranges"),
        wrong=[*ABC, *ABC],
        kinds=EVERYWHERE,
    ),
    Guard(
        "range of a replace",
        "HG220",
        "would leave nothing but the range",
        [Step(SINCE, ABC)],
        Step(SINCE, ABC, {"again": ("1", "2"), "full_refresh": True}),
        out(plan, "_check_ranges"),
        wrong=ABC[:1],
    ),
]

CHECKED = [
    Guard(
        "check",
        "HG528",
        "do not pass the flow's checks",
        [Step("mode: replace\n", ABC)],
        Step("checks: [{not_null: name}]\n", [(1, None, 1)]),
        out(checks.Checks, "_found", lambda *_: iter(())),
        wrong=[(1, None, 1)],
        kinds=EVERYWHERE,
    ),
    Guard(
        "check of a column that is not moved",
        "HG523",
        "a check speaks of a column that is not moved",
        [Step("mode: replace\n", ABC)],
        Step("checks: [{not_null: nam}]\n", [(1, None, 1)]),
        out(checks, "_check_columns"),
        caught="HG590",
    ),
    Guard(
        "too many bad rows",
        "HG548",
        "more than 1 rows are bad",
        [Step("mode: replace\n", ABC)],
        Step(
            "on_bad_row: quarantine\nmax_bad_rows: 1\nchecks: [{not_null: name}]\n",
            [(1, None, 1), (2, None, 2), (3, "c", 3)],
        ),
        out(quarantine.Quarantine, "_check_few"),
        wrong=[(3, "c", 3)],
    ),
    Guard(
        "check by SQL of files",
        "HG224",
        "answers no SQL",
        [Step("mode: replace\n", ABC)],
        Step("checks: [{sql: select 1}]\n", ABC[:1]),
        out(shaping, "_asked", lambda *_: ()),
        caught="HG528",
    ),
    Guard(
        "home is empty",
        "HG532",
        "on_empty is fail",
        [Step("mode: replace\n", ABC)],
        Step("on_empty: fail\n", []),
        out(guards, "_check_may_be_empty"),
        wrong=[],
        kinds=EVERYWHERE,
    ),
    Guard(
        "home has shrunk",
        "HG533",
        "would shrink from 3 rows to 1",
        [Step("mode: replace\n", ABC)],
        Step("max_shrink: 0.5\n", ABC[:1]),
        out(guards, "_check_shrink"),
        wrong=ABC[:1],
        kinds=EVERYWHERE,
    ),
]


def _loses_staged(patch: pytest.MonkeyPatch) -> None:
    """Have the store lose the last batch of rows that it stages."""
    whole = files_target.FileTarget.stage

    def stage(self: Any, batches: pa.RecordBatchReader, split: Any) -> Any:  # noqa: ANN401
        rows = batches.read_all().slice(0, 1)
        return whole(self, rows.to_reader(), split)

    patch.setattr(files_target.FileTarget, "stage", stage)


def _loses_read(patch: pytest.MonkeyPatch) -> None:
    """Have the home give less than its files hold."""
    whole = staging.Staging._limited

    def limited(self: Any, batches: Any) -> Any:  # noqa: ANN401
        return (batch.slice(0, 1) for batch in whole(self, batches))

    patch.setattr(staging.Staging, "_limited", limited)


COUNTED = [
    Guard(
        "rows staged",
        "HG531",
        "read 2 rows of users but staged 1",
        [Step("mode: replace\n", ABC[:1])],
        Step("mode: replace\n", ABC),
        out(staging.Staging, "_check_staged"),
        past=_loses_staged,
        caught="HG511",
    ),
    Guard(
        "rows promised",
        "HG504",
        "should have 3 rows but 2 arrived",
        [Step("mode: replace\n", ABC[:1])],
        Step("mode: replace\n", ABC),
        out(staging.Staging, "_check_promised"),
        past=_loses_read,
        wrong=[ABC[0], ABC[2]],
    ),
]

SHAPED = [
    Guard(
        "column that is gone",
        "HG522",
        "drop: fail",
        [Step(MERGE, ABC)],
        Step("schema_contract: {drop: fail}\n", pa.table({"id": [1], "at": [1]})),
        out(contract, "_check_allowed"),
        wrong=[(1, 1)],
    ),
    Guard(
        "column that is new",
        "HG522",
        "add: fail",
        [Step("select: [id]\n", ABC)],
        Step("schema_contract: {add: fail}\nselect: [id, name]\n", ABC),
        out(contract, "_check_allowed"),
        wrong=[row[:2] for row in ABC],
    ),
    Guard(
        "column of another type",
        "HG522",
        "change: fail",
        [Step("mode: replace\n", ABC)],
        Step(
            "schema_contract: {change: fail}\n",
            pa.table({"id": [1.5], "name": ["a"], "at": [1]}),
        ),
        out(contract, "_check_allowed"),
        wrong=[(1.5, "a", 1)],
    ),
    Guard(
        "column that may be null now",
        "HG522",
        "change: fail",
        [Step("mode: replace\n", nullable(False, "a"))],
        Step("schema_contract: {change: fail}\n", nullable(True, None)),
        out(contract, "_check_allowed"),
        wrong=[(1, None)],
    ),
    Guard(
        "computed value that would be rounded",
        "HG525",
        "column 'whole' cannot be added",
        [Step("mode: replace\n", ABC)],
        Step(
            "select: [id]\ncolumns: {whole: {compute: at, type: int64}}\n",
            pa.table({"id": [1], "at": [1.5]}),
        ),
        out(derived, "exact_cast", lambda array, kind: array.cast(kind, safe=False)),
        wrong=[(1, 1)],
    ),
    Guard(
        "value that SQLite would change",
        "HG535",
        "holds NaN, of which SQLite makes NULL",
        [Step("mode: replace\n", pa.table({"id": [1], "at": [0.5]}))],
        Step("mode: replace\n", pa.table({"id": [1], "at": [float("nan")]})),
        out(values, "_check_floats"),
        kinds=["sqlite"],
        wrong=[(1, None)],
    ),
    Guard(
        "column in other letters",
        "HG522",
        "names differ only in case",
        [Step(MERGE, ABC)],
        Step(MERGE, pa.table({"id": [1], "NAME": ["lost"], "at": [1]})),
        out(contract, "_check_allowed"),
        kinds=["sqlite"],
        caught="HG511",
    ),
    Guard(
        "column that the lock does not have",
        "HG522",
        "not those of the flow's lock file",
        [Step("mode: replace\n", ABC), Step("", ABC, do=command("schema", "lock", "users"))],
        Step("mode: replace\n", pa.table({"id": [1], "at": [1]})),
        out(flow, "check_pinned"),
        wrong=[(1, 1)],
    ),
    Guard(
        "name that the lock does not have",
        "HG219",
        "users has no column 'nam'",
        [Step("mode: replace\n", ABC), Step("", ABC, do=command("schema", "lock", "users"))],
        Step("select: [id, nam]\n", ABC),
        out(lockfile, "_unknown_columns", lambda *_: ()),
        caught="HG523",
    ),
    Guard(
        "name that the home does not have",
        "HG523",
        "select names a column that the home does not have: 'nam'",
        [Step("mode: replace\n", ABC)],
        Step("select: [id, nam]\n", ABC),
        out(shape, "check_known"),
        caught="HG590",
    ),
    Guard(
        "columns in and out",
        "HG526",
        "select both names columns to move and columns to leave out",
        [Step("select: [id]\n", ABC)],
        Step('select: [id, "-name"]\n', ABC),
        out(shape, "_selected", lambda _, offered: list(offered.names)),
        wrong=ABC,
    ),
    Guard(
        "two columns of one name",
        "HG524",
        "two columns would be called 'at'",
        [Step("mode: replace\n", ABC)],
        Step("columns: {id: {rename: at}}\n", ABC),
        out(shape, "_check_names"),
        caught="HG511",
    ),
    Guard(
        "column that is there already",
        "HG524",
        "columns adds 'name', but the home has",
        [Step("mode: replace\n", ABC)],
        Step("columns: {name: {value: x}}\n", ABC),
        out(derived, "_check_new"),
        caught="HG524",
    ),
    Guard(
        "cast",
        "HG525",
        "1.5 is not exact as int64",
        [Step("mode: replace\n", ABC)],
        Step(
            "columns: {at: {type: int64}}\n",
            pa.table({"id": [1], "name": ["a"], "at": [1.5]}),
        ),
        out(shape, "exact_cast", lambda array, kind: array.cast(kind, safe=False)),
        wrong=[(1, "a", 1)],
    ),
    Guard(
        "null",
        "HG527",
        "null, but the flow declares nullable: false",
        [Step("mode: replace\n", ABC)],
        Step("columns: {name: {nullable: false}}\n", [(1, None, 1)]),
        out(shape, "_check_filled"),
        wrong=[(1, None, 1)],
        kinds=["csv", "jsonl"],
    ),
    Guard(
        "null where the format keeps them out",
        "HG527",
        "null, but the flow declares nullable: false",
        [Step("mode: replace\n", ABC)],
        Step("columns: {name: {nullable: false}}\n", [(1, None, 1)]),
        out(shape, "_check_filled"),
        caught="HG511",
        kinds=EVERYWHERE,
    ),
    Guard(
        "null in a key",
        "HG527",
        "null, but it is part of primary_key",
        [Step(MERGE, ABC)],
        Step(MERGE, [(None, "x", 1)]),
        out(shape, "_check_filled"),
        caught="HG527",
        kinds=SQL,
    ),
    Guard(
        "null in a key of files",
        "HG527",
        "null, but it is part of primary_key",
        [Step(MERGE, ABC)],
        Step(MERGE, [(None, "x", 1)]),
        out(shape, "_check_filled"),
        after=Step(MERGE, [(None, "y", 1)]),
        wrong=[*ABC, (None, "y", 1)],
        kinds=["csv", "jsonl"],
    ),
    Guard(
        "key as the store calls it",
        "HG523",
        "as the store calls it; in the home it is 'id'",
        [Step("mode: append\ncolumns: {id: {rename: key}}\n", ABC)],
        Step("mode: merge\nprimary_key: key\ncolumns: {id: {rename: key}}\n", [(None, "x", 1)]),
        out(shape, "_check_key"),
        caught="HG527",
        kinds=SQL,
    ),
    Guard(
        "key that is not moved",
        "HG523",
        "primary_key names a column that is not moved",
        [Step(MERGE, ABC)],
        Step(f"{MERGE}select: [name, at]\n", ABC),
        out(shape, "_check_key"),
        caught="HG590",
    ),
    Guard(
        "dedupe column that is not moved",
        "HG523",
        "rows with one key are told apart by 'at', and it is not moved",
        [Step(f"{MERGE}select: [id, name]\n", ABC)],
        Step(f"{MERGE}select: [id, name]\ndedupe_by: [at]\n", ABC),
        out(shape, "_check_dedupe"),
        caught="HG590",
    ),
]

TOGETHER = [
    Guard(
        "dedupe_by of an append",
        "HG222",
        "'dedupe_by' chooses among rows with one key",
        [Step(APPEND, ABC)],
        Step(f"{APPEND}dedupe_by: [at]\n", [(4, "old", 1), (4, "new", 2)]),
        out(modes, "_clashes", lambda _: ()),
        wrong=[*ABC, (4, "old", 1), (4, "new", 2)],
    ),
    Guard(
        "delete_missing of an append",
        "HG222",
        "'delete_missing' belongs to a merge",
        [Step(APPEND, ABC)],
        Step(f"{APPEND}delete_missing: hard\n", [D]),
        out(modes, "_clashes", lambda _: ()),
        wrong=[*ABC, D],
    ),
    Guard(
        "delete_missing of new rows",
        "HG222",
        "'delete_missing' needs all rows of the home",
        [Step(f"{MERGE}incremental: at\n", ABC)],
        Step(f"{MERGE}incremental: at\ndelete_missing: hard\nmax_shrink: 1\n", [*ABC, D]),
        out(modes, "_clashes", lambda _: ()),
        wrong=[D],
        kinds=EVERYWHERE,
    ),
    Guard(
        "merge without a key",
        "HG210",
        "needs the key of its rows",
        [Step(APPEND, ABC)],
        Step("mode: merge\n", [(1, "A", 1)]),
        out(modes, "_modes", lambda _: ()),
        caught="HG590",
    ),
    Guard(
        "computed from a mask",
        "HG222",
        "'copy' is computed from 'name', which is masked",
        [Step("select: [id]\n", ABC)],
        Step(
            "select: [id]\ncolumns: {name: {mask: redact}, copy: {compute: name, type: string}}\n",
            ABC,
        ),
        out(shaping, "_wrong", lambda *_: ()),
        caught="HG525",
    ),
    Guard(
        "mask of what tells rows apart",
        "HG222",
        "tells which rows are new",
        [Step(MERGE, ABC)],
        Step(
            f"{MERGE}dedupe_by: [at]\ncolumns: {{at: {{mask: 'null'}}}}\n",
            [(4, "old", 1), (4, "new", 2)],
        ),
        out(shaping, "_wrong", lambda *_: ()),
        caught="HG547",
        kinds=EVERYWHERE,
    ),
    Guard(
        "hash without a salt",
        "HG223",
        "needs the project's secret",
        [Step("mode: replace\n", ABC)],
        Step("columns: {name: {mask: hash}}\n", ABC),
        out(shaping, "_columns", lambda *_, **__: ()),
        caught="HG525",
    ),
]

KEEPS_OUT = {
    "sqlite": "CREATE TRIGGER t BEFORE {} ON users BEGIN SELECT raise(IGNORE); END",
    "postgres": "CREATE FUNCTION nope() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; "
    "END'; CREATE TRIGGER t BEFORE {} ON users FOR EACH ROW EXECUTE FUNCTION nope()",
}


def keeping_back(name: str, when: str, says: str, **more: Any) -> list[Guard]:  # noqa: ANN401
    """Return a guard against a trigger, in each database that has such."""
    step: Step = more.pop("bad")
    return [
        Guard(
            f"trigger and {name}",
            "HG531",
            says,
            bad=Step(step.flow, step.rows, sql=made.format(when)),
            kinds=[kind],
            **more,
        )
        for kind, made in KEEPS_OUT.items()
    ]


MERGED = [
    Guard(
        "rows that nothing tells apart",
        "HG547",
        "2 rows with the key id = 4",
        [Step(MERGE, ABC)],
        Step(MERGE, [(4, "x", 5), (4, "y", 5)]),
        TIES,
        columns="count(*)",
        wrong=[(4,)],
        kinds=EVERYWHERE,
    ),
    Guard(
        "key that files have twice",
        "HG547",
        "2 rows with the key id = 3 are in the store",
        [Step(APPEND, LAST_TWICE)],
        Step(MERGE, [(3, "new", 9)]),
        out(files_merging.Merge, "_refuse_live"),
        wrong=[*ABC[:2], (3, "new", 9)],
    ),
    Guard(
        "key that a table has twice",
        "HG547",
        "has 2 rows with the key id = 3",
        [Step(APPEND, LAST_TWICE)],
        Step(MERGE, [(3, "new", 9)]),
        out(merging.MergingTarget, "_check_counted"),
        wrong=[*ABC[:2], (3, "new", 9), (3, "new", 9)],
        kinds=SQL,
    ),
    Guard(
        "too many missing rows",
        "HG533",
        "2 of the 3 rows",
        [Step(MERGE, ABC)],
        Step(f"{MERGE}delete_missing: hard\n", ABC[:1]),
        both(
            out(settling.Settling, "_check_missing"),
            out(merging.MergingTarget, "_check_shrink"),
        ),
        wrong=ABC[:1],
        kinds=EVERYWHERE,
    ),
    Guard(
        "null in a key that reaches the store",
        "HG527",
        "column 'id' is part of the key",
        [Step(APPEND, ABC)],
        Step(MERGE, [(None, "x", 9)]),
        out(merging.MergingTarget, "_check_keys_filled"),
        past=out(shape, "_check_filled"),
        wrong=[*ABC, (None, "x", 9)],
        kinds=SQL,
    ),
    *keeping_back(
        "update",
        "UPDATE",
        "0 were updated and 1 added",
        steps=[Step(MERGE, ABC)],
        bad=Step(MERGE, [(3, "lost", 9), D]),
        off=out(merging.MergingTarget, "_check_counted"),
        wrong=[*ABC, D],
    ),
    *keeping_back(
        "insert",
        "INSERT",
        "1 were updated and 0 added",
        steps=[Step(MERGE, ABC)],
        bad=Step(MERGE, [(3, "C", 9), D]),
        off=out(merging.MergingTarget, "_check_counted"),
        wrong=[*ABC[:2], (3, "C", 9)],
    ),
    *keeping_back(
        "append",
        "INSERT",
        "1 rows were staged",
        steps=[Step(APPEND, ABC)],
        bad=Step(APPEND, [D]),
        off=out(target, "check_went_in"),
        wrong=ABC,
    ),
    *keeping_back(
        "delete",
        "DELETE",
        "1 rows of",
        steps=[Step(MERGE, ABC)],
        bad=Step(f"{MERGE}delete_missing: hard\n", ABC[1:]),
        off=out(merging, "check_gone"),
        wrong=ABC,
    ),
    *keeping_back(
        "replace",
        "DELETE",
        "were to be replaced, but stay",
        steps=[Step("mode: replace\n", ABC)],
        bad=Step("mode: replace\n", ABC),
        off=out(target, "check_replaced"),
        wrong=[*ABC, *ABC],
    ),
]


def _of_others(scene: Scene) -> None:
    """Put a file of somebody else where the flow will write."""
    folder = scene.root / "lake" / "users"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"id": [7]}), folder / "theirs.parquet")


PLACED = [
    Guard(
        "rows of other tables",
        "HG536",
        "rows of kid would refer to rows of users that are no longer there",
        [
            Step(MERGE, ABC),
            Step(MERGE, ABC, sql="CREATE TABLE kid (parent bigint REFERENCES users (id))"),
            Step(MERGE, ABC, sql="INSERT INTO kid VALUES (3)"),
        ],
        Step(f"{MERGE}delete_missing: hard\n", ABC[:2]),
        out(lite_catalog, "dangling", lambda *_: 0),
        kinds=["sqlite"],
        columns="id, (select count(*) from kid where parent not in (select id from users))",
        wrong=[(1, 1), (2, 1)],
    ),
    Guard(
        "files of others",
        "HG534",
        "holds data that hygge did not write: theirs.parquet",
        [Step("mode: replace\n", ABC, do=_of_others)],
        Step("mode: replace\n", ABC),
        out(store, "check_adoption"),
        wrong=ABC,
    ),
    Guard(
        "place of another flow",
        "HG534",
        "was written by flow 'users', not by 'staff'",
        [Step("mode: replace\n", ABC)],
        Step(
            "mode: replace\n",
            [D],
            name="staff",
        ),
        both(out(store, "check_adoption"), out(target.SqlTarget, "_check_owner")),
        wrong=[D],
        kinds=EVERYWHERE,
    ),
    Guard(
        "table of others",
        "HG534",
        "with rows that hygge did not write",
        [],
        Step("mode: replace\n", ABC, sql="CREATE TABLE users AS SELECT 7 AS id"),
        out(target.SqlTarget, "_check_owner"),
        wrong=ABC,
        kinds=SQL,
    ),
    Guard(
        "table that is gone",
        "HG537",
        "is gone, but its history has 1 commits and 3 rows",
        [Step(APPEND, ABC)],
        Step(APPEND, [D], sql="DROP TABLE users"),
        out(target.SqlTarget, "_check_not_lost"),
        wrong=[D],
        kinds=SQL,
    ),
]


def _edit(scene: Scene) -> None:
    """Have somebody put a row into the file of the newest commit."""
    folder = scene.root / "lake" / "users"
    newest = next(path for path in folder.glob("*.parquet") if pq.read_table(path).num_rows == 1)
    newest.unlink()
    pq.write_table(table([D, (77, "mine", 7)]), newest)


KEYED = f"{APPEND}primary_key: id\n"
UNDONE = [
    Guard(
        "files that somebody changed",
        "HG511",
        "is not as its commit record says",
        [Step(APPEND, [D]), Step(APPEND, [D], do=_edit)],
        Step(APPEND, ABC),
        out(generations, "check_kept"),
        wrong=[D, (77, "mine", 7), *ABC],
    ),
    Guard(
        "files that somebody changed, and undo",
        "HG529",
        "was changed or removed since the last commit",
        [Step(APPEND, ABC), Step(APPEND, [D]), Step(APPEND, [D], do=_edit)],
        Step(APPEND, [D], do=undo),
        out(files_target.FileTarget, "_check_untouched"),
        wrong=ABC,
    ),
    *(
        Guard(
            "append of which nothing tells the rows, and undo",
            "HG529",
            "nothing tells which rows",
            [Step(APPEND, ABC), Step(APPEND, [D])],
            Step(APPEND, [D], do=undo),
            out(keeping, "_is_told_by_run", lambda _: True),
            # SQLite takes the name of a column that is not there for a text.
            caught="HG529" if kind == "sqlite" else "HG511",
            kinds=[kind],
        )
        for kind in SQL
    ),
    Guard(
        "table that somebody changed, and undo",
        "HG529",
        "somebody changed it since",
        [Step(KEYED, ABC), Step(KEYED, [D])],
        Step(KEYED, [D], sql="DELETE FROM users WHERE id = 1", do=undo),
        out(keeping.Keeping, "_check_untouched"),
        caught="HG529",
        kinds=SQL,
    ),
    Guard(
        "rows that undo would take with others",
        "HG529",
        "would have 2 rows, and had 3 before",
        [Step(APPEND, ABC), Step(KEYED, [(3, "again", 9)])],
        Step(KEYED, [D], do=undo),
        out(keeping.Keeping, "check_rows"),
        wrong=ABC[:2],
        kinds=SQL,
    ),
]

SET = [
    Guard(
        "watermark ahead of the clock",
        "HG553",
        "more than a day ahead of the clock",
        [Step(SINCE, times((1, 1)))],
        Step(SINCE, times((1, 1)), do=command("state", "set", "users", "2999-01-01")),
        out(marking, "_check_past"),
        after=Step(SINCE, times((1, 1), (2, 2))),
        columns="id",
        wrong=[(1,)],
    ),
    Guard(
        "protected state",
        "HG221",
        "is protected, and this changes what its flows move",
        [Step(SINCE, ABC)],
        Step(
            SINCE,
            ABC,
            files={"hygge.yml": "name: p\nprotected: true\n"},
            do=command("state", "set", "users", "0"),
        ),
        out(state, "_check_protected"),
        after=Step(SINCE, ABC),
        wrong=[*ABC, *ABC],
    ),
    Guard(
        "protected rows",
        "HG221",
        "--full-refresh would replace what its stores hold",
        [Step(APPEND, ABC)],
        Step(
            APPEND,
            [D],
            files={"hygge.yml": "name: p\nprotected: true\n"},
            do=command("go", "--full-refresh"),
        ),
        out(going, "_check_protected"),
        wrong=[D],
        kinds=EVERYWHERE,
    ),
]

GUARDS = [
    *NEW_ROWS,
    *GOING_ON,
    *CHECKED,
    *COUNTED,
    *SHAPED,
    *TOGETHER,
    *MERGED,
    *PLACED,
    *UNDONE,
    *SET,
]
