"""Values and keys that a database has, and the help that is printed where they are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import psycopg
import pytest
import yaml
from projects import hygge, write_project
from servers import Mysql, Postgres, postgres_url, schema_name


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Postgres]:
    """A second schema of PostgreSQL, to write to."""
    server = Postgres(schema_name(tmp_path / "other"))
    server.make()
    yield server
    server.drop()


def project(root: Path, home: Postgres, flow: str, **stores: object) -> Path:
    files = {f"stores/{name}.yml": yaml.safe_dump(said) for name, said in stores.items()}
    return write_project(
        root, {"homes/db.yml": yaml.safe_dump(home.settings()), "flows/t.yml": flow, **files}
    )


def test_infinity_goes_from_postgres_to_postgres_by_the_printed_help(
    tmp_path: Path, postgres: Postgres, other: Postgres
) -> None:
    flow = "home: db\nstore: pg\nentity: t\n"
    project(tmp_path, postgres, flow, pg=other.settings())
    postgres.run("CREATE TABLE t (id int, at timestamptz, day date, hour time)")
    postgres.run(
        "INSERT INTO t VALUES (1, 'infinity', '-infinity', '24:00'), (2, 'now', 'today', '10:00')"
    )
    columns = ""
    for name in ("at", "day", "hour"):
        ran = hygge(tmp_path, "go", "t")
        assert ran.returncode == 1
        assert f"{name}: {{type: string}}" in ran.stdout + ran.stderr
        columns += f"  {name}: {{type: string}}\n"
        (tmp_path / "flows" / "t.yml").write_text(f"{flow}columns:\n{columns}")
    assert hygge(tmp_path, "go", "t").returncode == 0
    sql = "SELECT id, at::text, day::text, hour::text, pg_typeof(at)::text FROM t ORDER BY id"
    assert other.run(sql) == postgres.run(sql)


def test_numbers_without_digits_are_computed_with_once_they_have_a_type(
    tmp_path: Path, postgres: Postgres
) -> None:
    flow = "home: db\nstore: lake\nentity: t\ncolumns:\n  total: {compute: price * qty}\n"
    project(tmp_path, postgres, flow, lake={"type": "parquet", "path": "lake"})
    postgres.run("CREATE TABLE t AS SELECT 1.5::numeric AS price, 3::numeric AS qty")
    for name in ("price", "qty"):
        ran = hygge(tmp_path, "go", "t")
        assert ran.returncode == 1
        assert f"'{name}' is numeric" in ran.stdout + ran.stderr
        flow += f"  {name}: {{type: 'decimal(12,2)'}}\n"
        (tmp_path / "flows" / "t.yml").write_text(flow)
    assert hygge(tmp_path, "go", "t").returncode == 0
    found = duckdb.execute(f"SELECT total FROM read_parquet('{tmp_path}/lake/t/*.parquet')")
    assert [float(total) for (total,) in found.fetchall()] == [4.5]


def test_bytes_that_are_no_text_are_told_with_their_column(tmp_path: Path) -> None:
    name = schema_name(tmp_path)
    with psycopg.connect(postgres_url(), autocommit=True) as admin:
        admin.execute(
            f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' "
            "TEMPLATE template0".encode()
        )
        url = f"{postgres_url().rpartition('/')[0]}/{name}"
        with psycopg.connect(url, autocommit=True) as db:
            db.execute(rb"CREATE TABLE t AS SELECT 1 AS id, E'caf\xe9'::text AS name")
            db.execute("INSERT INTO t VALUES (0, 'cafe'); ALTER TABLE t ADD PRIMARY KEY (id)")
            db.execute(rb"CREATE TABLE u AS SELECT ARRAY['a', E'\xe9'] AS names")
        files = {
            "homes/db.yml": yaml.safe_dump({"type": "postgres", "url": url}),
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "flows/t.yml": "home: db\nstore: lake\nentity: t\n",
            "flows/u.yml": "home: db\nstore: lake\nentity: u\n",
            "flows/b.yml": "home: db\nstore: lake\nentity: t\ninto: b\n"
            "columns: {name: {type: binary}}\n",
        }
        write_project(tmp_path, files)
        ran = hygge(tmp_path, "go", "t")
        lists = hygge(tmp_path, "go", "u")
        assert hygge(tmp_path, "go", "b").returncode == 0
        (tmp_path / "flows" / "t.yml").write_text(
            "home: db\nstore: lake\nentity: t\nquery: SELECT id, convert_from(convert(convert_to("
            "name, 'SQL_ASCII'), 'WIN1252', 'UTF8'), 'SQL_ASCII') AS name FROM t\n"
        )
        again = hygge(tmp_path, "go", "t")
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
    assert ran.returncode == 1
    said = "the row with id = 1 of t: column 'name' contains bytes that are not UTF-8, 'caf\\xe9'"
    assert said in " ".join(ran.stdout.split())
    assert "row 1 of u: column 'names' contains bytes" in " ".join(lists.stdout.split())
    bytes_of = duckdb.execute(f"SELECT name FROM '{tmp_path}/lake/b/*.parquet' ORDER BY id DESC")
    assert bytes_of.fetchall()[0] == (b"caf\xe9",)
    assert "Traceback" not in ran.stderr
    assert again.returncode == 0, again.stdout + again.stderr


@pytest.mark.parametrize("keys", ["id", "id, n"])
def test_keys_of_many_characters_go_to_mysql(
    tmp_path: Path, postgres: Postgres, mysql: Mysql, keys: str
) -> None:
    flow = f"home: db\nstore: my\nentity: t\nmode: merge\nprimary_key: [{keys}]\n"
    project(tmp_path, postgres, flow, my=mysql.settings())
    postgres.run(
        "CREATE TABLE t AS SELECT repeat('x', 700) || n AS id, n, 'a' AS v "
        "FROM generate_series(1, 3) n"
    )
    for value in ("a", "b"):
        postgres.run(f"UPDATE t SET v = '{value}' WHERE n = 2")
        ran = hygge(tmp_path, "go", "t")
        assert ran.returncode == 0, ran.stdout + ran.stderr
    assert mysql.run("SELECT n, v FROM t ORDER BY n") == [(1, "a"), (2, "b"), (3, "a")]


def test_verify_says_what_it_compares_as_text(tmp_path: Path, postgres: Postgres) -> None:
    with duckdb.connect(str(tmp_path / "home.duckdb")) as db:
        db.execute("CREATE TABLE t (id int, u UNION(a INTEGER, b VARCHAR))")
        db.execute("INSERT INTO t VALUES (1, 5), (2, 'x')")
    files = {
        "homes/db.yml": "type: duckdb\npath: home.duckdb\n",
        "stores/lake.yml": "type: parquet\npath: lake\n",
        "stores/duck.yml": "type: duckdb\npath: store.duckdb\n",
        "flows/t.yml": "home: db\nstore: lake\nentity: t\n",
        "flows/d.yml": "home: db\nstore: duck\nentity: t\n",
    }
    write_project(tmp_path, files)
    assert hygge(tmp_path, "go").returncode == 0
    assert "compared as text" in hygge(tmp_path, "verify", "t").stdout
    assert "compared as text" not in hygge(tmp_path, "verify", "d").stdout
