"""What is new is told by the order that the database has for a type, or the column is refused."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import duckdb
import pytest
import yaml
from projects import hygge, write_project
from servers import Mysql, Postgres, schema_name

from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Selection, make_plan
from hygge.project import Project

NUMBERS: list[tuple[str, ...]] = [("8", "9"), ("10", "11"), ("100", "99")]
SIGNED: list[tuple[str, ...]] = [("-100", "-9"), ("-8", "9"), ("10", "100")]


@dataclass(frozen=True)
class Database:
    """A home, and how to write to it."""

    yaml: str
    run: Callable[[str], object]


def opened(kind: str, root: Path) -> Iterator[Database]:
    if kind == "postgres":
        postgres = Postgres(schema_name(root))
        postgres.make()
        yield Database(yaml.safe_dump(postgres.settings()), postgres.run)
        postgres.drop()
    elif kind == "mysql":
        mysql = Mysql(schema_name(root))
        mysql.make()

        def change(sql: str) -> object:
            with mysql.connect(mysql.database) as connection, connection.cursor() as cursor:
                return cursor.execute(sql)

        yield Database(yaml.safe_dump(mysql.settings()), change)
        mysql.drop()
    elif kind == "duckdb":

        def ask(sql: str) -> object:
            with duckdb.connect(str(root / "home.duckdb")) as db:
                return db.execute(sql)

        yield Database("type: duckdb\npath: home.duckdb\n", ask)
    else:

        def execute(sql: str) -> object:
            with closing(sqlite3.connect(root / "home.db")) as db, db:
                return db.execute(sql).fetchall()

        yield Database("type: sqlite\npath: home.db\n", execute)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "project"


def project(root: Path, home: Database, flow: str) -> Path:
    return write_project(
        root,
        {
            "homes/db.yml": home.yaml,
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "stores/duck.yml": "type: duckdb\npath: store.duckdb\n",
            "flows/t.yml": f"home: db\nentity: t\n{flow}",
        },
    )


def add_flows(root: Path, names: Iterable[str]) -> None:
    """Write an incremental flow for each of these tables, beside that of `t`."""
    flow = "home: db\nstore: lake\nmode: append\nincremental: id\n"
    write_project(root, {f"flows/{name}.yml": flow for name in names})


def lake(root: Path, name: str = "t") -> list[str]:
    files = f"{root}/lake/{name}/*.parquet"
    rows = duckdb.execute(f"SELECT CAST(v AS VARCHAR) FROM read_parquet('{files}')").fetchall()
    return sorted(value for (value,) in rows)


def moved(root: Path) -> subprocess.CompletedProcess[str]:
    return hygge(root, "go", "t")


DATABASES = ["postgres", "mysql", "duckdb", "sqlite"]
KINDS: list[tuple[str, str, list[tuple[str, ...]]]] = [
    ("postgres", "numeric", NUMBERS),
    ("postgres", "numeric", [("8", "9.5"), ("9.50", "10"), ("1e20", "123456789012345678901.5")]),
    ("postgres", "numeric", SIGNED),
    ("postgres", "numeric(80,2)", SIGNED),
    ("postgres", "xid8", NUMBERS),
    ("postgres", "pg_lsn", [("0/8", "0/9"), ("0/10", "0/11"), ("1/0", "0/FF")]),
    ("postgres", "macaddr", [("08:00:2b:01:02:03", "08:00:2b:01:02:04"), ("a8:00:2b:01:02:03",)]),
    ("postgres", "bit varying", [("0", "01"), ("011", "1"), ("1001",)]),
    ("postgres", "money", SIGNED),
    ("postgres", "numeric(12,2)", SIGNED),
    ("postgres", "oid", NUMBERS),
    ("mysql", "decimal(20,3)", SIGNED),
    ("mysql", "bigint unsigned", NUMBERS),
    ("mysql", "year", [("2008", "2009"), ("2010",), ("2100",)]),
    ("mysql", "bit(20)", NUMBERS),
    ("duckdb", "HUGEINT", SIGNED),
    ("duckdb", "BIGNUM", SIGNED),
    ("duckdb", "UTINYINT", NUMBERS),
    ("duckdb", "DECIMAL(12,2)", SIGNED),
    ("sqlite", "DECIMAL(12,2)", SIGNED),
    ("sqlite", "DECIMAL_TEXT(30,2)", [("8.00", "9.00"), ("10.00",), ("100.00",)]),
    ("sqlite", "INTEGER", SIGNED),
]


def literal(kind: str, value: str) -> str:
    return f"b'{int(value):b}'" if kind.startswith("bit(") else f"'{value}'"


@pytest.mark.parametrize("database", DATABASES)
def test_each_increment_moves_what_the_database_calls_newer(root: Path, database: str) -> None:
    root.mkdir()
    columns = [(kind, rounds) for its, kind, rounds in KINDS if its == database]
    tables = {f"t{n}": column for n, column in enumerate(columns)}
    assert len(tables) >= 3
    for home in opened(database, root):
        project(root, home, "store: lake\nenabled: false\n")
        add_flows(root, tables)
        for name, (kind, _) in tables.items():
            home.run(f"CREATE TABLE {name} (id {kind}, v varchar(40))")
        expected: dict[str, list[str]] = {name: [] for name in tables}
        for number in range(3):
            for name, (kind, rounds) in tables.items():
                for value in chain.from_iterable(rounds[number : number + 1]):
                    home.run(f"INSERT INTO {name} VALUES ({literal(kind, value)}, '{value}')")
                    expected[name].append(value)
            # By then the highest value of all was moved: what comes later is below it.
            ran = hygge(root, "go")
            assert ran.returncode == 0, ran.stdout + ran.stderr
            found = {name: lake(root, name) for name in tables}
            assert found == {name: sorted(values) for name, values in expected.items()}, tables
        assert hygge(root, "verify").returncode == 0


TEXTS = [("postgres", "smallint"), ("mysql", "int"), ("duckdb", "INTEGER"), ("sqlite", "INTEGER")]


@pytest.mark.parametrize(("database", "kind"), TEXTS)
def test_a_number_that_is_read_as_text_is_still_a_number(
    root: Path, database: str, kind: str
) -> None:
    root.mkdir()
    for home in opened(database, root):
        flow = "store: lake\nmode: append\nincremental: id\ncolumns: {id: {type: string}}\n"
        project(root, home, flow)
        home.run(f"CREATE TABLE t (id {kind}, v varchar(40))")
        for values in NUMBERS:
            for value in values:
                home.run(f"INSERT INTO t VALUES ('{value}', '{value}')")
            ran = moved(root)
            assert ran.returncode == 0, ran.stdout + ran.stderr
        assert lake(root) == ["10", "100", "11", "8", "9", "99"]


REFUSED = [
    ("postgres", "interval", "'1 day'"),
    ("postgres", "mood", "'sad'"),
    ("postgres", "inet", "'10.0.0.1'"),
    ("postgres", "uuid", "gen_random_uuid()"),
    ("postgres", "xid", "'1'"),
    ("postgres", "jsonb", "'1'"),
    ("postgres", "boolean", "true"),
    ("postgres", "bytea", "'x'"),
    ("postgres", "integer[]", "'{1}'"),
    ("postgres", "time", "'10:00'"),
    ("postgres", "numrange", "'[1,2)'"),
    ("mysql", "enum('sad', 'happy')", "'sad'"),
    ("mysql", "set('a', 'b')", "'a'"),
    ("mysql", "bit(1)", "b'1'"),
    ("mysql", "time", "'10:00'"),
    ("duckdb", "ENUM('sad', 'happy')", "'sad'"),
    ("duckdb", "INTERVAL", "'1 day'"),
    ("duckdb", "UNION(a INTEGER)", "1"),
    ("duckdb", "UUID", "uuid()"),
    ("sqlite", "BLOB", "x'00'"),
]


@pytest.mark.parametrize("database", DATABASES)
def test_a_type_without_a_known_order_is_refused_before_anything_is_moved(
    root: Path, database: str
) -> None:
    root.mkdir()
    columns = [(kind, value) for its, kind, value in REFUSED if its == database]
    tables = {f"t{n}": column for n, column in enumerate(columns)}
    for home in opened(database, root):
        project(root, home, "store: lake\nenabled: false\n")
        add_flows(root, tables)
        if database == "postgres":
            home.run("CREATE TYPE mood AS ENUM ('sad', 'happy')")
        for name, (kind, value) in tables.items():
            home.run(f"CREATE TABLE {name} (id {kind}, v varchar(40))")
            home.run(f"INSERT INTO {name} VALUES ({value}, 'a')")
        plan = make_plan(Project.load(root), Selection())
        failures = {
            f"{one.entity} {tables[one.entity][0]}": one.failure
            for one in run(plan, stop=Stop(), listen=lambda _: None).outcomes
        }
        assert failures.keys() == {f"{name} {kind}" for name, (kind, _) in tables.items()}
        codes = {kind: failure and failure.code for kind, failure in failures.items()}
        assert codes == dict.fromkeys(codes, "HG539")
        assert "does not exist" not in str(failures)
        assert not [*(root / "lake").glob("t*")]
        for name in tables:
            planned = json.loads(hygge(root, "plan", name, "--json").stdout)
            assert "HG539" in json.dumps(planned), (name, tables[name])


def test_where_numbers_begin_is_a_number(root: Path) -> None:
    root.mkdir()
    for home in opened("postgres", root):
        project(root, home, "store: lake\nmode: append\nincremental: {column: id, initial: 5}\n")
        home.run(
            "CREATE TABLE t AS SELECT n::numeric AS id, n::text AS v FROM generate_series(1,30) n"
        )
        assert moved(root).returncode == 0
        assert len(lake(root)) == 26


def test_a_number_reads_back_by_a_distance(root: Path) -> None:
    root.mkdir()
    for home in opened("postgres", root):
        project(
            root,
            home,
            "store: duck\nmode: merge\nprimary_key: id\nincremental: {column: id, lookback: 5}\n"
            "columns: {id: {type: int64}}\n",
        )
        home.run("CREATE TABLE t (id numeric PRIMARY KEY, v text)")
        home.run("INSERT INTO t VALUES (8, 'a'), (12, 'b')")
        assert moved(root).returncode == 0
        home.run("INSERT INTO t VALUES (7, 'late'), (6, 'too late'), (100, 'c')")
        assert moved(root).returncode == 0
        with duckdb.connect(str(root / "store.duckdb")) as db:
            rows = db.execute("SELECT id, v FROM t ORDER BY id").fetchall()
        assert rows == [(7, "late"), (8, "a"), (12, "b"), (100, "c")]


@pytest.mark.parametrize(
    ("key", "flow"),
    [
        ("primary_key", "mode: merge\nprimary_key: id\n"),
        ("dedupe_by", "mode: merge\nprimary_key: n\ndedupe_by: id\n"),
        ("incremental", "mode: merge\nprimary_key: n\nincremental: id\n"),
        ("unique", "mode: append\nchecks: [{unique: id}]\n"),
    ],
)
@pytest.mark.parametrize("store", ["lake", "duck"])
def test_a_text_that_is_no_key_is_refused_with_a_cast_that_works(
    root: Path, key: str, flow: str, store: str
) -> None:
    root.mkdir()
    for home in opened("postgres", root):
        project(root, home, f"store: {store}\n{flow}")
        home.run("CREATE TABLE t (id numeric, n int, v text)")
        home.run("INSERT INTO t VALUES (9, 1, 'a'), (10, 2, 'b')")
        for command in ("plan", "go"):
            ran = hygge(root, command, "t")
            assert ran.returncode == 1
            assert "HG555" in ran.stdout + ran.stderr
            assert f"{key}: column 'id' is numeric" in ran.stdout + ran.stderr
        (root / "flows" / "t.yml").write_text(
            f"home: db\nentity: t\nstore: {store}\n{flow}columns: {{id: {{type: int64}}}}\n"
        )
        assert moved(root).returncode == 0


def test_a_database_of_the_same_type_compares_by_itself(root: Path, postgres: Postgres) -> None:
    root.mkdir()
    for home in opened("postgres", root):
        project(root, home, "store: pg\nmode: merge\nprimary_key: id\ndedupe_by: ver\n")
        (root / "stores" / "pg.yml").write_text(yaml.safe_dump(postgres.settings()))
        home.run("CREATE TABLE t (id numeric, ver numeric, v text)")
        home.run("INSERT INTO t VALUES (1.0, 9, 'old'), (1.00, 10, 'new'), (2, 1, 'b')")
        assert moved(root).returncode == 0
        assert postgres.run("SELECT id, v FROM t ORDER BY id") == [(1, "new"), (2, "b")]
        home.run("UPDATE t SET id = 2.000, ver = 2, v = 'B' WHERE id = 2")
        assert moved(root).returncode == 0
        assert postgres.run("SELECT id, v FROM t ORDER BY id") == [(1, "new"), (2, "B")]


@pytest.mark.parametrize("database", ["postgres", "mysql"])
def test_a_text_that_a_collation_orders_otherwise_is_no_watermark(
    root: Path, database: str
) -> None:
    root.mkdir()
    for home in opened(database, root):
        project(root, home, "store: lake\nmode: append\nincremental: id\n")
        collation = 'COLLATE "en-x-icu"' if database == "postgres" else "COLLATE utf8mb4_general_ci"
        charset = "" if database == "postgres" else "CHARACTER SET utf8mb4"
        home.run(f"CREATE TABLE t (id varchar(20) {charset} {collation}, v varchar(40))")
        home.run("INSERT INTO t VALUES ('a', 'a')")
        assert moved(root).returncode == 0
        home.run("INSERT INTO t VALUES ('c', 'c')")
        assert moved(root).returncode == 0
        home.run("INSERT INTO t VALUES ('D', 'D')")  # above c there, below it by bytes
        ran = moved(root)
        assert ran.returncode == 1
        assert "'D'" in ran.stdout + ran.stderr
        assert lake(root) == ["a", "c"]


def test_null_as_a_column_has_no_type_of_its_own(root: Path) -> None:
    root.mkdir()
    for home in opened("mysql", root):
        project(root, home, "store: lake\n")
        home.run("CREATE VIEW t AS SELECT 1 AS id, 'x' AS v, NULL AS legacy")
        assert moved(root).returncode == 0
        files = f"{root}/lake/t/*.parquet"
        kinds = duckdb.execute(f"DESCRIBE SELECT * FROM read_parquet('{files}')").fetchall()
        assert ("legacy", "VARCHAR") in [kind[:2] for kind in kinds]


def test_the_watermark_is_written_as_the_value_is(root: Path) -> None:
    root.mkdir()
    for home in opened("postgres", root):
        project(root, home, "store: lake\nmode: append\nincremental: id\n")
        home.run("CREATE TABLE t AS SELECT 10.50::numeric AS id, 'a' AS v")
        assert moved(root).returncode == 0
        shown = json.loads(hygge(root, "state", "show", "--json").stdout)
        assert "10.50" in json.dumps(shown)
        assert hygge(root, "state", "set", "t", "9.5").returncode == 0
        ran = hygge(root, "state", "set", "t", "soon")
        assert ran.returncode != 0
        assert "soon" in ran.stderr + ran.stdout


def test_the_range_of_a_number_goes_by_its_size(root: Path) -> None:
    root.mkdir()
    for home in opened("postgres", root):
        project(root, home, "store: pg\nmode: append\nincremental: id\n")
        store = Postgres(schema_name(root / "store"))
        store.make()
        (root / "stores" / "pg.yml").write_text(yaml.safe_dump(store.settings()))
        home.run("CREATE TABLE t AS SELECT n::numeric AS id, 'a' AS v FROM generate_series(1,30) n")
        assert moved(root).returncode == 0
        home.run("UPDATE t SET v = 'b'")
        ran = hygge(root, "go", "t", "--from", "9", "--to", "11")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        changed = store.run("SELECT id FROM t WHERE v = 'b' ORDER BY id")
        store.drop()
        assert [int(number) for (number,) in changed] == [9, 10]


COLLATED = [
    ("sqlite", "TEXT COLLATE NOCASE"),
    ("sqlite", "TEXT COLLATE RTRIM"),
    ("duckdb", "VARCHAR COLLATE NOCASE"),
    ("duckdb", "VARCHAR COLLATE NOACCENT"),
    ("postgres", "text COLLATE folded"),
]
BY_KEY = "store: duck\nmode: merge\nprimary_key: id\n"
BY_MARK = "store: lake\nmode: append\nincremental: id\n"


@pytest.mark.parametrize(("database", "kind"), COLLATED)
def test_a_collation_that_takes_texts_for_equal_is_no_key_and_no_order(
    root: Path, database: str, kind: str
) -> None:
    root.mkdir()
    for home in opened(database, root):
        if database == "postgres":
            sql = "(provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
            home.run(f"CREATE COLLATION folded {sql}")
        home.run(f"CREATE TABLE t (id {kind}, v varchar(40))")
        home.run("INSERT INTO t VALUES ('Ab', '1')")
        for flow, code in ((BY_KEY, "HG555"), (BY_MARK, "HG539")):
            project(root, home, flow)
            refused = moved(root)
            assert refused.returncode == 1, refused.stdout
            assert f"[{code}]" in refused.stdout
            assert "different texts" in " ".join(refused.stdout.split())
        project(root, home, BY_KEY + "columns: {id: {type: string}}\n")
        assert moved(root).returncode == 0


@pytest.mark.parametrize("kind", ["INT[]", "STRUCT(a INT)", "UNION(a INT, b VARCHAR)", "INTERVAL"])
def test_a_key_that_duckdb_cannot_index_is_refused_before_its_first_row(
    root: Path, kind: str
) -> None:
    root.mkdir()
    for home in opened("duckdb", root):
        home.run(f"CREATE TABLE t (id {kind}, v varchar)")
        project(root, home, BY_KEY)
        for command in ("plan", "go"):
            refused = hygge(root, command, "t")
            assert refused.returncode == 1, refused.stdout
            assert "[HG555]" in refused.stdout
