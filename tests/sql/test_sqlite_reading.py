"""What a SQLite home makes of declarations and of values that contradict them."""

from __future__ import annotations

import datetime as dt
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from sqlite_tables import opened, run

from hygge.connector import Home, HomeConfig, ProjectContext, ReadRequest
from hygge.errors import HomeError, LateTypeError
from hygge.testing.reading import read_split


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


def home_of(file: Path, **settings: object) -> Home:
    data = {"type": "sqlite", "path": str(file), **settings}
    return HomeConfig.create(data).home(ProjectContext(file.parent))


def read(file: Path, entity: str = "t", *, wanted: int = 1, **asked: Any) -> pa.Table:  # noqa: ANN401
    with home_of(file).open(ReadRequest(entity, **asked)) as source:
        return pa.concat_tables([read_split(source, one) for one in source.splits(wanted)])


def make(file: Path, *statements: str) -> None:
    with opened(file) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    ("declared", "stored", "kind", "value"),
    [
        ("INTEGER", "42", pa.int64(), 42),
        ("unsigned big int", str(2**63 - 1), pa.int64(), 2**63 - 1),
        ("TINYINT(1)", "7", pa.int64(), 7),
        ("bool", "1", pa.bool_(), True),
        ("double precision", "0.1", pa.float64(), 0.1),
        ("FLOAT", "3", pa.float64(), 3.0),
        ("varchar(10)", "'007'", pa.string(), "007"),
        ("CLOB", "12", pa.string(), "12"),
        ("blob", "x'00ff'", pa.binary(), b"\0\xff"),
        ("DECIMAL(10,2)", "1.1", pa.decimal128(10, 2), Decimal("1.10")),
        ("numeric(20)", str(10**18), pa.decimal128(20, 0), Decimal(10**18)),
        ("decimal( 5 , 4 )", "'0.1000'", pa.decimal128(5, 4), Decimal("0.1000")),
        ("DECIMAL_TEXT(40,5)", "'12345678901234567890.12345'", pa.decimal256(40, 5),
         Decimal("12345678901234567890.12345")),
        ("date", "'2024-02-29'", pa.date32(), dt.date(2024, 2, 29)),
        ("TIME", "'23:59:59.5'", pa.time64("us"), dt.time(23, 59, 59, 500000)),
        ("datetime", "'2024-02-29T01:02:03'", pa.timestamp("us"),
         dt.datetime(2024, 2, 29, 1, 2, 3)),
        ("TIMESTAMP", "'2024-02-29 01:02'", pa.timestamp("us"), dt.datetime(2024, 2, 29, 1, 2)),
        ("timestamp with time zone", "'2024-02-29 01:00:00+01:00'", pa.timestamp("us", "UTC"),
         dt.datetime(2024, 2, 29, tzinfo=dt.UTC)),
        ("uuid", "'00000000-0000-0000-0000-00000000000A'", pa.uuid(), UUID(int=10)),
        ("UUID", "x'0000000000000000000000000000000a'", pa.uuid(), UUID(int=10)),
        ("JSON", "'{\"a\": 1}'", pa.string(), '{"a": 1}'),
        ("", "1.5", pa.float64(), 1.5),
        ("MONEY", "'x'", pa.string(), "x"),
        ("STRING", "'007'", pa.int64(), 7),
        ("numeric", "NULL", pa.null(), None),
    ],
)  # fmt: skip
def test_a_declaration_tells_the_type(
    file: Path, declared: str, stored: str, kind: pa.DataType, value: object
) -> None:
    make(file, f"CREATE TABLE t (a {declared})", f"INSERT INTO t VALUES (NULL), ({stored})")
    column = read(file).column("a")
    assert column.type == kind
    assert column.to_pylist() == [None, value]


@pytest.mark.parametrize(
    ("declared", "stored", "shown"),
    [
        ("INTEGER", "'abc'", "the text 'abc'"),
        ("INTEGER", "1.5", "the real '1.5'"),
        ("BIGINT", "x'00ff'", "the blob '00FF'"),
        ("BOOLEAN", "2", "the integer '2'"),
        ("BOOLEAN", "'true'", "the text 'true'"),
        ("REAL", "'n/a'", "the text 'n/a'"),
        ("TEXT", "x'ff'", "the blob 'FF'"),
        ("TEXT", "CAST(x'61ff' AS TEXT)", "the text"),
        ("BLOB", "'text'", "the text 'text'"),
        ("DECIMAL(10,2)", "0.125", "the real '0.125'"),
        ("DECIMAL(10,2)", "'1,5'", "the text '1,5'"),
        ("DECIMAL(4,2)", "100", "the integer '100'"),
        ("DECIMAL(4,2)", "9e999", "the real 'Inf'"),
        ("DATE", "20240229", "the integer '20240229'"),
        ("DATE", "'29.02.2024'", "the text '29.02.2024'"),
        ("DATE", "'2023-02-29'", "the text '2023-02-29'"),
        ("TIMESTAMP", "1709164800", "the integer '1709164800'"),
        ("TIMESTAMP", "'2024-02-29 00:00:00Z'", "the text '2024-02-29 00:00:00Z'"),
        ("TIMESTAMPTZ", "'2024-02-29 00:00:00'", "the text '2024-02-29 00:00:00'"),
        ("TIMESTAMP", "'2024-02-29 00:00:00.1234567'", "the text"),
        ("TIME", "'24:00:00'", "the text '24:00:00'"),
        ("UUID", "'not one'", "the text 'not one'"),
    ],
)
def test_a_value_that_contradicts_its_declaration_is_named(
    file: Path, declared: str, stored: str, shown: str
) -> None:
    good = {"BOOLEAN": "1", "BLOB": "x''"}.get(declared, "NULL")
    make(
        file,
        f'CREATE TABLE t ("the column" {declared}, other TEXT)',
        f'INSERT INTO t(rowid, "the column") VALUES (5, {good}), (6, NULL), (77, {stored})',
    )
    with pytest.raises(HomeError) as raised:
        read(file)
    assert "'the column' of t" in raised.value.message
    assert "row 77" in raised.value.message
    assert shown in raised.value.message
    assert declared in raised.value.message
    way = "binary" if declared == "TEXT" else "string"
    assert f"columns: {{the column: {{type: {way}}}}}" in (raised.value.hint or "")
    assert home_of(file).retry_after(raised.value) is None


def test_a_column_read_as_text_shows_every_value_but_bytes(file: Path) -> None:
    values = "(1), (1.5), ('abc'), (NULL), (0.1), (1e300), (9007199254740993)"
    make(file, "CREATE TABLE t (a INTEGER)", f"INSERT INTO t VALUES {values}")
    column = read(file, types={"a": "string"}).column("a").to_pylist()
    assert column[:4] == ["1", "1.5", "abc", None]
    assert [float(text) for text in column[4:6]] == [0.1, 1e300]
    assert column[6] == "9007199254740993"


def test_numbers_of_a_declared_date_are_read_where_numbers_are_wanted(file: Path) -> None:
    make(file, "CREATE TABLE t (at TIMESTAMP)", "INSERT INTO t VALUES (1709164800), (NULL)")
    assert read(file, types={"at": "int64"}).column("at").to_pylist() == [1709164800, None]


def test_a_whole_number_that_a_float_cannot_hold_is_an_error(file: Path) -> None:
    make(file, "CREATE TABLE t (a)", "INSERT INTO t VALUES (1.5), (9007199254740993)")
    with pytest.raises(HomeError, match="9007199254740993"):
        read(file, thorough=True)


def test_a_late_value_of_another_type_starts_again_with_all_values(file: Path) -> None:
    make(
        file,
        "CREATE TABLE t (a)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) "
        "INSERT INTO t SELECT i FROM n",
        "INSERT INTO t VALUES ('late')",
    )
    with pytest.raises(LateTypeError, match="late"):
        read(file)
    assert read(file, thorough=True).column("a").to_pylist()[-2:] == ["12000", "late"]


def numbers(rows: int) -> str:
    return (
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) "
        "INSERT INTO t SELECT {} FROM n"
    )


@pytest.mark.parametrize(
    ("table", "insert", "most"),
    [
        ("CREATE TABLE t (i INTEGER PRIMARY KEY)", "i * 1000 - 9000000", 4),
        ("CREATE TABLE t (i INTEGER PRIMARY KEY)", "i * i * i", 4),
        ("CREATE TABLE t (rowid TEXT, i INTEGER)", "'x', i", 4),
        ("CREATE TABLE t (rowid TEXT, oid TEXT, _rowid_ TEXT, i INTEGER)", "'', '', '', i", 1),
        ("CREATE TABLE t (i INTEGER PRIMARY KEY) WITHOUT ROWID", "i", 1),
    ],
)
def test_ranges_of_rows_are_exactly_the_table(
    file: Path, table: str, insert: str, most: int
) -> None:
    make(file, table, numbers(20_000).format(insert))
    with home_of(file).open(ReadRequest("t")) as source:
        splits = source.splits(4)
        assert len(splits) == most
        with ThreadPoolExecutor(4) as pool:
            tables = list(pool.map(lambda one: read_split(source, one), splits))
    rows = pa.concat_tables(tables).column("i").to_pylist()
    assert rows == [i for (i,) in run(file, "SELECT i FROM t ORDER BY 1")]


def test_ends_of_row_numbers_are_read(file: Path) -> None:
    edges = [-(2**63), -1, 0, 2**63 - 1]
    make(file, "CREATE TABLE t (i INTEGER PRIMARY KEY)")
    with opened(file) as connection:
        connection.executemany("INSERT INTO t VALUES (?)", [(edge,) for edge in edges])
    assert read(file, wanted=7).column("i").to_pylist() == edges


def test_views_generated_columns_and_virtual_tables_are_read(file: Path) -> None:
    make(
        file,
        "CREATE TABLE t (a INTEGER NOT NULL, b INTEGER GENERATED ALWAYS AS (a * 2) VIRTUAL, "
        "c TEXT GENERATED ALWAYS AS ('x' || a) STORED)",
        "INSERT INTO t(a) VALUES (1), (2)",
        "CREATE VIEW v AS SELECT a, b + 1 AS d, c FROM t",
        "CREATE VIRTUAL TABLE f USING fts5(body)",
        "INSERT INTO f VALUES ('words')",
    )
    assert read(file).to_pydict() == {"a": [1, 2], "b": [2, 4], "c": ["x1", "x2"]}
    assert read(file, "v", wanted=3).to_pydict() == {"a": [1, 2], "d": [3, 5], "c": ["x1", "x2"]}
    assert read(file, "f").column("body").to_pylist() == ["words"]
    assert home_of(file).entities() == ["f", "t", "v"]
    facts = {one.name: one for one in home_of(file).survey()}
    assert [facts[name].kind for name in ("f", "t", "v")] == ["virtual table", "table", "view"]
    assert not facts["t"].schema.field("a").nullable
    assert [facts[name].rows for name in ("f", "t", "v")] == [None, 2, None]


def test_a_broken_view_hides_no_other_table(file: Path) -> None:
    make(file, "CREATE TABLE t (a INTEGER)", "CREATE TABLE u (a INTEGER)")
    make(file, "CREATE VIEW v AS SELECT a FROM u", "DROP TABLE u")
    kinds = {one.name: one.kind for one in home_of(file).survey()}
    assert kinds == {"t": "table", "v": "broken view"}
    with pytest.raises(HomeError, match="no such table: main"):
        read(file, "v")


def test_what_is_not_wanted_is_not_read(file: Path) -> None:
    make(
        file,
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER, c TEXT)",
        "INSERT INTO t VALUES (1, 'bad', 'x'), (2, 3, 'y'), (3, 4, 'z')",
    )
    with home_of(file).open(ReadRequest("t", where="a > 1 -- so\nOR a IS NULL")) as source:
        assert source.primary_key == ("a",)
        source.narrow(["c", "a"])
        assert source.schema.names == ["a", "c"]
        (split,) = source.splits(1)
        assert read_split(source, split).to_pylist() == [{"a": 2, "c": "y"}, {"a": 3, "c": "z"}]
    query = "SELECT sum(a) AS s, 'Ä' AS \"two words\" FROM t -- all;\n"
    assert read(file, "any", query=query).to_pylist() == [{"s": 6, "two words": "Ä"}]
    assert read(file, "any", query=query, where="s > 6").num_rows == 0
    with pytest.raises(HomeError, match=r"query of any is rejected: .*no such column: zz"):
        read(file, "any", query="SELECT zz FROM t")
    for evil in ("DROP TABLE t", "SELECT 1; DROP TABLE t", "ATTACH 'x.db' AS x"):
        with pytest.raises(HomeError):
            read(file, "any", query=evil)
    assert run(file, "SELECT count(*) FROM t") == [(3,)]


WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=1, isolation_level=None)
for line in sys.stdin:
    try:
        print(len(connection.execute(line).fetchall()), flush=True)
    except sqlite3.Error as error:
        print(error, flush=True)
"""


class Other:
    """Another program that has the file open."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, sql: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{sql}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@contextmanager
def other(file: Path) -> Iterator[Other]:
    command = [sys.executable, "-c", WRITER, str(file)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Other(process)
        finally:
            process.kill()


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_ranges_and_entities_are_read_at_one_instant(file: Path, mode: str) -> None:
    make(file, "CREATE TABLE t (i INTEGER)", "CREATE TABLE u (i INTEGER)")
    make(file, numbers(20_000).format("i"), "INSERT INTO u VALUES (1)")
    with other(file) as writer:
        writer.run(f"PRAGMA journal_mode={mode}")
        home = home_of(file, busy_timeout=5)
        with home.snapshot() as snapshot, home.open(ReadRequest("t", snapshot=snapshot)) as source:
            splits = source.splits(3)
            first = read_split(source, splits[0])
            said = writer.run("UPDATE t SET i = -1")
            assert said == ("0" if mode == "wal" else "database is locked")
            writer.run("INSERT INTO u VALUES (2)")
            rest = [read_split(source, split) for split in splits[1:]]
            with home.open(ReadRequest("u", snapshot=snapshot)) as late:
                assert len(late.splits(3)) == 1
                assert read_split(late, late.splits(1)[0]).num_rows == 1
        rows = pa.concat_tables([first, *rest]).column("i").to_pylist()
        assert rows == list(range(1, 20_001))
        assert writer.run("INSERT INTO u VALUES (3)") == "0"


def test_moves_take_turns_at_an_instant_that_has_passed(file: Path) -> None:
    make(file, "PRAGMA journal_mode=wal")
    make(file, "CREATE TABLE t (i INTEGER)", numbers(20_000).format("i"))
    home = home_of(file)
    with other(file) as writer, home.snapshot() as snapshot:
        writer.run("DELETE FROM t")

        def rows(_: int) -> int:
            with home.open(ReadRequest("t", snapshot=snapshot)) as source:
                return sum(read_split(source, one).num_rows for one in source.splits(3))

        with ThreadPoolExecutor(3) as pool:
            assert list(pool.map(rows, range(6))) == [20_000] * 6


def test_a_writer_is_let_in_once_everything_is_read(file: Path) -> None:
    make(file, "CREATE TABLE t (i INTEGER)", "INSERT INTO t VALUES (1)")
    with other(file) as writer, home_of(file).open(ReadRequest("t")) as source:
        (split,) = source.splits(1)
        assert writer.run("INSERT INTO t VALUES (2)") == "database is locked"
        assert read_split(source, split).num_rows == 1
        assert read_split(source, split).num_rows == 1
        assert writer.run("INSERT INTO t VALUES (2)") == "0"
        with pytest.raises(HomeError, match="wrote to it meanwhile") as raised:
            read_split(source, split)
        assert home_of(file).retry_after(raised.value) is not None


def test_a_locked_file_is_waited_for_and_then_told(file: Path) -> None:
    make(file, "CREATE TABLE t (i INTEGER)")
    with other(file) as writer:
        writer.run("BEGIN EXCLUSIVE")
        with pytest.raises(HomeError, match="database is locked") as raised:
            home_of(file, busy_timeout=0.1).check()
        assert "busy_timeout" in (raised.value.hint or "")
        # It was waited for already: another attempt would only wait again.
        assert home_of(file).retry_after(raised.value) is None


def test_the_process_that_locks_a_file_is_named_at_once(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make(file, "CREATE TABLE t (i INTEGER)")
    with other(file) as writer:
        writer.run("BEGIN EXCLUSIVE")
        with pytest.raises(HomeError, match=r"locked, by process \d+ \(") as raised:
            home_of(file, busy_timeout=1).check()
        (line,) = [one.getMessage() for one in caplog.records]
        assert "waiting up to 1 s" in line
        assert re.search(r"process \d+", line)
        assert "busy_timeout" in (raised.value.hint or "")
        writer.run("ROLLBACK")
        home_of(file).check()


def test_a_file_that_is_freed_in_time_is_read(file: Path) -> None:
    make(file, "CREATE TABLE t (i INTEGER)", "INSERT INTO t VALUES (1)")
    with other(file) as writer, ThreadPoolExecutor(1) as pool:
        writer.run("BEGIN EXCLUSIVE")
        waiting = pool.submit(home_of(file, busy_timeout=60).check)
        writer.run("ROLLBACK")
        waiting.result()


KILLED = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size=10")
connection.execute("BEGIN")
connection.execute("UPDATE t SET s = 'changed'")
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_writer_had_begun_is_taken_back(file: Path) -> None:
    make(file, "CREATE TABLE t (i INTEGER, s TEXT)", numbers(20_000).format("i, hex(i)"))
    subprocess.run([sys.executable, "-c", KILLED, str(file)], check=False)
    assert file.with_name("app.db-journal").exists()
    assert "changed" not in set(read(file, wanted=3).column("s").to_pylist())


def test_a_path_that_is_no_database_is_told(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("id,name\n" * 1000)
    for path, said in (
        (tmp_path / "none.db", "there is no file"),
        (tmp_path, "is a folder"),
        (text, "file is not a database"),
    ):
        with pytest.raises(HomeError, match=said) as raised:
            home_of(path).check()
        assert raised.value.hint
        assert home_of(path).retry_after(raised.value) is None
    assert not (tmp_path / "none.db").exists()


def test_a_damaged_file_is_told(file: Path) -> None:
    make(file, "CREATE TABLE t (i INTEGER, s TEXT)", numbers(20_000).format("i, hex(i)"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 8192] = b"\xff" * 8192
    file.write_bytes(content)
    with pytest.raises(HomeError, match="malformed") as raised:
        read(file)
    assert "backup" in (raised.value.hint or "")
    levels = [finding.level for finding in home_of(file).examine()]
    assert "error" in levels


@pytest.mark.parametrize("path", [":memory:", "file:x?mode=memory", "file:app.db", ""])
def test_a_path_without_a_file_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        HomeConfig.create({"type": "sqlite", "path": path})


def test_a_schema_cannot_call_what_it_likes(file: Path) -> None:
    make(
        file,
        "CREATE TABLE t (i INTEGER)",
        "INSERT INTO t VALUES (1)",
        "CREATE VIEW v AS SELECT load_extension('x') AS a FROM t",
    )
    with pytest.raises(HomeError):
        read(file, "v")


def test_many_columns_and_wide_rows_are_read(file: Path) -> None:
    names = ", ".join(f"c{n} TEXT" for n in range(500))
    make(file, f"CREATE TABLE t ({names})", "INSERT INTO t(c0) VALUES (hex(zeroblob(3000000)))")
    make(file, "INSERT INTO t(c499) SELECT hex(i) FROM (SELECT 1 AS i UNION SELECT 2)")
    rows = read(file, batch_bytes=2**16)
    assert rows.num_rows == 3
    assert len(rows.column("c0")[0].as_py()) == 6_000_000


def test_texts_of_reals_are_exact(file: Path) -> None:
    random.seed(7)
    values = [random.uniform(-1, 1) * 10 ** random.randint(-300, 300) for _ in range(5000)]
    make(file, "CREATE TABLE t (a REAL)")
    with opened(file) as connection:
        connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values])
    texts = read(file, types={"a": "string"}).column("a").to_pylist()
    assert [float(text) for text in texts] == values
