"""What a DuckDB home reads exactly or refuses, and what a DuckDB store does to tables."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from hygge.connector import Home, HomeConfig, Mode, ProjectContext, ReadRequest, Store, StoreConfig
from hygge.connectors.duckdb.config import DuckdbStoreConfig
from hygge.connectors.duckdb.faults import Rows
from hygge.errors import HomeError, StoreError
from hygge.settings.move import SchemaContract
from hygge.testing.moving import next_commit, write, write_request
from hygge.testing.reading import read_split
from hygge.transform.schema_contract import agree, typed
from hygge.values.model import Span, Split

APPEND = Mode.APPEND


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "app.duckdb"


def run(file: Path, *statements: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    with duckdb.connect(str(file)) as connection:
        for sql in statements:
            rows = connection.execute(sql).fetchall()
    return rows


def home_of(file: Path, **settings: object) -> Home:
    data = {"type": "duckdb", "path": str(file), **settings}
    return HomeConfig.create(data).home(ProjectContext(file.parent))


def store_of(file: Path, **settings: object) -> Store:
    data = {"type": "duckdb", "path": str(file), **settings}
    return StoreConfig.create(data).store(ProjectContext(file.parent))


def read(file: Path, entity: str = "t", **asked: Any) -> pa.Table:  # noqa: ANN401
    with home_of(file).open(ReadRequest(entity, **asked)) as source:
        return pa.concat_tables([read_split(source, one) for one in source.splits(4)])


def move(
    file: Path,
    table: pa.Table,
    mode: Mode = Mode.REPLACE,
    into: str = "t",
    **asked: Any,  # noqa: ANN401
) -> None:
    """Move a table as a flow does, with columns agreed on, in two splits."""
    settings = {key: asked.pop(key) for key in ("replace",) if key in asked}
    request = replace(write_request(mode, into), **asked)
    with store_of(file, **settings).open(request) as target:
        held = target.schema()
        offered = target.accept(typed(table.schema, held))
        schema = target.accept(agree(offered, held, SchemaContract(), mode).schema)
        for name in [one for one in schema.names if one not in table.schema.names]:
            table = table.append_column(name, pa.nulls(table.num_rows, schema.field(name).type))
        rows = table.select(schema.names).cast(schema)
        halves = [rows.slice(0, 1), rows.slice(1)]
        parts = [target.stage(one.to_reader(), Split(n, "x")) for n, one in enumerate(halves)]
        target.commit(parts, next_commit(target, request, parts, schema))
        target.discard()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("'infinity'::DATE", "infinity"),
        ("'-infinity'::TIMESTAMP", "infinity"),
        ("'infinity'::TIMESTAMPTZ", "infinity"),
        ("['infinity'::TIMESTAMP]", "infinity"),
        ("{'a': 'infinity'::DATE}", "infinity"),
        ("'24:00:00'::TIME", "24:00:00"),
        ("170141183460469231731687303715884105727::HUGEINT", "more than 38 digits"),
        ("340282366920938463463374607431768211455::UHUGEINT", "more than 38 digits"),
    ],
)
def test_what_arrow_cannot_hold_is_an_error_with_a_way_out(
    file: Path, value: str, shown: str
) -> None:
    run(file, f'CREATE TABLE t AS SELECT {value} AS "the column"')
    with pytest.raises(HomeError, match=f"column '?the column'? contains {shown}") as raised:
        read(file)
    assert "columns: {the column: {type: string}}" in (raised.value.hint or "")
    assert home_of(file).retry_after(raised.value) is None
    text = read(file, types={"the column": "string"}).column(0)[0].as_py()
    (expected,) = run(file, 'SELECT "the column"::VARCHAR FROM t')
    assert text == expected[0]


def test_days_before_our_era_and_far_ahead_are_read(file: Path) -> None:
    run(file, "CREATE TABLE t AS SELECT '5000000-01-01'::DATE AS a, '100-01-01 (BC)'::DATE AS b")
    found = read(file)
    assert found.schema.types == [pa.date32(), pa.date32()]
    (days,) = run(file, "SELECT a - DATE '1970-01-01', b - DATE '1970-01-01' FROM t")
    assert tuple(column[0].value for column in found.columns) == days


def test_entities_keys_and_schemas_are_found(file: Path) -> None:
    run(
        file,
        "CREATE TABLE Users (id BIGINT PRIMARY KEY, name VARCHAR NOT NULL)",
        "CREATE SCHEMA sales",
        'CREATE TABLE sales."odd.name" (a INT, b INT GENERATED ALWAYS AS (a + 1))',
        'INSERT INTO sales."odd.name" (a) VALUES (1)',
        "CREATE VIEW v AS SELECT 1 AS one",
        "CREATE TABLE gone (a INT)",
        "CREATE VIEW w AS SELECT a FROM gone",
        "DROP TABLE gone",
    )
    home = home_of(file)
    assert home.entities() == ["Users", "v", "w"]
    assert home.entities("sales.*") == ["sales.odd.name"]
    facts = {one.name: one for one in home.survey()}
    assert facts["Users"].primary_key == ("id",)
    assert [one.nullable for one in facts["Users"].schema] == [False, False]
    assert [facts[name].kind for name in ("v", "w")] == ["view", "broken view"]
    assert read(file, 'sales."odd.name"').to_pylist() == [{"a": 1, "b": 2}]
    assert read(file, "users").num_rows == 0
    with pytest.raises(HomeError, match="did you mean 'Users'"):
        read(file, "Userz")
    assert [finding.level for finding in home.examine()] == ["ok"]


def test_what_is_not_wanted_is_not_read(file: Path) -> None:
    run(file, "CREATE TABLE t AS SELECT i AS a, 'x' || i AS b, i AS c FROM range(4) r(i)")
    with home_of(file).open(ReadRequest("t", where="a > 1 -- so\n")) as source:
        source.narrow(["b", "a"])
        assert source.schema.names == ["a", "b"]
        (split,) = source.splits(4)
        assert read_split(source, split).to_pylist() == [{"a": 2, "b": "x2"}, {"a": 3, "b": "x3"}]
    query = "SELECT sum(a) AS s, 'Ä' AS \"two words\" FROM t -- all;\n"
    assert read(file, "any", query=query).to_pylist() == [{"s": 6, "two words": "Ä"}]
    assert read(file, "any", query=query, where="s > 6").num_rows == 0


@pytest.mark.parametrize(
    "query",
    [
        "SELECT zz FROM t",
        "DROP TABLE t",
        "SELECT 1) AS q; DROP TABLE t; SELECT * FROM (SELECT 1",
        "SELECT 1; COMMIT; DROP TABLE t; SELECT 1",
        "SELECT 1) AS q; COMMIT; DROP TABLE t; SELECT * FROM (SELECT 1",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT getenv('HOME')",
    ],
)
def test_a_query_sees_the_file_alone_and_changes_nothing(file: Path, query: str) -> None:
    run(file, "CREATE TABLE t AS SELECT 1 AS a")
    with pytest.raises(HomeError) as raised:
        read(file, "any", query=query)
    assert "any" in raised.value.message
    assert run(file, "SELECT * FROM t") == [(1,)]


def test_a_local_of_python_is_no_table(file: Path) -> None:
    run(file, "CREATE TABLE t AS SELECT 1 AS a")
    secret = pa.table({"a": [1]})
    with pytest.raises(HomeError, match="secret"):
        read(file, "any", query="SELECT * FROM secret")
    assert secret.num_rows == 1


def test_entities_are_read_at_one_instant_by_turns(file: Path) -> None:
    run(file, "CREATE TABLE t AS SELECT 1 AS a", "CREATE TABLE u AS SELECT 1 AS a")
    home, store = home_of(file), store_of(file)
    with store.open(write_request(APPEND, "u")) as target:
        # The file is open for writing already, so this process may write while it is read.
        with home.snapshot() as snapshot:
            part = target.stage(
                pa.table({"a": pa.array([2], pa.int32())}).to_reader(), Split(0, "x")
            )
            request = write_request(APPEND, "u")
            target.commit(
                [part], next_commit(target, request, [part], pa.schema([("a", pa.int32())]))
            )

            def rows(name: str) -> int:
                with home.open(ReadRequest(name, snapshot=snapshot)) as source:
                    return sum(read_split(source, one).num_rows for one in source.splits(3))

            with ThreadPoolExecutor(3) as pool:
                assert list(pool.map(rows, ["t", "u", "t", "u"])) == [1, 1, 1, 1]
        assert read(file, "u").num_rows == 2


HOLD = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
"""


@contextmanager
def held(file: Path) -> Iterator[int]:
    command = [sys.executable, "-c", HOLD, str(file)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield process.pid
        finally:
            process.kill()


def test_the_process_that_has_the_file_is_named(file: Path) -> None:
    run(file, "CREATE TABLE t AS SELECT 1 AS a")
    with held(file) as pid:
        for side in (home_of(file, busy_timeout=0.3), store_of(file, busy_timeout=0.3)):
            with pytest.raises((HomeError, StoreError), match=f"process {pid} ") as raised:
                side.check()
            assert "busy_timeout" in (raised.value.hint or "")
            # It was waited for already: another attempt would only wait again.
            assert side.retry_after(raised.value) is None


def test_a_stopped_process_that_has_the_file_is_waited_for_once_and_named(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(file, "CREATE TABLE t AS SELECT 1 AS a")
    with held(file) as pid:
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(HomeError, match=f"process {pid} .*stopped") as raised:
            home_of(file, busy_timeout=1).check()
        assert f"kill -CONT {pid}" in str(raised.value)
        assert caplog.text.count("waiting up to 1 s") == 1
        with pytest.raises(HomeError, match=f"process {pid} "):
            home_of(file, busy_timeout=1).check()
        assert caplog.text.count("waiting up to 1 s") == 1
    home_of(file).check()


def test_a_reader_of_the_same_run_is_waited_for_and_then_told(file: Path) -> None:
    run(file, "CREATE TABLE t AS SELECT 1 AS a")
    with home_of(file).open(ReadRequest("t")) as source:
        with pytest.raises(StoreError, match="another move of this run has opened it") as raised:
            store_of(file, busy_timeout=0.3).check()
        assert "after:" in (raised.value.hint or "")
        assert read_split(source, source.splits(1)[0]).num_rows == 1
    store_of(file).check()


def test_a_path_that_is_no_database_is_told(tmp_path: Path) -> None:
    text = tmp_path / "text.duckdb"
    text.write_text("id,name\n" * 10_000)
    for path in (tmp_path / "none.duckdb", tmp_path, text):
        with pytest.raises(HomeError) as raised:
            home_of(path).check()
        assert raised.value.hint, raised.value.message
        assert home_of(path).retry_after(raised.value) is None
    assert not (tmp_path / "none.duckdb").exists()
    with pytest.raises(StoreError, match="not a valid DuckDB database"):
        store_of(text).check()


def columns_of(file: Path, table: str = "t") -> list[tuple[Any, ...]]:
    return run(
        file,
        "SELECT column_name, data_type, is_nullable FROM duckdb_columns() "
        f"WHERE table_name = '{table}' ORDER BY column_index",
    )


def test_a_table_is_made_with_types_requirements_and_its_key(file: Path) -> None:
    schema = pa.schema([pa.field("id", pa.int64()), pa.field("x", pa.uint8(), False)])
    rows = pa.Table.from_pylist([{"id": 1, "x": 1}, {"id": 2, "x": 255}], schema)
    move(file, rows, primary_key=("id",))
    assert columns_of(file) == [("id", "BIGINT", False), ("x", "UTINYINT", False)]
    keys = "SELECT constraint_column_names FROM duckdb_constraints() WHERE table_name = 't'"
    assert run(file, f"{keys} AND constraint_type = 'PRIMARY KEY'") == [(["id"],)]
    move(file, rows, primary_key=("id",))
    with pytest.raises(StoreError, match=r"(?i)duplicate key|constraint"):
        move(file, rows, APPEND, primary_key=("id",))
    assert run(file, "SELECT * FROM t") == [(1, 1), (2, 255)]
    with pytest.raises(StoreError, match=r"(?i)null"):
        move(file, pa.table({"id": pa.array([1, None])}), into="u", primary_key=("id",))


EVIL = 'x"; drop table t; --'


def test_names_are_never_sql(file: Path) -> None:
    run(file, "CREATE TABLE t (a INT)")
    table = pa.table({EVIL: [1], "select": ["x"], "a]b": pa.array([None], pa.int8())})
    for mode in (Mode.REPLACE, APPEND):
        move(file, table, mode, into=f'"{EVIL}"'.replace(EVIL, EVIL.replace('"', '""')))
    quoted = EVIL.replace('"', '""')
    assert run(file, f'SELECT "{quoted}", "select" FROM "{quoted}"') == [(1, "x"), (1, "x")]
    assert run(file, "SELECT count(*) FROM t") == [(0,)]


def test_new_columns_and_wider_types_come_in(file: Path) -> None:
    schema = pa.schema([pa.field("a", pa.int32(), False), pa.field("b", pa.decimal128(6, 2))])
    move(file, pa.Table.from_pylist([{"a": 1, "b": Decimal("2.50")}], schema))
    more = pa.table({"a": pa.array([2**40, None]), "b": pa.array([Decimal("1.125")] * 2)})
    move(file, more.append_column("c", pa.array(["new", "x"])), APPEND)
    assert columns_of(file) == [
        ("a", "BIGINT", True),
        ("b", "DECIMAL(7,3)", True),
        ("c", "VARCHAR", True),
    ]
    assert run(file, "SELECT * FROM t") == [
        (1, Decimal("2.500"), None),
        (2**40, Decimal("1.125"), "new"),
        (None, Decimal("1.125"), "x"),
    ]


def test_names_that_differ_in_case_only_are_one(file: Path) -> None:
    with pytest.raises(StoreError, match="'Id' and 'id'"):
        move(file, pa.table({"Id": [1], "id": [2]}))
    move(file, pa.table({"a": [1]}), into="Things")
    move(file, pa.table({"a": [2]}), APPEND, into="tHINGS")
    assert run(file, "SELECT a FROM things") == [(1,), (2,)]


def test_a_replace_keeps_what_a_swap_would_lose(file: Path) -> None:
    move(file, pa.table({"a": [1, 2], "b": ["x", "y"]}))
    run(file, "CREATE INDEX by_a ON t(a)", "CREATE VIEW v AS SELECT a FROM t")
    move(file, pa.table({"a": [3], "b": ["z"]}))
    assert run(file, "SELECT * FROM t") == [(3, "z")]
    assert run(file, "SELECT * FROM v") == [(3,)]
    assert run(file, "SELECT index_name FROM duckdb_indexes()") == [("by_a",)]
    with pytest.raises(
        StoreError, match=r"cannot be replaced by a new table: it has indexes: by_a"
    ) as raised:
        move(file, pa.table({"a": [4]}), replace="swap")
    assert "replace: keep" in (raised.value.hint or "")
    assert run(file, "SELECT a FROM t") == [(3,)]


def test_rows_that_others_refer_to_are_not_taken_away(file: Path) -> None:
    move(file, pa.table({"id": [1, 2]}), primary_key=("id",))
    run(file, "CREATE TABLE child (t_id BIGINT REFERENCES t(id))", "INSERT INTO child VALUES (2)")
    with pytest.raises(StoreError, match=r"(?i)foreign key"):
        move(file, pa.table({"id": [3]}))
    assert run(file, "SELECT id FROM t") == [(1,), (2,)]


def test_rows_of_nobody_are_not_replaced_unasked(file: Path) -> None:
    run(file, "CREATE TABLE t AS SELECT 1 AS a, DATE '2024-01-01' AS d")
    with pytest.raises(StoreError, match="rows that hygge did not write"):
        move(file, pa.table({"a": [2]}))
    move(file, pa.table({"a": pa.array([2], pa.int32())}), APPEND)
    assert run(file, "SELECT * FROM t") == [(1, dt.date(2024, 1, 1)), (2, None)]
    move(file, pa.table({"a": [3]}), adopt=True)
    assert run(file, "SELECT a FROM t") == [(3,)]
    run(file, "CREATE VIEW w AS SELECT 1 AS a")
    with pytest.raises(StoreError, match="w is a view"):
        move(file, pa.table({"a": [1]}), into="w")


def test_a_schema_is_made(file: Path) -> None:
    move(file, pa.table({"a": [1]}), into="sales.orders")
    assert run(file, "SELECT a FROM sales.orders") == [(1,)]
    last = store_of(file).last_commit("sales.orders")
    assert last is not None
    assert last.rows == 1
    assert store_of(file).last_commit("orders") is None


def test_a_range_of_texts_is_cleared_by_bytes_whatever_the_column_says(file: Path) -> None:
    run(file, "CREATE TABLE things (id INTEGER, name VARCHAR COLLATE NOCASE)")
    table = pa.table({"id": range(5), "name": ["B", "a", "b", "z", None]})
    write(store_of(file), [table], write_request(Mode.APPEND))
    span = Span("name", pa.scalar("b"), None)
    write(store_of(file), [table.slice(0, 0)], replace(write_request(Mode.APPEND), clears=span))
    assert [row[0] for row in run(file, "SELECT id FROM things ORDER BY id")] == [0, 1, 4]


def test_tables_of_a_file_are_listed_once_and_not_once_a_table(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = Rows.__call__

    def counted(rows: Rows, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        asked.append(sql)
        return ask(rows, sql, values)

    monkeypatch.setattr(Rows, "__call__", counted)
    settings = DuckdbStoreConfig(type="duckdb", path=str(file))
    table = pa.table({"id": [1], "name": ["a"]})
    costs = {}
    for number in (3, 9):
        for name in [f"t{n}" for n in range(number)]:
            write(store_of(file), [table], write_request(into=name))
        asked.clear()
        with settings.connected(ProjectContext(tmp_path), StoreError, "x", writes=True):
            for name in [f"t{n}" for n in range(number)]:
                write(store_of(file), [table], write_request(into=name))
                assert read(file, name) == table
            costs[number] = sum(sql.count("duckdb_") for sql in asked)
    assert costs[3] == costs[9] <= 12, costs
