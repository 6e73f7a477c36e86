"""Sessions of MySQL and MariaDB: asserted, bounded in time, freed when their process has ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pymysql
import pytest
from proxies import proxy
from servers import Mysql, mysql_login

from hygge.connector import (
    Home,
    HomeConfig,
    Mode,
    ProjectContext,
    ReadRequest,
    Split,
    Store,
    StoreConfig,
)
from hygge.connectors.mysql import config as maria_settings
from hygge.connectors.mysql.config import difference
from hygge.connectors.mysql.faults import fault, is_passing
from hygge.errors import HomeError, StoreError
from hygge.runtime.processes import label
from hygge.testing.cases import plain_table
from hygge.testing.moving import write, write_request
from hygge.testing.reading import read_split


def home_of(server: Mysql, **more: object) -> Home:
    return HomeConfig.create(server.settings(**more)).home(ProjectContext(Path()))


def store_of(server: Mysql, **more: object) -> Store:
    return StoreConfig.create(server.settings(**more)).store(ProjectContext(Path()))


def read(home: Home, entity: str = "t") -> pa.Table:
    with home.open(ReadRequest(entity)) as source:
        return pa.concat_tables([read_split(source, split) for split in source.splits(1)])


def address(server: Mysql) -> tuple[str, int]:
    url = urlsplit(server.url)
    return url.hostname or "127.0.0.1", url.port or 3306


def fill(server: Mysql, rows: int) -> None:
    server.run(f"CREATE TABLE t AS SELECT seq AS id, REPEAT('x', 200) AS x FROM seq_1_to_{rows}")


# What a session must be


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sql_mode", "STRICT_ALL_TABLES"),
        ("time_zone", "SYSTEM"),
        ("autocommit", "OFF"),
        ("character_set_results", "latin1"),
        ("tx_isolation", "READ-COMMITTED"),
    ],
)
def test_a_setting_that_did_not_stay_is_named(name: str, value: str) -> None:
    assert name in (difference([("time_zone", "+00:00"), (name, value)]) or "")
    assert difference([("time_zone", "+00:00"), ("foreign_key_checks", "ON")]) is None


def test_a_session_that_is_changed_on_the_way_moves_nothing(
    mysql: Mysql, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As behind a proxy that answers for the server and drops the statement.
    monkeypatch.setitem(maria_settings._SESSION, "time_zone", "'+05:00'")
    home = home_of(mysql, read_timeout=59)
    with pytest.raises(HomeError, match=r"time_zone is \+05:00") as raised:
        home.check()
    assert "proxy" in (raised.value.hint or "")
    assert home.retry_after(raised.value) is None


def test_a_session_ends_soon_after_its_client_has_gone(mysql: Mysql) -> None:
    with store_of(mysql).open(write_request()):
        ((seconds,),) = mysql.run(
            "SELECT VARIABLE_VALUE FROM information_schema.SESSION_VARIABLES "
            "WHERE VARIABLE_NAME = 'net_read_timeout'"
        )
        assert int(seconds) < 3600
    assert int(maria_settings._SESSION["wait_timeout"]) <= 3600
    assert maria_settings.HELD_SECONDS <= 300


# Locks of the dead and of others


@contextmanager
def holding(server: Mysql, who: Callable[[int], str], table: str = "things") -> Iterator[int]:
    """Hold the lock of a place as a session that wrote down `who`; yield its number."""
    import hashlib

    place = hashlib.sha256(f"{server.database}.{table}".encode()).hexdigest()[:40]
    connection = pymysql.connect(**mysql_login(server.url), database=server.database)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT GET_LOCK(%s, 0)", (f"hygge:{place}",))
            cursor.execute("SELECT CONNECTION_ID()")
            ((number,),) = cursor.fetchall()
            cursor.execute("UPDATE _hygge_pending SET run_id = %s WHERE seq = 0", (who(number),))
        yield number
    finally:
        connection.close()


def dead_label() -> str:
    """Return the label of a process that has ended."""
    machine, _, begin = label().split(".")
    return f"{machine}.{2**22 + 1}.{begin}"


def test_a_place_that_a_dead_process_holds_is_taken_at_once(mysql: Mysql) -> None:
    write(store_of(mysql), [plain_table(1)], write_request())
    with holding(mysql, lambda number: f"other-run {dead_label()} {number}"):
        write(store_of(mysql), [plain_table(2)], write_request())
    assert mysql.run("SELECT count(*) FROM things") == [(2,)]


def test_a_place_that_an_earlier_attempt_of_the_run_holds_is_taken(mysql: Mysql) -> None:
    write(store_of(mysql), [plain_table(1)], write_request())
    request = write_request()
    with holding(mysql, lambda number: f"{request.run_id} {label()} {number}"):
        write(store_of(mysql), [plain_table(2)], request)
    assert mysql.run("SELECT count(*) FROM things") == [(2,)]


@pytest.mark.parametrize("who", ["alive", "elsewhere", "another session"])
def test_a_place_that_a_run_holds_which_may_live_says_how_to_free_it(
    mysql: Mysql, who: str
) -> None:
    write(store_of(mysql), [plain_table(1)], write_request())

    def written(number: int) -> str:
        if who == "another session":
            return f"other-run {dead_label()} {number + 1}"
        return f"other-run {label() if who == 'alive' else '0a0a0a0a0a0a.1.1'} {number}"

    with (
        holding(mysql, written) as number,
        pytest.raises(StoreError, match=f"run other-run .*connection {number}") as raised,
    ):
        write(store_of(mysql), [plain_table(2)], write_request())
    assert raised.value.code == "HG543"
    assert f"KILL CONNECTION {number}" in (raised.value.hint or "")


def test_a_lock_that_is_not_free_names_the_open_transactions(
    mysql: Mysql, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("lock_wait_timeout", "innodb_lock_wait_timeout"):
        monkeypatch.setitem(maria_settings._SESSION, name, "1")
    store = store_of(mysql, read_timeout=58)
    write(store, [plain_table(1)], write_request(Mode.APPEND))
    with mysql.connect(mysql.database) as other, other.cursor() as cursor:
        cursor.execute("SELECT CONNECTION_ID()")
        ((number,),) = cursor.fetchall()
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM things FOR UPDATE")
        with pytest.raises(StoreError, match="wait timeout") as raised:
            write(
                store,
                [plain_table(2).append_column("more", pa.array([1, 2]))],
                write_request(Mode.APPEND),
            )
        assert store.retry_after(raised.value) is not None
        assert f"connection {number} " in str(raised.value.__notes__)


def test_staging_of_a_dead_run_that_somebody_reads_is_left_for_later(
    mysql: Mysql, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_of(mysql)
    write(store, [plain_table(1)], write_request())
    with pytest.raises(ZeroDivisionError), store.open(write_request()) as target:
        target.stage(plain_table(1).to_reader(), Split(0, "all"))
        raise ZeroDivisionError
    ((left,),) = mysql.run("SHOW TABLES LIKE '%stg%'")
    with mysql.connect(mysql.database) as other, other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(f"SELECT * FROM `{left}`")
        write(store, [plain_table(2)], write_request())
        assert "a later run drops it" in caplog.text
    assert mysql.run("SELECT count(*) FROM things") == [(2,)]


# Silence


def test_a_network_that_swallows_packets_in_mid_read_ends_the_attempt(mysql: Mysql) -> None:
    fill(mysql, 100_000)
    with proxy(*address(mysql)) as wire:
        far = {"host": "127.0.0.1", "port": wire.port, "ssl": "disable"}
        home = home_of(mysql, read_timeout=1, connect_timeout=2, **far)
        with (
            pytest.raises(HomeError, match="has sent nothing for") as raised,
            home.open(ReadRequest("t")) as source,
            source.read(source.splits(1)[0]) as batches,
        ):
            for _ in batches:
                wire.stall()
        assert home.retry_after(raised.value) is not None


def test_a_network_that_swallows_packets_in_mid_write_ends_the_attempt(mysql: Mysql) -> None:
    with proxy(*address(mysql)) as wire:
        far = {"host": "127.0.0.1", "port": wire.port, "ssl": "disable"}
        store = store_of(mysql, read_timeout=1, connect_timeout=2, **far)
        with (
            pytest.raises(StoreError, match="has sent nothing for") as raised,
            store.open(write_request()) as target,
        ):
            wire.stall()
            target.stage(plain_table(10).to_reader(), Split(0, "all"))
        assert store.retry_after(raised.value) is not None


def test_a_server_that_accepts_and_says_nothing_is_given_up(mysql: Mysql) -> None:
    with proxy(*address(mysql)) as wire:
        wire.stall()
        far = {"host": "127.0.0.1", "port": wire.port, "ssl": "disable"}
        home = home_of(mysql, connect_timeout=1, **far)
        with pytest.raises(HomeError, match="cannot connect") as raised:
            home.check()
        assert home.retry_after(raised.value) is not None


def test_a_statement_at_which_the_server_works_may_take_longer(mysql: Mysql) -> None:
    mysql.run("CREATE VIEW slow AS SELECT 1 AS id, SLEEP(3) AS s")
    assert read(home_of(mysql, read_timeout=0.5), "slow").num_rows == 1


# Errors


@pytest.mark.parametrize(
    ("number", "text", "passes"),
    [
        (1040, "Too many connections", True),
        (1047, "WSREP has not yet prepared node for application use", True),
        (1053, "Server shutdown in progress", True),
        (1290, "The MariaDB server is running with the --read-only option", True),
        (1290, "The MariaDB server is running with the --secure-file-priv option", False),
        (1146, "Table 'd._hygge_stg_0123_4' doesn't exist", True),
        (1146, "Table 'd.orders' doesn't exist", False),
        (3169, "The session was killed", True),
        (4031, "The client was disconnected by the server because of inactivity", True),
        (1045, "Access denied", False),
    ],
)
def test_an_error_passes_or_lasts_by_its_number(number: int, text: str, passes: bool) -> None:
    assert is_passing(pymysql.OperationalError(number, text)) is passes


def test_a_server_without_free_connections_says_what_to_lower() -> None:
    error = fault(pymysql.OperationalError(1040, "Too many connections"), HomeError, "x")
    assert "max_connections" in (error.hint or "")
    assert error.code == "HG507"


# Every place at which a connection can be lost


def cutting_at(number: int, seen: list[int], keep: int) -> Callable[[bytes], str]:
    def judge(data: bytes) -> str:
        seen.append(len(data))
        return f"cut after {keep}" if len(seen) == number else "pass"

    return judge


@pytest.mark.parametrize("keep", [0, 3, 7])
@pytest.mark.parametrize("side", ["homes", "stores"])
def test_a_connection_cut_at_any_answer_is_tried_again_and_loses_nothing(
    mysql: Mysql, side: str, keep: int
) -> None:
    fill(mysql, 100)
    number, is_over = 0, threading.Event()
    while not is_over.is_set():
        number += 1
        seen: list[int] = []
        mysql.run("DROP TABLE IF EXISTS copy, _hygge_commits, _hygge_pending")
        with proxy(*address(mysql), answers=cutting_at(number, seen, keep)) as wire:
            moved = moved_through(mysql, side, wire.port)
        if len(seen) < number:
            is_over.set()
        assert moved == [100], f"cut at answer {number}"
    assert number > 15


def moved_through(server: Mysql, side: str, port: int) -> list[int]:
    """Move a table until an attempt ends well, as a run does; return how many rows arrived."""
    far = {"host": "127.0.0.1", "port": port, "ssl": "disable"}
    home = home_of(server, **(far if side == "homes" else {}))
    store = store_of(server, **(far if side == "stores" else {}))
    request = write_request(Mode.REPLACE, into="copy")
    for _ in range(4):
        try:
            table = read(home)
            last = store.last_commit("copy")
            if last is None or last.run_id != request.run_id:
                write(store, [table], request)
            return [row[0] for row in server.run("SELECT count(*) FROM copy")]
        except (HomeError, StoreError) as error:
            if not is_passing(error):
                raise
    return []
