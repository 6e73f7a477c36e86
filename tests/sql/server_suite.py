"""What hygge promises of every database on a server: its tables, commits, locks and silences.

A subclass says how its server spells things; see `test_servers.py`. What only one server can show
is tested beside it.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from proxies import once, proxy
from servers import Mysql, Postgres

from hygge.connector import (
    Commit,
    Home,
    HomeConfig,
    Mode,
    ProjectContext,
    ReadRequest,
    Split,
    Store,
    StoreConfig,
    Target,
    WriteRequest,
)
from hygge.errors import CommitUnknownError, HomeError, StoreError
from hygge.runtime.processes import label
from hygge.testing.cases import plain_table
from hygge.testing.moving import accepted, next_commit, write, write_request
from hygge.testing.reading import read_entity

Server = Postgres | Mysql
QUICK = {"read_timeout": 1, "connect_timeout": 2}


def home_of(server: Server, **more: object) -> Home:
    return HomeConfig.create(server.settings(**more)).home(ProjectContext(Path()))


def store_of(server: Server, **more: object) -> Store:
    return StoreConfig.create(server.settings(**more)).store(ProjectContext(Path()))


def ids(server: Server, table: str = "things") -> list[int]:
    return [row[0] for row in server.run(f"SELECT id FROM {table} ORDER BY id")]


def keyed(request: WriteRequest, *key: str) -> WriteRequest:
    return replace(request, primary_key=key)


def columns(server: Server, table: str = "things") -> set[str]:
    sql = "SELECT column_name FROM information_schema.columns WHERE table_schema = "
    return {row[0] for row in server.run(f"{sql}'{server.place}' AND table_name = '{table}'")}


def tables(server: Server) -> set[str]:
    sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = "
    return {row[0] for row in server.run(f"{sql}'{server.place}'")}


class ServerSuite(ABC):
    """Tables, commits and sessions of a store on a server, and sessions of its home."""

    target: ClassVar[type[Target]]
    """The store's `Target`, whose lock two runs do not see."""
    outcome: ClassVar[ModuleType]
    """The module that waits `_OUTCOME_SECONDS` for a server that may know of a commit."""
    quote: ClassVar[str]
    """The character around names."""
    decides: ClassVar[Mapping[Mode, bytes]]
    """What the statement begins with that publishes a commit."""
    own_tables: ClassVar[set[str]] = {"_hygge_commits"}
    """The tables that hygge keeps beside those of entities."""
    staging: ClassVar[tuple[str, ...]] = ("_hygge_stg_",)
    """How names of tables begin that a dead run leaves."""
    changes_types: ClassVar[bool]
    """Whether text becomes a number in place."""
    begins: ClassVar[str]
    """Begins a transaction that sees one instant."""
    slow_view: ClassVar[str]
    """Makes a view `slow` whose one row takes three seconds."""
    doubled: ClassVar[str]
    """What the server says of a key 2 that is there twice."""
    frees: ClassVar[str]
    """The statement that ends session `{}`."""
    question: ClassVar[str]
    """What a person is told to do where nobody knows whose a commit is."""
    own_number: ClassVar[str]
    """Asks for the number of a session."""
    left_for_later: ClassVar[str]
    """What is logged of a staged table that session `{}` reads."""
    cuts: ClassVar[tuple[str, ...]] = ("cut",)
    """How connections are cut at an answer."""

    @abstractmethod
    def fill(self, server: Server, rows: int) -> None:
        """Make a table `t` with a number `id` and a text `x` of about 1000 bytes."""

    @abstractmethod
    def holding(self, server: Server, run: str, process: str) -> AbstractContextManager[int]:
        """Hold the lock of `things` as a run of a process; yield the session's number."""

    @abstractmethod
    def dead_label(self) -> str:
        """Return the label of a process that has ended."""

    # Tables

    def test_rows_of_others_are_not_replaced_without_being_told(self, server: Server) -> None:
        server.run("CREATE TABLE things (id bigint, name text)")
        server.run("INSERT INTO things VALUES (77, 'theirs')")
        store = store_of(server)
        with pytest.raises(StoreError, match="did not write") as raised:
            write(store, [plain_table(5)], write_request())
        assert raised.value.code == "HG534"
        assert ids(server) == [77]
        write(store, [plain_table(2)], write_request(adopt=True))
        assert ids(server) == [0, 1]

    def test_a_view_is_no_place_for_rows(self, server: Server) -> None:
        server.run("CREATE VIEW things AS SELECT 1 AS id")
        with pytest.raises(StoreError, match="view, which cannot be written"):
            write(store_of(server), [plain_table(5)], write_request())

    def test_a_table_grows_columns_and_wider_types(self, server: Server) -> None:
        store = store_of(server)
        first = pa.table({"id": pa.array([1], pa.int32()), "n": pa.array([1], pa.int16())})
        required = pa.schema([pa.field("id", pa.int32(), nullable=False), first.schema.field("n")])
        write(store, [first.cast(required)], write_request(Mode.APPEND))
        wider = pa.table(
            {
                "id": pa.array([None, 2**40], pa.int64()),
                "n": pa.array([2, -(2**30)], pa.int32()),
                "new": pa.array(["x", None]),
            }
        )
        write(store, [wider], write_request(Mode.APPEND))
        rows = server.run("SELECT id, n, new FROM things ORDER BY n")
        assert rows == [(2**40, -(2**30), None), (1, 1, None), (None, 2, "x")]

    def test_a_replace_that_keeps_the_table_gives_it_the_new_columns(self, server: Server) -> None:
        store = store_of(server, replace="keep")
        schema = pa.schema(
            [
                pa.field("id", pa.int32()),
                pa.field("old", pa.string(), nullable=False),
                pa.field("n", pa.string() if self.changes_types else pa.int64()),
            ]
        )
        old = pa.table({"id": [1], "old": ["x"], "n": ["1" if self.changes_types else 1]})
        write(store, [old.cast(schema)], write_request())
        server.run("ALTER TABLE things ADD COLUMN theirs int DEFAULT 5")
        write(store, [pa.table({"id": [2], "new": [1.5], "n": [7]})], write_request())
        assert columns(server) == {"id", "new", "n", "theirs"}
        assert server.run("SELECT id, new, n, theirs FROM things") == [(2, 1.5, 7, 5)]

    def test_a_reader_in_a_transaction_keeps_its_rows_through_a_kept_replace(
        self, server: Server
    ) -> None:
        store = store_of(server, replace="keep")
        write(store, [plain_table(5)], write_request())
        with server.connect() as connection:
            cursor: Any = connection.cursor()
            cursor.execute(self.begins)
            for rows in (5, 9):
                cursor.execute(f"SELECT count(*) FROM {self.shown(server, 'things')}")
                assert cursor.fetchone() == (rows,)
                if rows == 5:
                    write(store, [plain_table(9)], write_request())
                    cursor.execute(f"SELECT count(*) FROM {self.shown(server, 'things')}")
                    assert cursor.fetchone() == (5,)
                    cursor.execute("COMMIT")

    def test_a_table_that_is_gone_stops_an_append_and_not_a_replace(self, server: Server) -> None:
        store = store_of(server)
        write(store, [plain_table(5)], write_request(Mode.APPEND))
        server.run("DROP TABLE things")
        gone = "no longer exists, but its last commit, 1"
        with (
            pytest.raises(StoreError, match=gone) as raised,
            store.open(write_request(Mode.APPEND)) as target,
        ):
            target.schema()
        assert "--full-refresh" in (raised.value.hint or "")
        assert write(store, [plain_table(2)], write_request()).seq == 2
        assert ids(server) == [0, 1]

    def test_a_doubled_key_is_refused_with_its_value(self, server: Server) -> None:
        table = pa.concat_tables([plain_table(3), plain_table(1, start=2)])
        with pytest.raises(StoreError, match=self.doubled):
            write(store_of(server), [table], keyed(write_request(), "id"))
        assert "things" not in tables(server)

    @pytest.mark.parametrize("evil", ["x{q}; drop table t; --", "x'; drop table t; #", "a?b\\"])
    def test_a_table_named_like_sql_is_written_and_drops_nothing(
        self, server: Server, evil: str
    ) -> None:
        server.run("CREATE TABLE t AS SELECT 1 AS id")
        evil = evil.format(q=self.quote)
        store = store_of(server)
        for mode in (Mode.REPLACE, Mode.REPLACE, Mode.APPEND):
            write(store, [pa.table({evil: [1, 2]})], write_request(mode, into=evil))
        quoted = self.quote + evil.replace(self.quote, self.quote * 2) + self.quote
        rows = server.run(f"SELECT {quoted} FROM {quoted} ORDER BY 1")
        assert rows == [(1,), (1,), (2,), (2,)]
        assert ids(server, "t") == [1]

    def test_what_dead_runs_staged_is_dropped(self, server: Server) -> None:
        store = store_of(server)
        with store.open(write_request()) as target:
            target.stage(plain_table(5).to_reader(), Split(0, "all"))
            name = target.staging.name  # type: ignore[attr-defined]
            assert server.run(f"SELECT count(*) FROM {name}") == [(5,)]
        for prefix in self.staging:
            other = name.replace(name[-8:], "00000000").replace(self.staging[0], prefix)
            server.run(f"CREATE TABLE {other} (id int)")
        write(store, [plain_table(2)], write_request())
        assert tables(server) == {"things", *self.own_tables}

    # Commits whose answer is lost

    def at_the_commit(self, verdict: str, mode: Mode) -> Callable[[bytes], str]:
        """Return a judge of the statement that publishes, once the record is written."""
        at_end = once(self.decides[mode], verdict)
        is_written = False

        def judge(data: bytes) -> str:
            nonlocal is_written
            is_record = b"_hygge_commits" in data or b"_pending" in data
            is_written = is_written or (is_record and b"INSERT INTO" in data)
            return at_end(data) if is_written else "pass"

        return judge

    def failing_commit(self, server: Server, verdict: str, mode: Mode) -> tuple[str | None, str]:
        """Write through a proxy that spoils the commit; return who owns it then, and the run."""
        key = ("id",) if mode is Mode.MERGE else ()
        write(store_of(server), [plain_table(2)], keyed(write_request(mode), *key))
        request = keyed(write_request(mode), *key)
        with proxy(*server.address, self.at_the_commit(verdict, mode)) as wire:
            store = store_of(server, **server.through(wire.port))
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

    @pytest.mark.parametrize("mode", list(Mode))
    def test_a_commit_whose_answer_was_lost_is_found(self, server: Server, mode: Mode) -> None:
        owner, run = self.failing_commit(server, "mute", mode)
        assert owner == run
        old = [] if mode is Mode.REPLACE else [0, 1]
        assert ids(server) == [*old, 100, 101, 102]
        last = store_of(server).last_commit("things")
        assert last is not None
        assert (last.seq, last.run_id) == (2, run)
        write(store_of(server), [plain_table(1, start=200)], write_request(Mode.APPEND))
        assert ids(server) == [*old, 100, 101, 102, 200]
        assert server.run("SELECT seq FROM _hygge_commits ORDER BY seq") == [(1,), (2,), (3,)]

    @pytest.mark.parametrize("mode", list(Mode))
    def test_a_commit_that_arrives_once_it_was_asked_for_comes_too_late(
        self, server: Server, mode: Mode
    ) -> None:
        """Whoever learns that a commit is nobody's moves the rows again: it must never land."""
        owner, _ = self.failing_commit(server, "hold", mode)
        assert owner is None
        write(store_of(server), [plain_table(1, start=200)], write_request(Mode.APPEND))
        assert ids(server) == [0, 1, 200]
        assert server.run("SELECT seq FROM _hygge_commits ORDER BY seq") == [(1,), (2,)]

    @pytest.mark.parametrize("mode", list(Mode))
    def test_a_commit_that_never_arrived_is_known_to_be_nobodys(
        self, server: Server, mode: Mode
    ) -> None:
        owner, _ = self.failing_commit(server, "cut", mode)
        assert owner is None
        assert ids(server) == [0, 1]
        write(store_of(server), [plain_table(3, start=100)], write_request(Mode.APPEND))
        assert ids(server) == [0, 1, 100, 101, 102]
        assert server.run("SELECT seq FROM _hygge_commits ORDER BY seq") == [(1,), (2,)]

    def test_a_commit_that_nobody_can_ask_for_is_unknown(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(self.outcome, "_OUTCOME_SECONDS", 0.5)
        request = write_request()
        with proxy(*server.address) as wire:
            store = store_of(server, **server.through(wire.port), connect_timeout=2)
            with store.open(request) as target:
                part = target.stage(plain_table(3).to_reader(), Split(0, "all"))
                commit = next_commit(target, request, [part], plain_table(3).schema)
                wire.judge = self.at_the_commit("cut", Mode.REPLACE)
                with pytest.raises(StoreError):
                    target.commit([part], commit)
                wire.close()
                with pytest.raises(CommitUnknownError, match="cannot be reached") as raised:
                    target.owner(1)
        assert self.question in (raised.value.hint or "")

    def test_two_runs_that_see_no_lock_cannot_both_append(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(self.target, "_take_lock", lambda self: None)
        store = store_of(server)
        write(store, [plain_table(0)], write_request(Mode.APPEND))
        one, two = write_request(Mode.APPEND), write_request(Mode.APPEND)
        with store.open(one) as first, store.open(two) as second:
            commits: list[Commit] = []
            parts = []
            for target, request, start in ((first, one, 0), (second, two, 100)):
                part = target.stage(plain_table(2, start=start).to_reader(), Split(0, "all"))
                commits.append(next_commit(target, request, [part], plain_table(0).schema))
                parts.append(part)
            first.commit(parts[:1], commits[0])
            with pytest.raises(StoreError) as raised:
                second.commit(parts[1:], commits[1])
            assert raised.value.code == "HG514"
        assert ids(server) == [0, 1]

    # Locks of the dead and of others

    def test_a_place_that_a_dead_process_holds_is_taken_at_once(self, server: Server) -> None:
        write(store_of(server), [plain_table(1)], write_request())
        with self.holding(server, "other-run", self.dead_label()):
            write(store_of(server), [plain_table(2)], write_request())
        assert ids(server) == [0, 1]

    def test_a_place_that_an_earlier_attempt_of_the_run_holds_is_taken(
        self, server: Server
    ) -> None:
        write(store_of(server), [plain_table(1)], write_request())
        request = write_request()
        with self.holding(server, request.run_id, label()):
            write(store_of(server), [plain_table(2)], request)
        assert ids(server) == [0, 1]

    @pytest.mark.parametrize("process", ["alive", "0a0a0a0a0a0a.1.1"])
    def test_a_place_that_a_run_holds_which_may_live_says_how_to_free_it(
        self, server: Server, process: str
    ) -> None:
        write(store_of(server), [plain_table(1)], write_request())
        with (
            self.holding(server, "other-run", label() if process == "alive" else process) as number,
            pytest.raises(StoreError, match=rf"run other-run .*\b{number}\b") as raised,
        ):
            write(store_of(server), [plain_table(2)], write_request())
        assert raised.value.code == "HG543"
        assert self.frees.format(number) in (raised.value.hint or "")

    def test_staging_of_a_dead_run_that_somebody_reads_is_left_for_later(
        self, server: Server, caplog: pytest.LogCaptureFixture
    ) -> None:
        store = store_of(server)
        write(store, [plain_table(1)], write_request())
        with pytest.raises(ZeroDivisionError), store.open(write_request()) as target:
            target.stage(plain_table(1).to_reader(), Split(0, "all"))
            raise ZeroDivisionError
        (left,) = tables(server) - {"things", *self.own_tables}
        with server.connect() as connection:
            cursor: Any = connection.cursor()
            cursor.execute("BEGIN")
            cursor.execute(f"SELECT * FROM {self.shown(server, left)}")
            write(store, [plain_table(2)], write_request())
            cursor.execute(self.own_number)
            assert self.left_for_later.format(*cursor.fetchone()) in caplog.text
        assert ids(server) == [0, 1]

    def shown(self, server: Server, table: str) -> str:
        """Return a table's name for a connection that may be in no schema or database."""
        return f"{self.quote}{server.place}{self.quote}.{self.quote}{table}{self.quote}"

    # Silence

    def test_a_network_that_swallows_packets_in_mid_read_ends_the_attempt(
        self, server: Server
    ) -> None:
        self.fill(server, 25_000)
        with proxy(*server.address) as wire:
            home = home_of(server, **QUICK, **server.through(wire.port))
            with (
                pytest.raises(HomeError, match="has sent nothing for") as raised,
                home.open(ReadRequest("t")) as source,
                source.read(source.splits(1)[0]) as batches,
            ):
                for _ in batches:
                    wire.stall()
            assert home.retry_after(raised.value) is not None

    def test_a_network_that_swallows_packets_in_mid_write_ends_the_attempt(
        self, server: Server
    ) -> None:
        with proxy(*server.address) as wire:
            store = store_of(server, **QUICK, **server.through(wire.port))
            with (
                pytest.raises(StoreError, match="has sent nothing for") as raised,
                store.open(write_request()) as target,
            ):
                wire.stall()
                target.last_commit()
                target.stage(plain_table(10).to_reader(), Split(0, "all"))
            assert store.retry_after(raised.value) is not None

    def test_a_statement_at_which_the_server_works_may_take_longer(self, server: Server) -> None:
        server.run(self.slow_view)
        assert read_entity(home_of(server, read_timeout=0.5), "slow").num_rows == 1

    # Every place at which a connection can be lost

    @pytest.mark.parametrize("side", ["homes", "stores"])
    def test_a_connection_cut_at_any_answer_is_tried_again_and_loses_nothing(
        self, server: Server, side: str
    ) -> None:
        self.fill(server, 100)
        for cut in self.cuts:
            number, is_over = 0, threading.Event()
            while not is_over.is_set():
                number += 1
                seen: list[int] = []
                for table in ("copy", *self.own_tables):
                    server.run(f"DROP TABLE IF EXISTS {table}")
                with proxy(*server.address, answers=_cutting(number, seen, cut)) as wire:
                    moved = _moved_through(server, side, wire.port)
                if len(seen) < number:
                    is_over.set()
                assert moved == [100], f"{cut} at answer {number}"
            assert number > 15


def _cutting(number: int, seen: list[int], cut: str) -> Callable[[bytes], str]:
    def judge(data: bytes) -> str:
        seen.append(len(data))
        return cut if len(seen) == number else "pass"

    return judge


def _moved_through(server: Server, side: str, port: int) -> list[int]:
    """Move a table until an attempt ends well, as a run does; return how many rows arrived."""
    far = server.through(port)
    home = home_of(server, **(far if side == "homes" else {}))
    store = store_of(server, **(far if side == "stores" else {}))
    request = write_request(Mode.REPLACE, into="copy")
    for _ in range(4):
        try:
            table = read_entity(home, "t")
            last = store.last_commit("copy")
            if last is None or last.run_id != request.run_id:
                write(store, [table], request)
            return [row[0] for row in server.run("SELECT count(*) FROM copy")]
        except (HomeError, StoreError) as error:
            if home.retry_after(error) is None and store.retry_after(error) is None:
                raise
    return []
