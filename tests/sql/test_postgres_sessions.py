"""Sessions of PostgreSQL: asserted, bounded in time, and freed when their process has ended."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from poolers import pgbouncer
from projects import HYGGE, hygge, write_project
from servers import Postgres

from hygge.connector import (
    Home,
    HomeConfig,
    Mode,
    ProjectContext,
    ReadRequest,
    Store,
    StoreConfig,
)
from hygge.connectors.postgres import sessions
from hygge.connectors.sql.pool import close_all
from hygge.errors import HomeError, StoreError
from hygge.testing.cases import plain_table
from hygge.testing.moving import write, write_request
from hygge.testing.reading import read_split


def home_of(server: Postgres, **more: object) -> Home:
    return HomeConfig.create(server.settings(**more)).home(ProjectContext(Path()))


def store_of(server: Postgres, **more: object) -> Store:
    return StoreConfig.create(server.settings(**more)).store(ProjectContext(Path()))


def read(home: Home, entity: str = "t", parts: int = 1) -> pa.Table:
    with home.open(ReadRequest(entity)) as source:
        return pa.concat_tables([read_split(source, split) for split in source.splits(parts)])


@pytest.fixture
def role(postgres: Postgres) -> Iterator[str]:
    name = f"r_{postgres.schema}"
    postgres.run(f"CREATE ROLE {name} LOGIN")
    postgres.run(f"GRANT USAGE, CREATE ON SCHEMA {postgres.schema} TO {name}")
    try:
        yield name
    finally:
        close_all()
        postgres.run(f"DROP OWNED BY {name}")
        postgres.run(f"DROP ROLE {name}")


# What a session must be


def test_rows_that_row_level_security_hides_stop_the_move(postgres: Postgres, role: str) -> None:
    postgres.run("CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 3) g")
    postgres.run("ALTER TABLE t ENABLE ROW LEVEL SECURITY")
    postgres.run("CREATE POLICY p ON t USING (id = 1)")
    postgres.run(f"GRANT SELECT ON t TO {role}")
    with pytest.raises(HomeError, match="row-level security") as raised:
        read(home_of(postgres, user=role))
    assert "row_security: apply" in (raised.value.hint or "")
    assert home_of(postgres).retry_after(raised.value) is None
    assert read(home_of(postgres, user=role, row_security="apply")).to_pydict() == {"id": [1]}
    assert read(home_of(postgres)).num_rows == 3


def test_a_timeout_of_the_role_ends_no_move(postgres: Postgres, role: str) -> None:
    postgres.run(f"ALTER ROLE {role} SET statement_timeout = '150ms'")
    postgres.run("CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 4) g")
    postgres.run("CREATE VIEW slow AS SELECT id FROM t WHERE pg_sleep(0.1) IS NOT NULL")
    postgres.run(f"GRANT SELECT ON slow TO {role}")
    assert read(home_of(postgres, user=role), "slow").num_rows == 4
    with pytest.raises(HomeError, match="statement timeout"):
        read(home_of(postgres, user=role, statement_timeout=0.05), "slow")
    url = postgres.url_with("options=-c%20statement_timeout%3D50ms")
    with pytest.raises(HomeError, match="statement timeout"):
        read(home_of(postgres, url=url), "slow")


def test_settings_of_the_role_change_no_value(postgres: Postgres, role: str) -> None:
    for name, value in {
        "TimeZone": "America/New_York",
        "DateStyle": "SQL, DMY",
        "IntervalStyle": "sql_standard",
        "bytea_output": "escape",
        "extra_float_digits": "-5",
        "default_transaction_isolation": "serializable",
        "standard_conforming_strings": "off",
    }.items():
        postgres.run(f"ALTER ROLE {role} SET {name} = '{value}'")
    postgres.run(
        "CREATE TABLE t AS SELECT 0.1::float8 AS f, interval '1 day' AS i, '{2024-02-01}'::date[] "
        "AS d, timestamptz '2024-02-01 00:00+00' AS at, '\\x00ff'::bytea AS b"
    )
    postgres.run(f"GRANT SELECT ON t TO {role}")
    assert read(home_of(postgres, user=role)).equals(read(home_of(postgres)))


# Poolers


def through(server: Postgres, port: int) -> dict[str, object]:
    return {"url": f"postgresql://postgres@127.0.0.1:{port}/test", "schema": server.schema}


def test_a_pooler_of_sessions_is_like_the_server(postgres: Postgres, tmp_path: Path) -> None:
    postgres.run("CREATE TABLE t AS SELECT timestamptz '2024-02-01 00:00+00' AS at")
    with pgbouncer(postgres, tmp_path / "pooler", mode="session", size=20) as port:
        home = home_of(postgres, **through(postgres, port))
        assert read(home).equals(read(home_of(postgres)))
        store = store_of(postgres, **through(postgres, port))
        write(store, [plain_table(3)], write_request(Mode.REPLACE))
        close_all()
    assert postgres.run("SELECT count(*) FROM things") == [(3,)]


def test_a_pooler_of_transactions_is_refused_by_name(postgres: Postgres, tmp_path: Path) -> None:
    postgres.run("CREATE TABLE t AS SELECT 1 AS id")
    with pgbouncer(postgres, tmp_path / "pooler", mode="transaction", size=5) as port:
        with pytest.raises(HomeError, match="pooler") as raised:
            read(home_of(postgres, **through(postgres, port)))
        close_all()
    assert "pool_mode = session" in (raised.value.hint or "")
    assert home_of(postgres).retry_after(raised.value) is None


def test_options_that_a_pooler_refuses_are_named(postgres: Postgres, tmp_path: Path) -> None:
    with pgbouncer(postgres, tmp_path / "pooler", mode="session", size=5) as port:
        settings = through(postgres, port)
        settings["url"] = f"{settings['url']}?options=-c%20geqo%3Doff"
        home = home_of(postgres, **settings)
        with pytest.raises(HomeError, match="options") as raised:
            home.check()
        assert "remove them" in (raised.value.hint or "")
        assert home.retry_after(raised.value) is None


def test_a_pooler_smaller_than_max_connections_slows_down_and_does_not_hang(
    postgres: Postgres, tmp_path: Path
) -> None:
    for number in range(4):
        postgres.run(f"CREATE TABLE t{number} AS SELECT g AS id FROM generate_series(1, 10) g")
    with pgbouncer(postgres, tmp_path / "pooler", mode="session", size=3) as port:
        url = f"postgresql://postgres@127.0.0.1:{port}/test"
        root = write_project(
            tmp_path / "project",
            {
                "hygge.yml": "name: many\nconcurrency: 4\n",
                "homes/db.yml": f"type: postgres\nurl: {url}\nschema: {postgres.schema}\n"
                "connect_timeout: 2\n",
                "stores/lake.yml": "type: parquet\npath: lake\n",
                "flows/all.yml": 'home: db\nstore: lake\nentities: ["*"]\nretries: 9\n',
            },
        )
        done = hygge(root, "go")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_server_without_free_connections_says_what_to_lower(
    postgres: Postgres, role: str
) -> None:
    postgres.run("CREATE TABLE t AS SELECT 1 AS id")
    postgres.run(f"GRANT SELECT ON t TO {role}")
    postgres.run(f"ALTER ROLE {role} CONNECTION LIMIT 1")
    home = home_of(postgres, user=role)
    with pytest.raises(HomeError, match="too many connections") as raised:
        read(home)
    assert "max_connections" in (raised.value.hint or "")
    assert home.retry_after(raised.value) is not None


# Locks of the dead and of others


def test_a_killed_run_lets_the_next_one_in(postgres: Postgres, tmp_path: Path) -> None:
    postgres.run("CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 50) g")
    postgres.run("CREATE TABLE pause AS SELECT 0.2 AS seconds")
    pause = "pg_sleep((SELECT seconds FROM pause))"
    postgres.run(f"CREATE VIEW slow AS SELECT id FROM t WHERE {pause} IS NOT NULL")
    said = "".join(f"{key}: {value}\n" for key, value in postgres.settings().items())
    root = write_project(
        tmp_path / "project",
        {
            "homes/db.yml": said,
            "stores/db.yml": said,
            "flows/t.yml": "home: db\nstore: db\nentity: slow\ninto: copy\n",
        },
    )
    running = subprocess.Popen([*HYGGE, "go"], cwd=root, stdout=subprocess.DEVNULL)
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1"
    staged = "SELECT count(*) FROM pg_tables WHERE tablename LIKE '%stg%' AND schemaname = "
    while not postgres.run(f"{staged} '{postgres.schema}'")[0][0] or not postgres.run(held)[0][0]:
        assert running.poll() is None
    running.kill()
    running.wait()
    postgres.run("UPDATE pause SET seconds = 0")
    done = hygge(root, "go")
    assert done.returncode == 0, done.stdout + done.stderr
    assert postgres.run("SELECT count(*) FROM copy") == [(50,)]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    from hygge.connectors.postgres import config as settings

    monkeypatch.setitem(settings._WAITS, "lock_timeout", "300ms")


@pytest.mark.usefixtures("impatient")
def test_a_lock_of_another_session_is_named(postgres: Postgres) -> None:
    store = store_of(postgres)
    write(store, [plain_table(1)], write_request(Mode.APPEND))
    with postgres.connect() as other, other.transaction():
        other.execute("LOCK TABLE things")
        with pytest.raises(StoreError, match="lock timeout") as raised:
            write(store, [plain_table(2)], write_request(Mode.APPEND))
        assert store.retry_after(raised.value) is not None
        assert f"session {other.info.backend_pid}" in str(raised.value.__notes__)
        with pytest.raises(HomeError, match="lock timeout") as refused:
            read(home_of(postgres), "things")
        assert f"session {other.info.backend_pid}" in str(refused.value.__notes__)


def test_a_wait_for_a_lock_is_said_while_it_lasts(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sessions, "_SOON_SECONDS", 0.05)
    store = store_of(postgres)
    write(store, [plain_table(1)], write_request(Mode.APPEND))
    with ThreadPoolExecutor(1) as pool:
        with postgres.connect() as other, other.transaction():
            other.execute("LOCK TABLE things")
            holder = other.info.backend_pid
            waiting = pool.submit(write, store, [plain_table(2)], write_request(Mode.APPEND))
            while f"held by session {holder}" not in caplog.text:
                assert not waiting.done()
        waiting.result()
    assert postgres.run("SELECT count(*) FROM things") == [(3,)]


# Silence


def with_rows(server: Postgres) -> None:
    rows = "SELECT g AS id, repeat(md5(g::text), 30) AS x FROM generate_series(1, 60000) g"
    server.run(f"CREATE TABLE t AS {rows}")


def test_a_server_process_that_is_stopped_ends_the_attempt(postgres: Postgres) -> None:
    with_rows(postgres)
    home = home_of(postgres, read_timeout=0.2)
    with (
        pytest.raises(HomeError, match="has sent nothing for"),
        home.open(ReadRequest("t")) as source,
        source.read(source.splits(1)[0]) as batches,
    ):
        next(iter(batches))
        ((pid,),) = postgres.run(
            "SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY%' "
            f"AND query LIKE '%{postgres.schema}%'"
        )
        with stopped(pid):
            for _ in batches:
                pass


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    try:
        os.kill(pid, signal.SIGSTOP)
    except (ProcessLookupError, PermissionError):
        pytest.skip("the server's processes cannot be stopped from here")
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


# Every place at which a connection can be lost
