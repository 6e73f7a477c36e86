"""Reading PostgreSQL: every type exactly or refused, one instant, lost connections."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from proxies import proxy
from servers import Postgres

from hygge.connector import Home, HomeConfig, ProjectContext, ReadRequest
from hygge.connectors.postgres import source
from hygge.errors import HomeError
from hygge.testing.reading import read_entity, read_split


def home_of(server: Postgres, **more: object) -> Home:
    return HomeConfig.create(server.settings(**more)).home(ProjectContext(Path()))


def read(home: Home, **request: object) -> pa.Table:
    with home.open(ReadRequest(**{"entity": "t", **request})) as source:  # type: ignore[arg-type]
        return pa.concat_tables([read_split(source, split) for split in source.splits(1)])


@pytest.mark.parametrize(
    ("declared", "value", "kind", "expected"),
    [
        ("numeric", "12345678901234567890.123", pa.string(), "12345678901234567890.123"),
        ("numeric", "NaN", pa.string(), "NaN"),
        ("numeric(12,2)", "-1.10", pa.decimal128(12, 2), Decimal("-1.10")),
        ("numeric(50,10)", "1", pa.decimal256(50, 10), Decimal("1.0000000000")),
        ("money", "1.50", pa.decimal128(21, 2), Decimal("1.50")),
        ("oid", "4294967295", pa.int64(), 4294967295),
        ("varchar(3)", "abc", pa.string(), "abc"),
        ("char(3)", "a", pa.string(), "a  "),
        ("name", "n", pa.string(), "n"),
        ("interval", "1 year 2 days 3 s", pa.string(), "P1Y2DT3S"),
        ("timetz", "12:00:00+02", pa.string(), "12:00:00+02"),
        ("inet", "10.1.2.3/24", pa.string(), "10.1.2.3/24"),
        ("bit(3)", "101", pa.string(), "101"),
        ("jsonb", '{"a": 1}', pa.string(), '{"a": 1}'),
        ("point", "(1,2)", pa.string(), "(1,2)"),
        ("int4range", "[1,5)", pa.string(), "[1,5)"),
        ("tsvector", "a b", pa.string(), "'a' 'b'"),
        ("int4[]", "{1,NULL}", pa.list_(pa.int32()), [1, None]),
        ("text[]", '{"a,\\"b",""}', pa.list_(pa.string()), ['a,"b', ""]),
        ("date[]", "{2020-01-01}", pa.string(), "{2020-01-01}"),
        ("timestamptz", "2020-01-01 00:00:00.000001+02", None, None),
    ],
)
def test_a_type_is_exact_or_its_own_text(
    postgres: Postgres, declared: str, value: str, kind: pa.DataType | None, expected: object
) -> None:
    postgres.run(f"CREATE TABLE t (x {declared})")
    with postgres.connect() as connection:
        connection.execute(f"INSERT INTO t VALUES (NULL), (%s::{declared})".encode(), (value,))
    table = read(home_of(postgres))
    if kind is None:
        assert str(table["x"][1]) == "2019-12-31 22:00:00.000001+00:00"
        return
    assert table.schema.field("x").type == kind
    assert table["x"].to_pylist() == [None, expected]


def test_a_domain_is_what_it_stands_on_and_an_enum_is_text(postgres: Postgres) -> None:
    postgres.run("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    postgres.run("CREATE DOMAIN cents AS numeric(10,2) CHECK (value >= 0)")
    postgres.run("CREATE DOMAIN price AS cents")
    postgres.run("CREATE TABLE t (m mood, p price)")
    postgres.run("INSERT INTO t VALUES ('ok', 1.5)")
    table = read(home_of(postgres))
    assert table.schema.types == [pa.string(), pa.decimal128(10, 2)]
    assert table.to_pylist() == [{"m": "ok", "p": Decimal("1.50")}]


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("timestamp", "infinity"),
        ("timestamp", "-infinity"),
        ("timestamptz", "infinity"),
        ("timestamp", "294276-12-31"),
        ("date", "infinity"),
        ("date", "-infinity"),
        ("time", "24:00:00"),
        ("numeric(5,2)", "NaN"),
        ("int4[]", "{{1,2},{3,4}}"),
        ("int4[]", "[0:1]={1,2}"),
    ],
)
def test_a_value_that_arrow_lacks_is_refused_by_name_and_comes_as_text(
    postgres: Postgres, declared: str, value: str
) -> None:
    postgres.run(f'CREATE TABLE t ("the column" {declared})')
    postgres.run(f"INSERT INTO t VALUES (NULL), ('{value}')")
    home = home_of(postgres)
    with pytest.raises(HomeError) as raised:
        read(home)
    assert "the column" in raised.value.message
    assert "type: string" in (raised.value.hint or "")
    assert home.retry_after(raised.value) is None
    table = read(home, types={"the column": "string"})
    shown = postgres.run("SELECT x::text FROM t AS t(x)")
    assert table["the column"].to_pylist() == [row[0] for row in shown]


def test_years_before_christ_are_exact(postgres: Postgres) -> None:
    postgres.run("CREATE TABLE t (d date, s timestamp)")
    postgres.run("INSERT INTO t VALUES ('0001-01-01 BC', '4713-01-01 BC')")
    table = read(home_of(postgres))
    assert table["d"].cast(pa.int32()).to_pylist() == [-719528]
    assert table["s"].cast(pa.int64()).to_pylist() == [-210863520000000000]


def test_queries_conditions_and_columns_reach_the_server(postgres: Postgres) -> None:
    postgres.run(
        "CREATE TABLE t AS SELECT g AS id, g * 2 AS two, 'x' AS x FROM generate_series(1, 9) g"
    )
    home = home_of(postgres)
    assert read(home, where="id > 7 -- not less")["id"].to_pylist() == [8, 9]
    query = "SELECT id, two + 1 AS three FROM t WHERE id < 3 ORDER BY id DESC; "
    assert read(home, query=query).to_pydict() == {"id": [2, 1], "three": [5, 3]}
    assert read(home, query=query, where="three > 3")["id"].to_pylist() == [2]
    with home.open(ReadRequest("t")) as source:
        source.narrow(["two"])
        assert source.schema.names == ["two"]
        assert read_split(source, source.splits(1)[0])["two"].to_pylist() == [*range(2, 19, 2)]


def test_a_condition_that_will_not_do_is_told_without_what_the_driver_adds(
    postgres: Postgres,
) -> None:
    postgres.run("CREATE TABLE t AS SELECT 1 AS id")
    with pytest.raises(HomeError, match=r'^cannot read t: column "idd" does not exist'):
        read(home_of(postgres), where="idd > 5")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT 1 AS a, 2 AS a", "two columns with the name 'a'"),
        ("SELECT * FROM nowhere", 'relation "nowhere" does not exist'),
        ("SELEC 1", "syntax error"),
        ("DELETE FROM t RETURNING id", "syntax error"),
        ("WITH gone AS (DELETE FROM t RETURNING id) SELECT * FROM gone", "data-modifying"),
    ],
)
def test_a_query_that_will_not_do_is_refused_in_the_servers_words(
    postgres: Postgres, query: str, said: str
) -> None:
    postgres.run("CREATE TABLE t AS SELECT 1 AS id")
    with pytest.raises(HomeError, match=said):
        read(home_of(postgres), query=query)
    assert postgres.run("SELECT count(*) FROM t") == [(1,)]


def test_functions_in_a_query_cannot_write(postgres: Postgres) -> None:
    postgres.run("CREATE TABLE t (id int)")
    postgres.run(
        "CREATE FUNCTION grow() RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (1) RETURNING 1'"
    )
    with pytest.raises(HomeError, match="read-only transaction"):
        read(home_of(postgres), query="SELECT grow() AS x")
    assert postgres.run("SELECT count(*) FROM t") == [(0,)]


def test_views_partitions_and_computed_columns_are_read(postgres: Postgres) -> None:
    postgres.run("CREATE TABLE p (id int, y int) PARTITION BY RANGE (y)")
    postgres.run("CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)")
    postgres.run("CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20)")
    postgres.run("INSERT INTO p VALUES (1, 5), (2, 15)")
    postgres.run("CREATE VIEW v AS SELECT id FROM p")
    postgres.run("CREATE MATERIALIZED VIEW m AS SELECT id FROM p")
    postgres.run(
        "CREATE TABLE g (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, "
        "b int GENERATED ALWAYS AS (a * 2) STORED)"
    )
    postgres.run("INSERT INTO g (a) VALUES (4)")
    home = home_of(postgres)
    assert home.entities() == ["g", "m", "p", "v"]
    for name in ("p", "v", "m"):
        assert read_entity(home, name)["id"].to_pylist() == [1, 2]
    assert read_entity(home, "g").to_pylist() == [{"id": 1, "a": 4, "b": 8}]
    assert read_entity(home, "p1").num_rows == 1
    facts = {one.name: one for one in home.survey()}
    assert facts["g"].primary_key == ("id",)
    assert facts["v"].kind == "view"
    assert facts["p"].schema.names == ["id", "y"]


def test_globs_name_tables_of_any_schema(postgres: Postgres) -> None:
    postgres.run('CREATE TABLE "Mixed" (id int)')
    postgres.run("CREATE TABLE other (id int)")
    home = home_of(postgres, schema="public")
    assert home.entities(f"{postgres.schema}.*") == [
        f"{postgres.schema}.Mixed",
        f"{postgres.schema}.other",
    ]
    with pytest.raises(HomeError, match=f"did you mean '{postgres.schema}.Mixed'"):
        read(home, entity=f"{postgres.schema}.mixed")


def test_a_name_of_sql_reads_one_table_and_drops_none(postgres: Postgres) -> None:
    postgres.run("CREATE TABLE t (id int)")
    evil = 'x"; drop table t; --'
    postgres.run(f'CREATE TABLE "{evil.replace(chr(34), chr(34) * 2)}" AS SELECT 1 AS "a""; drop"')
    assert read(home_of(postgres), entity=evil).to_pydict() == {'a"; drop': [1]}
    assert postgres.run("SELECT count(*) FROM t") == [(0,)]


def fill(postgres: Postgres) -> None:
    rows = "SELECT g AS id, md5(g::text) AS x FROM generate_series(1, 20000) g"
    postgres.run(f"CREATE TABLE t AS {rows}")


@pytest.fixture
def small_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_SPLIT_BYTES", 64 * 1024)


@pytest.mark.usefixtures("small_splits")
def test_splits_are_the_table_of_one_instant_whatever_is_written(postgres: Postgres) -> None:
    postgres.run(
        "CREATE TABLE t AS SELECT g AS id, md5(g::text) AS x FROM generate_series(1, 20000) g"
    )
    postgres.run("DELETE FROM t WHERE id % 3 = 0")
    expected = {row[0] for row in postgres.run("SELECT id FROM t")}
    with home_of(postgres).open(ReadRequest("t")) as source:
        splits = source.splits(5)
        assert len(splits) == 5
        postgres.run("INSERT INTO t SELECT -g, 'new' FROM generate_series(1, 5000) g")
        postgres.run("DELETE FROM t WHERE id BETWEEN 1000 AND 9000")
        postgres.run("UPDATE t SET x = 'changed'")
        tables = [read_split(source, split) for split in splits]
    ids = [one for table in tables for one in table["id"].to_pylist()]
    assert len(ids) == len(expected)
    assert set(ids) == expected
    assert all(table.num_rows for table in tables)
    assert "changed" not in {one for table in tables for one in table["x"].to_pylist()}


@pytest.mark.usefixtures("small_splits")
def test_splits_and_conditions_go_together(postgres: Postgres) -> None:
    postgres.run(
        "CREATE TABLE t AS SELECT g AS id, md5(g::text) AS x FROM generate_series(1, 20000) g"
    )
    request = ReadRequest("t", where="id > 100 OR id < 50")
    with home_of(postgres).open(request) as source:
        splits = source.splits(4)
        rows = [read_split(source, split).num_rows for split in splits]
    assert len(rows) == 4
    assert sum(rows) == 20000 - 51


@pytest.mark.usefixtures("small_splits")
def test_there_are_no_more_splits_than_free_connections(postgres: Postgres) -> None:
    postgres.run(
        "CREATE TABLE t AS SELECT g AS id, md5(g::text) AS x FROM generate_series(1, 20000) g"
    )
    home = home_of(postgres, max_connections=3)
    with home.open(ReadRequest("t")) as source:
        assert len(source.splits(8)) == 2
    with home.open(ReadRequest("t")) as source:
        assert len(source.splits(8)) == 2


def test_several_entities_are_read_at_one_instant(postgres: Postgres) -> None:
    postgres.run("CREATE TABLE a AS SELECT 1 AS id")
    postgres.run("CREATE TABLE b AS SELECT 1 AS id")
    home = home_of(postgres)
    with home.snapshot() as snapshot:
        assert read(home, entity="a", snapshot=snapshot).num_rows == 1
        postgres.run("INSERT INTO a VALUES (2); INSERT INTO b VALUES (2)")
        assert read(home, entity="b", snapshot=snapshot).num_rows == 1
        assert read(home, entity="a", snapshot=snapshot).num_rows == 1
    assert read(home, entity="b").num_rows == 2


def test_a_connection_that_died_at_rest_is_replaced(postgres: Postgres) -> None:
    postgres.run("CREATE TABLE t AS SELECT 1 AS id")
    home = home_of(postgres, url=postgres.url_with("application_name=resting"))
    assert read(home).num_rows == 1
    killed = postgres.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
        f"AND (application_name = 'resting' OR query LIKE '%{postgres.schema}%')"
    )
    assert killed
    assert read(home).num_rows == 1


def test_a_connection_cut_in_mid_read_is_an_error_that_may_pass(postgres: Postgres) -> None:
    postgres.run(
        "CREATE TABLE t AS SELECT g AS id, repeat(md5(g::text), 30) AS x "
        "FROM generate_series(1, 100000) g"
    )
    with proxy(*postgres.address) as wire:
        home = home_of(postgres, host="127.0.0.1", port=wire.port)
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
        ({"host": "127.0.0.1", "port": 1}, "refused", "host and port"),
        ({"host": "nowhere.invalid"}, "resolve host", "check host"),
        ({"database": "nothing_here"}, "does not exist", "database"),
        ({"sslmode": "require"}, "SSL", "sslmode"),
    ],
)
def test_a_server_that_does_not_let_in_says_why(
    postgres: Postgres, changes: dict[str, object], said: str, hint: str
) -> None:
    if "sslmode" in changes and postgres.address[0].startswith("/"):
        pytest.skip("nothing is encrypted on a socket")
    canary = "S3cr3t-canary"
    home = home_of(postgres, password=canary, connect_timeout=2, **changes)
    for act in attempts(home):
        with pytest.raises(HomeError, match=said) as raised:
            act()
        assert hint in (raised.value.hint or "")
        assert raised.value.code == "HG507"
        assert canary not in f"{raised.value} {raised.value.hint}"


def attempts(home: Home) -> list[Callable[[], object]]:
    return [home.check, home.entities, lambda: list(home.examine()), lambda: read(home)]


def test_an_examination_tells_of_the_server_and_of_rights(postgres: Postgres) -> None:
    postgres.run("CREATE TABLE t (id int)")
    findings = list(home_of(postgres).examine())
    assert any("PostgreSQL 1" in one.text for one in findings)
    assert any("sessions use UTC" in one.text for one in findings)
    assert all(one.level != "error" for one in findings)
    role = f"r_{postgres.schema}"
    postgres.run(f"CREATE ROLE {role} LOGIN")
    try:
        found = list(home_of(postgres, user=role).examine())
        (warning,) = [one for one in found if "may not read" in one.text]
        assert warning.level == "warning"
        with pytest.raises(HomeError, match="permission denied") as raised:
            read(home_of(postgres, user=role))
        assert "grant" in (raised.value.hint or "").lower()
    finally:
        postgres.run(f"DROP OWNED BY {role}")
        postgres.run(f"DROP ROLE {role}")


def test_a_session_is_as_hygge_needs_it_whatever_the_url_asks_for(postgres: Postgres) -> None:
    postgres.run("CREATE TABLE t AS SELECT timestamptz '2024-02-01 00:00+00' AS at")
    url = postgres.url_with("options=-c%20TimeZone%3DEurope/Oslo%20-c%20DateStyle%3DDMY")
    home = home_of(postgres, url=url)
    assert any("sessions use UTC" in one.text for one in home.examine())
    assert read(home).column("at")[0].as_py() == datetime(2024, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize("where", ["url", "role"])
def test_a_role_that_quotes_all_identifiers_reads_the_same(postgres: Postgres, where: str) -> None:
    postgres.run("CREATE TABLE t (at timestamptz PRIMARY KEY, x int, y numeric(4,2), z text[])")
    postgres.run("INSERT INTO t VALUES ('2024-02-01 00:00+00', 1, 2.5, '{a}')")
    expected, url = read(home_of(postgres)), postgres.url_with("application_name=x")
    if where == "url":
        url = postgres.url_with("options=-c%20quote_all_identifiers=on")
    else:
        role = postgres.run("SELECT current_user, current_database()")[0]
        postgres.run(f"ALTER ROLE {role[0]} IN DATABASE {role[1]} SET quote_all_identifiers = on")
    try:
        assert read(home_of(postgres, url=url)).equals(expected)
    finally:
        if where == "role":
            postgres.run(f"ALTER ROLE {role[0]} IN DATABASE {role[1]} RESET ALL")


def test_many_moves_share_few_connections(postgres: Postgres) -> None:
    for number in range(12):
        postgres.run(f"CREATE TABLE t{number} AS SELECT g AS id FROM generate_series(1, 1000) g")
    name = f"many-{postgres.schema}"
    home = home_of(postgres, max_connections=4, url=postgres.url_with(f"application_name={name}"))
    rows: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: rows.append(read_entity(home, f"t{n}").num_rows))
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert rows == [1000] * 12
