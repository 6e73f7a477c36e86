"""A range of a column asked of each database: fewer rows come, and none that the flow wants."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from servers import Mysql, Postgres
from tsql import Notebook, assert_tsql

from hygge.connector import HomeConfig, ProjectContext, ReadRequest, Span
from hygge.connectors.mssql.range_condition import condition as tds_condition

Settings = dict[str, Any]


@pytest.fixture(autouse=True, params=["Pacific/Chatham"])
def odd_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run in a zone whose clock no server has."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@dataclass(frozen=True)
class Place:
    """A table `t` in a home, with a column `v`."""

    settings: Settings
    root: Path

    def rows(self, span: Span | None = None, splits: int = 1, **more: Any) -> pa.Table:  # noqa: ANN401
        request = ReadRequest("t", watermark=None, **more)
        home = HomeConfig.create(self.settings).home(ProjectContext(self.root))
        with home.open(request) as source:
            if span is not None:
                source.within(span)
            found = []
            for split in source.splits(splits):
                with source.read(split) as reader:
                    found.append(reader.read_all())
            return pa.concat_tables(found)


def inside(table: pa.Table, span: Span) -> list[int]:
    """Return the ids of rows in a range, and of rows without a value, as Arrow compares."""
    values = table["v"]
    kept = pc.invert(pc.is_null(values, nan_is_null=True))
    if span.low is not None:
        kept = pc.and_kleene(kept, pc.greater_equal(values, span.low))
    if span.high is not None:
        kept = pc.and_kleene(kept, pc.less(values, span.high))
    kept = pc.or_kleene(kept, pc.is_null(values, nan_is_null=True))
    return sorted(table["id"].filter(kept).to_pylist())


def assert_same(
    place: Place,
    *,
    exact: bool = True,
    pairs: bool = True,
    **more: Any,  # noqa: ANN401
) -> None:
    """Ask for ranges between all pairs of values; what comes must be what is inside.

    Without `pairs`, for ranges to each value and from each, which the same condition asks for.
    """
    whole = place.rows(**more)
    missing = pc.is_null(whole["v"], nan_is_null=True)
    values = list(whole.filter(pc.invert(missing))["v"].unique())
    ends = [(low, high) for low in [None, *values] for high in [None, *values]]
    if not pairs:
        ends = [one for one in ends if None in one or one == (values[0], values[-1])]
    for span in (Span("v", *one) for one in ends):
        come = place.rows(span, **more)
        assert inside(come, span) == inside(whole, span), span
        if exact:
            assert sorted(come["id"].to_pylist()) == inside(whole, span), span


PG = {
    "smallint": ["-32768", "-1", "0", "32767", None],
    "bigint": ["-9223372036854775808", "-9007199254740993", "0", "9223372036854775807", None],
    "real": ["0.1", "-0.0", "0", "3.4028235e38", "'NaN'", None],
    "double precision": ["0.1", "0.30000000000000004", "1e-308", "-1.7e308", "'NaN'", None],
    "numeric(38,10)": ["0.0000000001", "-9999999999999999999999999999.9999999999", "5", None],
    "date": ["'0001-01-01'", "'1969-12-31'", "'2026-02-28'", "'9999-12-31'", None],
    "timestamp": ["'1969-12-31 23:59:59.999999'", "'2026-03-29 02:30:00'", "'0001-01-01'", None],
    "timestamptz": [
        "'2026-10-25 00:30:00+00'", "'2026-10-25 01:30:00+00'", "'2026-10-25 01:30:00.000001+00'",
        "'0001-01-02 00:00:00+00'", "'9999-12-31 00:00:00+00'", None,
    ],
    "text": ["'a'", "'B'", "'ä'", "'a '", "''", "e'\\\\'", "'it''s'", "'\U0001f600'", None],
    "varchar(5)": ["'a'", "'B'", "'a '", None],
}  # fmt: skip


@pytest.mark.parametrize("kind", PG)
def test_postgres_leaves_out_what_is_outside(tmp_path: Path, postgres: Postgres, kind: str) -> None:
    postgres.run(f'CREATE TABLE t (id int, "v" {kind})')
    for number, value in enumerate(PG[kind]):
        postgres.run(f"INSERT INTO t VALUES ({number}, {value or 'NULL'})")
    zone = postgres.url_with("options=-c%20TimeZone%3DAsia/Kathmandu")
    assert_same(Place(postgres.settings(), tmp_path))
    assert_same(Place(postgres.settings(url=zone), tmp_path), pairs="time" in kind)
    assert_same(Place(postgres.settings(), tmp_path), pairs=False, where="id > 0 OR true -- all")
    query = f"SELECT * FROM {postgres.schema}.t"
    assert_same(Place(postgres.settings(), tmp_path), pairs=False, query=query)


@pytest.mark.parametrize(
    ("kind", "values"),
    {
        "char(4)": ["'a'", "'a  '", "'B'"],
        "uuid": ["'00000000-0000-0000-0000-000000000001'"],
        "date": ["'4713-01-01 BC'", "'12026-01-01'", "'2026-01-01'"],
        "timestamp": ["'4713-01-01 BC'", "'12026-01-01'", "'2026-01-01'"],
    }.items(),
)
def test_postgres_leaves_to_the_flow_what_is_not_sure(
    tmp_path: Path, postgres: Postgres, kind: str, values: list[str]
) -> None:
    postgres.run(f"CREATE TABLE t (id int, v {kind})")
    for number, value in enumerate(values):
        postgres.run(f"INSERT INTO t VALUES ({number}, {value})")
    place = Place(postgres.settings(), tmp_path)
    if kind == "uuid":
        assert len(place.rows(Span("v", pa.scalar("x"))).to_pylist()) == 1
    else:
        assert_same(place, exact=False)


def test_postgres_as_text_is_left_to_the_flow(tmp_path: Path, postgres: Postgres) -> None:
    postgres.run("CREATE TABLE t AS SELECT 1 AS id, 10 AS v UNION ALL SELECT 2, 9")
    assert_same(Place(postgres.settings(), tmp_path), exact=False, types={"v": "string"})


def test_postgres_reads_few_rows_by_index_and_many_by_pages(
    tmp_path: Path, postgres: Postgres
) -> None:
    postgres.run(
        "CREATE TABLE t AS SELECT g AS id, g AS v, repeat('x', 200) AS fill "
        "FROM generate_series(1, 200000) g"
    )
    postgres.run("CREATE INDEX ON t (v)")
    postgres.run("VACUUM ANALYZE t")
    home = HomeConfig.create(postgres.settings()).home(ProjectContext(tmp_path))
    for low, number in ((199_990, 1), (10, 4), (None, 4)):
        with home.open(ReadRequest("t")) as source:
            source.within(Span("v", None if low is None else pa.scalar(low, pa.int32())))
            splits = source.splits(4)
            assert len(splits) == number
            count = 0
            for split in splits:
                with source.read(split) as reader:
                    count += reader.read_all().num_rows
            assert count == 200_001 - (low or 1)


MARIA = {
    "tinyint": ["-128", "0", "127", None],
    "bigint": ["-9223372036854775808", "9007199254740993", "9223372036854775807", None],
    "bigint unsigned": ["0", "9223372036854775808", "18446744073709551615", None],
    "decimal(38,10)": ["0.0000000001", "-9999999999999999999999999999.9999999999", "5", None],
    "double": ["0.1e0", "0.30000000000000004e0", "1e-307", "-1.7e308", None],
    "date": ["'0001-01-01'", "'1969-12-31'", "'2026-02-28'", "'9999-12-31'", None],
    "datetime": ["'1969-12-31 23:59:59'", "'2026-03-29 02:30:00'", None],
    "datetime(6)": ["'1000-01-01'", "'2026-03-29 02:30:00.000001'", "'2026-03-29 02:30:00'", None],
    "timestamp(6)": ["'2026-10-25 00:30:00.000001'", "'2026-10-25 01:30:00'", "'1970-01-02'", None],
    "varchar(9) collate utf8mb4_nopad_bin": [
        "'a'",
        "'B'",
        "'ä'",
        "'a '",
        "''",
        "'\\\\'",
        "'it''s'",
        "'a\\t'",
        None,
    ],
    "varchar(9) character set latin1 collate latin1_nopad_bin": ["'a'", "'B'", "'ä'", "'z'", None],
    "char(4) collate utf8mb4_bin": ["'a'", "'a '", "'B'", None],
    "text": ["'\U0001f600'", "'\uffee'", "'a'", None],
}


@pytest.mark.parametrize("kind", MARIA)
def test_mysql_leaves_out_what_is_outside(tmp_path: Path, mysql: Mysql, kind: str) -> None:
    null = " NULL" if kind.startswith("timestamp") else ""
    mysql.run(f"CREATE TABLE t (id int, v {kind}{null}) DEFAULT CHARSET utf8mb4")
    for number, value in enumerate(MARIA[kind]):
        mysql.run(f"INSERT INTO t VALUES ({number}, {value or 'NULL'})")
    assert_same(Place(mysql.settings(), tmp_path))
    assert_same(Place(mysql.settings(), tmp_path), pairs=False, where="id > 0 OR true -- all")
    assert_same(Place(mysql.settings(), tmp_path), pairs=False, query="SELECT * FROM t")


@pytest.mark.parametrize("kind", ["float", "year", "bit(8)", "enum('b', 'a')"])
def test_mysql_leaves_to_the_flow_what_is_not_sure(tmp_path: Path, mysql: Mysql, kind: str) -> None:
    mysql.run(f"CREATE TABLE t (id int, v {kind})")
    for number in range(1, 3):
        mysql.run(f"INSERT INTO t VALUES ({number}, {number})")
    assert_same(Place(mysql.settings(), tmp_path), exact=False)


DUCK = {
    "BIGINT": ["-9223372036854775808", "9007199254740993", "9223372036854775807", None],
    "UBIGINT": ["0", "9223372036854775808", "18446744073709551615", None],
    "DECIMAL(38,10)": ["'0.0000000001'", "'-9999999999999999999999999999.9999999999'", "5", None],
    "FLOAT": ["0.1", "-0.0", "0", "'NaN'", None],
    "DOUBLE": ["0.1", "0.30000000000000004", "'1e-308'", "-1.7e308", "'NaN'", None],
    "DATE": ["'0001-01-01'", "'1969-12-31'", "'9999-12-31'", None],
    "TIMESTAMP": ["'0001-01-01'", "'2026-03-29 02:30:00.000001'", "'2026-03-29 02:30:00'", None],
    "TIMESTAMP_S": ["'0001-01-01'", "'2026-03-29 02:30:01'", None],
    "TIMESTAMP_NS": ["'1700-01-01'", "'2026-03-29 02:30:00.123456789'", "'2026-03-29'", None],
    "TIMESTAMPTZ": ["'2026-10-25 00:30:00+00'", "'2026-10-25 01:30:00.000001+00'", None],
    "VARCHAR": ["'a'", "'B'", "'ä'", "'a '", "''", "'\\'", "'it''s'", None],
    "VARCHAR COLLATE NOCASE": ["'a'", "'B'", "'b'", None],
}


@pytest.mark.parametrize("kind", DUCK)
def test_duckdb_leaves_out_what_is_outside(tmp_path: Path, kind: str) -> None:
    with duckdb.connect(tmp_path / "x.duckdb") as made:
        made.execute(f"CREATE TABLE t (id int, v {kind})")
        for number, value in enumerate(DUCK[kind]):
            made.execute(f"INSERT INTO t VALUES ({number}, {value or 'NULL'})")
    place = Place({"type": "duckdb", "path": "x.duckdb"}, tmp_path)
    assert_same(place)
    assert_same(place, pairs=False, where="id > 0 OR true -- all")
    assert_same(place, pairs=False, query="SELECT * FROM t")


@pytest.mark.parametrize("splits", [1, 3])
def test_sqlite_leaves_out_whole_numbers(tmp_path: Path, splits: int) -> None:
    with sqlite3.connect(tmp_path / "x.db") as made:
        made.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)")
        values = [-(2**63), -1, 0, 2**53 + 1, 2**63 - 1, None]
        made.executemany("INSERT INTO t (v) VALUES (?)", [(value,) for value in values])
    place = Place({"type": "sqlite", "path": "x.db"}, tmp_path)
    assert_same(place)
    assert_same(place, where="id > 0 OR true -- all")
    assert_same(place, query="SELECT * FROM t")
    with sqlite3.connect(tmp_path / "x.db") as made:
        made.execute("INSERT INTO t (v) SELECT g FROM (WITH RECURSIVE n(g) AS (SELECT 1 UNION ALL "
                     "SELECT g + 1 FROM n WHERE g < 20000) SELECT g FROM n)")  # fmt: skip
    assert place.rows(Span("v", pa.scalar(19_999)), splits).num_rows == 5


def test_sqlite_still_tells_of_a_text_in_a_column_of_numbers(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.db") as made:
        made.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)")
        made.execute("INSERT INTO t (v) VALUES (1), ('late'), (3)")
    place = Place({"type": "sqlite", "path": "x.db"}, tmp_path)
    for span in (Span("v", pa.scalar(3)), Span("v", None, pa.scalar(2))):
        with pytest.raises(Exception, match="late"):
            place.rows(span)


@pytest.mark.parametrize("declared", ["TIMESTAMP", "DATE", "TEXT", "REAL", "DECIMAL(9,2)"])
def test_sqlite_leaves_other_types_to_the_flow(tmp_path: Path, declared: str) -> None:
    with sqlite3.connect(tmp_path / "x.db") as made:
        made.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {declared})")
        made.execute("INSERT INTO t (v) VALUES ('2026-01-01'), ('2026-01-02'), (NULL)"
                     if declared[0] in "TD" and declared[:3] != "DEC"
                     else "INSERT INTO t (v) VALUES (1.5), (2), (NULL)")  # fmt: skip
    assert_same(Place({"type": "sqlite", "path": "x.db"}, tmp_path), exact=False)


def whole(kind: pa.DataType) -> pa.Array:
    return pa.array([None, *range(1, 10)], pa.int64()).cast(kind)


PARQUET: dict[str, Callable[[], pa.Array]] = {
    "int64": lambda: whole(pa.int64()),
    "uint64": lambda: pa.array([None, 0, 1, 2**63, 2**64 - 1], pa.uint64()),
    "seconds": lambda: whole(pa.timestamp("s")),
    "nanoseconds": lambda: whole(pa.timestamp("ns", "UTC")),
    "date": lambda: pa.array([None, 1, 2, 3, 4, 5], pa.int32()).cast(pa.date32()),
    "decimal": lambda: whole(pa.decimal128(21, 2)),
    "string": lambda: pa.array([None, "a", "ä", "b" * 300, "b", "\U0001f600"]),
}


@pytest.mark.parametrize("name", PARQUET)
def test_parquet_leaves_out_row_groups(tmp_path: Path, name: str) -> None:
    values = PARQUET[name]()
    table = pa.table({"id": range(len(values)), "v": values})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=1)
    assert_same(Place({"type": "parquet", "path": "."}, tmp_path))


def test_parquet_reads_groups_whose_nulls_or_nans_nobody_counted(tmp_path: Path) -> None:
    place = Place({"type": "parquet", "path": "."}, tmp_path)
    floats = pa.table({"id": range(4), "v": [1.0, float("nan"), 5.0, 6.0]})
    pq.write_table(floats, tmp_path / "t.parquet", row_group_size=2)
    assert_same(place, exact=False)
    nulls = pa.table({"id": range(4), "v": [1, None, 5, 6]})
    pq.write_table(nulls, tmp_path / "t.parquet", row_group_size=2)
    assert place.rows(Span("v", pa.scalar(6))).num_rows == 4
    pq.write_table(nulls, tmp_path / "t.parquet", row_group_size=2, write_statistics=False)
    assert place.rows(Span("v", pa.scalar(100))).num_rows == 4


TDS = {
    "bigint": pa.scalar(-(2**63)),
    "decimal(38,10)": pa.scalar("1.5").cast(pa.decimal128(38, 10)),
    "float": pa.scalar(0.1),
    "date": pa.scalar(20_000, pa.int32()).cast(pa.date32()),
    "datetime": pa.scalar(1, pa.timestamp("us")),
    "smalldatetime": pa.scalar(1, pa.timestamp("us")),
    "datetime2(7)": pa.scalar(1, pa.timestamp("us")),
    "datetimeoffset(7)": pa.scalar(1, pa.timestamp("us", "UTC")),
}


@pytest.mark.parametrize("kind", TDS)
def test_sql_server_is_asked_in_its_own_words(kind: str) -> None:
    notebook = Notebook({})
    for span in (Span("v", TDS[kind]), Span("v", TDS[kind], TDS[kind])):
        asked = tds_condition(span, "[v]", kind)
        assert asked is not None
        assert "[v] IS NULL" in asked
        notebook(f"SELECT 1 AS a FROM t WHERE {asked}")
    for statement in notebook.statements:
        assert_tsql(statement)


def test_sql_server_leaves_texts_to_the_flow() -> None:
    assert tds_condition(Span("v", pa.scalar("a")), "[v]", "nvarchar(10)") is None
