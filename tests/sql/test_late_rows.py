"""Rows that are committed after the move that would have had them: none is lost or doubled."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import psycopg
import pytest
from in_memory import AS_POSTGRES, IS_ROOT, called, free_port, program
from poolers import let_in
from servers import Mysql, Postgres, mysql_login, schema_name

from hygge.connector import HomeConfig, ProjectContext, ReadRequest, StoreConfig
from hygge.connectors.mysql import upper_bound as maria_bounding
from hygge.connectors.postgres import upper_bound
from hygge.connectors.sql import open_transactions
from hygge.connectors.sql.pool import close_all
from hygge.connectors.sql.zones import on_the_wall
from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Move, Plan
from hygge.errors import HomeError
from hygge.settings.move import MoveSettings
from hygge.testing.reading import read_split
from hygge.values.model import Outcome, Result


class Alone(Postgres):
    """A database of its own, where no other test has transactions open."""

    def __init__(self, name: str) -> None:
        super().__init__("public")
        self.name, self.home = name, self.url
        with psycopg.connect(self.home, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        self.url = urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def drop(self) -> None:
        close_all()
        with psycopg.connect(self.home, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {self.name} WITH (FORCE)".encode())


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    server = Alone(schema_name(tmp_path))
    yield server
    server.drop()


class Flow:
    """Appends table `t` of a home to a DuckDB file by a column that grows."""

    def __init__(self, root: Path, home: dict[str, Any], column: str, **settings: Any) -> None:  # noqa: ANN401
        self.root = root
        self.move = Move(
            flow="late",
            entity="t",
            into="t",
            home_name="home",
            store_name="store",
            home=HomeConfig.create(home),
            store=StoreConfig.create({"type": "duckdb", "path": str(root / "kept.duckdb")}),
            settings=MoveSettings.model_validate(
                {"mode": "append", "incremental": {"column": column}, "retries": 0, **settings}
            ),
            where="late.yml:1",
        )

    def go(self) -> Outcome:
        plan = Plan(ProjectContext(self.root), (self.move,))
        return run(plan, stop=Stop(), listen=lambda event: None).outcomes[0]

    def moved(self) -> int:
        outcome = self.go()
        assert outcome.result is Result.OK, outcome.failure
        return outcome.rows

    def ids(self) -> list[int]:
        with duckdb.connect(self.root / "kept.duckdb", read_only=True) as kept:
            return [one for (one,) in kept.execute("SELECT id FROM t ORDER BY id").fetchall()]


@contextmanager
def writing(server: Postgres, *statements: str) -> Iterator[psycopg.Connection[Any]]:
    """Begin a transaction, run statements in it, and leave it open."""
    options = f"-c search_path={server.schema}"
    with psycopg.connect(server.url, options=options) as connection:
        for sql in statements:
            connection.execute(sql.encode())
        yield connection


TIMES = {
    "timestamptz": "now()",
    "timestamptz(0)": "now()",
    "timestamptz(3)": "clock_timestamp()",
    "timestamp": "timezone('UTC', now())",
}


@pytest.mark.parametrize("kind", TIMES)
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_a_row_with_the_time_its_transaction_began_comes_once(
    tmp_path: Path, postgres: Postgres, kind: str, zone: str
) -> None:
    value = TIMES[kind]
    postgres.run(f"CREATE TABLE t (id int, at {kind} DEFAULT {value})")
    postgres.run(f"INSERT INTO t VALUES (1, {value} - interval '2 days')")
    url = postgres.url_with(f"options=-c%20TimeZone%3D{zone}")
    flow = Flow(tmp_path, postgres.settings(url=url), "at")
    assert flow.moved() == 1
    with writing(postgres, "SELECT 1", "INSERT INTO t VALUES (2)") as late:
        time.sleep(1.1)
        postgres.run("INSERT INTO t VALUES (3)")
        outcome = flow.go()
        assert outcome.result is Result.OK
        assert flow.ids() == [1]
        assert "waits for the next move" in " ".join(outcome.notes)
        late.commit()
    if kind == "timestamptz":
        assert flow.moved() == 2
    else:
        # What is written with fewer digits, or with the clock of a zone, may wait longer: a time
        # that was rounded up to a second lies ahead, and one second more is waited for.
        time.sleep(2.1)
        flow.go()
    if kind != "timestamp" or zone != "Pacific/Pago_Pago":
        assert flow.ids() == [1, 2, 3]
        assert flow.moved() == 0


AHEAD = "Pacific/Kiritimati"
BEHIND = "Pacific/Pago_Pago"


@pytest.mark.parametrize("zone", [AHEAD, BEHIND])
def test_times_of_a_zone_that_is_known_need_not_wait(
    tmp_path: Path, postgres: Postgres, zone: str
) -> None:
    postgres.run(f"CREATE TABLE t (id int, at timestamp DEFAULT timezone('{zone}', now()))")
    settings = {"nulls": "skip", "future": "include"}
    flow = Flow(
        tmp_path,
        postgres.settings(time_zone=zone),
        "at",
        incremental={"column": "at", **settings},
    )
    with writing(postgres, "INSERT INTO t VALUES (1)") as late:
        postgres.run("INSERT INTO t VALUES (2)")
        assert flow.moved() == 0
        late.commit()
    assert flow.moved() == 2
    assert flow.ids() == [1, 2]


@pytest.mark.parametrize("zone", [AHEAD, BEHIND])
def test_times_of_mysql_in_a_zone_that_is_known_need_not_wait(
    tmp_path: Path, mysql: Mysql, zone: str
) -> None:
    mysql.run("CREATE TABLE t (id int, at datetime(6))")
    hours = {AHEAD: 14, BEHIND: -11}[zone]
    now = f"UTC_TIMESTAMP(6) + INTERVAL {hours} HOUR"
    flow = Flow(
        tmp_path,
        mysql.settings(time_zone=zone),
        "at",
        incremental={"column": "at", "future": "include"},
    )
    with also_writing(mysql, f"INSERT INTO t VALUES (1, {now})") as late:
        mysql.run(f"INSERT INTO t VALUES (2, {now})")
        flow.go()
        assert (tmp_path / "kept.duckdb").exists()
        assert flow.ids() == []
        late.commit()
    for _ in range(50):
        # Others write to this server too, and hold up what is newer than they are.
        time.sleep(0.3)
        flow.go()
        if flow.ids():
            break
    assert flow.ids() == [1, 2]


def test_a_clock_that_is_put_back_shows_an_hour_again() -> None:
    """On 2026-10-25 at 1:00 UTC the clocks of Oslo went from 3:00 to 2:00."""
    hour = 3600 * 10**6
    change = int(datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp()) * 10**6
    assert on_the_wall(change - 6 * hour, "Europe/Oslo") == change - 4 * hour
    assert on_the_wall(change - hour // 2, "Europe/Oslo") == change + hour // 2
    assert on_the_wall(change, "Europe/Oslo") == change + hour


def test_a_zone_that_is_none_is_told() -> None:
    with pytest.raises(ValueError, match="such as Europe/Oslo"):
        HomeConfig.create({"type": "postgres", "time_zone": "Mars/North"})


def test_a_row_of_today_comes_once_whenever_it_is_committed(
    tmp_path: Path, postgres: Postgres
) -> None:
    postgres.run("CREATE TABLE t (id int, at date DEFAULT current_date)")
    flow = Flow(tmp_path, postgres.settings(), "at")
    with writing(postgres, "INSERT INTO t VALUES (2)") as late:
        postgres.run("INSERT INTO t VALUES (3)")
        assert flow.moved() == 1
        late.commit()
    assert flow.moved() == 1
    assert flow.ids() == [2, 3]
    assert flow.moved() == 0


@pytest.mark.parametrize("kind", ["serial", "bigint GENERATED ALWAYS AS IDENTITY"])
def test_a_number_that_is_committed_late_is_waited_for(
    tmp_path: Path, postgres: Postgres, kind: str
) -> None:
    postgres.run(f"CREATE TABLE t (id {kind}, name text)")
    flow = Flow(tmp_path, postgres.settings(), "id")
    with writing(postgres, "INSERT INTO t (name) VALUES ('late')") as late:
        postgres.run("INSERT INTO t (name) VALUES ('early')")
        threading.Timer(1.0, late.commit).start()
        assert flow.moved() == 2
    assert flow.ids() == [1, 2]
    assert flow.moved() == 0


def test_rows_above_the_bound_wait_and_come_once(tmp_path: Path, postgres: Postgres) -> None:
    """While one number is waited for, others go on writing: above the bound nothing is safe."""
    postgres.run("CREATE TABLE t (id serial, name text)")
    flow = Flow(tmp_path, postgres.settings(), "id")
    with (
        writing(postgres, "INSERT INTO t (name) VALUES ('first')") as first,
        writing(postgres) as second,
    ):
        postgres.run("INSERT INTO t (name) VALUES ('bound')")

        def go_on() -> None:
            second.execute("INSERT INTO t (name) VALUES ('below')")
            postgres.run("INSERT INTO t (name) VALUES ('above')")
            first.commit()

        threading.Timer(1.0, go_on).start()
        assert flow.moved() == 2
        assert flow.ids() == [1, 2]
        second.commit()
    assert flow.moved() == 2
    assert flow.ids() == [1, 2, 3, 4]


@pytest.mark.parametrize("column", ["id", "code"])
@pytest.mark.parametrize("source", ["table", "view", "query", "partitioned"])
def test_a_writer_that_does_not_end_stops_the_move(
    tmp_path: Path,
    postgres: Postgres,
    monkeypatch: pytest.MonkeyPatch,
    column: str,
    source: str,
) -> None:
    monkeypatch.setattr(open_transactions, "PATIENCE", 0.5)
    parts = "PARTITION BY RANGE (id)" if source == "partitioned" else ""
    place = "t" if source in ("table", "partitioned") else "base"
    postgres.run(f"CREATE TABLE {place} (id int, code text) {parts}")
    if parts:
        postgres.run("CREATE TABLE p PARTITION OF t FOR VALUES FROM (0) TO (100)")
    if source == "view":
        postgres.run("CREATE VIEW t AS SELECT * FROM base")
    query = {"query": f"SELECT * FROM {postgres.schema}.base"} if source == "query" else {}
    flow = Flow(tmp_path, postgres.settings(), column, **query)
    place = "p" if parts else place
    with writing(postgres, f"INSERT INTO {place} VALUES (1, 'a')") as late:
        postgres.run(f"INSERT INTO {place} VALUES (2, 'b')")
        outcome = flow.go()
        assert outcome.result is Result.FAILED
        assert outcome.failure is not None
        assert outcome.failure.code == "HG509"
        assert f"pid {late.info.backend_pid}, open for " in outcome.failure.message
        late.commit()
    assert flow.moved() == 2
    assert flow.ids() == [1, 2]


def test_without_waiting_a_number_that_is_committed_late_would_be_lost(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upper_bound, "until_ended", lambda *_, **__: None)
    postgres.run("CREATE TABLE t (id serial PRIMARY KEY, name text)")
    flow = Flow(tmp_path, postgres.settings(), "id")
    with writing(postgres, "INSERT INTO t (name) VALUES ('late')") as late:
        postgres.run("INSERT INTO t (name) VALUES ('early')")
        assert flow.moved() == 1
        late.commit()
    assert flow.moved() == 0
    assert flow.ids() == [2]


def test_who_only_reads_holds_nothing_up(tmp_path: Path, postgres: Postgres) -> None:
    """Neither a run of hygge that reads for long, nor a report that takes no row lock."""
    postgres.run("CREATE TABLE t AS SELECT 1 AS id, now() AS at")
    postgres.run("CREATE TABLE u AS SELECT 1 AS id")
    home = HomeConfig.create(postgres.settings()).home(ProjectContext(tmp_path))
    flow = Flow(tmp_path, postgres.settings(), "at")
    with home.snapshot() as shared, home.open(ReadRequest("u", snapshot=shared)) as source:
        (split,) = source.splits(1)
        with source.read(split) as reader:
            reader.read_next_batch()
            time.sleep(0.1)
            postgres.run("INSERT INTO t VALUES (2, now())")
            assert flow.moved() == 2
    postgres.run("CREATE TABLE n AS SELECT 1 AS id")
    with writing(postgres, "SELECT * FROM t"):
        (tmp_path / "n").mkdir()
        assert Flow(tmp_path / "n", postgres.settings(), "id").moved() == 2


def test_moves_of_one_process_do_not_hold_each_other_up(tmp_path: Path, postgres: Postgres) -> None:
    postgres.run("CREATE TABLE t (id int, at timestamptz DEFAULT now())")
    flow = Flow(tmp_path, postgres.settings(), "at")
    for number in range(1, 4):
        postgres.run(f"INSERT INTO t VALUES ({number})")
        assert flow.moved() == 1
    assert flow.ids() == [1, 2, 3]


@pytest.mark.parametrize("column", ["id", "at"])
@pytest.mark.parametrize("source", ["table", "view"])
def test_a_store_in_the_same_database_holds_nothing_up(
    tmp_path: Path, postgres: Postgres, column: str, source: str
) -> None:
    postgres.run("CREATE SCHEMA kept")
    postgres.run("CREATE TABLE base (id serial, at timestamptz DEFAULT clock_timestamp())")
    postgres.run(f"CREATE {source} t AS SELECT * FROM base" if source == "view" else "ALTER TABLE "
                 "base RENAME TO t")  # fmt: skip
    flow = Flow(tmp_path, postgres.settings(), column)
    flow.move = replace(
        flow.move, store=StoreConfig.create(postgres.settings(schema="kept", url=postgres.url))
    )
    for number in range(1, 4):
        postgres.run(f"INSERT INTO {'base' if source == 'view' else 't'} DEFAULT VALUES")
        assert flow.moved() == 1
        assert postgres.run("SELECT count(*) FROM kept.t") == [(number,)]


MERGE = {"mode": "merge", "primary_key": "id"}


def test_with_lookback_no_row_waits_and_the_watermark_does(
    tmp_path: Path, postgres: Postgres
) -> None:
    """A transaction that was open for longer than `lookback` reaches back is not lost."""
    postgres.run("CREATE TABLE t (id int PRIMARY KEY, at timestamptz DEFAULT now())")
    postgres.run("INSERT INTO t VALUES (1, now() - interval '1 hour')")
    back = {"incremental": {"column": "at", "lookback": "1s"}}
    flow = Flow(tmp_path, postgres.settings(), "at", **MERGE, **back)
    assert flow.moved() == 1
    with writing(postgres, "INSERT INTO t VALUES (2)") as late:
        postgres.run("INSERT INTO t VALUES (3, now() + interval '2 s'), (4, now())")
        outcome = flow.go()
        assert outcome.result is Result.OK
        assert flow.ids() == [1, 3, 4]
        assert "2 rows were moved that the next move reads again" in " ".join(outcome.notes)
        late.commit()
    flow.go()
    assert flow.ids() == [1, 2, 3, 4]


@pytest.mark.parametrize("source", ["table", "view"])
def test_with_lookback_a_writer_that_does_not_end_holds_the_watermark(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setattr(open_transactions, "PATIENCE", 0.3)
    place = "t" if source == "table" else "base"
    postgres.run(f"CREATE TABLE {place} (id int PRIMARY KEY)")
    if source == "view":
        postgres.run("CREATE VIEW t AS SELECT * FROM base")
    back = {"incremental": {"column": "id", "lookback": 1}}
    flow = Flow(tmp_path, postgres.settings(), "id", **MERGE, **back)
    postgres.run(f"INSERT INTO {place} VALUES (1)")
    assert flow.moved() == 1
    with writing(postgres, f"INSERT INTO {place} VALUES (2)") as late:
        postgres.run(f"INSERT INTO {place} VALUES (10), (11)")
        for _ in range(2):
            assert flow.go().result is Result.OK
            assert flow.ids() == [1, 10, 11]
        late.commit()
    flow.go()
    assert flow.ids() == [1, 2, 10, 11]
    postgres.run(f"INSERT INTO {place} VALUES (12)")
    assert flow.moved() == 2, "11, at which rows are read back to, and 12"


class Shared(Flow):
    """The same under a snapshot that was opened by an earlier entity of its flow."""

    def go(self) -> Outcome:
        move = replace(self.move, shares_snapshot=True)
        first = replace(move, entity="u", into="u", settings=MoveSettings())
        plan = Plan(ProjectContext(self.root), (first, move))
        return run(plan, stop=Stop(), listen=lambda event: None).outcomes[1]


@pytest.mark.parametrize(
    "back", [{}, {**MERGE, "incremental": {"column": "id", "lookback": 1}}], ids=["", "lookback"]
)
def test_a_number_is_waited_for_before_a_shared_snapshot(
    tmp_path: Path, postgres: Postgres, back: dict[str, Any]
) -> None:
    postgres.run("CREATE TABLE t (id serial PRIMARY KEY, name text)")
    postgres.run("CREATE TABLE u AS SELECT 1 AS one")
    flow = Shared(tmp_path, postgres.settings(), "id", **back)
    with writing(postgres, "INSERT INTO t (name) VALUES ('late')") as late:
        for _ in range(5):
            postgres.run("INSERT INTO t (name) VALUES ('early')")
        threading.Timer(1.0, late.commit).start()
        assert flow.moved() == 6
    assert flow.ids() == [1, 2, 3, 4, 5, 6]


def test_a_shared_snapshot_is_not_taken_while_a_number_may_come_late(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_transactions, "PATIENCE", 0.3)
    postgres.run("CREATE TABLE t (id serial)")
    postgres.run("CREATE TABLE u AS SELECT 1 AS one")
    flow = Shared(tmp_path, postgres.settings(), "id")
    with writing(postgres, "INSERT INTO t DEFAULT VALUES") as late:
        postgres.run("INSERT INTO t DEFAULT VALUES")
        failure = flow.go().failure
        assert failure is not None
        assert failure.code == "HG509"
        late.commit()
    assert flow.moved() == 2


def test_a_table_that_is_not_there_stops_no_other_of_a_shared_snapshot(
    tmp_path: Path, postgres: Postgres
) -> None:
    postgres.run("CREATE TABLE t (id int PRIMARY KEY, at timestamptz DEFAULT now())")
    home = HomeConfig.create(postgres.settings()).home(ProjectContext(tmp_path))
    requests = [ReadRequest(name, watermark="at") for name in ("gone", "t")]
    with home.snapshot(requests) as shared:
        with home.open(replace(requests[1], snapshot=shared)) as source:
            assert source.upper is not None
        with (
            pytest.raises(HomeError, match="has no table 'gone'"),
            home.open(replace(requests[0], snapshot=shared)),
        ):
            pass


def test_a_shared_snapshot_knows_what_was_open_before_it(
    tmp_path: Path, postgres: Postgres
) -> None:
    postgres.run("CREATE TABLE t (id int, at timestamptz DEFAULT now())")
    home = HomeConfig.create(postgres.settings()).home(ProjectContext(tmp_path))
    request = ReadRequest("t", watermark="at")
    with writing(postgres, "INSERT INTO t VALUES (1)") as late:
        began = late.execute("SELECT now()").fetchone()
        assert began is not None
        with home.snapshot([request]) as shared:
            late.commit()
            with home.open(replace(request, snapshot=shared)) as source:
                assert source.upper is not None
                assert source.upper.as_py() < began[0]


@pytest.fixture
def stranger(tmp_path: Path, postgres: Postgres) -> Iterator[dict[str, Any]]:
    """Make a user who may read the table and not see what others do."""
    name = f"u{schema_name(tmp_path)}"
    postgres.run("CREATE TABLE t (id int, at timestamptz DEFAULT now())")
    postgres.run(f"CREATE ROLE {name} LOGIN")
    postgres.run(f"GRANT USAGE ON SCHEMA {postgres.schema} TO {name}")
    postgres.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA {postgres.schema} TO {name}")
    yield postgres.settings(user=name)
    postgres.run(f"DROP OWNED BY {name}")
    postgres.run(f"DROP ROLE {name}")


def test_who_may_not_see_when_others_began_waits_for_them(
    tmp_path: Path,
    postgres: Postgres,
    stranger: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(open_transactions, "PATIENCE", 2.0)
    flow = Flow(tmp_path, stranger, "at")
    with writing(postgres, "INSERT INTO t VALUES (1)") as late:
        postgres.run("INSERT INTO t VALUES (2)")
        failure = flow.go().failure
        assert failure is not None
        assert failure.code == "HG509"
        assert "GRANT pg_read_all_stats" in (failure.hint or "")
        threading.Timer(0.5, late.commit).start()
        assert flow.moved() == 2
    assert flow.ids() == [1, 2]


@contextmanager
def also_writing(server: Mysql, sql: str, zone: str = "+00:00") -> Iterator[Any]:
    """Begin a transaction in MySQL, run a statement in it, and leave it open."""
    with server.connect(server.database) as connection:
        cursor = connection.cursor()
        cursor.execute(f"SET time_zone = '{zone}'")
        cursor.execute("START TRANSACTION")
        cursor.execute(sql)
        yield connection


@pytest.mark.parametrize("kind", ["timestamp", "timestamp(6)", "datetime(3)"])
def test_a_time_of_mysql_that_is_committed_late_comes_once(
    tmp_path: Path, mysql: Mysql, kind: str
) -> None:
    precision = kind.partition("(")[2].rstrip(")") or "0"
    mysql.run(f"CREATE TABLE t (id int, at {kind} DEFAULT CURRENT_TIMESTAMP({precision}))")
    mysql.run("INSERT INTO t VALUES (1, '2020-01-01')")
    flow = Flow(tmp_path, mysql.settings(), "at")
    assert flow.moved() == 1
    with also_writing(mysql, "INSERT INTO t (id) VALUES (2)") as late:
        time.sleep(1.1)
        mysql.run("INSERT INTO t (id) VALUES (3)")
        outcome = flow.go()
        assert outcome.result is Result.OK
        assert flow.ids() == [1]
        assert "waits for the next move" in " ".join(outcome.notes)
        late.commit()
    for _ in range(50):
        # Others write to this server too, and hold up what is newer than they are.
        time.sleep(0.3)
        flow.go()
        if len(flow.ids()) > 2:
            break
    assert flow.ids() == [1, 2, 3]
    assert flow.moved() == 0


@pytest.mark.parametrize("kind", ["int", "bigint unsigned"])
def test_a_number_of_mysql_that_is_committed_late_is_waited_for(
    tmp_path: Path, mysql: Mysql, kind: str
) -> None:
    mysql.run(f"CREATE TABLE t (id {kind} AUTO_INCREMENT PRIMARY KEY, name text)")
    flow = Flow(tmp_path, mysql.settings(), "id", retries=3)
    assert flow.moved() == 0
    with also_writing(mysql, "INSERT INTO t (name) VALUES ('late')") as late:
        mysql.run("INSERT INTO t (name) VALUES ('early')")
        threading.Timer(1.0, late.commit).start()
        assert flow.moved() == 2
    assert flow.ids() == [1, 2]
    assert flow.moved() == 0


def test_without_waiting_a_number_of_mysql_that_is_committed_late_would_be_lost(
    tmp_path: Path, mysql: Mysql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maria_bounding, "until_ended", lambda *_, **__: None)
    mysql.run("CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, name text)")
    flow = Flow(tmp_path, mysql.settings(), "id")
    with also_writing(mysql, "INSERT INTO t (name) VALUES ('late')") as late:
        mysql.run("INSERT INTO t (name) VALUES ('early')")
        assert flow.moved() == 1
        late.commit()
    assert flow.moved() == 0
    assert flow.ids() == [2]


def test_a_writer_of_mysql_that_does_not_end_is_named(
    tmp_path: Path, mysql: Mysql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_transactions, "PATIENCE", 0.5)
    mysql.run("CREATE TABLE t (id varchar(9) PRIMARY KEY)")
    flow = Flow(tmp_path, mysql.settings(), "id")
    with also_writing(mysql, "INSERT INTO t VALUES ('a')"):
        failure = flow.go().failure
        assert failure is not None
        assert failure.code == "HG509"
        assert "connection " in failure.message


def test_with_lookback_a_writer_of_mysql_holds_the_watermark(
    tmp_path: Path, mysql: Mysql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_transactions, "PATIENCE", 0.3)
    mysql.run("CREATE TABLE t (id int PRIMARY KEY)")
    back = {"incremental": {"column": "id", "lookback": 1}}
    flow = Flow(tmp_path, mysql.settings(), "id", **MERGE, **back)
    with also_writing(mysql, "INSERT INTO t VALUES (2)") as late:
        mysql.run("INSERT INTO t VALUES (10)")
        assert flow.moved() == 1
        late.commit()
    flow.go()
    assert flow.ids() == [2, 10]


def test_a_user_of_mysql_without_process_is_warned(
    tmp_path: Path, mysql: Mysql, caplog: pytest.LogCaptureFixture
) -> None:
    name = mysql.database[:30]
    mysql.run("CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY)")
    mysql.run("INSERT INTO t VALUES ()")
    mysql.run(f"CREATE USER '{name}'@'%' IDENTIFIED BY 'p'")
    mysql.run(f"GRANT SELECT ON {mysql.database}.* TO '{name}'@'%'")
    try:
        login = mysql_login(mysql.url)
        url = f"mysql://{name}@{login['host']}:{login['port']}/{mysql.database}"
        flow = Flow(tmp_path, {"type": "mysql", "url": url, "password": "p"}, "id")
        assert flow.moved() == 1
        assert "GRANT PROCESS" in caplog.text
    finally:
        close_all()
        mysql.run(f"DROP USER '{name}'@'%'")


# Homes that cannot tell up to where they lack no row


def test_a_sequence_taken_ahead_is_no_source_of_exactly_once(
    postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    postgres.run("CREATE SEQUENCE ahead CACHE 20")
    postgres.run("CREATE TABLE t (id bigint DEFAULT nextval('ahead'), other serial)")
    home = HomeConfig.create(postgres.settings()).home(ProjectContext(Path()))
    with home.open(ReadRequest("t", watermark="id")):
        pass
    assert "each session caches 20 numbers of the sequence" in caplog.text
    with (
        pytest.raises(HomeError, match=r"ahead.*exactly-once") as raised,
        home.open(ReadRequest("t", watermark="id", exact=True)),
    ):
        pass
    assert raised.value.code == "HG515"
    assert "lookback" in (raised.value.hint or "")
    with home.open(ReadRequest("t", watermark="other", exact=True)):
        pass
    postgres.run("ALTER SEQUENCE ahead CACHE 1")
    with home.open(ReadRequest("t", watermark="id", exact=True)):
        pass


def test_a_standby_is_no_source_of_exactly_once(tmp_path: Path) -> None:
    with standby(tmp_path / "standby") as url:
        home = HomeConfig.create({"type": "postgres", "url": url}).home(ProjectContext(Path()))
        with home.open(ReadRequest("t", watermark="id")) as source:
            assert read_split(source, source.splits(1)[0]).num_rows == 3
        with (
            pytest.raises(HomeError, match="standby") as raised,
            home.open(ReadRequest("t", watermark="id", exact=True)),
        ):
            pass
        assert raised.value.code == "HG515"
        close_all()


@contextmanager
def standby(place: Path) -> Iterator[str]:
    """Run a server that is in recovery, with a table of three rows."""
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("PostgreSQL's server is not installed here")
    place.mkdir()
    let_in(place)
    if IS_ROOT:
        shutil.chown(place, "postgres", "postgres")
    data, port = place / "data", free_port()
    called([initdb, "-D", str(data), "-U", "postgres", "-A", "trust"], place, **AS_POSTGRES)
    options = f"-c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
    ctl = [pg_ctl, "-D", str(data), "-w", "-l", str(place / "server.log")]
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    called([*ctl, "-o", options, "start"], place, process_group=0, **AS_POSTGRES)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 3) g")
    called([*ctl, "stop"], place, **AS_POSTGRES)
    (data / "standby.signal").touch()
    called([*ctl, "-o", options, "start"], place, process_group=0, **AS_POSTGRES)
    try:
        yield url
    finally:
        called([*ctl, "-m", "immediate", "stop"], place, **AS_POSTGRES)


def test_a_user_who_sees_no_transactions_is_no_source_of_exactly_once(mysql: Mysql) -> None:
    mysql.run("CREATE TABLE t (id bigint PRIMARY KEY)")
    name = mysql.database[:16]
    mysql.run(f"CREATE USER '{name}'@'%' IDENTIFIED BY 'x'")
    try:
        mysql.run(f"GRANT SELECT ON `{mysql.database}`.* TO '{name}'@'%'")
        settings = mysql.settings(user=name, password="x")
        home = HomeConfig.create(settings).home(ProjectContext(Path()))
        with home.open(ReadRequest("t", watermark="id")):
            pass
        with (
            pytest.raises(HomeError, match="may not see open transactions") as raised,
            home.open(ReadRequest("t", watermark="id", exact=True)),
        ):
            pass
        assert raised.value.code == "HG515"
    finally:
        mysql.run(f"DROP USER '{name}'@'%'")


def test_a_clock_behind_utc_that_nobody_named_is_a_warning(
    mysql: Mysql, caplog: pytest.LogCaptureFixture
) -> None:
    mysql.run("CREATE TABLE t (at datetime(6))")
    ((before,),) = mysql.run("SELECT @@global.time_zone")
    mysql.run("SET GLOBAL time_zone = '-05:00'")
    try:
        home = HomeConfig.create(mysql.settings()).home(ProjectContext(Path()))
        with home.open(ReadRequest("t", watermark="at")):
            pass
        assert "5.0 h behind UTC" in caplog.text
        assert "time_zone: UTC" in caplog.text
        caplog.clear()
        settings = mysql.settings(time_zone="UTC")
        with (
            HomeConfig.create(settings)
            .home(ProjectContext(Path()))
            .open(ReadRequest("t", watermark="at"))
        ):
            pass
        assert "behind UTC" not in caplog.text
    finally:
        mysql.run(f"SET GLOBAL time_zone = '{before}'")
