"""Writing PostgreSQL: what is kept, what is refused, and that no failure is seen by readers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
from proxies import once, proxy
from servers import Postgres

from hygge.connector import (
    Commit,
    Mode,
    ProjectContext,
    Span,
    Split,
    Store,
    StoreConfig,
    WriteRequest,
)
from hygge.connectors.postgres import target as postgres_target
from hygge.errors import CommitUnknownError, StoreError
from hygge.testing.cases import plain_table
from hygge.testing.moving import accepted, next_commit, write, write_request

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
    command = [sys.executable, str(HERE / "pg_killing.py"), str(tmp_path), mode, replacing]
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
        ("GRANT SELECT ON things TO public", "others have rights on it: public"),
        ("ALTER TABLE things ADD CONSTRAINT c CHECK (id >= 0)", "constraints: c"),
        ("COMMENT ON TABLE things IS 'ours'", "comments: ours"),
        ("ALTER TABLE things ALTER name SET DEFAULT 'x'", "columns fill themselves: name"),
        ("CREATE RULE r AS ON DELETE TO things DO ALSO NOTHING", "rules: r"),
        ("GRANT SELECT (id) ON things TO public", "rights on its columns: id"),
        ("ALTER TABLE things ENABLE ROW LEVEL SECURITY", "row security is on"),
        ("ALTER TABLE things REPLICA IDENTITY FULL", "replica identity of its own: full"),
        (
            "ALTER TABLE things REPLICA IDENTITY FULL; "
            "CREATE PUBLICATION {schema}_p FOR TABLE things",
            "publications send it",
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


def test_a_reader_in_a_transaction_keeps_its_rows_through_a_kept_replace(
    postgres: Postgres,
) -> None:
    store = store_of(postgres, replace="keep")
    write(store, [plain_table(5)], write_request())
    with postgres.connect() as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        before = reader.execute("SELECT count(*) FROM things").fetchone()
        write(store, [plain_table(9)], write_request())
        assert reader.execute("SELECT count(*) FROM things").fetchone() == before == (5,)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM things").fetchone() == (9,)


def test_rows_of_others_are_not_replaced_without_being_told(postgres: Postgres) -> None:
    postgres.run("CREATE TABLE things (id bigint, name text)")
    postgres.run("INSERT INTO things VALUES (77, 'theirs')")
    store = store_of(postgres)
    with pytest.raises(StoreError, match="did not write") as raised:
        write(store, [plain_table(5)], write_request())
    assert raised.value.code == "HG534"
    assert ids(postgres) == [77]
    write(store, [plain_table(2)], write_request(adopt=True))
    assert ids(postgres) == [0, 1]


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


def test_a_view_is_no_place_for_rows(postgres: Postgres) -> None:
    postgres.run("CREATE VIEW things AS SELECT 1 AS id")
    with pytest.raises(StoreError, match="view, which cannot be written"):
        write(store_of(postgres), [plain_table(5)], write_request())


def test_a_table_grows_columns_and_wider_types(postgres: Postgres) -> None:
    store = store_of(postgres)
    first = pa.table({"id": pa.array([1], pa.int32()), "n": pa.array([1], pa.int16())})
    required = pa.schema([pa.field("id", pa.int32(), nullable=False), first.schema.field("n")])
    write(store, [first.cast(required)], write_request(Mode.APPEND))
    wider = pa.table(
        {
            "id": pa.array([None, 2**40], pa.int64()),
            "n": pa.array([2, 3], pa.int16()),
            "new": pa.array(["x", None]),
        }
    )
    write(store, [wider], write_request(Mode.APPEND))
    rows = postgres.run("SELECT id, n, new FROM things ORDER BY n")
    assert rows == [(1, 1, None), (None, 2, "x"), (2**40, 3, None)]


def test_a_replace_that_keeps_the_table_gives_it_the_new_columns(postgres: Postgres) -> None:
    store = store_of(postgres, replace="keep")
    write(store, [pa.table({"id": [1], "old": ["x"], "n": ["1"]})], write_request())
    postgres.run("ALTER TABLE things ADD COLUMN theirs int DEFAULT 5")
    write(store, [pa.table({"id": [2], "new": [1.5], "n": [7]})], write_request())
    with postgres.connect() as connection:
        cursor = connection.execute("SELECT * FROM things")
        assert {one.name for one in cursor.description or ()} == {"id", "new", "n", "theirs"}
    assert postgres.run("SELECT id, new, n, theirs FROM things") == [(2, 1.5, 7, 5)]


def test_a_table_that_is_gone_stops_an_append_and_not_a_replace(postgres: Postgres) -> None:
    store = store_of(postgres)
    write(store, [plain_table(5)], write_request(Mode.APPEND))
    postgres.run("DROP TABLE things")
    with (
        pytest.raises(StoreError, match="is gone, but its history goes up to commit 1") as raised,
        store.open(write_request(Mode.APPEND)) as target,
    ):
        target.schema()
    assert "--full-refresh" in (raised.value.hint or "")
    assert write(store, [plain_table(2)], write_request()).seq == 2
    assert ids(postgres) == [0, 1]


def test_a_doubled_key_is_refused_with_its_value(postgres: Postgres) -> None:
    table = pa.concat_tables([plain_table(3), plain_table(1, start=2)])
    with pytest.raises(StoreError, match=r"Key \(id\)=\(2\) is duplicated"):
        write(store_of(postgres), [table], keyed(write_request(), "id"))
    assert postgres.run("SELECT to_regclass('things')") == [(None,)]


def test_a_nul_character_is_refused_with_its_column(postgres: Postgres) -> None:
    table = pa.table({"id": [1, 2], "the column": ["fine", "not\0fine"]})
    with pytest.raises(StoreError, match="the column") as raised:
        write(store_of(postgres), [table], write_request())
    assert "NUL" in (raised.value.hint or "")
    assert "_hygge_stg" not in raised.value.message


def test_a_table_named_like_sql_is_written_and_drops_nothing(postgres: Postgres) -> None:
    postgres.run("CREATE TABLE t AS SELECT 1 AS id")
    evil = 'x"; drop table t; --'
    store = store_of(postgres)
    for mode in (Mode.REPLACE, Mode.REPLACE, Mode.APPEND):
        table = pa.table({evil: [1, 2]})
        write(store, [table], keyed(write_request(mode, into=evil), *([] if mode else [evil])))
    quoted = '"' + evil.replace('"', '""') + '"'
    assert postgres.run(f"SELECT {quoted} FROM {quoted} ORDER BY 1") == [(1,), (1,), (2,), (2,)]
    assert ids(postgres, "t") == [1]


def test_what_dead_runs_staged_is_dropped(postgres: Postgres) -> None:
    store = store_of(postgres)
    with store.open(write_request()) as target:
        target.stage(plain_table(5).to_reader(), Split(0, "all"))
        name = target.staging.name  # type: ignore[attr-defined]
        assert postgres.run(f"SELECT count(*) FROM {name}") == [(5,)]
    other = name.replace(name[-8:], "00000000")
    postgres.run(f"CREATE TABLE {other} (id int)")
    write(store, [plain_table(2)], write_request())
    found = postgres.run(
        "SELECT relname FROM pg_class WHERE relname LIKE '\\_hygge\\_stg%' "
        f"AND relnamespace = '{postgres.schema}'::regnamespace"
    )
    assert found == []


def through(postgres: Postgres, port: int, **more: object) -> Store:
    return store_of(postgres, host="127.0.0.1", port=port, **more)


def at_the_commit(verdict: str) -> Callable[[bytes], str]:
    """Return a judge of the COMMIT that follows the commit's row, on the same connection."""
    at_end = once(b"COMMIT", verdict)
    is_written = False

    def judge(data: bytes) -> str:
        nonlocal is_written
        is_written = is_written or (b"_hygge_commits" in data and b"INSERT INTO" in data)
        return at_end(data) if is_written else "pass"

    return judge


def failing_commit(postgres: Postgres, verdict: str) -> tuple[str | None, str]:
    """Append through a proxy that spoils the commit; return who owns it then, and the run."""
    write(store_of(postgres), [plain_table(2)], write_request(Mode.APPEND))
    request = write_request(Mode.APPEND)
    with proxy(*postgres.address, at_the_commit(verdict)) as wire:
        store = through(postgres, wire.port)
        with store.open(request) as target:
            table = accepted(target, plain_table(3, start=100))
            part = target.stage(table.to_reader(), Split(0, "all"))
            commit = next_commit(target, request, [part], table.schema)
            with pytest.raises(StoreError) as raised:
                target.commit([part], commit)
            assert store.retry_after(raised.value) is not None
            owner = target.owner(2)
            wire.release()
            return owner, request.run_id


def test_a_commit_whose_answer_was_lost_is_found(postgres: Postgres) -> None:
    owner, run = failing_commit(postgres, "mute")
    assert owner == run
    assert ids(postgres) == [0, 1, 100, 101, 102]


def test_a_commit_that_arrives_once_it_was_asked_for_comes_too_late(postgres: Postgres) -> None:
    """Whoever hears that a commit is nobody's moves the rows again, so it must never land."""
    owner, _ = failing_commit(postgres, "hold")
    assert owner is None
    write(store_of(postgres), [plain_table(1, start=200)], write_request(Mode.APPEND))
    assert ids(postgres) == [0, 1, 200]


def test_a_commit_that_never_arrived_is_known_to_be_nobodys(postgres: Postgres) -> None:
    owner, _ = failing_commit(postgres, "cut")
    assert owner is None
    assert ids(postgres) == [0, 1]
    write(store_of(postgres), [plain_table(3, start=100)], write_request(Mode.APPEND))
    assert ids(postgres) == [0, 1, 100, 101, 102]


def test_a_commit_that_nobody_can_ask_for_is_unknown(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_target, "_OUTCOME_SECONDS", 0.5)
    request = write_request(Mode.APPEND)
    with proxy(*postgres.address) as wire:
        store = through(postgres, wire.port, connect_timeout=2)
        with store.open(request) as target:
            part = target.stage(plain_table(3).to_reader(), Split(0, "all"))
            commit = next_commit(target, request, [part], plain_table(3).schema)
            wire.judge = at_the_commit("cut")
            with pytest.raises(StoreError):
                target.commit([part], commit)
            wire.close()
            with pytest.raises(CommitUnknownError, match="cannot be asked") as raised:
                target.owner(1)
    assert "SELECT run_id FROM" in (raised.value.hint or "")


def test_two_runs_that_see_no_lock_cannot_both_commit(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_target.PostgresTarget, "_take_lock", lambda self: None)
    store = store_of(postgres)
    one, two = write_request(Mode.APPEND), write_request(Mode.APPEND)
    with store.open(one) as first, store.open(two) as second:
        parts = {}
        for target, request, start in ((first, one, 0), (second, two, 100)):
            part = target.stage(plain_table(2, start=start).to_reader(), Split(0, "all"))
            parts[request.run_id] = part
        commits: dict[str, Commit] = {
            request.run_id: next_commit(
                target, request, [parts[request.run_id]], plain_table(0).schema
            )
            for target, request in ((first, one), (second, two))
        }
        first.commit([parts[one.run_id]], commits[one.run_id])
        with pytest.raises(StoreError) as raised:
            second.commit([parts[two.run_id]], commits[two.run_id])
        assert raised.value.code == "HG514"
    assert ids(postgres) == [0, 1]


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
