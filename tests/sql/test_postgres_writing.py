"""Writing PostgreSQL: what is kept, what is refused, and that no failure is seen by readers."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
from servers import Postgres

from hygge.connector import (
    Mode,
    ProjectContext,
    Span,
    Store,
    StoreConfig,
    WriteRequest,
)
from hygge.errors import StoreError
from hygge.testing.cases import plain_table
from hygge.testing.moving import write, write_request

HERE = Path(__file__).parent


def store_of(server: Postgres, **more: object) -> Store:
    return StoreConfig.create(server.settings(**more)).store(ProjectContext(Path()))


def ids(server: Postgres, table: str = "things") -> list[int]:
    return [row[0] for row in server.run(f"SELECT id FROM {table} ORDER BY id")]


def keyed(request: WriteRequest, *key: str) -> WriteRequest:
    return replace(request, primary_key=key)


@pytest.mark.parametrize(
    ("mode", "replacing"), [("replace", "auto"), ("replace", "keep"), ("append", "auto")]
)
def test_a_kill_at_any_statement_leaves_the_old_rows_or_the_new(
    tmp_path: Path, mode: str, replacing: str
) -> None:
    command = [sys.executable, str(HERE / "postgres_killing.py"), str(tmp_path), mode, replacing]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    kills = [int(line.split()[0]) for line in done.stdout.splitlines()]
    assert len(kills) == 2
    assert min(kills) > 10


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ("CREATE VIEW v AS SELECT id FROM things", "views use it: v"),
        ("CREATE INDEX by_name ON things (name)", "indexes: by_name"),
        ("GRANT SELECT ON things TO public", "others have privileges on it: public"),
        ("ALTER TABLE things ADD CONSTRAINT c CHECK (id >= 0)", "constraints: c"),
        ("COMMENT ON TABLE things IS 'ours'", "comments: ours"),
        ("ALTER TABLE things ALTER name SET DEFAULT 'x'", "columns are generated: name"),
        ("CREATE RULE r AS ON DELETE TO things DO ALSO NOTHING", "rules: r"),
        ("GRANT SELECT (id) ON things TO public", "privileges on its columns: id"),
        ("ALTER TABLE things ENABLE ROW LEVEL SECURITY", "row security is on"),
        ("ALTER TABLE things REPLICA IDENTITY FULL", "replica identity of its own: full"),
        (
            "ALTER TABLE things REPLICA IDENTITY FULL; "
            "CREATE PUBLICATION {schema}_p FOR TABLE things",
            "publications contain it",
        ),
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
            "CREATE TRIGGER tr BEFORE INSERT ON things FOR EACH ROW EXECUTE FUNCTION f()",
            "triggers: tr",
        ),
        (
            "CREATE TABLE child (id bigint); ALTER TABLE things ADD UNIQUE (id); "
            "ALTER TABLE child ADD FOREIGN KEY (id) REFERENCES things (id)",
            "foreign keys refer to it",
        ),
    ],
)
def test_a_replace_keeps_what_hangs_on_the_table_or_says_what_it_would_lose(
    postgres: Postgres, made: str, reason: str
) -> None:
    write(store_of(postgres), [plain_table(5)], write_request())
    postgres.run(f"DROP PUBLICATION IF EXISTS {postgres.schema}_p")
    postgres.run(made.format(schema=postgres.schema))
    oid = postgres.run("SELECT 'things'::regclass::oid")
    with pytest.raises(StoreError, match=reason) as raised:
        write(store_of(postgres, replace="swap"), [plain_table(9)], write_request())
    assert "replace: keep" in (raised.value.hint or "")
    assert ids(postgres) == [*range(5)]
    write(store_of(postgres), [plain_table(9)], write_request())
    assert ids(postgres) == [*range(9)]
    assert postgres.run("SELECT 'things'::regclass::oid") == oid
    postgres.run(f"DROP PUBLICATION IF EXISTS {postgres.schema}_p")


def test_a_plain_table_is_swapped_for_a_new_one(postgres: Postgres) -> None:
    store = store_of(postgres)
    write(store, [plain_table(5)], keyed(write_request(), "id"))
    oid = postgres.run("SELECT 'things'::regclass::oid")
    write(store, [plain_table(3)], keyed(write_request(), "id"))
    assert postgres.run("SELECT 'things'::regclass::oid") != oid
    key = "SELECT conname FROM pg_constraint WHERE contype = 'p' "
    key += "AND conrelid = 'things'::regclass"
    assert postgres.run(key) == [("things_pkey",)]


def test_an_empty_table_of_others_is_filled_as_it_is(postgres: Postgres) -> None:
    postgres.run("CREATE TABLE things (name varchar(20), id integer, extra int DEFAULT 7)")
    write(store_of(postgres), [plain_table(3)], write_request())
    assert postgres.run("SELECT id, name, extra FROM things ORDER BY id") == [
        (n, f"row {n}", 7) for n in range(3)
    ]
    kinds = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attnum > 0 AND "
    kinds += "attrelid = 'things'::regclass ORDER BY attnum"
    assert postgres.run(kinds)[0] == ("character varying(20)",)


def test_rows_are_appended_to_a_table_of_others_by_name(postgres: Postgres) -> None:
    postgres.run(
        "CREATE TABLE things (at timestamptz DEFAULT now(), name varchar(20), "
        "id bigint NOT NULL, number serial PRIMARY KEY, twice bigint GENERATED ALWAYS AS "
        "(id * 2) STORED, note text)"
    )
    postgres.run("INSERT INTO things (id, name, note) VALUES (70, 'theirs', 'n')")
    store = store_of(postgres)
    commit = write(store, [plain_table(2)], write_request(Mode.APPEND))
    assert store.last_commit("things") == replace(commit, total_rows=3, schema=commit.schema)
    rows = postgres.run("SELECT id, name, number, twice, note, at IS NULL FROM things ORDER BY 3")
    assert rows == [
        (70, "theirs", 1, 140, "n", False),
        (0, "row 0", 2, 0, None, False),
        (1, "row 1", 3, 2, None, False),
    ]


def test_a_nul_character_is_refused_with_its_column(postgres: Postgres) -> None:
    table = pa.table({"id": [1, 2], "the column": ["fine", "not\0fine"]})
    with pytest.raises(StoreError, match="the column") as raised:
        write(store_of(postgres), [table], write_request())
    assert "NUL" in (raised.value.hint or "")
    assert "_hygge_stg" not in raised.value.message


def test_a_store_that_may_not_be_written_says_what_to_grant(postgres: Postgres) -> None:
    role = f"r_{postgres.schema}"
    postgres.run(f"CREATE ROLE {role} LOGIN")
    try:
        store = store_of(postgres, user=role)
        with pytest.raises(StoreError, match="permission denied") as raised:
            write(store, [plain_table(1)], write_request())
        assert "CREATE" in (raised.value.hint or "")
        assert store.retry_after(raised.value) is None
        findings = list(store.examine())
        (problem,) = [one for one in findings if one.level == "error"]
        assert "GRANT USAGE, CREATE ON SCHEMA" in (problem.hint or "")
    finally:
        postgres.run(f"DROP ROLE {role}")
    assert all(one.level == "ok" for one in store_of(postgres).examine())


def test_a_schema_that_is_not_there_is_made(postgres: Postgres) -> None:
    name = f"{postgres.schema}_new"
    try:
        write(store_of(postgres, schema=name), [plain_table(2)], write_request())
        assert ids(postgres, f"{name}.things") == [0, 1]
    finally:
        postgres.run(f"DROP SCHEMA {name} CASCADE")


def test_a_range_of_texts_is_cleared_by_bytes_whatever_the_column_says(postgres: Postgres) -> None:
    known = {name for (name,) in postgres.run("SELECT collname FROM pg_collation")}
    collation = "und-x-icu" if "und-x-icu" in known else "C"
    postgres.run(f'CREATE TABLE things (id bigint, name text COLLATE "{collation}")')
    texts = ["B", "a", "b", "z", "ä", None]
    table = pa.table({"id": range(len(texts)), "name": texts})
    request = write_request(Mode.APPEND)
    write(store_of(postgres), [table], request)
    span = Span("name", pa.scalar("b"), pa.scalar("ä"))
    write(store_of(postgres), [table.slice(0, 0)], replace(write_request(Mode.APPEND), clears=span))
    assert ids(postgres) == [0, 1, 4, 5]


def test_who_holds_a_like_table_of_another_database_is_not_meant(postgres: Postgres) -> None:
    elsewhere = f"{postgres.schema}_elsewhere"
    postgres.run(f"CREATE DATABASE {elsewhere}")
    try:
        with (
            psycopg.connect(postgres.url, dbname=elsewhere, autocommit=True) as there,
            postgres.connect() as here,
        ):
            for number in range(8):
                key = f"hygge:{postgres.schema}.things{number}"
                for session in (there, here):
                    session.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (key,))
                request = replace(write_request(Mode.APPEND), into=f"things{number}")
                with pytest.raises(StoreError) as raised, store_of(postgres).open(request):
                    pass
                assert raised.value.code == "HG543"
                assert f"(server process {here.info.backend_pid})" in raised.value.message
    finally:
        postgres.run(f"DROP DATABASE {elsewhere} WITH (FORCE)")
