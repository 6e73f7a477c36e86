"""Merges into SQL Server: what is sent, in which order, and what comes of it on a stand-in."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any, ClassVar, cast
from uuid import UUID

import mssql_python
import pyarrow as pa
import pytest
import tsql_stand_in
from tsql import assert_tsql
from tsql_stand_in import CI, StandIn, Wire

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
from hygge.connectors.mssql import comparison
from hygge.connectors.mssql.comparison import Held
from hygge.connectors.mssql.connections import Rows
from hygge.connectors.mssql.merging import _parameter
from hygge.connectors.mssql.target import MssqlTarget
from hygge.errors import StoreError
from hygge.testing import StoreSuite
from hygge.testing.merging import merging, rows_of, things
from hygge.testing.moving import (
    SourceFailedError,
    accepted,
    broken,
    next_commit,
    write_request,
)

NOWHERE = {"type": "mssql", "host": "127.0.0.1", "port": 1, "database": "app"}
BEGIN, COMMIT = "BEGIN TRANSACTION", "COMMIT TRANSACTION"
ROLLBACK = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION"
HOLD = "SELECT TOP (1) 1 FROM [dbo].[things] WITH (TABLOCKX, HOLDLOCK)"
WORDS = pa.schema([pa.field("word", pa.string(), nullable=False), ("n", pa.int64())])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    made = StandIn()
    monkeypatch.setattr(mssql_python, "connect", made.connect)
    return made


@pytest.fixture
def store(server: StandIn) -> Store:
    return make_store()


def make_store(**settings: object) -> Store:
    return StoreConfig.create({**NOWHERE, **settings}).store(ProjectContext(Path("/")))


DIGITS = "never: the stand-in keeps numbers as SQLite does, of 15 digits"


class TestMssqlOnTheStandIn(StoreSuite):
    """All that a store promises; every statement is read as T-SQL there."""

    exemptions: ClassVar = {
        **dict.fromkeys(("float16", "float32", "float64"), "never: the stand-in has no -0.0"),
        **dict.fromkeys(("uint64", "decimal(38,0)", "decimal(38,18)"), DIGITS),
        **dict.fromkeys(("time(ns)", "timestamp(ns)", "timestamp(ns,UTC)"), "never: 100 ns"),
        **dict.fromkeys(("decimal(76,30)", "duration(us)"), "never: no such type"),
        **dict.fromkeys(("list", "large list", "fixed size list"), "never: no such type"),
        **dict.fromkeys(("struct", "list of struct", "map"), "never: no such type"),
        **dict.fromkeys(
            (
                "test_a_place_is_inspected_as_it_would_be_opened",
                "test_an_examination_says_what_to_do",
                "test_staged_rows_are_asked_by_sql",
                "test_what_was_written_is_read_by_its_own_home",
            ),
            "never: the stand-in has no views of the server, and no locks to ask for",
        ),
    }

    @pytest.fixture(autouse=True)
    def _server(self, server: StandIn) -> None:
        self.server = server

    def configure(self, place: Path) -> StoreConfig:
        return StoreConfig.create(NOWHERE)

    def read(self, place: Path, name: str, schema: pa.Schema) -> pa.Table:
        return tsql_stand_in.read(self.server, name.removeprefix("public."), schema)

    def rows(self, place: Path, name: str = "things") -> pa.Table:
        """Return the rows by their `id`: splits are written at once, and tables have no order."""
        rows = super().rows(place, name)
        return rows.sort_by("id") if len(set(rows["id"].to_pylist())) == len(rows) else rows


def held(server: StandIn, columns: str = "*") -> list[tuple[Any, ...]]:
    return sorted(server.db.execute(f"SELECT {columns} FROM things").fetchall())


def words(*rows: tuple[Any, ...]) -> pa.Table:
    return rows_of(WORDS, *rows)


def by_id(**changes: Any) -> WriteRequest:  # noqa: ANN401
    return merging(**{"keep_generations": 1, **changes})


def by_word(**changes: Any) -> WriteRequest:  # noqa: ANN401
    return by_id(primary_key=("word",), **changes)


def write(store: Store, tables: list[pa.Table], request: WriteRequest) -> None:
    """Move tables, one split each, with a record that tells the key, as that of a flow."""
    with store.open(request) as target:
        ready = [accepted(target, table) for table in tables]
        splits = enumerate(ready)
        parts = [target.stage(one.to_reader(), Split(n, str(n))) for n, one in splits]
        commit = next_commit(target, request, parts, ready[0].schema)
        target.commit(parts, replace(commit, primary_key=request.primary_key))


# Values are compared sign by sign


def test_texts_that_the_server_takes_for_one_are_two_keys(server: StandIn, store: Store) -> None:
    write(store, [words(("a", 1), ("A", 2), ("a ", 3), ("", 4), (" ", 5))], by_word())
    write(store, [words(("A", 20), (" ", 50), ("b", 6))], by_word())
    rows = [("", 4), (" ", 50), ("A", 20), ("a", 1), ("a ", 3), ("b", 6)]
    assert held(server) == rows
    gone = words(*[row for row in rows if row[0] not in ("a ", "b")])
    write(store, [gone], by_word(delete_missing="hard"))
    assert held(server) == [row for row in rows if row[0] not in ("a ", "b")]


def test_duplicates_are_the_same_sign_by_sign(store: Store) -> None:
    with store.open(by_word()) as target:
        target.stage(words(("a", 1), ("A", 2), ("a ", 3)).to_reader(), Split(0, "one"))
        assert target.duplicate(["word"]) is None
    with store.open(by_word()) as target:
        target.stage(words(("a", 1), ("A", 2)).to_reader(), Split(0, "one"))
        target.stage(words(("A", 9)).to_reader(), Split(1, "two"))
        assert target.duplicate(["word"]) == {"word": "A"}
        assert target.duplicate(["word", "n"]) is None
        assert target.ask("SELECT n FROM {staged} WHERE n > 1", 5) == (2, [(2,), (9,)])


def test_what_is_asked_sees_the_columns_that_are_moved(store: Store) -> None:
    with store.open(by_word()) as target:
        target.stage(words(("a", 1)).to_reader(), Split(0, "one"))
        assert target.ask("SELECT * FROM {staged}", 5) == (1, [("a", 1)])


def test_what_is_asked_changes_nothing(server: StandIn, store: Store) -> None:
    with store.open(by_word()) as target:
        target.stage(words(("a", 1)).to_reader(), Split(0, "one"))
        with pytest.raises(StoreError, match="a check by sql failed to run") as raised:
            target.ask("SELECT m FROM {staged}", 5)
        assert raised.value.code == "HG528"
        assert target.ask("SELECT n FROM {staged}", 5) == (1, [(1,)])
    assert sent(server).count(BEGIN) == sent(server).count(ROLLBACK) == 2


@pytest.mark.parametrize(("first", "second"), [("x", "X"), ("x", "x "), ("x", None)])
def test_rows_that_differ_a_little_are_told_apart_or_refused(
    server: StandIn, store: Store, first: str, second: str | None
) -> None:
    rows = things((1, first, 5), (1, second, 5))
    with pytest.raises(StoreError) as raised:
        write(store, [rows], by_id(dedupe_by=("at",)))
    assert raised.value.code == "HG547"
    write(store, [things((1, first, 5), (1, first, 5))], by_id(dedupe_by=("at",)))
    assert held(server) == [(1, first, 5)]


def test_the_highest_text_is_that_of_the_highest_signs(server: StandIn, store: Store) -> None:
    rows = things((1, "a", 1), (1, "B", 2))
    write(store, [rows], by_id(dedupe_by=("name",)))
    assert held(server) == [(1, "a", 1)]


EVERY: dict[str, tuple[pa.DataType, list[Any]]] = {
    "number": (pa.int64(), [1, 2]),
    "small": (pa.uint8(), [1, 2]),
    "flag": (pa.bool_(), [True, False]),
    "text": (pa.string(), ["a", "it's ?]"]),
    "bytes": (pa.binary(), [b"a", b"a\0"]),
    "uuid": (pa.uuid(), [UUID(int=1).bytes, UUID(int=2).bytes]),
    "money": (pa.decimal128(9, 2), [Decimal("1.00"), Decimal("1.50")]),
    "float": (pa.float64(), [1.5, -0.25]),
    "day": (pa.date32(), [dt.date(2024, 1, 1), dt.date(2024, 1, 2)]),
    "time": (pa.time64("us"), [dt.time(1), dt.time(2)]),
    "moment": (pa.timestamp("us"), [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, 1)]),
    "utc": (pa.timestamp("us", "UTC"), [dt.datetime(2024, 1, n, tzinfo=dt.UTC) for n in (1, 2)]),
}


@pytest.mark.parametrize("missing", [None, "hard", "soft"])
@pytest.mark.parametrize("kind", EVERY)
def test_a_key_of_every_type_with_signs_in_its_name(
    server: StandIn, store: Store, kind: str, missing: str | None
) -> None:
    typed, values = EVERY[kind]
    names = ("k] 'e?y\"", "FROM [x")
    fields = [pa.field(names[0], typed, nullable=False), pa.field("b", pa.int64(), nullable=False)]
    mark = pa.field("_hygge_deleted_at", pa.timestamp("us", "UTC"))
    schema = pa.schema([*fields, pa.field(names[1], typed), mark])

    def rows(*numbers: int, by: int = 0) -> pa.Table:
        array = pa.array([values[n % 2] for n in numbers], typed)
        beside = pa.array([n // 2 for n in numbers], pa.int64())
        nulls = pa.nulls(len(numbers), mark.type)
        return pa.table([array, beside, array, nulls], schema=schema)

    def go(*tables: pa.Table) -> None:
        request = by_id(
            into="we]ird",
            primary_key=(names[0], "b"),
            dedupe_by=(names[1], names[0]),
            delete_missing=missing,
            max_shrink=1.0,
        )
        write(store, list(tables), request)

    go(rows(0, 1, 2))
    go(rows(1, 2, 3), rows(1))
    alive = "_hygge_deleted_at IS NULL"
    count = 'SELECT count(*) FROM "we]ird"'
    assert server.db.execute(count).fetchone() == ((3 if missing == "hard" else 4),)
    assert server.db.execute(f"{count} WHERE {alive}").fetchone() == ((3 if missing else 4),)
    if isinstance(values[1], str):
        assert not any(values[1] in sql for sql, _ in server.statements)


@pytest.mark.parametrize("kind", EVERY)
def test_values_of_every_type_are_compared_in_tsql(kind: str) -> None:
    field = pa.field("a]b", EVERY[kind][0])
    column = "[a]]b]"
    whole = f"SELECT {comparison.key(field, column)}, min({comparison.content(field, column)}) "
    assert_tsql(f"{whole} FROM t GROUP BY {comparison.group_terms(field, column)}")
    assert_tsql(
        f"SELECT {comparison.shown(field, column)} FROM t ORDER BY "
        f"{comparison.ordered(field, column)} DESC"
    )
    assert_tsql(f"SELECT 1 FROM t JOIN s ON {comparison.same(field, None)}")
    assert_tsql(f"SELECT 1 FROM t WHERE {comparison.in_range(field, column)} < ?")


HELD = [
    (pa.string(), Held("varchar(20)", "Latin1_General_CI_AS")),
    (pa.string(), Held("nvarchar(20)", "Latin1_General_CI_AS")),
    (pa.string(), Held("char(2)", "Latin1_General_CI_AS")),
    (pa.string(), Held("text", "Latin1_General_CI_AS")),
    (pa.string(), Held("xml")),
    (pa.string(), Held("geography")),
    (pa.string(), Held("hierarchyid")),
    (pa.binary(), Held("binary(8)")),
    (pa.decimal128(19, 4), Held("money")),
    (pa.timestamp("us"), Held("datetime")),
    (pa.timestamp("us"), Held("smalldatetime")),
    (pa.timestamp("us"), Held("datetime2(3)")),
    (pa.timestamp("us", "UTC"), Held("datetimeoffset(0)")),
    (pa.time64("us"), Held("time(0)")),
]


@pytest.mark.parametrize(("kind", "column"), HELD, ids=[one.type for _, one in HELD])
def test_a_column_of_another_type_is_compared_by_its_index_and_exactly(
    kind: pa.DataType, column: Held
) -> None:
    field = pa.field("k", kind)
    on = comparison.same(field, column)
    assert_tsql(f"SELECT 1 FROM t JOIN s ON {on}")
    is_sought = column.type not in ("text", "xml", "geography", "hierarchyid")
    cast = f"t.[k] = TRY_CAST(s.[k]{' COLLATE Latin1_General_CI_AS' if column.collation else ''}"
    assert on.startswith(f"{cast} AS {column.type})") is is_sought
    assert ("COLLATE Latin1_General_100_BIN2" in on) is (kind == pa.string())
    has_length = kind in (pa.string(), pa.binary()) and column.base != "char"
    assert ("DATALENGTH" in on) is has_length
    change = comparison.changes(field, column)
    assert (change is None) is (column.type in ("xml", "geography", "hierarchyid"))
    assert_tsql(f"SELECT 1 FROM s WHERE {change or '1 = 1'}")


def test_a_time_is_compared_as_it_is_read() -> None:
    field = pa.field("k", pa.timestamp("us"))
    assert comparison.same(field, Held("datetime")) == (
        "t.[k] = TRY_CAST(s.[k] AS datetime) AND CAST(t.[k] AS datetime2(3)) = s.[k]"
    )
    assert comparison.same(field, None) == "t.[k] = s.[k]"


# Tables of others


def test_a_merge_into_a_table_of_others_finds_its_keys(server: StandIn, store: Store) -> None:
    server.db.execute(f"CREATE TABLE things (word varchar(5) COLLATE {CI}, n bigint, own int)")
    server.db.execute("INSERT INTO things VALUES ('a', 1, 7), ('A', 2, 8)")
    write(store, [words(("A", 20), ("é", 3))], by_word(adopt=True))
    assert held(server) == [("A", 20, 8), ("a", 1, 7), ("é", 3, None)]
    asked = [sql for sql, _ in server.statements if sql.startswith("UPDATE t SET")]
    assert f"t.[word] = TRY_CAST(s.[word] COLLATE {CI} AS varchar(5)) AND" in asked[0]


@pytest.mark.parametrize("mode", [Mode.MERGE, Mode.APPEND, Mode.REPLACE])
@pytest.mark.parametrize("word", ["too long", "ł"])
def test_a_value_that_the_table_would_change_is_refused(
    server: StandIn, store: Store, word: str, mode: Mode
) -> None:
    server.db.execute(f"CREATE TABLE things (word varchar(5) COLLATE {CI}, n bigint)")
    request = replace(by_word(adopt=True), mode=mode)
    with pytest.raises(
        StoreError, match=f"'word' .* is varchar.5. and would change {word}"
    ) as told:
        write(store, [words(("fine", 1), (word, 2))], request)
    assert told.value.code == "HG535"
    assert held(server) == []
    assert COMMIT not in sent(server)


def test_a_time_that_the_table_would_round_is_refused(server: StandIn, store: Store) -> None:
    server.db.execute("CREATE TABLE things (id bigint, at datetime)")
    schema = pa.schema([pa.field("id", pa.int64(), nullable=False), ("at", pa.timestamp("us"))])
    change = comparison.changes(schema.field("at"), Held("datetime"))
    assert change == (
        "[at] IS NOT NULL AND (TRY_CAST([at] AS datetime) IS NULL OR NOT "
        "(CAST(TRY_CAST([at] AS datetime) AS datetime2(3)) = [at]))"
    )
    write(store, [rows_of(schema, (1, dt.datetime(2024, 1, 1)))], by_id(adopt=True))
    with pytest.raises(StoreError, match=r"would change 2024-01-01 00:00:00\.000001"):
        late = dt.datetime(2024, 1, 1, microsecond=1)
        write(store, [rows_of(schema, (2, late))], by_id())


def test_numbers_of_their_own_go_into_a_column_that_counts_up(
    server: StandIn, store: Store
) -> None:
    write(store, [things((1, "a", 1))], by_id())
    server.identity = [("id",)]
    server.statements.clear()
    write(store, [things((1, "b", 1), (2, "c", 1))], by_id())
    texts = sent(server)
    on, off = (texts.index(f"SET IDENTITY_INSERT [dbo].[things] {word}") for word in ("ON", "OFF"))
    added = next(n for n, sql in enumerate(texts) if sql.startswith("INSERT INTO [dbo].[things]"))
    assert texts.index(BEGIN) < on < added < off < texts.index(COMMIT)
    with store.open(by_id()) as target:
        undo(target)
    assert held(server) == [(1, "a", 1)]


# One transaction


def sent(server: StandIn) -> list[str]:
    return [sql for sql, _ in server.statements]


def inside(server: StandIn) -> list[str]:
    texts = sent(server)
    assert texts.count(BEGIN) == texts.count(COMMIT) == 1
    return texts[texts.index(BEGIN) + 1 : texts.index(COMMIT)]


def test_a_merge_is_one_transaction_that_holds_the_table(server: StandIn, store: Store) -> None:
    write(store, [things((1, "a", 1), (2, "b", 1))], by_id())
    server.statements.clear()
    write(
        store,
        [things((2, "B", 2)), things((2, "b", 1))],
        by_id(dedupe_by=("at",), delete_missing="hard"),
    )
    texts = inside(server)
    assert texts[0] == HOLD
    starts = [
        "SELECT max(seq) FROM [dbo].[_hygge_commits]",
        "SELECT [id], [name], [at] INTO [dbo].[_hygge_undo_",
        "INSERT INTO [dbo].[_hygge_undo_",
        "SELECT COUNT_BIG(*) FROM [dbo].[things] AS t  WHERE 1 = 1 AND NOT EXISTS (",
        "DELETE t FROM [dbo].[things] AS t  WHERE NOT EXISTS (",
        "UPDATE t SET [name] = s.[name], [at] = s.[at] FROM [dbo].[things] AS t JOIN [dbo].[_hygge",
        "INSERT INTO [dbo].[things] ([id], [name], [at]) SELECT s.[id], s.[name], s.[at] FROM",
        "INSERT INTO [dbo].[_hygge_commits]",
    ]
    places = [next(n for n, sql in enumerate(texts) if sql.startswith(start)) for start in starts]
    assert places == sorted(places)
    assert not any(sql.startswith("WITH ranked") for sql in texts)
    before = sent(server)[: sent(server).index(BEGIN)]
    assert any(sql.startswith("WITH ranked AS (SELECT row_number() OVER (") for sql in before)
    changing = ("UPDATE", "DELETE t", "INSERT INTO [dbo].[things]")
    assert not any(sql.startswith(changing) for sql in before)


def test_an_append_holds_no_table_and_a_range_taken_out_does(server: StandIn, store: Store) -> None:
    def go(**changes: Any) -> list[str]:  # noqa: ANN401
        server.statements.clear()
        write(store, [things((1, "a", 1))], replace(write_request(Mode.APPEND), **changes))
        return inside(server)

    go()
    assert HOLD not in go()
    span = Span("at", pa.scalar(1, pa.int64()), None)
    assert go(clears=span)[0] == HOLD
    cleared = next(one for one in server.statements if one[0].startswith("DELETE t"))
    assert cleared == (
        "DELETE t FROM [dbo].[things] AS t  WHERE t.[at] >= CAST(? AS bigint);\n"
        "SELECT ROWCOUNT_BIG()",
        ("1",),
    )
    assert held(server) == [(1, "a", 1)]


STEPS = ["UPDATE t", "INSERT INTO [dbo].[things]", "INSERT INTO [dbo].[_hygge_commits]", COMMIT]


@pytest.mark.parametrize("at", STEPS)
def test_a_statement_that_fails_takes_all_back(
    server: StandIn, store: Store, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    write(store, [things((1, "a", 1))], by_id())
    run = server.run

    def failing(sql: str, values: tuple[Any, ...], wire: Wire) -> object:
        if sql.startswith(at):
            mssql_python.exceptions.raise_exception("42000", "out of space")
        return run(sql, values, wire)

    server.statements.clear()
    monkeypatch.setattr(server, "run", failing)
    with pytest.raises(StoreError, match="out of space"):
        write(store, [things((1, "b", 1), (2, "c", 1))], by_id())
    monkeypatch.undo()
    assert ROLLBACK in sent(server)
    assert held(server) == [(1, "a", 1)]
    assert leftovers(server) == []


def test_a_null_in_a_key_is_refused(server: StandIn, store: Store) -> None:
    schema = pa.schema([("word", pa.string()), ("n", pa.int64())])
    with pytest.raises(StoreError) as raised:
        write(store, [rows_of(schema, ("a", 1), (None, 2))], by_word())
    assert raised.value.code == "HG527"
    assert BEGIN not in sent(server)


def test_a_key_that_may_be_null_is_declared(server: StandIn, store: Store) -> None:
    schema = pa.schema([("id", pa.int64()), ("n", pa.int64())])
    write(store, [rows_of(schema, (1, 1))], by_id())
    altered = [sql.partition("] ")[2] for sql in sent(server) if sql.startswith("ALTER TABLE")]
    assert altered == [
        "DROP COLUMN [_hygge_split]",
        "ALTER COLUMN [id] bigint NOT NULL",
        "ADD PRIMARY KEY ([id])",
    ]


# Ranges


@pytest.mark.parametrize(
    ("value", "kind", "parameter"),
    [
        (pa.scalar(5, pa.int32()), pa.int64(), "5"),
        (pa.scalar(0.1), pa.float64(), 0.1),
        (pa.scalar(Decimal("-1.50")), pa.decimal128(9, 2), "-1.50"),
        (pa.scalar(dt.date(2024, 2, 29)), pa.date32(), "2024-02-29"),
        (pa.scalar(1, pa.timestamp("s")), pa.timestamp("us"), "1970-01-01 00:00:01.000000"),
        (pa.scalar(1, pa.timestamp("us", "Europe/Oslo")), pa.timestamp("us", "UTC"),
         "1970-01-01 00:00:00.000001 +00:00"),
        (pa.scalar(100, pa.timestamp("ns")), pa.timestamp("ns"), "1970-01-01 00:00:00.0000001"),
        (pa.scalar(101, pa.timestamp("ns")), pa.timestamp("ns"), "1970-01-01 00:00:00.0000002"),
        (pa.scalar(-101, pa.timestamp("ns")), pa.timestamp("ns"), "1969-12-31 23:59:59.9999999"),
    ],
)  # fmt: skip
def test_the_end_of_a_range_is_a_parameter_of_its_own_type(
    value: pa.Scalar, kind: pa.DataType, parameter: object
) -> None:
    assert _parameter(value, kind) == parameter


def test_a_range_of_a_column_that_rounds_is_of_what_is_read(server: StandIn, store: Store) -> None:
    server.db.execute("CREATE TABLE things (id bigint, at datetime)")
    schema = pa.schema([("id", pa.int64()), ("at", pa.timestamp("us"))])
    at = [dt.datetime(2024, 1, 1, microsecond=n * 1000) for n in (0, 3, 7)]
    write(store, [rows_of(schema, *enumerate(at))], write_request(Mode.APPEND, adopt=True))
    span = Span("at", pa.scalar(at[1]), pa.scalar(at[2]))
    write(store, [rows_of(schema)], replace(write_request(Mode.APPEND), clears=span))
    assert held(server, "id") == [(0,), (2,)]
    cleared = next(one for one in server.statements if one[0].startswith("DELETE t"))
    end = "CAST(t.[at] AS datetime2(3)) {} CAST(? AS datetime2(6))"
    assert f"WHERE {end.format('>=')} AND {end.format('<')};" in cleared[0]
    assert cleared[1] == ("2024-01-01 00:00:00.003000", "2024-01-01 00:00:00.007000")


def test_a_range_of_bytes_is_refused(server: StandIn, store: Store) -> None:
    schema = pa.schema([("id", pa.int64()), ("at", pa.binary())])
    rows = rows_of(schema, (1, b"a"))
    write(store, [rows], write_request(Mode.APPEND))
    span = Span("at", pa.scalar(b"a"), None)
    with pytest.raises(StoreError, match="range of column 'at' cannot be deleted"):
        write(store, [rows], replace(write_request(Mode.APPEND), clears=span))
    assert held(server) == [(1, b"a")]


# Undo


def undo(target: object) -> Commit:
    """Take the newest commit back, as `hygge undo` does."""
    assert isinstance(target, MssqlTarget)
    back, last = target.previous(), target.last_commit()
    assert back is not None
    assert last is not None
    commit = replace(back, seq=last.seq + 1, run_id="undo", rows=0, undoes=back.seq + 1)
    target.undo(commit)
    return commit


def taken_back(store: Store, mode: Mode, **changes: Any) -> None:  # noqa: ANN401
    request = replace(write_request(mode), **{"keep_generations": 1, **changes})
    with store.open(request) as target:
        undo(target)


def leftovers(server: StandIn) -> list[str]:
    return [name for name in server.tables() if name.startswith("_hygge_undo")]


@pytest.mark.parametrize("missing", [None, "hard"])
def test_a_merge_is_taken_back(server: StandIn, store: Store, missing: str | None) -> None:
    before = [("A", 2), ("a", 1), ("a ", 3)]
    write(store, [words(*before)], by_word())
    rows = [("A", 20), ("a", 1), ("b", 4)]
    write(store, [words(*rows)], by_word(delete_missing=missing))
    assert held(server) == sorted(rows if missing else [*rows, ("a ", 3)])
    server.statements.clear()
    taken_back(store, Mode.MERGE, primary_key=("word",))
    assert inside(server)[0] == HOLD
    assert held(server) == before
    assert leftovers(server) == []


def test_an_append_is_taken_back(server: StandIn, store: Store) -> None:
    for rows in (words(("A", 1)), words(("a", 2), ("A ", 2))):
        write(store, [rows], replace(by_word(), mode=Mode.APPEND))
    taken_back(store, Mode.APPEND, primary_key=("word",))
    assert held(server) == [("A", 1)]


@pytest.mark.parametrize("how", ["keep", "swap"])
def test_a_replace_is_taken_back(server: StandIn, how: str) -> None:
    store = make_store(replace=how)

    def go(table: pa.Table) -> None:
        write(store, [table], replace(write_request(), keep_generations=1))

    go(things((1, "a", 1)))
    schema = pa.schema([("id", pa.int64()), ("title", pa.string())])
    go(rows_of(schema, (2, "b")))
    assert held(server, "id, title") == [(2, "b")]
    taken_back(store, Mode.REPLACE)
    assert held(server, "id, name") == [(1, "a")]
    assert leftovers(server) == []
    go(things((3, "c", 3)))
    assert held(server, "id, name, at") == [(3, "c", 3)]


def test_a_key_that_was_widened_is_taken_back(server: StandIn, store: Store) -> None:
    narrow = pa.schema([pa.field("id", pa.int32(), nullable=False), ("n", pa.int64())])
    write(store, [rows_of(narrow, (1, 1))], by_id())
    wide = pa.schema([pa.field("id", pa.int64(), nullable=False), ("n", pa.int64())])
    server.db.execute("DROP INDEX pk")  # the server itself lets a column of a key be widened
    write(store, [rows_of(wide, (1, 2), (2**40, 2))], by_id())
    made = [sql for sql in sent(server) if "INTO [dbo].[_hygge_undo" in sql and "k] FROM" in sql]
    assert "SELECT CAST([id] AS bigint) AS [id] INTO" in made[-1]
    taken_back(store, Mode.MERGE, primary_key=("id",))
    assert held(server, "id, n") == [(1, 1)]


def test_generations_are_kept_as_many_as_wanted(server: StandIn, store: Store) -> None:
    for number in range(4):
        write(store, [things((number, "x", 1))], by_id(keep_generations=2))
    assert {name[-2:] for name in leftovers(server)} == {"3r", "3k", "4r", "4k"}
    for rows in (3, 2):
        taken_back(store, Mode.MERGE, primary_key=("id",), keep_generations=2)
        assert len(held(server)) == rows
    with store.open(by_id(keep_generations=2)) as target:
        assert target.previous() is None


def test_rows_that_others_took_away_are_not_undone(server: StandIn, store: Store) -> None:
    write(store, [things((1, "a", 1))], by_id())
    write(store, [things((2, "b", 1))], by_id())
    server.db.execute("DELETE FROM things WHERE id = 1")
    with store.open(by_id()) as target, pytest.raises(StoreError, match="others changed"):
        target.previous()


# Staging


def test_a_split_that_is_staged_again_is_there_once(server: StandIn, store: Store) -> None:
    request = by_id()
    with store.open(request) as target:
        with pytest.raises(SourceFailedError):
            target.stage(broken(things((1, "a", 1), (2, "b", 1))), Split(0, "one"))
        target.stage(things((7, "c", 1)).to_reader(), Split(1, "two"))
        part = target.stage(things((1, "a", 1), (2, "b", 1)).to_reader(), Split(0, "one"))
        assert part.rows == 2
        asked = [sql for sql in sent(server) if sql.startswith("DELETE FROM [dbo].[_hygge_stg")]
        assert [sql.partition(" WHERE ")[2] for sql in asked] == ["[_hygge_split] = 0"]
        counts = [sql for sql in sent(server) if sql.startswith("SELECT COUNT_BIG(*) FROM")]
        assert len(counts) == 2
        assert all("WITH (READUNCOMMITTED) WHERE [_hygge_split] =" in sql for sql in counts)
        assert target.ask("SELECT count(*) AS n FROM {staged}", 5) == (1, [(3,)])


@pytest.mark.parametrize(("limit", "meet"), [(2, False), (3, True)])
def test_splits_are_copied_by_as_many_connections_as_may_be(
    server: StandIn, limit: int, meet: bool
) -> None:
    store = make_store(max_connections=limit)
    both = Barrier(2, timeout=20 if meet else 0.3)
    met: list[int] = []

    def wait() -> None:
        with suppress(BrokenBarrierError):
            met.append(both.wait())

    server.copying = wait
    with store.open(by_id()) as target, ThreadPoolExecutor(2) as pool:
        readers = [things((n, "a", 1)).to_reader() for n in range(2)]
        parts = list(pool.map(target.stage, readers, [Split(n, "") for n in range(2)]))
    assert sum(part.rows for part in parts) == 2
    assert bool(met) is meet


# What the driver tells


class Answer:
    """A cursor of the driver that has several results, and fails in the last or does not."""

    def __init__(self, results: list[list[tuple[Any, ...]] | None], *, fails: bool) -> None:
        self._results = results
        self._fails = fails
        self.asked: list[str] = []

    def execute(self, sql: str, *_: object) -> None:
        self.asked.append(sql)
        self._left = list(self._results)

    @property
    def description(self) -> object:
        return True if self._left and self._left[0] is not None else None

    def fetchall(self) -> object:
        return self._left[0]

    def nextset(self) -> bool:
        self._left = self._left[1:]
        if not self._left and self._fails:
            mssql_python.exceptions.raise_exception("42000", "a trigger said no")
        return bool(self._left)

    def cursor(self) -> Answer:
        return self

    def close(self) -> None:
        pass


def test_a_count_is_that_of_the_statement_whatever_a_trigger_selects() -> None:
    answer = Answer([[("of a trigger",)], None, [(7,)]], fails=False)
    run = Rows(cast(mssql_python.Connection, answer), StoreError, "cannot write x")
    assert run.count("DELETE t FROM x AS t") == 7
    assert answer.asked[-1] == "DELETE t FROM x AS t;\nSELECT ROWCOUNT_BIG()"
    assert "SET NOCOUNT ON" in answer.asked


def test_what_fails_late_in_a_statement_is_seen() -> None:
    answer = Answer([None], fails=True)
    with suppress(StoreError):
        Rows(cast(mssql_python.Connection, answer), StoreError, "cannot write x")
    assert answer.asked == ["SET XACT_ABORT ON"]
