from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator, Mapping
from datetime import UTC as UTC_ZONE
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest
from odbc_tables import MariaDb, Sqlite, driver
from postgres_tables import load, quoted
from pydantic import ValidationError
from servers import Postgres, schema_name

from hygge.connector import Home, HomeConfig, ProjectContext, ReadRequest
from hygge.connectors.odbc import driver as odbc_driver
from hygge.connectors.odbc.config import OdbcSettings
from hygge.connectors.odbc.dialects import dialect_of
from hygge.connectors.odbc.driver import Column
from hygge.connectors.odbc.source import OdbcSource
from hygge.connectors.sql.column_reading import UnsafeError
from hygge.errors import HomeError
from hygge.testing import HomeSuite
from hygge.testing.reading import read_split

DIGITS = "never: the database keeps microseconds"
MISSING = "never: the database has no such type"
LONGEST = f"test_an_awkward_name_is_listed_and_read[{'x' * 20}]"
UTC = pa.timestamp("us", "UTC")
TEXTS = {
    "large string": pa.string(),
    "large binary": pa.binary(),
    "fixed size binary": pa.binary(),
    "dictionary": pa.string(),
    "null": pa.string(),
}
TIMES = {
    "float16": pa.float32(),
    "date64": pa.date32(),
    "time(s)": pa.time64("us"),
    "time(ms)": pa.time64("us"),
    "timestamp(s)": pa.timestamp("us"),
    "timestamp(ms)": pa.timestamp("us"),
}
NO_PLACE = {
    "time(ns)": DIGITS,
    "timestamp(ns)": DIGITS,
    "timestamp(ns,UTC)": DIGITS,
    "duration(us)": MISSING,
    "struct": MISSING,
    "map": MISSING,
    "list": MISSING,
    "large list": MISSING,
    "fixed size list": MISSING,
    "list of struct": MISSING,
    "uuid": MISSING,
}


def odbc_config(connection: str, **settings: object) -> HomeConfig:
    """Return the config of a home behind a connection string."""
    return HomeConfig.create({"type": "odbc", "connection": connection, **settings})


def odbc(connection: str, **settings: object) -> Home:
    """Return a home behind a connection string."""
    return odbc_config(connection, **settings).home(ProjectContext(Path("/")))


def postgres_string() -> str:
    """Return the connection string of the test's PostgreSQL server."""
    return f"{driver('PostgreSQL Unicode')};{Postgres('public').odbc_string()}"


class TestOdbcPostgres(HomeSuite):
    comes_back_as: ClassVar = {
        **TEXTS,
        **TIMES,
        "int8": pa.int16(),
        "uint8": pa.int16(),
        "uint16": pa.int32(),
        "uint32": pa.int64(),
        "uint64": pa.decimal128(20, 0),
        "timestamp(s,UTC)": UTC,
        "timestamp(ms,UTC)": UTC,
        "timestamp(us,Europe/Oslo)": UTC,
    }
    exemptions: ClassVar = {
        **NO_PLACE,
        LONGEST: "never: names have at most 63 bytes",
    }

    @pytest.fixture(autouse=True)
    def clean(self, tmp_path: Path) -> Iterator[None]:
        yield
        Postgres(schema_name(tmp_path)).drop()

    def configure(self, place: Path, tables: Mapping[str, pa.Table]) -> HomeConfig:
        server = Postgres(schema_name(place))
        server.make()
        for name, table in tables.items():
            load(server, name, table)
        return odbc_config(postgres_string(), schema=server.schema)

    def spoil(self, place: Path, entity: str) -> None:
        Postgres(schema_name(place)).run(f"DROP TABLE {quoted(entity)}")


class TestOdbcMariaDb(HomeSuite):
    comes_back_as: ClassVar = {
        **TEXTS,
        **TIMES,
    }
    exemptions: ClassVar = {
        **NO_PLACE,
        "float32": "never: MariaDB has neither NaN nor infinity",
        "float64": "never: MariaDB has neither NaN nor infinity",
        "float16": "never: MariaDB has neither NaN nor infinity",
        "decimal(76,30)": "never: MariaDB's decimals have at most 65 digits",
        **{
            f"timestamp({zone})": "never: MariaDB's instants lie between 1970 and 2038"
            for zone in ("s,UTC", "ms,UTC", "us,UTC", "us,Europe/Oslo")
        },
        LONGEST: "never: names have at most 64 characters",
    }

    @pytest.fixture(autouse=True)
    def clean(self, tmp_path: Path) -> Iterator[None]:
        yield
        MariaDb(tmp_path).drop()

    def configure(self, place: Path, tables: Mapping[str, pa.Table]) -> HomeConfig:
        server = MariaDb(place)
        server.make()
        for name, table in tables.items():
            server.load(name, table)
        return odbc_config(server.connection())

    def spoil(self, place: Path, entity: str) -> None:
        MariaDb(place).run(f"DROP TABLE {MariaDb(place).database}.`{entity}`")


class TestOdbcSqlite(HomeSuite):
    comes_back_as: ClassVar = {
        **TEXTS,
        **{f"{sign}int{bits}": pa.int64() for sign in ("", "u") for bits in (8, 16, 32)},
        "date64": pa.date32(),
        "time(s)": pa.time64("us"),
        "time(ms)": pa.time64("us"),
        "timestamp(us,Europe/Oslo)": UTC,
    }
    exemptions: ClassVar = {
        **{name: MISSING for name, reason in NO_PLACE.items() if reason == MISSING},
        "uint64": "never: SQLite's whole numbers have 64 bits and a sign",
        "float16": "never: SQLite keeps no sign of a zero",
        "float32": "never: SQLite keeps neither NaN nor the sign of a zero",
        "float64": "never: SQLite keeps neither NaN nor the sign of a zero",
        "binary": "upstream: the driver takes blobs for 255 bytes long, and longer ones fail",
        "large binary": "upstream: the driver takes blobs for 255 bytes long",
        "test_a_condition_and_a_query_of_its_own_choose_rows": (
            "upstream: the driver has no type for the column of an expression"
        ),
    }

    def configure(self, place: Path, tables: Mapping[str, pa.Table]) -> HomeConfig:
        file, types = Sqlite(place), {}
        for name, table in tables.items():
            file.load(name, table)
            if "value" in table.schema.names:
                types = _declared(table.schema.field("value").type)
        return odbc_config(file.connection(), types=types)

    def spoil(self, place: Path, entity: str) -> None:
        Sqlite(place).run(f'DROP TABLE "{entity}"')


def _declared(kind: pa.DataType) -> dict[str, str]:
    """Return what a person says of a column that SQLite holds as text."""
    is_ = pa.types
    if is_.is_decimal(kind):
        return {"value": f"decimal({kind.precision},{kind.scale})"}
    if is_.is_timestamp(kind):
        return {"value": f"timestamp({kind.unit}{',UTC' if kind.tz else ''})"}
    if is_.is_time(kind):
        return {"value": "time(ns)" if kind.unit == "ns" else "time"}
    return {"value": "date"} if is_.is_date(kind) else {}


def refused(home: Home, entity: str = "things", **request: str) -> HomeError:
    """Return the error of reading an entity."""
    with pytest.raises(HomeError) as raised, home.open(ReadRequest(entity, **request)) as source:  # type: ignore[arg-type]
        for split in source.splits(1):
            read_split(source, split)
    return raised.value


def values(home: Home, entity: str = "things", **request: str) -> list[object]:
    """Return the first column of what is read."""
    with home.open(ReadRequest(entity, **request)) as source:  # type: ignore[arg-type]
        return list(read_split(source, source.splits(1)[0]).column(0).to_pylist())


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    server = Postgres(schema_name(tmp_path))
    server.make()
    yield server
    server.drop()


@pytest.fixture
def mariadb(tmp_path: Path) -> Iterator[MariaDb]:
    server = MariaDb(tmp_path)
    server.make()
    yield server
    server.drop()


@pytest.mark.parametrize(
    ("kind", "literal"),
    [
        ("date", "'infinity'"),
        ("timestamp", "'-infinity'"),
        ("timestamptz", "'infinity'"),
        ("time", "'24:00'"),
        ("numeric(9,2)", "'NaN'"),
        ("date", "'0044-03-15 BC'"),
    ],
)
def test_what_psqlodbc_turns_into_something_else_is_refused(
    postgres: Postgres, kind: str, literal: str
) -> None:
    postgres.run(f"CREATE TABLE things AS SELECT {literal}::{kind} AS c")
    error = refused(odbc(postgres_string(), schema=postgres.schema))
    assert "'c'" in error.message
    assert "types: {c: string}" in (error.hint or "")
    as_text = odbc(postgres_string(), schema=postgres.schema, types={"c": "string"})
    assert len(values(as_text)) == 1


def test_a_number_without_a_precision_is_refused_until_it_is_declared(postgres: Postgres) -> None:
    text = "1.123456789012345678901234567890"
    postgres.run(f"CREATE TABLE things AS SELECT {text}::numeric AS n, 1 AS id")
    error = refused(odbc(postgres_string(), schema=postgres.schema))
    assert "'n'" in error.message
    assert "types: {n: …}" in (error.hint or "")
    for declared, value in (("decimal(38,30)", Decimal(text)), ("string", text)):
        home = odbc(postgres_string(), schema=postgres.schema, types={"n": declared})
        assert values(home) == [value]
    with odbc(postgres_string(), schema=postgres.schema).open(
        ReadRequest("things", types={"n": "decimal(38,30)"})
    ) as source:
        assert source.schema.field("n").type == pa.decimal128(38, 30)
    assert (
        "'n'"
        in refused(odbc(postgres_string(), schema=postgres.schema, types={"n": "int64"})).message
    )


def test_an_instant_is_the_same_whatever_the_zone_of_the_session(postgres: Postgres) -> None:
    postgres.run("CREATE TABLE things AS SELECT '2024-10-27 00:30:00.000001Z'::timestamptz AS t")
    string = f"{postgres_string()};ConnSettings={{SET TimeZone TO 'Europe/Oslo'}}"
    moment = datetime(2024, 10, 27, 0, 30, 0, 1, UTC_ZONE)
    assert values(odbc(string, schema=postgres.schema)) == [moment]


@pytest.mark.parametrize("size", [3_000, 70_000])
def test_a_text_longer_than_said_raises_and_is_never_cut(postgres: Postgres, size: int) -> None:
    postgres.run(f"CREATE TABLE things AS SELECT repeat('ä', {size}) AS t")
    error = refused(odbc(postgres_string(), schema=postgres.schema, max_text_size=5000))
    assert "too large" in error.message
    assert "max_text_size" in (error.hint or "")
    home = odbc(postgres_string(), schema=postgres.schema, max_text_size="1MB")
    assert values(home) == ["ä" * size]


def test_wide_columns_are_fetched_in_few_rows(postgres: Postgres) -> None:
    postgres.run("CREATE TABLE things AS SELECT n, 'x'::text AS t FROM generate_series(1, 9) n")
    home = odbc(postgres_string(), schema=postgres.schema, max_text_size="1MB")
    with home.open(ReadRequest("things", batch_bytes=2**22)) as source:
        assert isinstance(source, OdbcSource)
        assert source.rows_at_once() == 4
        source.narrow(["n"])
        assert source.rows_at_once() == 65535
        assert source.schema.names == ["n"]


def test_a_query_and_a_condition_are_read(postgres: Postgres) -> None:
    postgres.run("CREATE TABLE things AS SELECT n FROM generate_series(1, 9) n")
    home = odbc(postgres_string(), schema=postgres.schema)
    assert values(home, where="n > 7 OR n = 1 -- why not") == [1, 8, 9]
    query = f"SELECT n + 1 AS m FROM {postgres.schema}.things ORDER BY n;"
    assert values(home, "any", query=query, where="m < 4") == [2, 3]
    error = refused(home, where="nothing = 1")
    assert 'column "nothing" does not exist' in error.message


def test_tables_of_other_schemas_are_found_by_both_names(postgres: Postgres) -> None:
    postgres.run("CREATE TABLE things AS SELECT 1 AS n")
    home, name = odbc(postgres_string()), f"{postgres.schema}.things"
    assert home.entities(f"{postgres.schema}.*") == [name]
    assert name not in home.entities()
    assert values(home, name) == [1]


@pytest.mark.parametrize(
    ("kind", "literal", "value"),
    [
        ("bit(1)", "1", True),
        ("int unsigned", "4294967295", 4294967295),
        ("bigint unsigned", "18446744073709551615", 18446744073709551615),
        ("float", "16777216", 16777216.0),
        ("decimal(65,30)", "12345678901234567890123456789012345.1", None),
        ("tinyint(1)", "-1", -1),
        ("time(6)", "'-00:00:00'", time(0)),
    ],
)
def test_what_the_driver_of_mariadb_changes_comes_whole(
    mariadb: MariaDb, kind: str, literal: str, value: object
) -> None:
    table = f"{mariadb.database}.things"
    mariadb.run(f"CREATE TABLE {table} (c {kind})")
    mariadb.run(f"INSERT INTO {table} VALUES ({literal})")
    expected = Decimal(literal) if value is None else value
    assert values(odbc(mariadb.connection())) == [expected]


@pytest.mark.parametrize(
    ("kind", "literal"),
    [
        ("date", "'0000-00-00'"),
        ("datetime", "'2024-00-01'"),
        ("time", "'-838:59:59'"),
        ("timestamp", "0"),
    ],
)
def test_what_mariadb_has_and_arrow_lacks_is_refused(
    mariadb: MariaDb, kind: str, literal: str
) -> None:
    table = f"{mariadb.database}.things"
    mariadb.run(f"CREATE TABLE {table} (c {kind} NULL)")
    mariadb.run(f"INSERT INTO {table} VALUES ({literal})")
    assert "'c'" in refused(odbc(mariadb.connection())).message
    assert len(values(odbc(mariadb.connection(), types={"c": "string"}))) == 1


def test_an_instant_of_mariadb_is_the_same_in_any_zone(mariadb: MariaDb) -> None:
    table = f"{mariadb.database}.things"
    mariadb.run(f"CREATE TABLE {table} (c timestamp(6) NULL)")
    mariadb.run(f"INSERT INTO {table} VALUES ('2024-10-27 00:30:00.000001'), (NULL)")
    string = f"{mariadb.connection()};INITSTMT=SET time_zone='+05:00'"
    moment = datetime(2024, 10, 27, 0, 30, 0, 1, UTC_ZONE)
    assert values(odbc(string)) == [moment, None]


def test_a_text_of_mariadb_longer_than_said_raises(mariadb: MariaDb) -> None:
    mariadb.run(f"CREATE TABLE {mariadb.database}.things AS SELECT repeat('ä', 9000) AS t")
    assert "too large" in refused(odbc(mariadb.connection(), max_text_size=5000)).message
    assert values(odbc(mariadb.connection())) == ["ä" * 9000]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("integer", 2**40), ("integer", -(2**63)), ("double", 0.1 + 0.2), ("double", 5e-324),
     ("double", 1.7976931348623157e308), ("varchar(3)", "longer than three"),
     ("timestamp", "2024-01-01 00:00:00.5")],
)  # fmt: skip
def test_what_the_driver_of_sqlite_cuts_comes_whole(
    tmp_path: Path, kind: str, value: object
) -> None:
    file = Sqlite(tmp_path)
    file.run(f"CREATE TABLE things (c {kind})")
    file.run("INSERT INTO things VALUES (?)", [(value,), (None,)])
    assert values(odbc(file.connection())) == [value, None]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("integer", "text"), ("integer", 1.5), ("double", "text"), ("text", b"blob"),
     ("text", "cut\0here"), ("blob", "text"), ("boolean", 7), ("date", 20240101)],
)  # fmt: skip
def test_a_value_of_another_kind_is_refused(tmp_path: Path, kind: str, value: object) -> None:
    file = Sqlite(tmp_path)
    file.run(f"CREATE TABLE things (id integer, c {kind})")
    file.run("INSERT INTO things VALUES (?, ?)", [(1, None), (2, value)])
    error = refused(odbc(file.connection()))
    assert "'c'" in error.message
    assert "types: {c: " in (error.hint or "")


def test_a_column_that_may_hold_anything_is_refused_until_it_is_declared(tmp_path: Path) -> None:
    file = Sqlite(tmp_path)
    file.run("CREATE TABLE things (n numeric, m decimal(9,2), x)")
    file.run("INSERT INTO things VALUES (?, ?, ?)", [(2**60, 1.25, "y")])
    assert all(f"'{name}'" in refused(odbc(file.connection())).message for name in ("n", "m"))
    home = odbc(file.connection(), types={"n": "int64", "m": "decimal(9,2)"})
    assert values(home) == [2**60]


def test_an_unknown_driver_is_named_with_a_way_out() -> None:
    driver("SQLite3")
    error = refused(odbc("Driver={No Such Driver};PWD=geheim"))
    assert "No Such Driver" in error.message
    assert "odbcinst -q -d" in (error.hint or "")
    assert "geheim" not in f"{error.message}{error.hint}"


def test_a_wrong_password_is_told_without_it(mariadb: MariaDb) -> None:
    string = re.sub("UID=[^;]*;PWD=[^;]*;", "", mariadb.connection())
    beside = {"user": "nobody", "password": "ge}heim;x"}
    for settings in (
        {"connection": f"{string};UID=nobody;PWD=ge}}heim"},
        {"connection": string, **beside},
    ):
        home = HomeConfig.create({"type": "odbc", **settings}).home(ProjectContext(Path("/")))
        with pytest.raises(HomeError, match="Access denied") as raised:
            home.check()
        assert "heim" not in f"{raised.value.message}{raised.value.hint}"
        assert home.retry_after(raised.value) is None
        assert "user and password" in (raised.value.hint or "")


def test_a_server_that_is_not_there_may_come() -> None:
    string = f"{driver('PostgreSQL Unicode')};Server=127.0.0.1;Port=1;Database=x;UID=x"
    with pytest.raises(HomeError, match="refused") as raised:
        odbc(string).check()
    assert odbc(string).retry_after(raised.value) is not None
    assert "server runs" in (raised.value.hint or "")


def test_a_statement_ends_after_its_time(postgres: Postgres) -> None:
    slow = "SELECT pg_sleep(20)::text AS s, n FROM generate_series(1, 2) n"
    postgres.run(f"CREATE VIEW things AS {slow}")
    home = odbc(postgres_string(), schema=postgres.schema, statement_timeout="1s")
    error = refused(home)
    assert "timeout" in error.message
    assert "statement_timeout" in (error.hint or "")
    assert home.retry_after(error) is None


def test_a_database_that_is_not_there_is_not_tried_again() -> None:
    string = postgres_string().replace("Database=test", "Database=nothing")
    with pytest.raises(HomeError, match="does not exist") as raised:
        odbc(string).check()
    assert odbc(string).retry_after(raised.value) is None


def test_a_data_source_of_the_system_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Sqlite(tmp_path)
    file.run("CREATE TABLE things AS SELECT 1 AS n")
    name = driver("SQLite3").removeprefix("Driver={").removesuffix("}")
    ini = tmp_path / "odbc.ini"
    ini.write_text(f"[books]\nDriver = {name}\nDatabase = {file.path}\n")
    monkeypatch.setenv("ODBCINI", str(ini))
    config = HomeConfig.create({"type": "odbc", "dsn": "books", "types": {"n": "int64"}})
    assert values(config.home(ProjectContext(tmp_path))) == [1]


def test_a_system_without_odbc_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    odbc_driver._library.cache_clear()
    with pytest.raises(HomeError, match="unixODBC") as raised:
        odbc("Driver={x}").check()
    odbc_driver._library.cache_clear()
    assert "apt install unixodbc" in (raised.value.hint or "")


def test_a_connection_string_is_taken_apart_and_completed() -> None:
    config = HomeConfig.create(
        {
            "type": "odbc",
            "connection": "driver={My {Driver}}};Server = db ; PWD={a;b}}c};",
            "user": "me",
        }
    )
    assert isinstance(config, OdbcSettings)
    assert config.parts() == {"driver": "My {Driver}", "server": "db", "pwd": "a;b}c"}
    assert config.text().endswith(";UID=me;")
    assert config.shown() == "db"
    dialect = dialect_of("PostgreSQL")
    assert "UseDeclareFetch=1" in config.text(dialect)
    own = HomeConfig.create({"type": "odbc", "connection": "Driver=x;usedeclarefetch=0"})
    assert isinstance(own, OdbcSettings)
    assert "UseDeclareFetch=1" not in own.text(dialect)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "connection"),
        ({"connection": "Driver=x", "dsn": "y"}, "connection"),
        ({"connection": "not a connection string"}, "Name=value"),
        ({"connection": "Driver=x", "types": {"c": "nonsense"}}, "no such type"),
    ],
)
def test_settings_that_say_nothing_useful_are_refused(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        HomeConfig.create({"type": "odbc", **settings})


def column(
    name: str, code: int, size: int = 0, digits: int = 0, *, unsigned: bool = False
) -> Column:
    return Column("c", name, code, size, digits, True, unsigned)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (column("float", 6, 53), pa.float64()),
        (column("float8", 7), pa.float64()),
        (column("real", 7), pa.float32()),
        (column("tinyint", -6, unsigned=True), pa.uint8()),
        (column("number", 3, 38, 10), pa.decimal128(38, 10)),
        (column("number", 2, 60, 10), pa.decimal256(60, 10)),
        (column("datetime2", 93, 27, 7), pa.timestamp("ns")),
        (column("datetime", 93, 23, 3), pa.timestamp("us")),
        (column("timestamp without time zone", 93, 26, 6), pa.timestamp("us")),
        (column("guid", -11, 36), pa.string()),
        (column("blob", -4), pa.binary()),
    ],
)  # fmt: skip
def test_the_types_of_any_other_driver_are_those_of_the_standard(
    told: Column, kind: pa.DataType
) -> None:
    assert dialect_of("Some Database").rule(told, '"c"').field.type == kind


@pytest.mark.parametrize(
    "told",
    [
        column("number", 3, 0, 0),
        column("number", 2, 100, 2),
        column("number", 2, 5, 9),
        column("timestamp with time zone", 93, 26, 6),
        column("datetimeoffset", 93, 34, 6),
        column("timestamptz", 93, 26, 6),
    ],
)
def test_what_any_other_driver_may_change_is_refused(told: Column) -> None:
    with pytest.raises(UnsafeError):
        dialect_of("Some Database").rule(told, '"c"')
