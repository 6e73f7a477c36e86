"""`hygge verify`: every way in which a store can differ from its home is found and named."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from projects import write_project
from servers import Mysql, Postgres
from typer.testing import CliRunner, Result

from hygge.cli.app import app

TABLE = pa.table(
    {
        "id": pa.array(range(1, 2001), pa.int64()),
        "name": [None if n % 7 == 0 else "" if n % 5 == 0 else f"näme {n}" for n in range(2000)],
        "amount": pa.array([f"{n}.0{n % 10}" for n in range(2000)]).cast(pa.decimal128(18, 4)),
        "ratio": [None if n % 11 == 0 else n / 7 for n in range(2000)],
        "seen": pa.array([n * 10**9 + 123456 for n in range(2000)], pa.timestamp("us", "UTC")),
        "day": pa.array(range(2000), pa.int32()).cast(pa.date32()),
        "ok": [n % 2 == 0 for n in range(2000)],
    }
)
FLOW = "home: in\nstore: out\nprimary_key: id\n"


def project(root: Path, store: dict[str, Any], table: pa.Table = TABLE, flow: str = FLOW) -> Path:
    """Write a project whose flow `users` moves a table from a parquet file, and move it."""
    files = {
        "homes/in.yml": "type: parquet\npath: in\n",
        "stores/out.yml": json.dumps(store),
        "flows/users.yml": flow,
    }
    write_project(root, files)
    (root / "in").mkdir()
    pq.write_table(table, root / "in" / "users.parquet")
    assert run(root, "go").exit_code == 0
    return root


def run(root: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["-C", str(root), *words])


def verified(root: Path, *more: str) -> tuple[int, dict[str, Any]]:
    done = run(root, "verify", "--json", *more)
    assert done.stdout, done.output
    return done.exit_code, json.loads(done.stdout)["entities"][0]


Act = Callable[[str], object]
SPOILED = [
    "UPDATE users SET name = 'other' WHERE id = 17",
    "UPDATE users SET name = '' WHERE id = 29",
    "DELETE FROM users WHERE id = 40",
    "INSERT INTO users SELECT 5000, name, amount, ratio, seen, day, ok FROM users WHERE id = 41",
    "INSERT INTO users SELECT id, name, amount, ratio, seen, day, ok FROM users WHERE id = 50",
]


def check_all(root: Path, act: Act) -> None:
    """Find a moved table equal, spoil it row by row, and find every change by its name."""
    code, found = verified(root)
    assert (code, found["state"], found["store_rows"]) == (0, "equal", 2000), found
    assert found["columns"] == TABLE.column_names
    for sql in SPOILED:
        act(sql)
    code, found = verified(root)
    assert (code, found["state"], found["key"]) == (1, "different", ["id"]), found
    assert (found["home_rows"], found["store_rows"]) == (2000, 2001)
    rows = {d["row"]["id"]: (d["kind"], d["home"], d["store"]) for d in found["differences"]}
    assert rows == {
        "17": ("changed", 1, 1),
        "29": ("changed", 1, 1),
        "40": ("missing", 1, 0),
        "5000": ("extra", 0, 1),
        "50": ("doubled", 1, 2),
    }
    cells = {d["row"]["id"]: d["cells"] for d in found["differences"] if d["cells"]}
    assert cells["17"] == [{"column": "name", "home": "näme 16", "store": "other"}]
    assert cells["29"] == [{"column": "name", "home": None, "store": ""}]


def test_in_sqlite(tmp_path: Path) -> None:
    root = project(tmp_path, {"type": "sqlite", "path": "out.db"})
    with sqlite3.connect(root / "out.db") as db:
        (made,) = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'users'").fetchone()
        db.execute("ALTER TABLE users RENAME TO keyed")
        db.execute(re.sub(r", PRIMARY KEY \(.*?\)", "", made))
        db.execute("INSERT INTO users SELECT * FROM keyed")
        db.commit()

        def act(sql: str) -> None:
            db.execute(sql)
            db.commit()

        check_all(root, act)


def test_in_duckdb(tmp_path: Path) -> None:
    root = project(tmp_path, {"type": "duckdb", "path": "out.duckdb"})

    def act(sql: str) -> None:
        with duckdb.connect(root / "out.duckdb") as db:
            db.execute(sql)

    act("ALTER TABLE users RENAME TO keyed")
    act("CREATE TABLE users AS FROM keyed")
    check_all(root, act)


def test_in_postgres(tmp_path: Path, postgres: Postgres) -> None:
    root = project(tmp_path, postgres.settings())

    def act(sql: str) -> None:
        with psycopg.connect(postgres.url, autocommit=True) as db:
            db.execute(f"SET search_path = {postgres.schema}")
            db.execute("ALTER TABLE users DROP CONSTRAINT IF EXISTS users_pkey")
            db.execute(sql)

    check_all(root, act)


def test_in_mysql(tmp_path: Path, mysql: Mysql) -> None:
    root = project(tmp_path, mysql.settings())
    keys = mysql.run("SHOW KEYS FROM users WHERE Key_name = 'PRIMARY'")
    if keys:
        mysql.run("ALTER TABLE users DROP PRIMARY KEY")
    check_all(root, mysql.run)


def part(root: Path, suffix: str) -> Path:
    (found,) = (root / "out" / "users").glob(f"*{suffix}")
    return found


FILES = {"parquet": ".parquet", "arrow": ".arrow", "orc": ".orc", "csv": ".csv", "jsonl": ".jsonl"}


@pytest.mark.parametrize("kind", FILES)
def test_files_of_every_format_are_equal_when_moved_and_partitions_are_columns(
    tmp_path: Path, kind: str
) -> None:
    store = {"type": kind, "path": "out", "partition_by": ["ok"]}
    root = project(tmp_path, store)
    code, found = verified(root)
    assert (code, found["state"], found["store_rows"]) == (0, "equal", 2000), found
    assert found["columns"] == TABLE.column_names


def test_values_that_are_hard_to_hold_are_equal_when_moved(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": pa.array([1, 2, 3], pa.int64()),
            "ratio": pa.array([float("nan"), -0.0, None]),
            "small": pa.array([0.1, 1e30, None], pa.float32()),
            "fine": pa.array([1, -(2**62), None], pa.timestamp("ns", "Europe/Oslo")),
            "local": pa.array([1, 2**40, None], pa.timestamp("us")),
            "wide": pa.array(["0.1", "-7.3", None]).cast(pa.decimal256(60, 5)),
            "raw": pa.array([b"\0\xff", b"", None]),
            "tags": pa.array([["a", None], [], None]),
            "place": pa.array([{"x": 1, "y": "a"}, {"x": None, "y": ""}, None]),
            "long": pa.array(["x" * 5000, "", None], pa.large_string()),
            "kind": pa.array(["a", "b", None]).dictionary_encode(),
        }
    )
    root = project(tmp_path, {"type": "parquet", "path": "out"}, table)
    assert verified(root)[1]["state"] == "equal"
    path = part(root, ".parquet")
    held = pq.read_table(path)
    changed = {
        "tags": pa.array([[None, "a"], [], None]),
        "place": pa.array([{"x": 1, "y": "a"}, None, None], held.schema.field("place").type),
        "raw": pa.array([b"\0\xff", None, None], held.schema.field("raw").type),
        "fine": pa.array([2, -(2**62), None], held.schema.field("fine").type),
    }
    for name, values in changed.items():
        place = held.schema.get_field_index(name)
        pq.write_table(held.set_column(place, name, values), path)
        code, found = verified(root)
        assert (code, found["differing"]) == (1, [name])
        (one,) = found["differences"]
        assert [cell["column"] for cell in one["cells"]] == [name]


def test_an_empty_text_that_became_null_is_seen_in_csv(tmp_path: Path) -> None:
    root = project(tmp_path, {"type": "csv", "path": "out", "header": False, "delimiter": ";"})
    assert verified(root)[0] == 0
    path = part(root, ".csv")
    path.write_text(path.read_text("utf-8").replace(';"";', ";;", 1), "utf-8")
    code, found = verified(root)
    assert (code, found["differing"]) == (1, ["name"])
    (one,) = found["differences"]
    assert one["cells"] == [{"column": "name", "home": "", "store": None}]


def test_cells_swapped_between_two_rows_are_seen_though_each_column_has_the_same_values(
    tmp_path: Path,
) -> None:
    root = project(tmp_path, {"type": "duckdb", "path": "out.duckdb"})
    with duckdb.connect(root / "out.duckdb") as db:
        db.execute("UPDATE users SET day = DATE '1970-01-03' + (4 - id)::INT WHERE id IN (3, 4)")
    code, found = verified(root)
    assert (code, found["differing"]) == (1, [])
    assert {one["row"]["id"] for one in found["differences"]} == {"3", "4"}
    text = run(root, "verify").stdout
    assert "every column has the same values, but in different rows" in text


def test_without_a_key_whole_rows_are_named(tmp_path: Path) -> None:
    flow = "home: in\nstore: out\nselect: [name, ok]\n"
    root = project(tmp_path, {"type": "duckdb", "path": "out.duckdb"}, flow=flow)
    assert verified(root)[0] == 0
    with duckdb.connect(root / "out.duckdb") as db:
        db.execute("UPDATE users SET ok = NOT ok WHERE name = 'näme 16'")
        db.execute("DELETE FROM users WHERE rowid = (SELECT min(rowid) FROM users WHERE name = '')")
    _, found = verified(root)
    rows = [(one["kind"], one["row"], one["home"], one["store"]) for one in found["differences"]]
    assert ("missing", {"name": "näme 16", "ok": "true"}, 1, 0) in rows
    assert ("extra", {"name": "näme 16", "ok": "false"}, 0, 1) in rows
    assert len(rows) == 3
    (doubled,) = [one for one in rows if one[0] == "doubled"]
    assert doubled[2] == doubled[3] + 1


def test_a_limit_of_differences_says_how_many_more_there_are(tmp_path: Path) -> None:
    root = project(tmp_path, {"type": "duckdb", "path": "out.duckdb"})
    with duckdb.connect(root / "out.duckdb") as db:
        db.execute("UPDATE users SET name = 'x'")
    _, found = verified(root, "--limit-differences", "3")
    assert (len(found["differences"]), found["more"]) == (3, 1997)
    assert "1,997 rows more" in run(root, "verify", "--limit-differences", "3").stdout


def test_what_was_never_moved_cannot_be_compared(tmp_path: Path) -> None:
    root = project(tmp_path, {"type": "sqlite", "path": "out.db"})
    (root / "out.db").unlink()
    done = run(root, "verify")
    assert done.exit_code == 1
    assert "HG552" in done.stdout
    assert f"hygge -C {root} go users" in done.stdout


def test_renamed_masked_and_cast_columns_are_compared_as_the_store_holds_them(
    tmp_path: Path,
) -> None:
    flow = (
        f"{FLOW}select: [id, name, amount]\nmetadata_columns: [loaded_at]\n"
        "columns:\n  name: {rename: who, mask: partial}\n  amount: {type: string}\n"
    )
    root = project(tmp_path, {"type": "sqlite", "path": "out.db"}, flow=flow)
    code, found = verified(root)
    assert (code, found["columns"]) == (0, ["id", "who", "amount"])


def grow(root: Path, table: pa.Table) -> None:
    pq.write_table(table, root / "in" / "users.parquet")


def test_rows_above_the_watermark_wait_and_are_counted(tmp_path: Path) -> None:
    flow = f"{FLOW}mode: merge\nincremental: seen\n"
    root = project(tmp_path, {"type": "sqlite", "path": "out.db"}, flow=flow)
    newest = TABLE.column("seen").to_pylist()[-1]
    later = TABLE.slice(5, 2).set_column(
        4, "seen", pa.array([newest.replace(year=2001)] * 2, TABLE.schema.field("seen").type)
    )
    new = later.set_column(0, "id", pa.array([9001, 9002]))
    grow(root, pa.concat_tables([TABLE.slice(0, 5), later, TABLE.slice(7), new]))
    code, found = verified(root)
    assert (code, found["state"], found["waiting"]) == (0, "equal", 4), found
    with sqlite3.connect(root / "out.db") as db:
        db.execute("DELETE FROM users WHERE id = 1")
    assert [one["row"]["id"] for one in verified(root)[1]["differences"]] == ["1"]


def test_rows_marked_as_deleted_are_left_out(tmp_path: Path) -> None:
    flow = f"{FLOW}mode: merge\ndelete_missing: soft\n"
    root = project(tmp_path, {"type": "sqlite", "path": "out.db"}, flow=flow)
    grow(root, TABLE.slice(10))
    assert verified(root)[1]["state"] == "different"
    assert run(root, "go").exit_code == 0
    code, found = verified(root)
    assert (code, found["store_rows"]) == (0, 1990)


def test_rows_put_aside_are_not_missing(tmp_path: Path) -> None:
    flow = f"{FLOW}on_bad_row: quarantine\nchecks: [{{not_null: name}}]\n"
    root = project(tmp_path, {"type": "sqlite", "path": "out.db"}, flow=flow)
    code, found = verified(root)
    assert code == 0, found
    assert found["home_rows"] == found["store_rows"] < 2000
