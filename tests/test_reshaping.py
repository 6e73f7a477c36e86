"""A flow with a history that shapes its rows otherwise: nothing is mixed without a choice."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import duckdb
import pytest
from projects import hygge, write_project

MERGE = "mode: merge\nprimary_key: id\nincremental: changed\n"
APPEND = "mode: append\nincremental: changed\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_project(
        tmp_path,
        {
            "hygge.yml": "name: test\nmask_salt: 0123456789abcdef\n",
            "homes/app.yml": "type: duckdb\npath: app.db\n",
            "stores/lake.yml": "type: duckdb\npath: lake.db\n",
        },
    )
    at_home(
        tmp_path,
        "create table orders as select i as id, 'open' as status, 2.0::double as price, "
        "i::varchar || '@example.com' as mail, "
        "timestamp '2026-01-01' + interval (i) hour as changed from range(5) as t(i)",
    )
    return tmp_path


def at_home(root: Path, *statements: str) -> None:
    with duckdb.connect(str(root / "app.db")) as database:
        for statement in statements:
            database.execute(statement)


def flow(root: Path, text: str) -> None:
    (root / "flows").mkdir(exist_ok=True)
    (root / "flows/orders.yml").write_text(f"home: app\nstore: lake\n{text}")


def stored(root: Path, what: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(root / "lake.db"), read_only=True) as database:
        return database.execute(f"select {what} from orders order by 1").fetchall()


def moved(root: Path, *words: str) -> str:
    result = hygge(root, "go", *words)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def one_more(root: Path) -> None:
    at_home(root, "insert into orders (id, changed) values (9, timestamp '2026-02-01')")


CHANGES = [
    ("columns: {status: {rename: state}}", "state", "is new, from 'status'"),
    ("columns: {mail: {mask: hash}}", "mail", "is masked by hash, before plain"),
    ("columns: {price: {type: 'decimal(9,2)'}}", "price", "was double and is decimal128(9, 2)"),
    ("columns: {total: {compute: price * 2}}", "total", "is new"),
    ("columns: {origin: {value: app}}", "origin", "is new"),
    ('select: ["-status"]', "status", "is no longer moved"),
    ("select: [id, changed]", "mail", "is no longer moved"),
    ("column_casing: upper", "STATUS", "is new, from 'status'"),
    ("metadata_columns: [loaded_at]", "_hygge_loaded_at", "is new"),
    ("where: price > 1", "query, where", "select other rows"),
]


REFUSED = ("columns: {price: {type: 'decimal(9,2)'}}", "column_casing: upper")
"""What the contract, or the key, refuses in any case."""


@pytest.mark.parametrize("mode", [MERGE, APPEND], ids=["merge", "append"])
@pytest.mark.parametrize(("change", "column", "what"), CHANGES, ids=[c[1] for c in CHANGES])
def test_a_flow_that_shapes_rows_otherwise_stops_with_a_choice(
    root: Path, mode: str, change: str, column: str, what: str
) -> None:
    flow(root, mode)
    moved(root)
    before = stored(root, "*")
    one_more(root)
    flow(root, mode + change + "\n")
    for command in ("plan", "go"):
        result = hygge(root, command)
        assert result.returncode == 1, result.stdout
        assert "hygge go orders --full-refresh" in result.stdout
        if change in REFUSED:
            continue
        assert "[HG585]" in result.stdout
        assert re.search(rf"^ +{column} +.*{re.escape(what)}", result.stdout, re.MULTILINE)
        assert "hygge go orders --accept-changes" in result.stdout
        assert ("hygge go orders --backfill" in result.stdout) is (mode == MERGE)
    assert stored(root, "*") == before


def test_back_and_forth_asks_nothing(root: Path) -> None:
    flow(root, MERGE)
    moved(root)
    flow(root, MERGE + "columns: {status: {rename: state}}\n")
    assert hygge(root, "go").returncode == 1
    flow(root, MERGE)
    moved(root)


def test_a_backfill_makes_all_rows_anew_and_the_next_move_goes_on(root: Path) -> None:
    flow(root, MERGE)
    moved(root)
    flow(root, MERGE + "columns: {status: {rename: state}, mail: {mask: redact}}\n")
    said = moved(root, "orders", "--backfill")
    assert "'status' is no longer moved" in said
    assert "looks like" not in said
    assert stored(root, "distinct state, mail") == [("open", "***")]
    one_more(root)
    moved(root)
    assert stored(root, "count(*), count(state)") == [(6, 5)]


def test_rows_of_before_can_stay_as_they_are(root: Path) -> None:
    flow(root, APPEND)
    moved(root)
    flow(root, APPEND + "columns: {total: {compute: id * 2}}\n")
    moved(root, "orders", "--accept-changes")
    assert hygge(root, "plan").returncode == 0, "the choice is in the chain although no row came"
    one_more(root)
    moved(root)
    assert stored(root, "count(*), count(total)") == [(6, 1)]


def test_a_full_refresh_needs_no_other_choice(root: Path) -> None:
    flow(root, MERGE)
    moved(root)
    flow(root, MERGE + "columns: {status: {rename: state}}\n")
    moved(root, "orders", "--full-refresh")
    assert stored(root, "count(*), count(state)") == [(5, 5)]
    one_more(root)
    moved(root)


def test_only_a_merge_can_be_backfilled(root: Path) -> None:
    flow(root, APPEND)
    result = hygge(root, "go", "--backfill")
    assert result.returncode == 2
    assert "hygge go orders --full-refresh" in result.stderr


def test_what_changes_in_the_home_is_the_contract_s(root: Path) -> None:
    flow(root, MERGE)
    moved(root)
    at_home(
        root,
        "alter table orders drop column status",
        "alter table orders add column channel varchar",
        "alter table orders rename column mail to address",
    )
    one_more(root)
    flow(root, MERGE + "columns: {address: {rename: mail}}\n")
    said = moved(root)
    assert "column 'channel' (string) is new" in said
    assert "column 'status' is no longer in the home" in said


def test_a_merge_that_reads_everything_makes_all_rows_anew(root: Path) -> None:
    flow(root, "mode: merge\nprimary_key: id\n")
    moved(root)
    flow(root, "mode: merge\nprimary_key: id\ncolumns: {status: {rename: state}}\n")
    moved(root)
    assert stored(root, "count(state)") == [(5,)]
    flow(root, "mode: merge\nprimary_key: id\nwhere: id < 2\ncolumns: {status: {rename: state}}\n")
    assert hygge(root, "go").returncode == 1


def test_a_commit_without_a_record_goes_on(root: Path) -> None:
    flow(root, MERGE)
    moved(root)
    with duckdb.connect(str(root / "lake.db")) as database:
        ((state,),) = database.execute("select state from _hygge_commits").fetchall()
        values = json.loads(state)
        del values["shape"]
        database.execute("update _hygge_commits set state = ?", [json.dumps(values)])
    one_more(root)
    flow(root, MERGE + "columns: {status: {rename: state}}\n")
    moved(root)


def test_another_salt_is_another_hash_and_is_not_in_the_record(root: Path) -> None:
    flow(root, MERGE + "columns: {mail: {mask: hash}}\n")
    moved(root)
    (root / "hygge.yml").write_text("name: test\nmask_salt: fedcba9876543210\n")
    result = hygge(root, "go")
    assert result.returncode == 1
    assert "is masked by hash, before masked by hash" in result.stdout
    assert b"0123456789abcdef" not in (root / "lake.db").read_bytes()


@pytest.mark.parametrize("store", ["duckdb", "sqlite", "parquet", "jsonl"])
@pytest.mark.parametrize(
    ("drop", "value", "said"),
    [
        ("evolve", None, "is filled with nulls, also in rows that are updated"),
        ("keep", "open", "keeps its values; new rows get null (drop: keep)"),
    ],
)
def test_a_merge_does_with_a_lost_column_what_it_says(
    root: Path, store: str, drop: str, value: str | None, said: str
) -> None:
    (root / "stores/lake.yml").write_text(f"type: {store}\npath: lake\n")
    flow(root, MERGE + f"schema_contract: {{drop: {drop}}}\n")
    moved(root)
    at_home(
        root,
        "alter table orders drop column status",
        "update orders set price = 3, changed = timestamp '2026-03-01' where id = 1",
    )
    assert said in hygge(root, "plan").stdout
    assert said in moved(root)
    reader = {
        "duckdb": "orders",
        "sqlite": "sqlite_scan('lake', 'orders')",
        "parquet": "read_parquet('lake/orders/*.parquet')",
        "jsonl": "read_json('lake/orders/*.jsonl')",
    }[store]
    place = str(root / "lake") if store == "duckdb" else ":memory:"
    if store == "sqlite":
        with sqlite3.connect(root / "lake") as lite:
            rows = lite.execute("select id, status, price from orders order by id").fetchall()
    else:
        with duckdb.connect(place, read_only=store == "duckdb") as database:
            reader = reader.replace("'lake/", f"'{root}/lake/")
            rows = database.execute(
                f"select id, status, price from {reader} order by id"
            ).fetchall()
    assert rows[:3] == [(0, "open", 2.0), (1, value, 3.0), (2, "open", 2.0)]


def test_a_partial_mask_tells_addresses_apart_without_showing_them(root: Path) -> None:
    at_home(root, "update orders set mail = 'ann.lee@example.com' where id = 1")
    at_home(root, "update orders set mail = 'bo@example.org' where id = 2")
    flow(root, "columns: {mail: {mask: partial}}\nwhere: id in (1, 2)\n")
    moved(root)
    assert stored(root, "id, mail") == [(1, "a***@example.com"), (2, "***@example.org")]
