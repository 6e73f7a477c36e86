"""What a SQLite store does to tables: those it makes, and those it finds."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlite_tables import opened, run

from hygge.connector import Mode, ProjectContext, Store, StoreConfig
from hygge.errors import StoreError
from hygge.settings.move import SchemaContract
from hygge.testing.moving import accepted, next_commit, write, write_request
from hygge.transform.schema_contract import agree, typed
from hygge.values.model import Span, Split

APPEND = Mode.APPEND


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


def store_of(file: Path, **settings: object) -> Store:
    data = {"type": "sqlite", "path": str(file), **settings}
    return StoreConfig.create(data).store(ProjectContext(file.parent))


def move(
    file: Path,
    table: pa.Table,
    mode: Mode = Mode.REPLACE,
    into: str = "t",
    **asked: Any,  # noqa: ANN401
) -> None:
    """Move a table as a flow does, with columns agreed on."""
    settings = {key: asked.pop(key) for key in ("replace", "busy_timeout") if key in asked}
    request = replace(write_request(mode, into), **asked)
    with store_of(file, **settings).open(request) as target:
        held = target.schema()
        offered = target.accept(typed(table.schema, held))
        schema = target.accept(agree(offered, held, SchemaContract(), mode).schema)
        missing = [name for name in schema.names if name not in table.schema.names]
        for name in missing:
            table = table.append_column(name, pa.nulls(table.num_rows, schema.field(name).type))
        rows = table.select(schema.names).cast(schema)
        part = target.stage(rows.to_reader(), Split(0, "all"))
        target.commit([part], next_commit(target, request, [part], schema))
        target.discard()


def sql_of(file: Path, name: str = "t") -> str:
    return str(run(file, f"SELECT sql FROM sqlite_schema WHERE name = '{name}'")[0][0])


def left_over(file: Path) -> list[str]:
    return sorted(path.name for path in file.parent.iterdir() if path != file)


def test_a_table_is_made_with_types_requirements_and_its_key(file: Path) -> None:
    schema = pa.schema(
        [
            pa.field("id", pa.int64(), False),
            pa.field("land", pa.string()),
            pa.field("price", pa.decimal128(12, 2), False),
        ]
    )
    rows = [{"id": 7, "land": "NO", "price": Decimal("1.10")}]
    move(file, pa.Table.from_pylist(rows, schema), primary_key=("land", "id"))
    assert sql_of(file) == (
        'CREATE TABLE "t" ("id" INTEGER NOT NULL, "land" TEXT NOT NULL, '
        '"price" DECIMAL_TEXT(12,2) NOT NULL, PRIMARY KEY ("land", "id"))'
    )
    assert run(file, "SELECT *, typeof(price) FROM t") == [(7, "NO", "1.10", "text")]
    assert left_over(file) == []


def test_a_key_without_a_value_is_refused(file: Path) -> None:
    with pytest.raises(StoreError, match="'id' is the key of t"):
        move(file, pa.table({"id": pa.array([1, None])}), primary_key=("id",))
    with pytest.raises(StoreError, match=r"UNIQUE constraint failed: t\.id") as raised:
        move(file, pa.table({"id": [1, 1]}), primary_key=("id",))
    assert raised.value.hint
    assert run(file, "SELECT count(*) FROM sqlite_schema WHERE name = 't'") == [(0,)]


def test_a_missing_number_is_never_made_up(file: Path) -> None:
    run(file, "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)")
    with pytest.raises(StoreError, match="'id' is the key"):
        move(file, pa.table({"id": pa.array([5, None]), "x": ["a", "b"]}), APPEND)
    move(file, pa.table({"x": ["a", "b"]}), APPEND)
    assert run(file, "SELECT * FROM t") == [(1, "a"), (2, "b")]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(math.nan, "NaN in column 'the x' as NULL"), (-0.0, "-0.0 in column 'the x' as 0.0")],
)
def test_a_float_that_would_change_is_refused(file: Path, value: float, shown: str) -> None:
    with pytest.raises(StoreError, match=f"SQLite would store {shown}") as raised:
        move(file, pa.table({"the x": [1.0, 0.0, value]}))
    assert "columns: {the x: {type: string}}" in (raised.value.hint or "")
    move(file, pa.table({"x": [1.0, math.inf, -math.inf, 0.0, 5e-324]}))
    assert run(file, "SELECT x FROM t") == [(1.0,), (math.inf,), (-math.inf,), (0.0,), (5e-324,)]


def test_a_day_that_iso_8601_does_not_write_is_refused(file: Path) -> None:
    days = pa.array([2_932_897], pa.int32()).view(pa.date32())
    with pytest.raises(StoreError, match="'d' contains a date outside"):
        move(file, pa.table({"d": days}))


EVIL = 'x"; drop table t; --'


def test_names_are_never_sql(file: Path) -> None:
    run(file, "CREATE TABLE t (a)")
    table = pa.table({EVIL: [1], "select": ["x"], "a]b": [None]})
    move(file, table, into=EVIL, primary_key=(EVIL,))
    move(file, table.set_column(0, EVIL, pa.array([2])), APPEND, into=EVIL)
    with opened(file) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
        quoted = EVIL.replace('"', '""')
        found = connection.execute(f'SELECT "{quoted}", "select" FROM "{quoted}"').fetchall()
    assert found == [(1, "x"), (2, "x")]


def test_columns_that_differ_in_case_only_are_refused(file: Path) -> None:
    with pytest.raises(StoreError, match="'Id' and 'id'"):
        move(file, pa.table({"Id": [1], "id": [2]}))
    move(file, pa.table({"Ä": [1], "ä": [2]}))
    assert run(file, "SELECT * FROM t") == [(1, 2)]


def test_a_table_is_found_in_other_letters(file: Path) -> None:
    move(file, pa.table({"a": [1]}), into="Things")
    move(file, pa.table({"a": [2]}), APPEND, into="tHINGS")
    assert run(file, "SELECT a FROM things") == [(1,), (2,)]
    assert store_of(file).last_commit("THINGS") is not None


def test_new_columns_and_wider_types_come_in(file: Path) -> None:
    schema = pa.schema([pa.field("a", pa.int32(), False), pa.field("b", pa.decimal128(6, 2))])
    rows = [{"a": 1, "b": Decimal("2.50")}]
    move(file, pa.Table.from_pylist(rows, schema), primary_key=("a",))
    run(file, "CREATE VIEW v AS SELECT a FROM t")
    move(file, pa.table({"a": [2], "b": pa.array([Decimal("1.125")]), "c": ["new"]}), APPEND)
    assert sql_of(file) == (
        'CREATE TABLE "t" ("a" INTEGER NOT NULL, "b" DECIMAL_TEXT(7,3), "c" TEXT, '
        'PRIMARY KEY ("a"))'
    )
    assert run(file, "SELECT a FROM v") == [(1,), (2,)]
    assert run(file, "SELECT * FROM t") == [(1, "2.50", None), (2, "1.125", "new")]
    move(file, pa.table({"a": [3]}), APPEND)
    assert run(file, "SELECT * FROM t WHERE a = 3") == [(3, None, None)]
    assert left_over(file) == []


def test_a_column_may_lack_values_once_they_are_missing(file: Path) -> None:
    schema = pa.schema([pa.field("a", pa.int64(), False), pa.field("b", pa.string(), False)])
    move(file, pa.Table.from_pylist([{"a": 1, "b": "x"}], schema))
    move(file, pa.table({"a": [2], "b": ["y"]}), APPEND)
    assert "NOT NULL" in sql_of(file)
    move(file, pa.table({"a": [3], "b": pa.array([None], pa.string())}), APPEND)
    assert sql_of(file) == 'CREATE TABLE "t" ("a" INTEGER NOT NULL, "b" TEXT)'
    assert run(file, "SELECT * FROM t") == [(1, "x"), (2, "y"), (3, None)]


def test_a_table_is_not_made_anew_where_that_would_lose_something(file: Path) -> None:
    move(file, pa.table({"a": pa.array([Decimal("1.5")])}))
    run(file, "CREATE INDEX by_a ON t(a)")
    with pytest.raises(
        StoreError, match=r"recreated to change column 'a', .* it has indexes: by_a"
    ):
        move(file, pa.table({"a": pa.array([Decimal("1.25")])}), APPEND)
    assert run(file, "SELECT * FROM t") == [("1.5",)]


@pytest.mark.parametrize(
    ("declared", "table", "stored"),
    [
        ("DECIMAL(12,2)", pa.array([Decimal("9999999999.99")]), 9999999999.99),
        ("NUMERIC(18)", pa.array([Decimal(10**17 + 1)]), 10**17 + 1),
        ("VARCHAR(3)", pa.array(["007"]), "007"),
        ("", pa.array(["007"]), "007"),
        ("DATETIME", pa.array([0], pa.timestamp("us")), "1970-01-01 00:00:00.000000"),
    ],
)
def test_a_table_of_others_is_added_to_as_it_is(
    file: Path, declared: str, table: pa.Array, stored: object
) -> None:
    run(file, f"CREATE TABLE t (a {declared}, other TEXT DEFAULT 'x')")
    before = sql_of(file)
    move(file, pa.table({"a": table}), APPEND)
    assert run(file, "SELECT * FROM t") == [(stored, "x")]
    assert sql_of(file) == before


def test_texts_never_become_numbers_in_a_table_of_others(file: Path) -> None:
    run(file, "CREATE TABLE t (a STRING UNIQUE, b DECIMAL(20,4))")
    with pytest.raises(StoreError, match="UNIQUE"):
        move(file, pa.table({"a": ["007"]}), APPEND)
    with pytest.raises(StoreError, match="'b'"):
        move(file, pa.table({"b": pa.array([Decimal("1234567890123456.1234")])}), APPEND)
    assert run(file, "SELECT count(*) FROM t") == [(0,)]


def test_a_replace_keeps_what_a_swap_would_lose(file: Path) -> None:
    move(file, pa.table({"a": [1, 2], "b": ["x", "y"]}))
    for sql in (
        "CREATE UNIQUE INDEX by_a ON t(a)",
        "CREATE TABLE log (a)",
        "CREATE TRIGGER told AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.a); END",
        "CREATE VIEW v AS SELECT a FROM t",
    ):
        run(file, sql)
    move(file, pa.table({"a": [3], "c": [True]}))
    assert run(file, "SELECT * FROM t") == [(3, 1)]
    assert run(file, "SELECT * FROM v") == [(3,)]
    assert run(file, "SELECT * FROM log") == [(3,)]
    names = "SELECT name FROM sqlite_schema WHERE type IN ('index', 'trigger') AND sql <> ''"
    assert {name for (name,) in run(file, names)} == {"by_a", "told"}
    with pytest.raises(
        StoreError, match=r"cannot be replaced by a new table: it has indexes: by_a"
    ) as raised:
        move(file, pa.table({"a": [4]}), replace="swap")
    assert "replace: keep" in (raised.value.hint or "")
    assert run(file, "SELECT a FROM t") == [(3,)]


def test_a_replace_swaps_where_nothing_is_lost(file: Path) -> None:
    move(file, pa.table({"a": [1], "b": ["x"]}))
    run(file, "CREATE VIEW v AS SELECT a FROM t")
    move(file, pa.table({"a": ["now a text"]}))
    assert sql_of(file) == 'CREATE TABLE "t" ("a" TEXT)'
    assert run(file, "SELECT * FROM v") == [("now a text",)]


def test_rows_that_others_refer_to_are_not_taken_away(file: Path) -> None:
    move(file, pa.table({"id": [1, 2]}), primary_key=("id",))
    run(file, "CREATE TABLE child (t_id INTEGER REFERENCES t(id) ON DELETE CASCADE)")
    run(file, "INSERT INTO child VALUES (2)")
    move(file, pa.table({"id": [2, 3]}))
    assert run(file, "SELECT id FROM t") == [(2,), (3,)]
    with pytest.raises(StoreError, match="rows of child would refer to rows of t"):
        move(file, pa.table({"id": [3]}))
    assert run(file, "SELECT id FROM t") == [(2,), (3,)]
    assert run(file, "SELECT * FROM child") == [(2,)]


def test_a_trigger_that_keeps_rows_out_is_told(file: Path) -> None:
    run(file, "CREATE TABLE t (a INTEGER)")
    run(
        file,
        "CREATE TRIGGER no BEFORE INSERT ON t WHEN new.a = 2 BEGIN SELECT RAISE(IGNORE); END",
    )
    with pytest.raises(StoreError, match="3 rows were staged for t but 2 were inserted"):
        move(file, pa.table({"a": [1, 2, 3]}), APPEND)
    assert run(file, "SELECT * FROM t") == []


def test_rows_of_nobody_are_not_replaced_unasked(file: Path) -> None:
    run(file, "CREATE TABLE t (a INTEGER)")
    run(file, "INSERT INTO t VALUES (1)")
    with pytest.raises(StoreError, match="rows that hygge did not write") as raised:
        move(file, pa.table({"a": [2]}))
    assert "--adopt" in (raised.value.hint or "")
    move(file, pa.table({"a": [2]}), adopt=True)
    assert run(file, "SELECT a FROM t") == [(2,)]


def test_views_are_not_written(file: Path) -> None:
    run(file, "CREATE VIEW t AS SELECT 1 AS a")
    with pytest.raises(StoreError, match="t is a view"):
        move(file, pa.table({"a": [1]}))


def test_a_dead_run_is_cleaned_up_after(file: Path) -> None:
    move(file, pa.table({"a": [1]}))
    request = write_request(APPEND, "t")
    with store_of(file).open(request) as target:
        target.stage(accepted(target, pa.table({"a": [2]})).to_reader(), Split(0, "all"))
        (staged,) = [name for name in left_over(file) if not name.endswith(".lock")]
    foreign = file.with_name(f"{staged[:-10]}0badcafe-0")
    foreign.write_bytes(b"left by a run that was killed")
    other = file.with_name(".hygge-0000000000000000-0badcafe-0")
    other.write_bytes(b"of another table")
    move(file, pa.table({"a": [3]}), APPEND)
    assert left_over(file) == [other.name]
    assert run(file, "SELECT a FROM t") == [(1,), (3,)]


def test_many_splits_are_staged_in_few_files(file: Path) -> None:
    request = write_request(Mode.REPLACE, "t")
    with store_of(file).open(request) as target:
        tables = [pa.table({"a": [n]}) for n in range(40)]
        schema = target.accept(tables[0].schema)
        parts = [target.stage(one.to_reader(), Split(n, "x")) for n, one in enumerate(tables)]
        target.commit(parts, next_commit(target, request, parts, schema))
        target.discard()
    assert [a for (a,) in run(file, "SELECT a FROM t")] == list(range(40))
    assert left_over(file) == []


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot create the folder") as raised:
        move(tmp_path / "file" / "app.db", pa.table({"a": [1]}))
    assert raised.value.hint
    (tmp_path / "text.db").write_text("no database\n" * 1000)
    with pytest.raises(StoreError, match="file is not a database"):
        move(tmp_path / "text.db", pa.table({"a": [1]}))


def test_a_range_of_texts_is_cleared_by_bytes_whatever_the_column_says(file: Path) -> None:
    run(file, "CREATE TABLE things (id INTEGER, name TEXT COLLATE NOCASE)")
    table = pa.table({"id": range(5), "name": ["B", "a", "b", "z", None]})
    write(store_of(file), [table], write_request(Mode.APPEND))
    span = Span("name", pa.scalar("b"), None)
    write(store_of(file), [table.slice(0, 0)], replace(write_request(Mode.APPEND), clears=span))
    assert [row[0] for row in run(file, "SELECT id FROM things ORDER BY id")] == [0, 1, 4]


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize(
    ("low", "high"),
    [
        ("12345678901234567.88", "12345678901234567.89"),
        ("99999999999999999.99", "100000000000000000.00"),
        ("0.01", "12345678901234567.89"),
    ],
)
def test_decimals_that_are_one_float_decide_between_rows_of_a_key(
    file: Path, sign: str, low: str, high: str
) -> None:
    values = sorted((Decimal(sign + low), Decimal(sign + high)))
    for key, order in enumerate([values, values[::-1]]):
        amounts = pa.array([order[0], None, order[1]], pa.decimal128(20, 2))
        table = pa.table({"id": [key] * 3, "amount": amounts})
        request = write_request(Mode.MERGE, "t")
        request = replace(request, primary_key=("id",), dedupe_by=("amount",))
        write(store_of(file), [table], request)
    found = run(file, "SELECT amount FROM t ORDER BY id")
    assert [Decimal(amount) for (amount,) in found] == [values[1]] * 2
