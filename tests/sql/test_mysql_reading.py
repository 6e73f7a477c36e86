"""Reading MySQL: every type exactly or refused, one instant, lost connections."""

from __future__ import annotations

import datetime as dt
import gc
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from proxies import proxy
from servers import Mysql

from hygge.connector import Home, HomeConfig, ProjectContext, ReadRequest, StoreConfig
from hygge.errors import ConfigError, HomeError
from hygge.testing.cases import assert_same
from hygge.testing.moving import write, write_request
from hygge.testing.reading import read_entity, read_split


def home_of(server: Mysql, **more: object) -> Home:
    return HomeConfig.create(server.settings(**more)).home(ProjectContext(Path()))


def read(home: Home, **request: object) -> pa.Table:
    with home.open(ReadRequest(**{"entity": "t", **request})) as source:  # type: ignore[arg-type]
        return pa.concat_tables([read_split(source, split) for split in source.splits(1)])


TYPES = [
    ("tinyint", "-128", pa.int8(), -128),
    ("tinyint(1)", "127", pa.int8(), 127),
    ("tinyint unsigned", "255", pa.uint8(), 255),
    ("smallint unsigned", "65535", pa.uint16(), 65535),
    ("mediumint", "-8388608", pa.int32(), -8388608),
    ("mediumint unsigned", "16777215", pa.uint32(), 16777215),
    ("int unsigned", "4294967295", pa.uint32(), 4294967295),
    ("int(6) zerofill", "42", pa.uint32(), 42),
    ("bigint", "-9223372036854775808", pa.int64(), -(2**63)),
    ("bigint unsigned", "18446744073709551615", pa.uint64(), 2**64 - 1),
    ("decimal(65,30)", "12345678901234567890.000000000000000000000000000001", None, None),
    ("decimal(10,2) unsigned", "1.1", pa.decimal128(10, 2), Decimal("1.10")),
    ("float", "0.1", pa.float32(), 0.10000000149011612),
    ("float", "3.4028234663852886e38", pa.float32(), 3.4028234663852886e38),
    ("float(7,3)", "1.2345", pa.float32(), 1.2339999675750732),
    ("double", "0.30000000000000004", pa.float64(), 0.1 + 0.2),
    ("double", "5e-324", pa.float64(), 5e-324),
    ("double(10,2)", "0.1", pa.float64(), 0.1),
    ("bit(1)", "b'1'", pa.bool_(), True),
    ("bit(10)", "b'1000000001'", pa.uint16(), 513),
    ("bit(64)", "18446744073709551615", pa.uint64(), 2**64 - 1),
    ("year", "1999", pa.int16(), 1999),
    ("year", "0", pa.int16(), 0),
    ("date", "'0001-01-01'", pa.date32(), dt.date(1, 1, 1)),
    ("datetime", "'9999-12-31 23:59:59'", pa.timestamp("s"), dt.datetime(9999, 12, 31, 23, 59, 59)),
    ("datetime(2)", "'2020-01-01 00:00:00.12'", pa.timestamp("ms"), None),
    ("datetime(6)", "'2020-01-01 00:00:00.000001'", pa.timestamp("us"), None),
    ("timestamp(6) NULL", "'2020-01-01 00:00:00.000001'", pa.timestamp("us", "UTC"), None),
    ("time", "'23:59:59'", pa.time32("s"), dt.time(23, 59, 59)),
    ("time(6)", "'00:00:00.000001'", pa.time64("us"), dt.time(0, 0, 0, 1)),
    ("char(5)", "'a'", pa.string(), "a"),
    ("varchar(5) CHARACTER SET latin1", "'\u00e4'", pa.string(), "\u00e4"),
    ("varchar(5) CHARACTER SET ucs2", "'\u4e2d'", pa.string(), "\u4e2d"),
    ("text CHARACTER SET utf8mb4", "'\U0001f9f6 \\0 \\\\N'", pa.string(), "\U0001f9f6 \0 \\N"),
    ("text", "''", pa.string(), ""),
    ("json", "'{\"a\": [1, null]}'", pa.string(), '{"a": [1, null]}'),
    ("enum('','b')", "'b'", pa.string(), "b"),
    ("set('a','b')", "'b,a'", pa.string(), "a,b"),
    ("binary(3)", "'a'", pa.binary(3), b"a\0\0"),
    ("varbinary(9)", "x'00ff5c0a09'", pa.binary(), b"\0\xff\\\n\t"),
    ("blob", "''", pa.binary(), b""),
    ("uuid", "'00000000-0000-0000-0000-0000000000ff'", pa.uuid(), UUID(int=255)),
    ("inet6", "'::1'", pa.string(), "::1"),
    ("point", "ST_GeomFromText('POINT(1 2)')", pa.binary(), None),
]


@pytest.mark.parametrize(("declared", "value", "kind", "expected"), TYPES)
def test_a_type_is_exact(
    mysql: Mysql, declared: str, value: str, kind: pa.DataType | None, expected: object
) -> None:
    mysql.run(f"CREATE TABLE t (x {declared})")
    mysql.run(f"INSERT INTO t VALUES (NULL), ({value})")
    table = read(home_of(mysql))
    assert table["x"][0].as_py() is None
    if kind is not None:
        assert table.schema.field("x").type == kind
    if expected is not None:
        assert table["x"][1].as_py() == expected
    else:
        shown = mysql.run("SELECT IF(CHAR_LENGTH(x) > 60, x, x) FROM t")[1][0]
        assert table["x"][1].as_py() in (shown, getattr(shown, "astimezone", lambda *_: 0)(dt.UTC))


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("date", "0000-00-00"),
        ("date", "2024-00-15"),
        ("datetime", "0000-00-00 00:00:00"),
        ("timestamp NULL", "0000-00-00 00:00:00"),
        ("time", "24:00:00"),
        ("time", "-00:00:01"),
        ("time(3)", "838:59:59.000"),
    ],
)
def test_a_value_that_arrow_lacks_is_refused_by_name_and_comes_as_text(
    mysql: Mysql, declared: str, value: str
) -> None:
    mysql.run(f"CREATE TABLE t (`the column` {declared})")
    with mysql.connect(mysql.database) as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = ''")
        cursor.execute(f"INSERT INTO t VALUES (NULL), ('{value}')")
    home = home_of(mysql)
    with pytest.raises(HomeError, match=f"'the column' contains '{value}'") as raised:
        read(home)
    assert "type: string" in (raised.value.hint or "")
    assert home.retry_after(raised.value) is None
    table = read(home, types={"the column": "string"})
    assert table["the column"].to_pylist() == [None, value]


def test_a_truth_that_is_none_is_refused_and_comes_as_a_number(mysql: Mysql) -> None:
    mysql.run("CREATE TABLE t (x tinyint(1) COMMENT 'hygge: bool')")
    mysql.run("INSERT INTO t VALUES (1), (0), (2)")
    with pytest.raises(HomeError, match="'x' contains '2'") as raised:
        read(home_of(mysql))
    assert "type: int8" in (raised.value.hint or "")
    assert read(home_of(mysql), types={"x": "int8"})["x"].to_pylist() == [1, 0, 2]


def test_all_types_go_through_a_file_and_back_without_a_change(
    mysql: Mysql, tmp_path: Path
) -> None:
    declared = [(kind, value) for kind, value, _, _ in TYPES]
    columns = ", ".join(f"c{n} {kind}" for n, (kind, _) in enumerate(declared))
    mysql.run(f"CREATE TABLE t (id int PRIMARY KEY, {columns})")
    values = ", ".join(value for _, value in declared)
    mysql.run(f"INSERT INTO t VALUES (1, {values}), (2, {', '.join(['NULL'] * len(declared))})")
    mysql.run("ALTER TABLE t ADD COLUMN truth tinyint(1) COMMENT 'hygge: bool'")
    mysql.run("UPDATE t SET truth = id - 1")
    pq.write_table(read(home_of(mysql)), tmp_path / "t.parquet")
    store = StoreConfig.create(mysql.settings()).store(ProjectContext(tmp_path))
    write(store, [pq.read_table(tmp_path / "t.parquet")], write_request(into="back"))
    back = read(home_of(mysql), entity="back")
    # A parquet file has no seconds, they come as milliseconds.
    assert_same(back, read(home_of(mysql)).cast(back.schema))
    for number, (kind, _) in enumerate([*declared, ("tinyint(1)", "")]):
        name = f"c{number}" if number < len(declared) else "truth"
        left, right = f"a.{name}", f"b.{name}"
        if "CHARACTER SET" in kind or kind == "json":  # byte by byte: the collations differ
            left = f"CAST(CONVERT({left} USING utf8mb4) AS BINARY)"
            right = f"CAST({right} AS BINARY)"
        pair = f"SELECT {left} <=> {right}, a.{name}, b.{name} FROM t a JOIN back b USING (id)"
        rows = [row for row in mysql.run(pair) if not row[0] and not _is_uuid(row[1:])]
        assert rows == [], name


def _is_uuid(pair: tuple[object, ...]) -> bool:
    """Return whether a UUID came back as its sixteen bytes."""
    text, data = pair
    return isinstance(data, bytes) and isinstance(text, str) and UUID(text).bytes == data


def test_queries_conditions_and_columns_reach_the_server(mysql: Mysql) -> None:
    mysql.run("CREATE TABLE t AS SELECT seq AS id, seq * 2 AS two, 'x' AS x FROM seq_1_to_9")
    home = home_of(mysql)
    assert read(home, where="id > 7 -- not less")["id"].to_pylist() == [8, 9]
    query = "SELECT id, two + 1 AS three FROM t WHERE id < 3 ORDER BY id DESC LIMIT 9; "
    assert read(home, query=query).to_pydict() == {"id": [2, 1], "three": [5, 3]}
    assert read(home, query=query, where="three > 3")["id"].to_pylist() == [2]
    with home.open(ReadRequest("t")) as source:
        source.narrow(["two"])
        assert source.schema.names == ["two"]
        assert read_split(source, source.splits(1)[0])["two"].to_pylist() == [*range(2, 19, 2)]


def test_a_query_has_the_types_of_its_table(mysql: Mysql) -> None:
    odd = ("uuid", "inet6", "point", "tinyint(1)", "float(7,3)")
    declared = [(kind, value) for kind, value, _, _ in TYPES if kind not in odd]
    columns = ", ".join(f"c{n} {kind}" for n, (kind, _) in enumerate(declared))
    mysql.run(f"CREATE TABLE t ({columns})")
    mysql.run(f"INSERT INTO t VALUES ({', '.join(value for _, value in declared)})")
    table, query = read(home_of(mysql)), read(home_of(mysql), query="SELECT * FROM t")
    assert query.equals(table)
    more = read(
        home_of(mysql),
        query="SELECT sum(c1) s, avg(c2) a, count(*) n, now(6) w, null x, 'a' y, 1.50 z, x'00' h, "
        "cast('10:00' AS time) i FROM t",
    )
    kinds = {one.name: str(one.type) for one in more.schema}
    assert kinds["w"] == "timestamp[us]"
    assert (kinds["n"], kinds["y"], kinds["h"]) == ("int64", "string", "binary")
    assert more["z"].to_pylist() == [Decimal("1.50")]
    assert more["s"].to_pylist() == [Decimal(255)]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT 1 AS a, 2 AS a", "Duplicate column name 'a'"),
        ("SELECT * FROM nowhere", "doesn't exist"),
        ("SELEC 1", "syntax"),
        ("DELETE FROM t", "syntax"),
        ("SELECT 1) AS q; DROP TABLE t; --", "syntax"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", "syntax|Undeclared"),
    ],
)
def test_a_query_that_will_not_do_is_refused_in_the_servers_words(
    mysql: Mysql, query: str, said: str
) -> None:
    mysql.run("CREATE TABLE t AS SELECT 1 AS id")
    with pytest.raises(HomeError, match=said):
        read(home_of(mysql), query=query)
    assert mysql.run("SELECT count(*) FROM t") == [(1,)]


def test_functions_in_a_query_cannot_write(mysql: Mysql) -> None:
    mysql.run("CREATE TABLE t (id int)")
    mysql.run("CREATE FUNCTION grow() RETURNS int BEGIN INSERT INTO t VALUES (1); RETURN 1; END")
    with pytest.raises(HomeError, match="READ ONLY transaction"):
        read(home_of(mysql), query="SELECT grow() AS x")
    assert mysql.run("SELECT count(*) FROM t") == [(0,)]


def test_views_and_computed_columns_are_read_and_surveyed(mysql: Mysql) -> None:
    mysql.run(
        "CREATE TABLE g (id int AUTO_INCREMENT PRIMARY KEY, a int, b int AS (a * 2), "
        "c int INVISIBLE DEFAULT 9)"
    )
    mysql.run("INSERT INTO g (a) VALUES (4)")
    mysql.run("CREATE VIEW v AS SELECT id, a FROM g")
    home = home_of(mysql)
    assert home.entities() == ["g", "v"]
    assert read_entity(home, "g").to_pylist() == [{"id": 1, "a": 4, "b": 8, "c": 9}]
    assert read_entity(home, "v").to_pylist() == [{"id": 1, "a": 4}]
    facts = {one.name: one for one in home.survey()}
    assert facts["g"].primary_key == ("id",)
    assert facts["g"].is_estimate
    assert facts["v"].kind == "view"
    assert facts["v"].schema.names == ["id", "a"]


def test_names_tell_upper_case_and_databases_apart(mysql: Mysql) -> None:
    mysql.run("CREATE TABLE Things AS SELECT 1 AS id")
    mysql.run("CREATE TABLE things AS SELECT 2 AS id")
    home = home_of(mysql)
    assert read(home, entity="Things")["id"].to_pylist() == [1]
    assert read(home, entity="things")["id"].to_pylist() == [2]
    with pytest.raises(HomeError, match="did you mean 'things'"):
        read(home, entity="thingS")
    elsewhere = HomeConfig.create({**mysql.settings(), "database": "information_schema"})
    assert elsewhere.home(ProjectContext(Path())).entities(f"{mysql.database}.*") == [
        f"{mysql.database}.Things",
        f"{mysql.database}.things",
    ]


def test_a_name_of_sql_reads_one_table_and_drops_none(mysql: Mysql) -> None:
    mysql.run("CREATE TABLE t (id int)")
    evil = "x`'; drop table t; -- ?%s"
    mysql.run(f"CREATE TABLE `{evil.replace('`', '``')}` AS SELECT 1 AS `a``; drop`")
    assert read(home_of(mysql), entity=evil).to_pydict() == {"a`; drop": [1]}
    assert mysql.run("SELECT count(*) FROM t") == [(0,)]


def test_an_entity_is_read_at_one_instant(mysql: Mysql) -> None:
    mysql.run("CREATE TABLE t AS SELECT CAST(seq AS int) AS id FROM seq_1_to_20000")
    with home_of(mysql).open(ReadRequest("t", batch_bytes=2**12)) as source:
        mysql.run("INSERT INTO t SELECT -CAST(seq AS int) FROM seq_1_to_5000")
        mysql.run("DELETE FROM t WHERE id BETWEEN 1000 AND 9000")
        ids = read_split(source, source.splits(4)[0])["id"].to_pylist()
    assert sorted(ids) == [*range(1, 20001)]


def test_rows_larger_than_a_packet_are_read_whole(mysql: Mysql) -> None:
    size = 2**23 - 10
    mysql.run("CREATE TABLE t (id int, a longtext, b longblob, c longtext)")
    rows = f"(1, 'x', 'y', NULL), (2, REPEAT('ab', {size // 2}), REPEAT('c', {size}), "
    rows += f"REPEAT('d', {size})), (3, '', REPEAT('e', 300), REPEAT('f', 70000))"
    mysql.run(f"INSERT INTO t VALUES {rows}")
    table = read(home_of(mysql), batch_bytes=2**16)
    assert table["id"].to_pylist() == [1, 2, 3]
    assert table["a"].to_pylist() == ["x", "ab" * (size // 2), ""]
    assert table["b"].to_pylist() == [b"y", b"c" * size, b"e" * 300]
    assert table["c"].to_pylist() == [None, "d" * size, "f" * 70000]


@pytest.mark.parametrize("lengths", [(250, 251, 252), (65535, 65536, 65537), (0, 1, 254, 255, 256)])
def test_texts_at_the_edges_of_their_lengths_are_whole(
    mysql: Mysql, lengths: tuple[int, ...]
) -> None:
    mysql.run("CREATE TABLE t (id int, x longtext)")
    for number, length in enumerate(lengths):
        mysql.run(f"INSERT INTO t VALUES ({number}, REPEAT('x', {length})), ({number}, NULL)")
    expected = [text for length in lengths for text in ("x" * length, None)]
    assert read(home_of(mysql))["x"].to_pylist() == expected


def test_an_error_after_many_rows_is_an_error(mysql: Mysql) -> None:
    mysql.run("CREATE TABLE t AS SELECT seq AS id FROM seq_1_to_50000")
    query = "SELECT id, (SELECT seq FROM seq_1_to_3 WHERE seq < IF(id > 49990, 9, 2)) x FROM t"
    with pytest.raises(HomeError, match="returns more than 1 row"):
        read(home_of(mysql), query=query, batch_bytes=2**12)


def test_a_connection_that_died_at_rest_is_replaced(mysql: Mysql) -> None:
    mysql.run("CREATE TABLE t AS SELECT 1 AS id")
    home = home_of(mysql)
    assert read(home).num_rows == 1
    threads = mysql.run(
        "SELECT id FROM information_schema.processlist WHERE id <> connection_id() AND db = "
        "database()"
    )
    assert threads
    for (thread,) in threads:
        mysql.run(f"KILL {thread}")
    assert read(home).num_rows == 1


def test_a_connection_cut_in_mid_read_is_an_error_that_may_pass(mysql: Mysql) -> None:
    mysql.run("CREATE TABLE t AS SELECT seq AS id, REPEAT('x', 900) AS x FROM seq_1_to_100000")
    url = urlsplit(mysql.url)
    with proxy(url.hostname or "127.0.0.1", url.port or 3306) as wire:
        home = home_of(mysql, host="127.0.0.1", port=wire.port)
        seen = 0
        with (
            pytest.raises(HomeError) as raised,
            home.open(ReadRequest("t")) as source,
            source.read(source.splits(1)[0]) as batches,
        ):
            for batch in batches:
                seen += batch.num_rows
                wire.cut_all()
        assert seen < 100000
        assert home.retry_after(raised.value) is not None


@pytest.mark.parametrize(
    ("changes", "said", "hint"),
    [
        ({"port": 1}, "refused", "host and port"),
        ({"host": "nowhere.invalid"}, "Name or service not known|resolution", "check host"),
        ({"database": "nothing_here"}, "Unknown database", "CREATE DATABASE"),
        ({"user": "nobody_here"}, "denied", "user and password"),
        ({"ssl": "verify-full"}, "SSL|TLS", "ssl_ca"),
    ],
)
def test_a_server_that_does_not_let_in_says_why(
    mysql: Mysql, changes: dict[str, object], said: str, hint: str
) -> None:
    canary = "S3cr3t-canary"
    secret = {} if "ssl" in changes or "database" in changes else {"password": canary}
    home = home_of(mysql, connect_timeout=2, **secret, **changes)
    for act in attempts(home):
        with pytest.raises(HomeError, match=said) as raised:
            act()
        assert hint in (raised.value.hint or "")
        assert raised.value.code == "HG507"
        assert canary not in f"{raised.value} {raised.value.hint}"


@pytest.mark.filterwarnings("ignore:unclosed", "ignore:Exception ignored in. <socket")
def test_a_socket_that_is_not_there_is_told_from_an_address(mysql: Mysql) -> None:
    # The driver leaves the socket that it could not connect to the garbage collector.
    with pytest.raises(HomeError, match="No such file") as raised:
        home_of(mysql, host="/nowhere/x.sock").check()
    assert "is its socket" in (raised.value.hint or "")
    del raised
    gc.collect()


def attempts(home: Home) -> list[Callable[[], object]]:
    return [home.check, home.entities, lambda: list(home.examine()), lambda: read(home)]


def test_a_server_can_ask_for_no_file_of_this_machine(mysql: Mysql, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("1\n")
    mysql.run("CREATE TABLE t (id int)")
    with home_of(mysql).open(ReadRequest("t")) as source:
        run = source._run  # type: ignore[attr-defined]
        run("ROLLBACK")
        with pytest.raises((HomeError, RuntimeError), match=r"(?i)local|refused"):
            run(f"LOAD DATA LOCAL INFILE '{secret}' INTO TABLE t")
    assert mysql.run("SELECT count(*) FROM t") == [(0,)]


def test_an_examination_tells_of_the_server(mysql: Mysql) -> None:
    findings = list(home_of(mysql).examine())
    assert any(mysql.database in one.text for one in findings)
    assert all(one.level == "ok" for one in findings)


def test_a_statement_may_take_only_so_long(mysql: Mysql) -> None:
    mysql.run("CREATE TABLE t (id int)")
    home = home_of(mysql, statement_timeout=0.2)
    query = "SELECT count(*) AS n FROM seq_1_to_1000000 a JOIN seq_1_to_1000000 b"
    with pytest.raises(HomeError, match=r"max_statement_time|timeout") as raised:
        read(home, query=query)
    assert "statement_timeout" in (raised.value.hint or "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": "mysql://h/d?sslmode=require"}, "unknown options"),
        ({"url": "postgresql://h/d"}, "mysql://"),
        ({"url": "mysql://h/d", "ssl": "always"}, "disable"),
        ({"url": "mysql://h"}, "database"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises((ValueError, ConfigError), match=said):
        HomeConfig.create({"type": "mysql", **changes})
