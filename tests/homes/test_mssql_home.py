from __future__ import annotations

import datetime as dt
from inspect import signature
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import mssql_python
import pyarrow as pa
import pytest
from servers import needs_driver
from tsql import Notebook, assert_tsql

from hygge.connector import Finding, HomeConfig, ProjectContext, ReadRequest
from hygge.connectors.mssql import catalog, doctor
from hygge.connectors.mssql.catalog import Column, bracketed, written_type
from hygge.connectors.mssql.config import MssqlSettings
from hygge.connectors.mssql.connections import SESSION, Rows
from hygge.connectors.mssql.faults import fault, is_passing, retry_after
from hygge.connectors.mssql.source import MssqlSource, begin
from hygge.connectors.mssql.types import reading_of
from hygge.connectors.sql.column_reading import UnsafeError, convert
from hygge.connectors.sql.table_names import TableName
from hygge.errors import HomeError
from hygge.operations.connector_types import connector_types

NOWHERE = {"type": "mssql", "host": "127.0.0.1", "port": 1, "database": "app"}
LOGIN = {"user": "sa", "password": "geheim;}x", "connect_timeout": 1}


def config(**settings: object) -> MssqlSettings:
    """Return the settings of a home."""
    made = HomeConfig.create({**NOWHERE, **settings})
    assert isinstance(made, MssqlSettings)
    return made


def source(columns: list[tuple[Any, ...]], request: ReadRequest) -> tuple[MssqlSource, Notebook]:
    """Return a table whose catalog is in a notebook."""
    notebook = Notebook({"sys.columns c\nJOIN sys.types": columns, "is_primary_key": [("id",)]})
    made = MssqlSource(config(), request, cast(Rows, notebook), is_versioned=True)
    return made.over_table(TableName("dbo", "we]ird")), notebook


def test_types_and_page_say_that_no_server_was_there() -> None:
    page = Path(__file__).parents[2] / "docs" / "connectors" / "mssql.md"
    said = [one.description for one in connector_types() if one.name == "mssql"]
    assert len(said) == 2
    assert all(text.startswith("Not tested against a server yet") for text in said)
    assert page.read_text("utf-8").count("Not tested against a server yet") == 2


@pytest.mark.parametrize(
    "sql",
    [
        catalog.TABLES,
        catalog.ACTUAL,
        catalog.COLLATION,
        catalog.KIND,
        catalog.COLUMNS,
        catalog.RESULT,
        catalog.KEY,
        catalog.SCHEMA,
        catalog.ISOLATION,
        catalog.LOSSES,
        catalog.COLLATIONS,
        catalog.IDENTITY,
        catalog.BESIDE,
        catalog.RENAME,
        doctor.SERVER,
        doctor.RIGHTS,
        *SESSION,
        *begin(is_versioned=False),
    ],
)
def test_every_question_is_tsql(sql: str) -> None:
    assert_tsql(sql)


TYPES: list[tuple[str, pa.DataType]] = [
    ("tinyint", pa.uint8()),
    ("smallint", pa.int16()),
    ("int", pa.int32()),
    ("bigint", pa.int64()),
    ("bit", pa.bool_()),
    ("real", pa.float32()),
    ("float", pa.float64()),
    ("decimal(38,10)", pa.decimal128(38, 10)),
    ("numeric(5,0)", pa.decimal128(5, 0)),
    ("money", pa.decimal128(19, 4)),
    ("smallmoney", pa.decimal128(10, 4)),
    ("date", pa.date32()),
    ("time(0)", pa.time64("us")),
    ("time(7)", pa.time64("ns")),
    ("datetime", pa.timestamp("us")),
    ("smalldatetime", pa.timestamp("us")),
    ("datetime2(3)", pa.timestamp("us")),
    ("datetime2(7)", pa.timestamp("us")),
    ("datetimeoffset(7)", pa.timestamp("us", "UTC")),
    ("varchar(10)", pa.string()),
    ("nvarchar(max)", pa.string()),
    ("ntext", pa.string()),
    ("xml", pa.string()),
    ("binary(9)", pa.binary()),
    ("varbinary(max)", pa.binary()),
    ("image", pa.binary()),
    ("timestamp", pa.binary()),
    ("uniqueidentifier", pa.uuid()),
    ("hierarchyid", pa.string()),
]


@pytest.mark.parametrize(("type_name", "kind"), TYPES)
def test_every_type_is_read_as_what_holds_it(type_name: str, kind: pa.DataType) -> None:
    reading = reading_of(Column("c", type_name, True), "[c]")
    assert reading.field.type == kind
    assert_tsql(f"SELECT {reading.sql} AS [c] FROM t WHERE {reading.is_odd or '1 = 1'}")
    text = reading_of(Column("c", type_name, True), "[c]", as_text=True)
    assert_tsql(f"SELECT {text.sql} AS [c] FROM t")


@pytest.mark.parametrize("type_name", ["geography", "geometry", "sql_variant", "vector(3)", ""])
def test_what_arrow_has_no_like_of_is_refused_until_text_is_wanted(type_name: str) -> None:
    with pytest.raises(UnsafeError, match="no equivalent in Arrow"):
        reading_of(Column("c", type_name, True), "[c]")
    assert reading_of(Column("c", type_name, True), "[c]", as_text=True).field.type == pa.string()


def test_a_seventh_digit_of_a_second_is_guarded() -> None:
    fine, cut = Column("c", "datetime2(6)", True), Column("c", "datetime2(7)", True)
    assert reading_of(fine, "[c]").is_odd is None
    assert reading_of(cut, "[c]").is_odd == "DATEPART(nanosecond, [c]) % 1000 <> 0"


def test_a_table_is_read_by_one_select() -> None:
    rows: list[tuple[Any, ...]] = [
        ("id", "int", 4, 10, 0, False, 1),
        ("na]me", "nvarchar", -1, 0, 0, True, 0),
        ("at", "datetime2", 8, 27, 7, True, 0),
    ]
    read, notebook = source(rows, ReadRequest("x", where="id > 7 -- mine"))
    assert read.primary_key == ("id",)
    key = pa.field("id", pa.int32(), nullable=False)
    assert read.schema == pa.schema([key, ("na]me", pa.string()), ("at", pa.timestamp("us"))])
    sql = read.select()
    assert sql.startswith("SELECT [id] AS [id], [na]]me] AS [na]]me], [at] AS [at], CASE WHEN ")
    assert sql.endswith("FROM [dbo].[we]]ird]\nWHERE (id > 7 -- mine\n)")
    assert [split.number for split in read.splits(8)] == [0]
    read.narrow(["id"])
    assert read.select().startswith("SELECT [id] AS [id] FROM")
    for statement in [*notebook.statements, sql, read.select()]:
        assert_tsql(statement)


def test_a_query_the_server_refuses_says_why() -> None:
    notebook = Notebook({"describe": [(None, None, None, "Invalid column name 'x'.")]})
    read = MssqlSource(config(), ReadRequest("x"), cast(Rows, notebook), is_versioned=True)
    with pytest.raises(HomeError, match="Invalid column name 'x'"):
        read.over_query("SELECT x FROM t;")


def test_a_column_without_a_like_is_refused_by_name() -> None:
    with pytest.raises(HomeError, match="'place'") as raised:
        source([("place", "geography", -1, 0, 0, True, 0)], ReadRequest("x"))
    assert "columns: {place: {type: string}}" in (raised.value.hint or "")


def test_what_the_driver_brings_is_made_what_the_fields_say() -> None:
    names = ("uniqueidentifier", "time(3)", "datetimeoffset(3)", "nvarchar(5)", "datetime2(7)")
    readings = [reading_of(Column(f"c{n}", kind, True), "x") for n, kind in enumerate(names)]
    moment = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    brought = pa.record_batch(
        [
            pa.array(["58185E0D-3A91-44D8-BC46-7107217E0A6D", None], pa.large_string()),
            pa.array([1_000_000, None], pa.time64("ns")),
            pa.array([moment, None], pa.timestamp("us", "+00:00")),
            pa.array(["ä", None], pa.large_string()),
            pa.array([dt.datetime(2024, 1, 1), None], pa.timestamp("us")),
            pa.array([0, 0], pa.int32()),
        ],
        names=["c0", "c1", "c2", "c3", "c4", "guard"],
    )
    batch = convert(brought, readings, "x", "{}")
    assert batch.to_pylist()[0] == {
        "c0": UUID("58185e0d-3a91-44d8-bc46-7107217e0a6d"),
        "c1": dt.time(0, 0, 0, 1000),
        "c2": moment,
        "c3": "ä",
        "c4": dt.datetime(2024, 1, 1),
    }
    odd = brought.set_column(5, "guard", pa.array([0, 5], pa.int32()))
    with pytest.raises(HomeError, match="'c4'"):
        convert(odd, readings, "x", "{}")


@pytest.mark.parametrize(
    ("told", "written"),
    [
        (("nvarchar", 20, 0, 0), "nvarchar(10)"),
        (("varchar", -1, 0, 0), "varchar(max)"),
        (("decimal", 9, 12, 2), "decimal(12,2)"),
        (("datetime2", 8, 27, 7), "datetime2(7)"),
        (("int", 4, 10, 0), "int"),
    ],
)
def test_types_are_written_with_their_lengths(
    told: tuple[str, int, int, int], written: str
) -> None:
    assert written_type(*told) == written


def test_names_are_quoted_in_brackets() -> None:
    assert bracketed("a]b[c") == "[a]]b[c]"
    with pytest.raises(ValueError, match="cannot be a name in a database"):
        bracketed("")


def test_a_remote_server_must_prove_who_it_is() -> None:
    remote = config(host="db.example.com", port=1433, user="u", password="p;}")
    said = remote.connection()
    assert "Server={db.example.com,1433}" in said
    assert "PWD={p;}}}" in said
    assert "Encrypt=yes" in said
    assert "TrustServerCertificate=no" in said
    local = config().connection()
    assert "TrustServerCertificate=yes" in local
    assert "Trusted_Connection=yes" in local
    assert "Encrypt=yes" in config(encrypt=True).connection()
    url = config(url="mssql://u:p%40@db.example.com/x?ApplicationIntent=ReadOnly", host="h")
    assert "ApplicationIntent=ReadOnly" in url.connection()
    assert "geheim" not in str(config(**LOGIN).endpoint())


def test_the_driver_takes_the_connection_string() -> None:
    from mssql_python.connection_string_parser import _ConnectionStringParser

    every = config(**LOGIN, authentication="SqlPassword").connection()
    parsed = _ConnectionStringParser(validate_keywords=True)._parse(every)
    assert parsed["pwd"] == "geheim;}x"


def test_a_driver_without_its_system_libraries_names_them() -> None:
    class Missing(RuntimeError):
        driver_error = "Connection operation failed"
        ddbc_error = "Failed to load the driver. Please read the documentation"

    error = fault(Missing(), HomeError, "cannot connect")
    assert error.code == "HG507"
    assert "apt install libltdl7" in (error.hint or "")
    assert not is_passing(Missing())


def test_a_server_that_is_not_there_is_told_and_may_come() -> None:
    needs_driver()
    home = HomeConfig.create({**NOWHERE, **LOGIN}).home(ProjectContext(Path("/")))
    with pytest.raises(HomeError, match=r"sa@127\.0\.0\.1:1/app.*refused") as raised:
        home.check()
    assert home.retry_after(raised.value) is not None
    assert raised.value.code == "HG507"
    assert "server runs" in (raised.value.hint or "")
    assert "geheim" not in f"{raised.value.message}{raised.value.hint}"


@pytest.mark.parametrize(
    ("state", "text", "passes", "hint"),
    [
        ("40001", "Transaction was deadlocked on lock resources", True, None),
        ("08S01", "TCP Provider: connection reset", True, None),
        ("08001", "TCP Provider: no such host", False, "name of the host"),
        ("28000", "Login failed for user 'sa'.", False, "password"),
        ("42000", 'Cannot open database "x" requested by the login.', False, "database"),
        ("42S02", "Invalid object name 'x'.", False, "name"),
        ("42000", "The SELECT permission was denied on the object 'x'", False, "grant"),
        ("22003", "Arithmetic overflow", False, None),
        ("HY000", "Lock request time out period exceeded.", True, "lock"),
        ("08001", "SSL Provider: certificate verify failed", False, "trust_server_certificate"),
    ],
)
def test_errors_are_told_with_a_way_out(
    state: str, text: str, passes: bool, hint: str | None
) -> None:
    told = text
    for code, meaning in {"0x68": "connection reset", "0x2AF9": "no such host"}.items():
        told = told.replace(meaning, f"Error code {code}")
    with pytest.raises(mssql_python.Error) as raised:
        mssql_python.exceptions.raise_exception(state, f"[Microsoft][ODBC Driver 18]{told}")
    error = fault(raised.value, HomeError, "cannot read x")
    assert text.rstrip(".") in error.message
    assert "[" not in error.message
    assert is_passing(raised.value) is passes
    assert hint is None or hint in (error.hint or "")


def test_the_driver_has_what_is_called_of_it() -> None:
    def names(function: object) -> set[str]:
        return set(signature(function).parameters)  # type: ignore[arg-type]

    assert {"connection_str", "autocommit", "timeout"} <= names(mssql_python.connect)
    assert "enabled" in names(mssql_python.pooling)
    assert {"operation", "parameters"} <= names(mssql_python.Cursor.execute)
    assert "batch_size" in names(mssql_python.Cursor.arrow_reader)
    wanted = {"table_name", "source", "timeout", "column_mappings", "table_lock", "keep_nulls"}
    assert wanted <= names(mssql_python.Cursor.bulkcopy_arrow)
    assert hasattr(mssql_python.Connection, "timeout")


def test_what_a_person_is_told_of_the_isolation(monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import nullcontext

    from hygge.connectors.mssql.home import MssqlHome

    def findings(state: int) -> list[Finding]:
        version = ("SQL Server\nmore", 3, 16, "sa", "a]b")
        notebook = Notebook({"@@VERSION": [version], "snapshot": [(state, 0)]})
        monkeypatch.setattr(MssqlHome, "session", lambda *_, **__: nullcontext(notebook))
        home = HomeConfig.create(NOWHERE).home(ProjectContext(Path("/")))
        return list(home.examine())

    assert "snapshot isolation: on" in findings(1)[-1].text
    assert findings(0)[-1].level == "warning"
    assert_tsql(findings(0)[-1].hint or "")


def test_a_snapshot_is_taken_where_the_database_allows_it() -> None:
    # sqlglot knows the other levels, but not this one of SQL Server.
    assert begin(is_versioned=True)[0] == "SET TRANSACTION ISOLATION LEVEL SNAPSHOT"
    assert begin(is_versioned=True)[1] == begin(is_versioned=False)[1] == "BEGIN TRANSACTION"


@pytest.mark.parametrize(
    ("edition", "number", "is_old"),
    [(3, 12, True), (3, None, True), (3, 13, False), (5, 12, False)],
)
def test_a_server_that_is_too_old_is_told(edition: int, number: int | None, is_old: bool) -> None:
    run = Notebook({"@@VERSION": [("SQL Server", edition, number, "sa", "app")]})
    told = [finding.text for finding in doctor.examine_server(run)]
    assert told[0] == "SQL Server, user sa, database app"
    assert ("the version of the server is older than hygge supports" in told) is is_old


@pytest.mark.parametrize(
    ("rights", "level", "told"),
    [
        ((7, 1, 0, 1), "ok", "this user can create tables in schema a]b"),
        ((7, 1, 1, 0), "error", "ALTER ON SCHEMA::[a]]b]"),
        ((7, 0, 1, 1), "error", "GRANT CREATE TABLE"),
        ((None, 1, 1, None), "ok", "which the first move creates"),
        ((None, 1, 0, None), "error", "GRANT CREATE SCHEMA"),
    ],
)
def test_what_a_user_may_not_make_is_told(rights: tuple[Any, ...], level: str, told: str) -> None:
    run = Notebook({"@@VERSION": [("SQL Server", 3, 16, "sa", "app")], "HAS_PERMS": [rights]})
    *_, last = doctor.examine_writing(run, "a]b")
    assert last.level == level
    assert told in f"{last.text} {last.hint}"


def test_the_seconds_that_azure_asks_for_are_waited() -> None:
    busy = RuntimeError(
        "[Microsoft][SQL Server]The service is currently busy. Retry the request after 10 seconds. "
        "Incident ID: {1}. Code: 22."
    )
    error = fault(busy, HomeError, "cannot read x")
    error.__cause__ = busy
    assert retry_after(error) == 10.0
    assert retry_after(RuntimeError("Deadlock victim")) == 0.0
    assert retry_after(RuntimeError("Login failed for user 'x'")) is None
