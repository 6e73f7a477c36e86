"""Several connections that read one table of MySQL: one state of it, all of it, nobody waits."""

from __future__ import annotations

import logging
import os
import random
import re
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa
import pyarrow.feather as feather
import pytest
from proxies import once, proxy
from servers import Mysql
from test_mysql_reading import home_of

from hygge.connector import Home, HomeConfig, ProjectContext, ReadRequest, Source, StoreConfig
from hygge.connectors.mysql import shared_snapshot, source
from hygge.connectors.mysql.connections import session
from hygge.connectors.mysql.key_ranges import Piece, edges
from hygge.connectors.sql.pool import close_all
from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Move, Plan
from hygge.errors import HomeError
from hygge.settings.move import MoveSettings
from hygge.testing.reading import read_split
from hygge.values.model import Result, Span, Split

ROWS = 20_000


@pytest.fixture(autouse=True)
def small_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_SPLIT_BYTES", 2**16)


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return what the log says of tables that were read over one connection."""
    caplog.set_level(logging.DEBUG, "hygge")
    said = "is read over one connection: "
    return lambda: [
        one.getMessage().partition(said)[2] for one in caplog.records if said in one.getMessage()
    ]


def fill(server: Mysql, keys: str = "seq", *, declared: str = "id int", more: str = "") -> None:
    """Make table `t` of as many rows as `SELECT keys FROM seq_1_to_20000` yields."""
    server.run(f"CREATE TABLE t ({declared}, x bigint, pad char(60), PRIMARY KEY (id)) {more}")
    server.run(f"INSERT INTO t SELECT {keys}, 0, REPEAT('x', 60) FROM seq_1_to_{ROWS}")
    server.run("ANALYZE TABLE t")


def read_at_once(source: Source, splits: Sequence[Split]) -> list[pa.Table]:
    with ThreadPoolExecutor(len(splits)) as pool:
        return list(pool.map(lambda split: read_split(source, split), splits))


def read(home: Home, wanted: int = 4, **request: object) -> list[pa.Table]:
    """Return what each split holds."""
    with home.open(ReadRequest(**{"entity": "t", **request})) as source:  # type: ignore[arg-type]
        return read_at_once(source, source.splits(wanted))


def ids_of(tables: Sequence[pa.Table]) -> list[Any]:
    return [one for table in tables for one in table["id"].to_pylist()]


# One state of the table


@contextmanager
def writers(server: Mysql, number: int) -> Iterator[list[int]]:
    """Move amounts between distant rows, add and drop pairs of rows, all the time.

    Whatever instant is looked at, the amounts are 0 together, and new rows come in pairs.
    Yields how many transactions were committed.
    """
    is_over, commits = threading.Event(), [0] * number

    def write(nth: int) -> None:
        chance = random.Random(nth)
        with server.connect(server.database) as connection, connection.cursor() as cursor:
            new = ROWS + 2 + nth * 10**6
            while not is_over.is_set():
                low, high = chance.randint(1, ROWS // 2), chance.randint(ROWS // 2, ROWS)
                amount = chance.randint(1, 10**6)
                cursor.execute("START TRANSACTION")
                cursor.execute(f"UPDATE t SET x = x - {amount} WHERE id = {low}")
                cursor.execute(f"UPDATE t SET x = x + {amount} WHERE id = {high}")
                cursor.execute(
                    f"INSERT INTO t VALUES ({new}, {amount}, ''), ({-new}, -{amount}, '')"
                )
                if new % 3 == 0:
                    cursor.execute(f"DELETE FROM t WHERE id IN ({new - 1}, {1 - new})")
                cursor.execute("COMMIT")
                new += 1
                commits[nth] += 1

    with ThreadPoolExecutor(number) as pool:
        running = [pool.submit(write, nth) for nth in range(number)]
        try:
            yield commits
        finally:
            is_over.set()
        for one in running:
            one.result()


def test_splits_are_one_state_of_the_table_whatever_is_written(mysql: Mysql) -> None:
    fill(mysql)
    home = home_of(mysql)
    with writers(mysql, 3) as commits:
        for _ in range(25):
            before = sum(commits)
            tables = read(home, 6)
            assert len(tables) == 6
            ids = ids_of(tables)
            assert len(set(ids)) == len(ids)
            assert set(range(1, ROWS + 1)) <= set(ids)
            new = {one for one in ids if not 1 <= one <= ROWS}
            assert {-one for one in new} == new
            assert sum(sum(table["x"].to_pylist()) for table in tables) == 0
            assert sum(commits) > before


def test_all_splits_see_what_the_first_saw_until_the_end(mysql: Mysql) -> None:
    fill(mysql)
    with home_of(mysql).open(ReadRequest("t")) as source:
        splits = source.splits(4)
        tables = [read_split(source, splits[0])]
        mysql.run("DELETE FROM t WHERE id % 2 = 0")
        mysql.run("UPDATE t SET x = 1")
        mysql.run("INSERT INTO t SELECT -seq, 1, '' FROM seq_1_to_100")
        tables += [read_split(source, split) for split in splits[1:]]
        again = [read_split(source, split) for split in splits]
    assert sorted(ids_of(tables)) == [*range(1, ROWS + 1)]
    assert {one for table in tables for one in table["x"].to_pylist()} == {0}
    assert ids_of(again) == ids_of(tables)


def test_who_has_read_sees_the_same_rows_on(mysql: Mysql) -> None:
    fill(mysql)
    with home_of(mysql).open(ReadRequest("t")) as source:
        (split,) = source.splits(1)
        assert read_split(source, split).num_rows == ROWS
        mysql.run("UPDATE t SET x = 1")
        tables = [read_split(source, one) for one in source.splits(4)]
    assert sorted(ids_of(tables)) == [*range(1, ROWS + 1)]
    assert {one for table in tables for one in table["x"].to_pylist()} == {0}


def test_writers_go_on_while_splits_are_read(mysql: Mysql) -> None:
    fill(mysql)
    with home_of(mysql).open(ReadRequest("t", batch_bytes=2**14)) as source, ExitStack() as stack:
        readers = [stack.enter_context(source.read(split)) for split in source.splits(3)]
        assert len(readers) == 3
        assert all(reader.read_next_batch().num_rows for reader in readers)
        with mysql.connect(mysql.database) as connection, connection.cursor() as cursor:
            cursor.execute("SET lock_wait_timeout = 1, innodb_lock_wait_timeout = 1")
            assert cursor.execute("INSERT INTO t VALUES (-1, 0, '')") == 1
            assert cursor.execute("UPDATE t SET x = 1 WHERE id BETWEEN 1 AND 50") == 50
            assert cursor.execute("DELETE FROM t WHERE id > 10000") == ROWS - 10000
        rest = sum(batch.num_rows for reader in readers for batch in reader)
    assert 0 < rest < ROWS


def test_a_session_of_another_isolation_sees_one_state_too(mysql: Mysql) -> None:
    """Below REPEATABLE READ, which a server may have as its default, snapshots are overlooked."""
    fill(mysql)
    home = home_of(mysql)
    with ExitStack() as stack:
        for _ in range(4):
            connection = stack.enter_context(session(home.settings, HomeError))  # type: ignore[attr-defined]
            connection.cursor().execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    with home.open(ReadRequest("t")) as source:
        splits = source.splits(3)
        mysql.run("DELETE FROM t")
        assert sorted(ids_of(read_at_once(source, splits))) == [*range(1, ROWS + 1)]


def test_rows_that_come_all_the_time_are_moved_once_by_splits(tmp_path: Path, mysql: Mysql) -> None:
    mysql.run("CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, pad char(200))")
    mysql.run(f"INSERT INTO t (pad) SELECT REPEAT('x', 200) FROM seq_1_to_{ROWS}")
    mysql.run("ANALYZE TABLE t")
    settings: dict[str, Any] = {
        "mode": "append",
        "incremental": {"column": "id"},
        "parallel": 3,
        "retries": 0,
    }
    move = move_of("t", mysql.settings(), tmp_path / "kept.duckdb", **settings)
    is_over = threading.Event()

    def write() -> None:
        with mysql.connect(mysql.database) as connection, connection.cursor() as cursor:
            while not is_over.is_set():
                cursor.execute("INSERT INTO t (pad) SELECT REPEAT('x', 200) FROM seq_1_to_300")

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(4):
        assert go(tmp_path, move) == [Result.OK]
    is_over.set()
    writer.join()
    assert go(tmp_path, move) == [Result.OK]
    with duckdb.connect(tmp_path / "kept.duckdb") as kept:
        moved = kept.execute("SELECT count(*), count(DISTINCT id), sum(id) FROM t").fetchall()
    assert moved == mysql.run("SELECT count(*), count(*), sum(id) FROM t")


def move_of(
    entity: str, home: dict[str, Any], place: Path, kind: str = "duckdb", **settings: object
) -> Move:
    return Move(
        flow=place.stem,
        entity=entity,
        into=entity,
        home_name="home",
        store_name="store",
        home=HomeConfig.create(home),
        store=StoreConfig.create({"type": kind, "path": str(place)}),
        settings=MoveSettings.model_validate(settings),
        where="flow.yml:1",
    )


def go(root: Path, *moves: Move, concurrency: int = 1) -> list[Result]:
    plan = Plan(ProjectContext(root), moves, concurrency=concurrency)
    finished = run(plan, stop=Stop(), listen=lambda event: None)
    return [outcome.result for outcome in finished.outcomes]


# All of it, in ranges


KEYS = {
    "negative": ("int", f"n - 2 * {ROWS}"),
    "around zero": ("int", "n - 10000"),
    "unsigned": ("bigint unsigned", "18446744073709551615 - seq * 7"),
    "to the last": ("bigint unsigned", "18446744073709551615 - seq + 1"),
    "both ends": ("bigint", "IF(n % 2, -9223372036854775808 + n - 1, 9223372036854775807 - n + 2)"),
    "skewed": ("bigint", "IF(n < 20, n * 100000000000000000, n)"),
    "clusters": ("bigint", "(n DIV 5000) * 1000000000000 + n"),
    "thin": ("bigint", "n * n - 1000000000000"),
}


@pytest.mark.parametrize("case", KEYS)
def test_splits_are_all_rows_and_about_even(mysql: Mysql, case: str) -> None:
    declared, keys = KEYS[case]
    keys = re.sub(r"\bn\b", "CAST(seq AS signed)", keys)
    fill(mysql, keys, declared=f"id {declared}")
    expected = [row[0] for row in mysql.run("SELECT id FROM t ORDER BY id")]
    assert len(expected) == ROWS
    tables = read(home_of(mysql), 4)
    assert len(tables) == 4
    assert ids_of(tables) == expected
    assert max(table.num_rows for table in tables) < ROWS / 4 * 1.6
    first = read(home_of(mysql), 4, where="id % 2 = 0")
    assert ids_of(first) == [one for one in expected if one % 2 == 0]


def test_ranges_of_few_keys_are_all_rows(mysql: Mysql) -> None:
    """The first column of a key may have few values, and each many rows."""
    mysql.run("CREATE TABLE t (a tinyint unsigned, id int, pad char(60), PRIMARY KEY (a, id))")
    mysql.run(f"INSERT INTO t SELECT seq % 3, seq, REPEAT('x', 60) FROM seq_1_to_{ROWS}")
    mysql.run("ANALYZE TABLE t")
    tables = read(home_of(mysql), 8)
    assert sorted(table.num_rows for table in tables) == [6666, 6667, 6667]
    assert sorted(ids_of(tables)) == [*range(1, ROWS + 1)]


@pytest.mark.parametrize("more", ["PARTITION BY HASH (id) PARTITIONS 5", "WITH SYSTEM VERSIONING"])
def test_tables_of_odd_kinds_are_read_in_splits(mysql: Mysql, more: str) -> None:
    if "VERSIONING" in more and "Maria" not in str(mysql.run("SELECT version()")):
        pytest.skip("MySQL has no such tables")
    fill(mysql, more=more)
    mysql.run("DELETE FROM t WHERE id % 10 = 0")
    tables = read(home_of(mysql), 3)
    assert len(tables) == 3
    assert sorted(ids_of(tables)) == [n for n in range(1, ROWS + 1) if n % 10]


def test_a_range_of_new_rows_is_read_in_even_splits(mysql: Mysql) -> None:
    fill(mysql)
    with home_of(mysql).open(ReadRequest("t")) as source:
        source.narrow(["id"])
        source.within(Span("id", pa.scalar(5001, pa.int32()), pa.scalar(15001, pa.int32())))
        tables = read_at_once(source, source.splits(2))
    assert ids_of(tables) == [*range(5001, 15001)]
    assert max(table.num_rows for table in tables) < 8000


@pytest.mark.parametrize("number", [2, 3, 8, 64])
@pytest.mark.parametrize(
    "keys",
    [
        range(1, 5000),
        [*range(1000), 2**63],
        [-(2**63), *range(-500, 500), 2**63 - 1],
        [n**4 for n in range(2000)],
        [0, 2**64 - 1],
        [7],
    ],
    ids=["even", "far", "ends", "thin", "two", "one"],
)
def test_edges_are_in_order_and_make_even_ranges(keys: Sequence[int], number: int) -> None:
    asked = 0

    def guess(pieces: Sequence[Piece]) -> list[int]:
        nonlocal asked
        asked += 1
        return [sum(first <= key <= last for key in keys) for first, last in pieces]

    found = edges(guess, (min(keys), max(keys)), number)
    assert found == sorted(set(found))
    assert all(min(keys) < edge <= max(keys) for edge in found)
    assert len(found) <= number - 1
    assert asked <= 22
    if len(keys) > 10 * number:
        ends = [min(keys), *found, max(keys) + 1]
        counts = [sum(low <= key < high for key in keys) for low, high in pairwise(ends)]
        assert len(counts) == number
        assert max(counts) <= 1.5 * len(keys) / number + 2


# One connection, and why


ALONE = {
    "query": ({"query": "SELECT * FROM t"}, [], "it is a query"),
    "view": ({"entity": "v"}, ["CREATE VIEW v AS SELECT * FROM t"], "it is a view"),
    "engine": ({}, ["ALTER TABLE t ENGINE=Aria"], "its engine is Aria"),
    "no key": ({}, ["ALTER TABLE t DROP PRIMARY KEY"], "no primary key begins with a whole"),
    "text": ({}, ["ALTER TABLE t MODIFY id varchar(20)"], "no primary key begins with a whole"),
    "decimal": ({}, ["ALTER TABLE t MODIFY id decimal(9)"], "no primary key begins with a whole"),
    "index": (
        {"where": "x = 5"},
        ["ALTER TABLE t ADD INDEX by_x (x)", "UPDATE t SET x = id", "ANALYZE TABLE t"],
        "its rows are read by the index 'by_x'",
    ),
    "few": ({"where": "id < 100"}, [], "it is small"),
    "small": ({}, ["DELETE FROM t WHERE id > 9", "OPTIMIZE TABLE t"], "it is small"),
    "none": ({"where": "id IS NULL"}, [], "it is small"),
}


@pytest.mark.parametrize("case", ALONE)
def test_what_cannot_be_split_is_read_over_one_connection(
    mysql: Mysql, told: Callable[[], list[str]], case: str
) -> None:
    request, statements, reason = ALONE[case]
    fill(mysql)
    for sql in statements:
        mysql.run(sql)
    (table,) = read(home_of(mysql), 4, **request)
    where = f" WHERE {request['where']}" if "where" in request else ""
    assert table.num_rows == mysql.run(f"SELECT count(*) FROM t{where}")[0][0]
    (said,) = told()
    assert said.startswith(reason)


def test_nothing_is_said_or_locked_where_one_split_is_wanted(
    mysql: Mysql, told: Callable[[], list[str]]
) -> None:
    fill(mysql)
    (table,) = read(home_of(mysql), 1)
    assert table.num_rows == ROWS
    assert told() == []


@contextmanager
def user(server: Mysql, *rights: str) -> Iterator[str]:
    name = f"s_{server.database[:16]}"
    server.run(f"CREATE USER {name}")
    for right in rights:
        server.run(f"GRANT {right} ON `{server.database}`.* TO {name}")
    try:
        yield name
    finally:
        close_all()
        server.run(f"DROP USER {name}")


def test_who_may_not_lock_reads_over_one_connection(
    mysql: Mysql, told: Callable[[], list[str]]
) -> None:
    fill(mysql)
    with user(mysql, "SELECT") as name:
        home = home_of(mysql, user=name, password="")
        (table,) = read(home, 4)
        assert table.num_rows == ROWS
        assert told() == ["this user has no LOCK TABLES privilege"]
        (finding,) = [one for one in home.examine() if "no LOCK TABLES privilege" in one.text]
        assert finding.level == "ok"
        assert "GRANT LOCK TABLES" in (finding.hint or "")
        mysql.run(f"GRANT LOCK TABLES ON `{mysql.database}`.* TO {name}")
        assert len(read(home, 4)) == 4
        assert not any("no LOCK TABLES privilege" in one.text for one in home.examine())


def waiting_for(server: Mysql, sql: str) -> None:
    """Return once a statement waits for a lock on the table."""
    asked = (
        "SELECT count(*) FROM information_schema.processlist WHERE state LIKE "
        f"'Waiting for table metadata lock%' AND db = '{server.database}' AND info LIKE '{sql}%'"
    )
    while not server.run(asked)[0][0]:
        pass


def test_a_writer_that_does_not_end_is_not_waited_for(
    mysql: Mysql, told: Callable[[], list[str]]
) -> None:
    fill(mysql)

    def also_write() -> int:
        """Write while the lock is waited for: that may take a moment, and no longer."""
        waiting_for(mysql, "LOCK TABLES")
        with mysql.connect(mysql.database) as connection, connection.cursor() as cursor:
            cursor.execute("SET lock_wait_timeout = 15")
            return int(cursor.execute("INSERT INTO t VALUES (30000, 0, '')"))

    with mysql.connect(mysql.database) as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute("DELETE FROM t WHERE id < 1000")
        with ThreadPoolExecutor(1) as pool:
            wrote = pool.submit(also_write)
            (table,) = read(home_of(mysql), 4)
            assert wrote.result() == 1
    assert table.num_rows == ROWS
    assert told() == ["other sessions have been writing to it for more than 1 s"]


def test_a_table_that_is_being_changed_is_read_over_one_connection(
    mysql: Mysql, told: Callable[[], list[str]]
) -> None:
    """A change waits until the table was read, and the lock would wait for the change."""
    fill(mysql)
    with home_of(mysql).open(ReadRequest("t")) as source:
        real = source._check_columns  # type: ignore[attr-defined]
        change = threading.Thread(target=mysql.run, args=("ALTER TABLE t ADD COLUMN more int",))

        def change_now() -> None:
            real()
            change.start()
            waiting_for(mysql, "ALTER")

        source._check_columns = change_now  # type: ignore[attr-defined]
        (split,) = source.splits(4)
        assert read_split(source, split).num_rows == ROWS
    change.join()
    assert told() == ["other sessions have been writing to it for more than 1 s"]


def test_a_table_that_was_made_anew_is_worth_another_attempt(mysql: Mysql) -> None:
    fill(mysql)
    home = home_of(mysql)
    with (
        pytest.raises(HomeError, match="definition has changed") as raised,
        home.open(ReadRequest("t")) as source,
    ):
        mysql.run("ALTER TABLE t MODIFY x decimal(20,2)")
        for split in source.splits(4):
            read_split(source, split)
    assert home.retry_after(raised.value) is not None


def test_columns_that_changed_are_not_read_by_what_was_known_of_them(
    mysql: Mysql, told: Callable[[], list[str]]
) -> None:
    fill(mysql)
    with home_of(mysql).open(ReadRequest("t")) as source:
        mysql.run("ALTER TABLE t ADD COLUMN more int, ALGORITHM=INSTANT")
        (table,) = read_at_once(source, source.splits(4))
    assert table.num_rows == ROWS
    assert told() == ["its columns have just changed"]


@pytest.mark.parametrize(("most", "number"), [(2, 1), (3, 2), (4, 3), (9, 5)])
def test_there_are_no_more_splits_than_free_connections(
    mysql: Mysql, told: Callable[[], list[str]], most: int, number: int
) -> None:
    fill(mysql)
    home = home_of(mysql, max_connections=most)
    for _ in range(2):
        tables = read(home, 5)
        assert len(tables) == number
        assert sorted(ids_of(tables)) == [*range(1, ROWS + 1)]
    said = "other moves use the connections of max_connections"
    assert told() == ([said] * 2 if number == 1 else [])
    assert home.settings.pool().spare(99) == most  # type: ignore[attr-defined]


def test_a_server_without_free_connections_is_read_over_one(
    mysql: Mysql, told: Callable[[], list[str]]
) -> None:
    fill(mysql)
    with user(mysql, "SELECT, LOCK TABLES") as name:
        mysql.run(f"ALTER USER {name} WITH MAX_USER_CONNECTIONS 2")
        (table,) = read(home_of(mysql, user=name, password=""), 4)
    assert table.num_rows == ROWS
    assert told() == ["the server refuses more connections"]


def test_many_tables_are_split_over_few_connections(tmp_path: Path, mysql: Mysql) -> None:
    names = [f"t{number}" for number in range(300)]
    with mysql.connect(mysql.database) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t0 (id int PRIMARY KEY, pad char(250))")
        cursor.execute("INSERT INTO t0 SELECT seq, REPEAT('x', 250) FROM seq_1_to_2000")
        cursor.execute("ANALYZE TABLE t0")
        for name in names[1:]:
            cursor.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, pad char(10))")
            cursor.execute(f"INSERT INTO {name} VALUES (1, ''), (2, ''), (3, '')")
    home = mysql.settings(max_connections=9)
    places = [*((names[0], f"big{n}") for n in range(8)), *((name, "all") for name in names)]
    moves = [move_of(name, home, tmp_path / place, "arrow", parallel=3) for name, place in places]
    most, is_over = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        sql = f"SELECT count(*) FROM information_schema.processlist WHERE db = '{mysql.database}'"
        with mysql.connect() as connection, connection.cursor() as cursor:
            while not is_over.wait(0.01):
                cursor.execute(sql)
                most = max(most, *cursor.fetchone())

    watcher = threading.Thread(target=watch)
    watcher.start()
    results = go(tmp_path, *moves, concurrency=4)
    is_over.set()
    watcher.join()
    assert results == [Result.OK] * 308
    assert 6 <= most <= 9
    files = [sorted((tmp_path / f"big{n}").rglob("*.arrow")) for n in range(8)]
    assert sum(map(len, files)) > 8
    assert {sum(feather.read_table(one).num_rows for one in each) for each in files} == {2000}


# What goes wrong meanwhile


def hold_and(server: Mysql, number: int) -> int:
    """Lock the table in a child, which then sends itself a signal; return the child."""
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:

            def stop(sessions: object) -> None:
                os.write(told, b"!")
                os.kill(os.getpid(), number)

            shared_snapshot._begin_at_once = stop
            read(home_of(server), 3)
        finally:
            os._exit(1)
    os.close(told)
    assert os.read(ready, 1) == b"!"
    os.close(ready)
    return child


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_run_that_dies_or_hangs_holds_no_lock(mysql: Mysql, number: int) -> None:
    fill(mysql)
    close_all()
    child = hold_and(mysql, number)
    try:
        with mysql.connect(mysql.database) as connection, connection.cursor() as cursor:
            cursor.execute("SET lock_wait_timeout = 30, innodb_lock_wait_timeout = 30")
            assert cursor.execute("INSERT INTO t VALUES (-1, 0, '')") == 1
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_lock_that_was_lost_meanwhile_is_none(
    mysql: Mysql, told: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(mysql)
    real = shared_snapshot._begin_at_once

    def begin(connections: Any) -> None:  # noqa: ANN401
        locking = mysql.run(
            "SELECT id FROM information_schema.processlist WHERE command = 'Sleep' "
            f"AND db = '{mysql.database}' ORDER BY id DESC LIMIT 1"
        )
        mysql.run(f"KILL {locking[0][0]}")
        real(connections)

    monkeypatch.setattr(shared_snapshot, "_begin_at_once", begin)
    (table,) = read(home_of(mysql), 3)
    assert table.num_rows == ROWS
    (said,) = told()
    assert said.startswith("it cannot be locked: ")


def test_a_connection_that_is_lost_makes_the_move_begin_again(tmp_path: Path, mysql: Mysql) -> None:
    fill(mysql)
    url = urlsplit(mysql.url)
    judge = once(b"FORCE INDEX (PRIMARY)\nWHERE (`id` >= ", "mute")
    with proxy(url.hostname or "127.0.0.1", url.port or 3306, judge) as wire:
        home = mysql.settings(host="127.0.0.1", port=wire.port, ssl="disable")
        move = move_of("t", home, tmp_path / "kept.duckdb", parallel=3, retries=1)
        assert go(tmp_path, move) == [Result.OK]
    with duckdb.connect(tmp_path / "kept.duckdb") as kept:
        moved = kept.execute("SELECT count(*), count(DISTINCT id) FROM t").fetchall()
    assert moved == [(ROWS, ROWS)]


def test_a_split_left_unread_takes_its_snapshot_with_it(mysql: Mysql) -> None:
    fill(mysql)
    with home_of(mysql).open(ReadRequest("t", batch_bytes=2**12)) as source:
        splits = source.splits(2)
        for split in splits:
            with source.read(split) as batches:
                batches.read_next_batch()
        with pytest.raises(HomeError, match="was not read"), source.read(splits[0]):
            pass
