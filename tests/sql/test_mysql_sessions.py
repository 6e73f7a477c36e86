"""Sessions of MySQL and MariaDB: asserted, bounded in time, freed when their process has ended."""

from __future__ import annotations

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
    with pytest.raises(HomeError, match=r"time_zone of the session is \+05:00") as raised:
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


def test_a_place_whose_holder_another_session_wrote_down_says_how_to_free_it(mysql: Mysql) -> None:
    write(store_of(mysql), [plain_table(1)], write_request())
    with (
        holding(mysql, lambda number: f"other-run {dead_label()} {number + 1}") as number,
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


# Silence


def test_a_server_that_accepts_and_says_nothing_is_given_up(mysql: Mysql) -> None:
    with proxy(*address(mysql)) as wire:
        wire.stall()
        far = {"host": "127.0.0.1", "port": wire.port, "ssl": "disable"}
        home = home_of(mysql, connect_timeout=1, **far)
        with pytest.raises(HomeError, match="cannot connect") as raised:
            home.check()
        assert home.retry_after(raised.value) is not None


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
