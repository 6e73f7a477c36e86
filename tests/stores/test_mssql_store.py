from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pyarrow as pa
import pytest
from servers import needs_driver
from tsql import Notebook, assert_tsql

from hygge.connector import Mode, ProjectContext, StoreConfig, WriteRequest
from hygge.connectors.mssql import catalog, types
from hygge.connectors.mssql import target as mssql_target
from hygge.connectors.mssql.config import MssqlSettings
from hygge.connectors.mssql.connections import Rows
from hygge.connectors.mssql.staging import BulkCopyBatches
from hygge.connectors.mssql.target import MssqlTarget
from hygge.connectors.sql.table_names import TableName
from hygge.errors import StoreError
from hygge.testing.cases import CASES, case_table, plain_table
from hygge.testing.moving import next_commit, write_request
from hygge.types.unfit import UnfitError
from hygge.values.model import Part

NOWHERE = {"type": "mssql", "host": "127.0.0.1", "port": 1, "database": "app"}
PLACE = TableName("d]bo", "we]ird")
REFUSED = {
    "decimal(76,30)": "decimals of SQL Server have a precision of at most 38$",
    "duration(us)": "SQL Server does not have this type$",
    "list": "SQL Server does not have this type$",
    "large list": "SQL Server does not have this type$",
    "fixed size list": "SQL Server does not have this type$",
    "struct": "SQL Server does not have this type$",
    "list of struct": "SQL Server does not have this type$",
    "map": "SQL Server does not have this type$",
}
NAMED = {
    "null": "nvarchar(max)",
    "bool": "bit",
    "int8": "smallint",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "uint8": "tinyint",
    "uint16": "int",
    "uint32": "bigint",
    "uint64": "decimal(20,0)",
    "float16": "real",
    "float32": "real",
    "float64": "float",
    "decimal(9,2)": "decimal(9,2)",
    "decimal(38,0)": "decimal(38,0)",
    "decimal(38,18)": "decimal(38,18)",
    "string": "nvarchar(max)",
    "large string": "nvarchar(max)",
    "empty string and null": "nvarchar(max)",
    "dictionary": "nvarchar(max)",
    "binary": "varbinary(max)",
    "large binary": "varbinary(max)",
    "fixed size binary": "varbinary(max)",
    "date": "date",
    "date64": "date",
    "time(s)": "time(6)",
    "time(ms)": "time(6)",
    "time(us)": "time(6)",
    "time(ns)": "time(7)",
    **{f"timestamp({unit})": "datetime2(6)" for unit in ("s", "ms", "us")},
    "timestamp(ns)": "datetime2(7)",
    **{f"timestamp({unit},UTC)": "datetimeoffset(6)" for unit in ("s", "ms", "us")},
    "timestamp(ns,UTC)": "datetimeoffset(7)",
    "timestamp(us,Europe/Oslo)": "datetimeoffset(6)",
    "uuid": "uniqueidentifier",
}


ANSWERS: dict[str, list[tuple[Any, ...]]] = {
    "sp_getapplock": [(0,)],
    "SELECT OBJECT_ID(?)": [(1,)],
    "SCHEMA_ID": [(1,)],
}
"""Of a lock that is free, a schema and a table of commits that are there; no table."""


def target(
    answers: dict[str, list[tuple[Any, ...]]] | None = None,
    *,
    request: WriteRequest | None = None,
    **settings: Any,  # noqa: ANN401
) -> tuple[MssqlTarget, Notebook]:
    """Return a target whose statements go into a notebook."""
    own = answers or {}
    notebook = Notebook({**own, **ANSWERS, **own})
    config = StoreConfig.create({**NOWHERE, **settings})
    assert isinstance(config, MssqlSettings)
    made = MssqlTarget(
        config,
        request or write_request(),
        cast(Rows, notebook),
        place=PLACE,
        replacing=settings.get("replace", "auto"),
    )
    return made, notebook


@pytest.mark.parametrize("case", CASES)
def test_every_type_is_named_or_refused(case: str) -> None:
    made, _ = target()
    schema = case_table(case).rename_columns(["id", "the column"]).schema
    if case in REFUSED:
        with pytest.raises(StoreError, match=REFUSED[case]) as raised:
            made.accept(schema)
        assert "'the column'" in raised.value.message
        assert raised.value.hint
        return
    field = made.accept(schema).field("the column")
    assert made.sql_type(field) == NAMED[case]
    assert_tsql(f"CREATE TABLE [t] ({made.column(field)})")


@pytest.mark.parametrize("case", [case for case in CASES if case not in REFUSED])
def test_values_of_every_type_reach_bulk_copy_as_they_are(case: str) -> None:
    made, _ = target()
    table = case_table(case)
    fitted = table.cast(made.accept(table.schema))
    meter = BulkCopyBatches(fitted.to_reader(max_chunksize=2), 7)
    if case in ("time(ns)", "timestamp(ns)", "timestamp(ns,UTC)"):
        with pytest.raises(UnfitError, match="'value' contains times finer than 100 nanoseconds"):
            list(meter.batches())
        return
    staged = pa.Table.from_batches(meter.batches(), meter.schema)
    assert meter.bytes > 0
    assert staged.column("_hygge_split").to_pylist() == [7] * len(table)
    expected = fitted.column("value").to_pylist()
    if case == "uuid":
        expected = [None if one is None else str(one) for one in expected]
        assert all(one is None or UUID(one) for one in staged.column("value").to_pylist())
    assert str(staged.column("value").to_pylist()) == str(expected)


@pytest.mark.parametrize("moment", [dt.date.max, dt.date.min])
def test_times_outside_of_the_years_of_sql_server_are_refused(moment: dt.date) -> None:
    step = 1 if moment == dt.date.max else -1
    edge = pa.array([moment]).cast(pa.timestamp("us"))
    beyond = pa.array([edge.cast(pa.int64())[0].as_py() + step * 86_400_000_000], pa.int64())
    types.staged(edge, "c")
    moments = beyond.cast(pa.timestamp("us"))
    for array in (moments, moments.cast(pa.date32())):
        with pytest.raises(UnfitError, match="'c' contains times outside"):
            types.staged(array, "c")


def test_taking_a_place_is_tsql() -> None:
    dead: list[tuple[Any, ...]] = [("_hygge_stg_x",)]
    new = {"SCHEMA_ID": [], "LEFT(o.name, ?)": dead, "SELECT OBJECT_ID(?)": [(None,)]}
    made, notebook = target(new)
    made.take()
    text = "\n".join(notebook.statements)
    assert "CREATE SCHEMA [d]]bo]" in text
    assert "CREATE TABLE [d]]bo].[_hygge_commits] (target nvarchar(128) COLLATE" in text
    assert "DROP TABLE [d]]bo].[_hygge_stg_x]" in text
    assert f"SET CONTEXT_INFO 0x{made.request.run_id.encode().hex()}" in text
    assert "LIMIT" not in text
    for statement in notebook.statements:
        assert_tsql(statement)


def test_a_place_that_is_taken_names_the_run() -> None:
    made, _ = target({"sp_getapplock": [(-1,)], "dm_tran_locks": [(53, "run-9\0\0")]})
    with pytest.raises(StoreError, match=r"run run-9 \(session 53\)"):
        made.take()


COLUMNS: list[tuple[Any, ...]] = [
    ("id", "bigint", 8, 19, 0, False, 0),
    ("name", "nvarchar", -1, 0, 0, True, 0),
    ("made", "int", 4, 10, 0, True, 1),
]


def published(
    mode: Mode, live: list[tuple[Any, ...]] | None, table: pa.Table, **settings: object
) -> list[str]:
    """Return the statements of a commit of zero rows."""
    request = replace(write_request(mode, adopt=True), primary_key=("id",))
    answers: dict[str, list[tuple[Any, ...]]] = {
        "max(seq)": [(None,)],
        "COUNT_BIG(*)": [(0,)],
        "sys.columns c\nJOIN": live or [],
        "SELECT type FROM sys.objects": [("U ",)] if live else [],
    }
    made, notebook = target(answers, request=request, **settings)
    made.take()
    notebook.statements.clear()
    part = Part(0, 0, 0)
    made.commit([part], next_commit(made, request, [part], table.schema))
    made.discard()
    for statement in notebook.statements:
        assert_tsql(statement)
    begun = notebook.statements.index("BEGIN TRANSACTION")
    ended = notebook.statements.index("COMMIT TRANSACTION")
    added = "INSERT INTO [d]]bo].[_hygge_commits]"
    commit = next(n for n, sql in enumerate(notebook.statements) if sql.startswith(added))
    assert begun < commit < ended
    return notebook.statements


def test_a_new_table_is_the_staging_table_renamed() -> None:
    statements = published(Mode.REPLACE, None, plain_table(0))
    assert statements[0].startswith("CREATE TABLE [d]]bo].[_hygge_stg_")
    columns = "[id] bigint NULL, [name] nvarchar(max) NULL, [_hygge_split] int NOT NULL"
    assert columns in statements[0]
    assert "DROP COLUMN [_hygge_split]" in statements[1]
    assert "EXEC sp_rename ?, ?, 'OBJECT'" in statements


def test_a_key_of_numbers_is_declared() -> None:
    schema = pa.schema([pa.field("id", pa.int64(), nullable=False), ("name", pa.string())])
    statements = published(Mode.REPLACE, None, schema.empty_table())
    assert any(sql.endswith("ADD PRIMARY KEY ([id])") for sql in statements)


def test_a_table_of_others_is_kept_and_filled() -> None:
    statements = published(Mode.REPLACE, COLUMNS, plain_table(0))
    assert "DELETE FROM [d]]bo].[we]]ird]" in statements
    assert any(sql.startswith("INSERT INTO [d]]bo].[we]]ird] ([id], [name])") for sql in statements)
    assert not any("sp_rename" in sql for sql in statements)


def test_columns_are_added_and_widened() -> None:
    schema = pa.schema([("id", pa.decimal128(30, 0)), ("name", pa.string()), ("new", pa.uuid())])
    statements = published(Mode.APPEND, COLUMNS, schema.empty_table())
    table = "ALTER TABLE [d]]bo].[we]]ird]"
    assert f"{table} ALTER COLUMN [id] decimal(30,0) NULL" in statements
    assert f"{table} ADD [new] uniqueidentifier NULL" in statements


def test_a_column_lets_nulls_in_with_its_own_type() -> None:
    kind: list[tuple[Any, ...]] = [("U ",)]
    made, notebook = target({"sys.columns c\nJOIN": COLUMNS, "SELECT type FROM sys.objects": kind})
    made.live = made.find_live()
    made.allow_nulls("id")
    assert notebook.statements[-1] == "ALTER TABLE [d]]bo].[we]]ird] ALTER COLUMN [id] bigint NULL"
    assert_tsql(notebook.statements[-1])


def test_a_view_is_not_written() -> None:
    made, _ = target({"SELECT type FROM sys.objects": [("V ",)]})
    with pytest.raises(StoreError, match="is a view"):
        made.take()


@pytest.mark.parametrize("name", ["x" * 129, "🧶" * 65])
def test_a_name_that_is_too_long_is_refused(name: str) -> None:
    made, _ = target()
    with pytest.raises(StoreError, match="128 characters"):
        made.accept(pa.schema([(name, pa.int64())]))


def test_rows_that_hygge_did_not_write_are_seen() -> None:
    made, notebook = target({"SELECT type FROM sys.objects": [("U ",)], "SELECT TOP (1) 1": [(1,)]})
    with pytest.raises(StoreError, match="did not write"):
        made.take()
    assert_tsql(notebook.statements[-1])


@pytest.mark.parametrize("sql", [mssql_target.LOCK, mssql_target.HOLDER])
def test_what_a_store_asks_is_tsql(sql: str) -> None:
    assert_tsql(sql)


def test_a_commit_is_asked_for_by_a_read_that_waits() -> None:
    made, notebook = target({"READCOMMITTEDLOCK": [("run-3",)]})
    assert made.owner(3) == "run-3"
    assert_tsql(notebook.statements[-1])


def test_a_server_that_is_not_there_is_told_and_may_come() -> None:
    needs_driver()
    settings = {**NOWHERE, "user": "sa", "password": "geheim", "connect_timeout": 1}
    store = StoreConfig.create(settings).store(ProjectContext(Path("/")))
    acts: list[Callable[[], object]] = [store.check, lambda: store.last_commit("x")]
    for act in acts:
        with pytest.raises(StoreError, match="cannot connect") as raised:
            act()
        assert raised.value.code == "HG516"
        assert store.retry_after(raised.value) is not None
        assert "geheim" not in str(raised.value)


@pytest.mark.parametrize(
    ("collation", "tells"),
    [
        ("SQL_Latin1_General_CP1_CI_AS", False),
        ("Latin1_General_100_CS_AS", True),
        ("Latin1_General_BIN2", True),
    ],
)
def test_columns_are_compared_as_the_database_does(collation: str, tells: bool) -> None:
    made, _ = target({"Collation": [(collation,)]})
    schema = pa.schema([("id", pa.int64()), ("ID", pa.int64())])
    if tells:
        assert made.accept(schema).names == ["id", "ID"]
        return
    with pytest.raises(StoreError, match="would have the same name"):
        made.accept(schema)


def test_a_table_has_the_name_that_the_catalog_knows() -> None:
    notebook = Notebook({"SELECT s.name, o.name": [("dbo", "Users")]})
    assert catalog.actual(notebook, TableName("DBO", "users")) == TableName("dbo", "Users")
    assert catalog.actual(Notebook({}), PLACE) == PLACE
