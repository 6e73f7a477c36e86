"""Columns, checks, and settings that cannot be together."""

from __future__ import annotations

import pyarrow as pa
from guards import (
    ABC,
    APPEND,
    EVERYWHERE,
    MERGE,
    SQL,
    D,
    Guard,
    Step,
    command,
    out,
)

from hygge.connectors.sqlite import conversion
from hygge.engine import preparation
from hygge.incremental import guards
from hygge.project import column_rules, lockfile, mode_rules
from hygge.transform import checks, computed_columns, quarantine, shape
from hygge.transform import schema_contract as contract


def nullable(is_nullable: bool, value: str | None) -> pa.Table:
    """Return a row of `id` and a `name` that may be null or not."""
    fields = [pa.field("id", pa.int64()), pa.field("name", pa.string(), is_nullable)]
    return pa.table([[1], [value]], schema=pa.schema(fields))


CHECKED = [
    Guard(
        "check",
        "HG528",
        "failed the checks of the flow",
        [Step("mode: replace\n", ABC)],
        Step("checks: [{not_null: name}]\n", [(1, None, 1)]),
        out(checks.Checks, "_found", lambda *_: iter(())),
        wrong=[(1, None, 1)],
        kinds=EVERYWHERE,
    ),
    Guard(
        "check of a column that is not moved",
        "HG523",
        "a check refers to a column that is not moved",
        [Step("mode: replace\n", ABC)],
        Step("checks: [{not_null: nam}]\n", [(1, None, 1)]),
        out(checks, "_check_columns"),
        caught="HG590",
    ),
    Guard(
        "too many bad rows",
        "HG548",
        "more than 1 bad row",
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
        "does not support SQL",
        [Step("mode: replace\n", ABC)],
        Step("checks: [{sql: select 1}]\n", ABC[:1]),
        out(column_rules, "_asked", lambda *_: ()),
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
        out(computed_columns, "exact_cast", lambda array, kind: array.cast(kind, safe=False)),
        wrong=[(1, 1)],
    ),
    Guard(
        "value that SQLite would change",
        "HG535",
        "SQLite would store NaN",
        [Step("mode: replace\n", pa.table({"id": [1], "at": [0.5]}))],
        Step("mode: replace\n", pa.table({"id": [1], "at": [float("nan")]})),
        out(conversion, "_check_floats"),
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
        "differ from the lock file of the flow",
        [Step("mode: replace\n", ABC), Step("", ABC, do=command("schema", "lock", "users"))],
        Step("mode: replace\n", pa.table({"id": [1], "at": [1]})),
        out(preparation, "check_pinned"),
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
        "select refers to a column that the home does not have: 'nam'",
        [Step("mode: replace\n", ABC)],
        Step("select: [id, nam]\n", ABC),
        out(shape, "check_known"),
        caught="HG590",
    ),
    Guard(
        "columns in and out",
        "HG526",
        "select both names columns to move and columns to exclude",
        [Step("select: [id]\n", ABC)],
        Step('select: [id, "-name"]\n', ABC),
        out(shape, "_selected", lambda _, offered: list(offered.names)),
        wrong=ABC,
    ),
    Guard(
        "duplicate column name",
        "HG524",
        "two columns would have the name 'at'",
        [Step("mode: replace\n", ABC)],
        Step("columns: {id: {rename: at}}\n", ABC),
        out(shape, "_check_names"),
        caught="HG511",
    ),
    Guard(
        "column that is there already",
        "HG524",
        "columns adds 'name', but the home already has",
        [Step("mode: replace\n", ABC)],
        Step("columns: {name: {value: x}}\n", ABC),
        out(computed_columns, "_check_new"),
        caught="HG524",
    ),
    Guard(
        "cast",
        "HG525",
        "1.5 cannot be represented exactly as int64",
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
    *(
        Guard(
            "null where the format keeps them out",
            "HG527",
            "null, but the flow declares nullable: false",
            [Step("mode: replace\n", ABC)],
            Step("columns: {name: {nullable: false}}\n", [(1, None, 1)]),
            out(shape, "_check_filled"),
            caught="HG535" if kind == "mysql" else "HG511",
            kinds=[kind],
        )
        for kind in EVERYWHERE
    ),
    *(
        Guard(
            "null in a key",
            "HG527",
            "null, but it is part of primary_key",
            [Step(MERGE, ABC)],
            Step(MERGE, [(None, "x", 1)]),
            out(shape, "_check_filled"),
            caught="HG535" if kind == "mysql" else "HG527",
            kinds=[kind],
        )
        for kind in SQL
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
        "the name in the store; in the home the column is 'id'",
        [Step("mode: append\ncolumns: {id: {rename: key}}\n", ABC)],
        Step("mode: merge\nprimary_key: key\ncolumns: {id: {rename: key}}\n", [(None, "x", 1)]),
        out(shape, "_check_key"),
        caught="HG527",
        kinds=SQL,
    ),
    Guard(
        "key that is not moved",
        "HG523",
        "primary_key has a column that select excludes",
        [Step(MERGE, ABC)],
        Step(f"{MERGE}select: [name, at]\n", ABC),
        out(shape, "_check_key"),
        caught="HG590",
    ),
    Guard(
        "dedupe column that is not moved",
        "HG523",
        "'at', which decides between rows with the same key, is not moved",
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
        "'dedupe_by' requires mode: merge",
        [Step(APPEND, ABC)],
        Step(f"{APPEND}dedupe_by: [at]\n", [(4, "old", 1), (4, "new", 2)]),
        out(mode_rules, "_clashes", lambda _: ()),
        wrong=[*ABC, (4, "old", 1), (4, "new", 2)],
    ),
    Guard(
        "delete_missing of an append",
        "HG222",
        "'delete_missing' requires mode: merge",
        [Step(APPEND, ABC)],
        Step(f"{APPEND}delete_missing: hard\n", [D]),
        out(mode_rules, "_clashes", lambda _: ()),
        wrong=[*ABC, D],
    ),
    Guard(
        "rows put aside, and rows that are gone",
        "HG222",
        "'delete_missing' would delete quarantined rows",
        [Step(MERGE, ABC)],
        Step(
            f"{MERGE}delete_missing: hard\non_bad_row: quarantine\nchecks: [{{not_null: name}}]\n",
            [(1, None, 9), *ABC[1:]],
        ),
        out(mode_rules, "_clashes", lambda _: ()),
        wrong=ABC[1:],
    ),
    Guard(
        "delete_missing of new rows",
        "HG222",
        "'delete_missing' needs all rows of the home",
        [Step(f"{MERGE}incremental: at\n", ABC)],
        Step(f"{MERGE}incremental: at\ndelete_missing: hard\nmax_shrink: 1\n", [*ABC, D]),
        out(mode_rules, "_clashes", lambda _: ()),
        wrong=[D],
        kinds=EVERYWHERE,
    ),
    Guard(
        "merge without a key",
        "HG210",
        "needs a primary key",
        [Step(APPEND, ABC)],
        Step("mode: merge\n", [(1, "A", 1)]),
        out(mode_rules, "_modes", lambda _: ()),
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
        out(column_rules, "_wrong", lambda *_: ()),
        caught="HG525",
    ),
    Guard(
        "mask of what tells rows apart",
        "HG222",
        "'at' is masked, so it cannot be in 'dedupe_by': its order would be lost",
        [Step(MERGE, ABC)],
        Step(
            f"{MERGE}dedupe_by: [at]\ncolumns: {{at: {{mask: 'null'}}}}\n",
            [(4, "old", 1), (4, "new", 2)],
        ),
        out(column_rules, "_wrong", lambda *_: ()),
        caught="HG547",
        kinds=EVERYWHERE,
    ),
    Guard(
        "hash without a salt",
        "HG223",
        "requires the secret mask_salt",
        [Step("mode: replace\n", ABC)],
        Step("columns: {name: {mask: hash}}\n", ABC),
        out(column_rules, "_columns", lambda *_, **__: ()),
        caught="HG525",
    ),
]
