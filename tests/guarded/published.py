"""What reaches a store: counts, merges, triggers, places of others."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from guards import (
    ABC,
    APPEND,
    EVERYWHERE,
    MERGE,
    SQL,
    D,
    Guard,
    Scene,
    Step,
    both,
    out,
)

from hygge.connectors.files.writing import copy_on_write, splits
from hygge.connectors.files.writing import merging as files_merging
from hygge.connectors.files.writing import store as storing
from hygge.connectors.sql import merging, target
from hygge.connectors.sqlite import catalog as lite_catalog
from hygge.engine import staging
from hygge.transform import shape

LAST_TWICE = [*ABC, (3, "C", 3)]


TIES = both(
    out(files_merging.Merge, "_refuse"),
    out(merging.MergingTarget, "_check_ties"),
)


def _loses_staged(patch: pytest.MonkeyPatch) -> None:
    """Have the store lose the last batch of rows that it stages."""
    whole = splits.FileWriter.stage

    def stage(self: Any, batches: pa.RecordBatchReader, split: Any) -> Any:  # noqa: ANN401
        rows = batches.read_all().slice(0, 1)
        return whole(self, rows.to_reader(), split)

    patch.setattr(splits.FileWriter, "stage", stage)


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
        "expected 3 rows of users but read 2",
        [Step("mode: replace\n", ABC[:1])],
        Step("mode: replace\n", ABC),
        out(staging.Staging, "_check_promised"),
        past=_loses_read,
        wrong=[ABC[0], ABC[2]],
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
    *(
        Guard(
            "rows that nothing distinguishes",
            "HG547",
            said,
            [Step(MERGE, ABC)],
            Step(MERGE, [(4, "x", 5), (4, "y", 5)]),
            TIES,
            columns="count(*)",
            wrong=[(4,)],
            kinds=kinds,
        )
        for said, kinds in (
            ("2 rows with the key id = 4 were read", ["parquet"]),
            ("users have the key id = 4, and nothing distinguishes them", SQL),
        )
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
            out(copy_on_write.CopyOnWrite, "_check_missing"),
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
        "1 row was staged",
        steps=[Step(APPEND, ABC)],
        bad=Step(APPEND, [D]),
        off=out(target, "check_went_in"),
        wrong=ABC,
    ),
    *keeping_back(
        "delete",
        "DELETE",
        "1 row of",
        steps=[Step(MERGE, ABC)],
        bad=Step(f"{MERGE}delete_missing: hard\n", ABC[1:]),
        off=out(merging, "check_gone"),
        wrong=ABC,
    ),
    *keeping_back(
        "replace",
        "DELETE",
        "should have been replaced, but are unchanged",
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
        "rows of kid would refer to rows of users that no longer exist",
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
        "contains data that hygge did not write: theirs.parquet",
        [Step("mode: replace\n", ABC, do=_of_others)],
        Step("mode: replace\n", ABC),
        out(storing, "check_adoption"),
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
        both(out(storing, "check_adoption"), out(target.SqlTarget, "_check_owner")),
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
        "no longer exists, but its last commit, 1, had 3 rows",
        [Step(APPEND, ABC)],
        Step(APPEND, [D], sql="DROP TABLE users"),
        out(target.SqlTarget, "_check_not_lost"),
        wrong=[D],
        kinds=SQL,
    ),
]
