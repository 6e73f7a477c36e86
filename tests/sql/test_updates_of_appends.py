"""An append by a column knows rows again by their key, and the flow chooses what updates mean."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
import yaml
from projects import hygge, write_project
from servers import Mysql, Postgres, schema_name

KEYED = "id int PRIMARY KEY, status text, at int"


def flow(root: Path, postgres: Postgres, text: str, store: str = "lake") -> Path:
    return write_project(
        root,
        {
            "homes/db.yml": yaml.safe_dump(postgres.settings()),
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "stores/duck.yml": "type: duckdb\npath: store.duckdb\n",
            "flows/t.yml": f"home: db\nstore: {store}\nentity: t\nmode: append\n{text}",
        },
    )


def go(root: Path, store: str = "lake") -> list[tuple[int, str]]:
    ran = hygge(root, "go", "t")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    if store == "duck":
        with duckdb.connect(str(root / "store.duckdb")) as db:
            return db.execute("SELECT id, status FROM t ORDER BY ALL").fetchall()
    files = f"{root}/lake/t/*.parquet"
    return duckdb.execute(f"SELECT id, status FROM read_parquet('{files}') ORDER BY ALL").fetchall()


@pytest.mark.parametrize("store", ["lake", "duck"])
@pytest.mark.parametrize("key", ["", "primary_key: id\n"])
def test_an_update_of_the_newest_row_is_no_new_row(
    tmp_path: Path, postgres: Postgres, key: str, store: str
) -> None:
    flow(tmp_path, postgres, f"incremental: id\n{key}", store)
    postgres.run(f"CREATE TABLE t ({KEYED})")
    postgres.run("INSERT INTO t VALUES (1, 'open', 1), (2, 'open', 1)")
    assert go(tmp_path, store) == [(1, "open"), (2, "open")]
    for status in ("paid", "shipped"):
        postgres.run(f"UPDATE t SET status = '{status}' WHERE id = 2")
        assert go(tmp_path, store) == [(1, "open"), (2, "open")]
    postgres.run("INSERT INTO t VALUES (3, 'open', 1)")
    assert go(tmp_path, store) == [(1, "open"), (2, "open"), (3, "open")]


def test_rows_of_one_time_are_told_apart_by_the_key_of_the_flow(
    tmp_path: Path, postgres: Postgres
) -> None:
    flow(tmp_path, postgres, "incremental: at\nprimary_key: id\n")
    postgres.run("CREATE TABLE t (id int, status text, at int)")
    postgres.run("INSERT INTO t VALUES (1, 'open', 7), (2, 'open', 7)")
    go(tmp_path)
    postgres.run("UPDATE t SET status = 'paid' WHERE id = 2")
    postgres.run("INSERT INTO t VALUES (3, 'open', 7)")
    assert go(tmp_path) == [(1, "open"), (2, "open"), (3, "open")]


def test_versions_are_appended_where_the_column_is_no_part_of_the_key(
    tmp_path: Path, postgres: Postgres
) -> None:
    flow(tmp_path, postgres, "incremental: at\n")
    postgres.run(f"CREATE TABLE t ({KEYED})")
    postgres.run("INSERT INTO t VALUES (1, 'open', 7)")
    go(tmp_path)
    postgres.run("UPDATE t SET status = 'paid'")  # in the same instant
    assert go(tmp_path) == [(1, "open"), (1, "paid")]
    postgres.run("UPDATE t SET status = 'shipped', at = 8")
    assert go(tmp_path) == [(1, "open"), (1, "paid"), (1, "shipped")]


def test_the_flow_chooses_what_an_update_means(tmp_path: Path, postgres: Postgres) -> None:
    postgres.run(f"CREATE TABLE t ({KEYED})")
    postgres.run("INSERT INTO t VALUES (1, 'open', 7)")
    flow(tmp_path, postgres, "incremental: {column: id, updates: append}\n")
    go(tmp_path)
    postgres.run("UPDATE t SET status = 'paid'")
    assert go(tmp_path) == [(1, "open"), (1, "paid")]
    flow(tmp_path, postgres, "incremental: {column: id, updates: ignore}\n")
    postgres.run("UPDATE t SET status = 'shipped'")
    assert go(tmp_path) == [(1, "open"), (1, "paid")]


def test_ties_of_whole_rows_are_known_by_their_key_later(
    tmp_path: Path, postgres: Postgres
) -> None:
    postgres.run("CREATE TABLE t (id int, status text, at int)")
    postgres.run("INSERT INTO t VALUES (1, 'open', 7)")
    flow(tmp_path, postgres, "incremental: id\n")
    go(tmp_path)
    postgres.run("ALTER TABLE t ADD PRIMARY KEY (id)")
    postgres.run("UPDATE t SET status = 'paid'")
    assert go(tmp_path) == [(1, "open")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("incremental: {column: id, updates: ignore}\n", "primary_key"),
        (
            "incremental: {column: id, updates: append}\nprimary_key: id\n",
            "second row with the same key",
        ),
    ],
)
def test_a_choice_that_cannot_be_kept_is_refused(
    tmp_path: Path, postgres: Postgres, text: str, says: str
) -> None:
    flow(tmp_path, postgres, text)
    postgres.run("CREATE TABLE t (id int, status text, at int)")
    ran = hygge(tmp_path, "go", "t")
    assert ran.returncode == 1
    assert "HG539" in ran.stdout + ran.stderr
    assert says in ran.stdout + ran.stderr
    assert not (tmp_path / "lake" / "t").exists()


def test_the_plan_says_what_becomes_of_updates(tmp_path: Path, postgres: Postgres) -> None:
    postgres.run(f"CREATE TABLE t ({KEYED})")
    flow(tmp_path, postgres, "incremental: id\n")
    assert (
        "with the same id that changes later is not moved again"
        in hygge(tmp_path, "plan", "t").stdout
    )
    flow(tmp_path, postgres, "incremental: at\n")
    assert "is appended again if its at increases" in hygge(tmp_path, "plan", "t").stdout


@pytest.mark.parametrize("mask", ["redact", "partial"])
def test_a_masked_key_tells_no_rows_apart(tmp_path: Path, postgres: Postgres, mask: str) -> None:
    flow(tmp_path, postgres, f"incremental: at\ncolumns: {{id: {{mask: {mask}}}}}\n")
    postgres.run("CREATE TABLE t (id int, status text, at int, PRIMARY KEY (at, id))")
    postgres.run("INSERT INTO t VALUES (1, 'open', 7)")
    assert len(go(tmp_path)) == 1
    postgres.run("INSERT INTO t VALUES (2, 'new', 7)")
    assert sorted(status for _, status in go(tmp_path)) == ["new", "open"]


@pytest.mark.parametrize("store", ["duckdb", "sqlite", "postgres", "mysql"])
def test_a_keyed_append_by_a_time_leads_out_to_a_merge(tmp_path: Path, store: str) -> None:
    servers: dict[str, type[Postgres | Mysql]] = {"postgres": Postgres, "mysql": Mysql}
    settings: dict[str, object] = {"type": store, "path": "store.db"}
    if store in servers:
        server = servers[store](schema_name(tmp_path))
        server.make()
        settings = server.settings()
    append = "home: db\nstore: s\nentity: t\nmode: append\nincremental: at\nprimary_key: id\n"
    files = {
        "homes/db.yml": "type: duckdb\npath: home.db\n",
        "stores/s.yml": yaml.safe_dump(settings),
        "flows/t.yml": append,
    }
    write_project(tmp_path, files)
    with duckdb.connect(str(tmp_path / "home.db")) as home:
        home.execute('CREATE TABLE t (id int PRIMARY KEY, status text, "at" int)')
        home.execute("INSERT INTO t VALUES (1, 'open', 7), (2, 'open', 8)")
    assert hygge(tmp_path, "go", "t").returncode == 0
    with duckdb.connect(str(tmp_path / "home.db")) as home:
        home.execute("UPDATE t SET status = 'paid', \"at\" = 9 WHERE id = 1")
    assert "then stops the append because its key exists" in " ".join(
        hygge(tmp_path, "plan", "t").stdout.split()
    )
    stuck = hygge(tmp_path, "go", "t")
    assert stuck.returncode == 1
    assert "mode: merge" in " ".join(stuck.stdout.split())
    (tmp_path / "flows/t.yml").write_text(append.replace("append", "merge"))
    merged = hygge(tmp_path, "go", "t")
    assert merged.returncode == 0, merged.stdout
    assert "1 row" in merged.stdout
