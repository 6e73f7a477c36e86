"""Merging into MySQL: keys are compared exactly, whatever collations say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from servers import Mysql

from hygge.connector import Commit, Mode, ProjectContext, Span, Split, Store, StoreConfig
from hygge.connectors.mysql import config as settings
from hygge.connectors.sql.chain import Chain
from hygge.errors import StoreError
from hygge.testing.cases import plain_table
from hygge.testing.merging import merging, things
from hygge.testing.moving import accepted, next_commit, write, write_request
from hygge.values.requests import DELETED_AT

Row = tuple[Any, ...]


def store_of(server: Mysql) -> Store:
    return StoreConfig.create(server.settings()).store(ProjectContext(Path()))


def texts(*rows: Row) -> pa.Table:
    """Return rows of a key that is a text, and a number."""
    schema = pa.schema([pa.field("key", pa.string()), pa.field("n", pa.int64())])
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema)


def by_key(**more: Any) -> Any:  # noqa: ANN401
    return merging(primary_key=("key",), **more)


def held(server: Mysql, columns: str = "`key`, n") -> list[Row]:
    rows = server.run(f"SELECT {columns} FROM things")
    return sorted(rows, key=lambda row: [str(value) for value in row])


def refused(server: Mysql, table: pa.Table, request: Any) -> StoreError:  # noqa: ANN401
    """Return why a merge was refused, which left rows and chain as they were."""
    before = (held(server, "*"), store_of(server).last_commit("things"))
    with pytest.raises(StoreError) as raised:
        write(store_of(server), [table], request)
    assert (held(server, "*"), store_of(server).last_commit("things")) == before
    return raised.value


COLLATED = [
    "varchar(20) COLLATE utf8mb4_general_ci",
    "longtext COLLATE utf8mb4_unicode_ci",
    "varchar(20) COLLATE utf8mb4_bin",
    "varchar(20) COLLATE utf8mb4_nopad_bin",
    "varchar(20) CHARACTER SET latin1",
    "varchar(20) CHARACTER SET utf8mb3",
    "varbinary(20)",
]


@pytest.mark.parametrize("index", ["", ", KEY (`key`(9))"])
@pytest.mark.parametrize("declared", COLLATED[:-1])
def test_texts_are_one_key_only_where_each_byte_is_the_same(
    mysql: Mysql, declared: str, index: str
) -> None:
    mysql.run(f"CREATE TABLE things (`key` {declared}, n bigint{index})")
    mysql.run("INSERT INTO things VALUES ('a', 1), ('A', 1), ('b ', 1), ('é', 1)")
    rows = [("a", 2), ("a ", 2), ("b", 2), ("e", 2), ("É", 2)]
    write(store_of(mysql), [texts(*rows[:3]), texts(*rows[3:])], by_key())
    assert held(mysql) == sorted([("A", 1), ("b ", 1), ("é", 1), *rows])


def test_bytes_are_a_key(mysql: Mysql) -> None:
    mysql.run("CREATE TABLE things (`key` varbinary(20) PRIMARY KEY, n bigint)")
    mysql.run("INSERT INTO things VALUES ('a', 1), ('A', 1)")
    table = texts(("a", 2), ("a ", 2))
    write(store_of(mysql), [table.set_column(0, "key", table["key"].cast("binary"))], by_key())
    assert held(mysql) == [(b"A", 1), (b"a ", 2), (b"a", 2)]


def test_a_unique_key_that_takes_letters_for_equal_stops_the_merge(mysql: Mysql) -> None:
    mysql.run(
        "CREATE TABLE things (`key` varchar(20) COLLATE utf8mb4_general_ci PRIMARY KEY, n bigint)"
    )
    mysql.run("INSERT INTO things VALUES ('a', 1), ('b', 1)")
    error = refused(mysql, texts(("b", 2), ("A", 2)), by_key())
    assert "Duplicate entry 'A'" in error.message
    assert "ignore case" in (error.hint or "")


def test_keys_that_differ_in_blanks_are_two_in_a_table_that_hygge_made(mysql: Mysql) -> None:
    write(store_of(mysql), [texts(("a", 1), ("a ", 1), ("A", 1))], by_key())
    assert held(mysql) == [("A", 1), ("a", 1), ("a ", 1)]
    write(store_of(mysql), [texts(("a ", 2), ("a  ", 2), ("á", 2))], by_key())
    assert held(mysql) == sorted([("A", 1), ("a", 1), ("a ", 2), ("a  ", 2), ("á", 2)])
    keys = {column[4] for column in mysql.run("SHOW INDEX FROM things WHERE Key_name='PRIMARY'")}
    assert keys == {"key"}


def test_a_primary_key_that_ignores_blanks_at_the_end_stops_the_merge(mysql: Mysql) -> None:
    mysql.run("CREATE TABLE things (`key` varchar(20) COLLATE utf8mb4_bin PRIMARY KEY, n bigint)")
    mysql.run("INSERT INTO things VALUES ('a', 1), ('b', 1)")
    error = refused(mysql, texts(("b", 2), ("a ", 2)), by_key())
    assert "Duplicate entry 'a" in error.message
    assert "trailing spaces" in (error.hint or "")


def test_rows_of_one_key_are_told_apart_by_bytes(mysql: Mysql) -> None:
    table = pa.table({"key": ["x"] * 4, "by": ["Z", "a", "a ", "A"], "n": [1, 2, 3, 4]})
    write(store_of(mysql), [table], by_key(dedupe_by=("by",)))
    assert held(mysql) == [("x", 3)]


def test_texts_that_the_server_sorts_by_their_beginning_do_not_decide(mysql: Mysql) -> None:
    long = "x" * 2000
    table = pa.table({"key": ["k", "k"], "by": [f"{long}a", f"{long}b"]})
    with pytest.raises(StoreError, match=r"column 'by'.*first 1,024 bytes") as raised:
        write(store_of(mysql), [table], by_key(dedupe_by=("by",)))
    assert raised.value.code == "HG547"
    assert "max_sort_length" in (raised.value.hint or "")
    table = pa.table({"key": ["k", "k"], "by": [f"{long}a", f"{long}a"]})
    with pytest.raises(StoreError, match="first 1,024 bytes"):
        write(store_of(mysql), [table], by_key(dedupe_by=("by",)))
    write(store_of(mysql), [table.slice(1)], by_key(dedupe_by=("by",)))
    assert held(mysql, "`key`") == [("k",)]


def test_rows_of_one_key_that_differ_in_a_blank_are_not_the_same(mysql: Mysql) -> None:
    table = pa.table({"key": ["x", "x"], "what": ["a", "a "]})
    with pytest.raises(StoreError, match=r"2 rows for .*things have the key key = x,") as raised:
        write(store_of(mysql), [table], by_key())
    assert raised.value.code == "HG547"


@pytest.mark.parametrize(
    ("values", "double"),
    [
        (["a", "A", "a ", "á", None, None], None),
        (["x" * 1500 + "a", "x" * 1500 + "b", "x" * 1500 + "c"], None),
        (["x" * 1500 + end for end in "abcda"], "x" * 1500 + "a"),
        ([b"a", b"a ", b"a\0"], None),
        ([b"y" * 1500, b"x", b"y" * 1500], b"y" * 1500),
    ],
)
def test_staged_duplicates_are_exact(mysql: Mysql, values: Sequence[Any], double: Any) -> None:  # noqa: ANN401
    table = pa.table({"id": range(len(values)), "what": pa.array(values)})
    with store_of(mysql).open(merging()) as target:
        target.stage(accepted(target, table).to_reader(), Split(0, "all"))
        found = target.duplicate(["what"])
        assert found == (None if double is None else {"what": double})
        assert target.ask("SELECT max(id) FROM {staged}", 5) == (1, [(len(values) - 1,)])


@pytest.mark.parametrize(
    "sql", ["DELETE FROM {staged}", "DROP TABLE {staged}", "INSERT INTO things VALUES (5, 5)"]
)
def test_a_question_about_what_is_staged_changes_nothing(mysql: Mysql, sql: str) -> None:
    mysql.run("CREATE TABLE things (id bigint, name text)")
    with store_of(mysql).open(merging()) as target:
        target.stage(accepted(target, plain_table(3)).to_reader(), Split(0, "all"))
        with pytest.raises(StoreError, match="a check by sql failed to run"):
            target.ask(sql, 5)
        asked = target.ask("SELECT count(*) FROM {staged} JOIN things ON 1 = 0", 5)
        assert asked == (1, [(0,)])
        assert target.ask("SELECT count(*) FROM {staged}", 5) == (1, [(3,)])
    assert held(mysql, "*") == []


def test_a_key_grows_with_its_home(mysql: Mysql) -> None:
    small = pa.table({"id": pa.array([1, 2], pa.int32()), "name": ["a", "b"]})
    write(store_of(mysql), [small], merging())
    wide = pa.table({"id": pa.array([2, 2**40]), "name": ["B", "c"]})
    write(store_of(mysql), [wide], merging())
    assert held(mysql, "id, name") == [(1, "a"), (2**40, "c"), (2, "B")]
    assert [row[4] for row in mysql.run("SHOW INDEX FROM things")] == ["id"]


def test_a_key_of_more_texts_than_an_index_holds(mysql: Mysql) -> None:
    names = [f"k{number}" for number in range(5)]
    columns = ", ".join(f"{name} varchar(90)" for name in names)
    mysql.run(f"CREATE TABLE things ({columns}, n bigint, UNIQUE ({', '.join(names)}))")
    table = pa.table({**{name: ["a", "b"] for name in names}, "n": [1, 1]})
    write(store_of(mysql), [table], merging(primary_key=tuple(names)))
    write(store_of(mysql), [table.slice(1).set_column(5, "n", [[2]])], merging(primary_key=names))
    assert held(mysql, "k0, k4, n") == [("a", "a", 1), ("b", "b", 2)]


def test_a_table_of_others_keeps_what_hygge_does_not_know(mysql: Mysql) -> None:
    mysql.run(
        "CREATE TABLE things (id bigint PRIMARY KEY, name text, at bigint, twice bigint AS (at * 2)"
        ", note text, n int NOT NULL UNIQUE AUTO_INCREMENT)"
    )
    mysql.run("INSERT INTO things (id, name, at, note) VALUES (1, 'a', 1, 'mine'), (2, 'b', 1, '')")
    mysql.run(
        "CREATE TABLE child (id bigint, FOREIGN KEY (id) REFERENCES things (id) ON DELETE CASCADE)"
    )
    mysql.run("INSERT INTO child VALUES (1)")
    write(store_of(mysql), [things((1, "A", 5), (3, "c", 7))], merging())
    assert held(mysql, "id, name, twice, note") == [
        (1, "A", 10, "mine"),
        (2, "b", 2, ""),
        (3, "c", 14, None),
    ]
    assert mysql.run("SELECT id FROM child") == [(1,)]
    assert len({row[0] for row in held(mysql, "n")}) == 3


@pytest.mark.parametrize("value", ["four", "abc "])
def test_a_merge_never_changes_a_value_on_its_way(mysql: Mysql, value: str) -> None:
    mysql.run("CREATE TABLE things (id bigint PRIMARY KEY, name varchar(3), at bigint)")
    mysql.run("INSERT INTO things VALUES (1, 'a', 1)")
    for table in (things((1, value, 2)), things((2, value, 2))):
        error = refused(mysql, table, merging())
        assert "Data t" in error.message
        assert "_hygge_stg" not in error.message


def test_a_column_that_is_kept_may_be_one_that_must_have_a_value(mysql: Mysql) -> None:
    mysql.run("CREATE TABLE things (id bigint PRIMARY KEY, name text, at bigint NOT NULL)")
    mysql.run("INSERT INTO things VALUES (1, 'a', 1), (2, 'b', 1)")

    def go(*rows: Row) -> None:
        request, table = merging(), things(*rows)
        with store_of(mysql).open(request) as target:
            target.keep_columns(["at"])
            part = target.stage(table.to_reader(), Split(0, "all"))
            target.commit([part], next_commit(target, request, [part], table.schema))

    go((2, "B"))
    assert held(mysql, "*") == [(1, "a", 1), (2, "B", 1)]
    with pytest.raises(StoreError, match="'at' cannot be null"):
        go((2, "x"), (3, "c"))
    assert held(mysql, "*") == [(1, "a", 1), (2, "B", 1)]


def test_a_row_that_others_add_meanwhile_is_updated(
    mysql: Mysql, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store_of(mysql), [things((1, "a", 1))], merging())
    looked = Chain.check_next

    def look_and_wait(chain: Chain, run: Any, seq: int) -> None:  # noqa: ANN401
        looked(chain, run, seq)
        mysql.run("INSERT IGNORE INTO things VALUES (2, 'theirs', 1)")

    monkeypatch.setattr(Chain, "check_next", look_and_wait)
    write(store_of(mysql), [things((1, "A", 2), (2, "ours", 2), (3, "c", 2))], merging())
    assert held(mysql, "*") == [(1, "A", 2), (2, "ours", 2), (3, "c", 2)]
    last = store_of(mysql).last_commit("things")
    assert last is not None
    assert last.total_rows == 3


def test_a_transaction_sees_one_instant_whatever_the_server_is_set_to(
    mysql: Mysql, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {**settings._SESSION, "tx_isolation": "'READ-COMMITTED'"}
    monkeypatch.setattr(settings, "_SESSION", changed)
    mysql.run("CREATE TABLE things (id bigint)")
    with store_of(mysql).open(write_request(Mode.APPEND)) as target:
        run: Any = target.run  # type: ignore[attr-defined]
        with target.transaction():  # type: ignore[attr-defined]
            assert run("SELECT count(*) FROM things") == [(0,)]
            mysql.run("INSERT INTO things VALUES (1)")
            assert run("SELECT count(*) FROM things") == [(0,)]


def test_a_range_of_each_type_is_cleared_exactly(mysql: Mysql) -> None:
    columns = {
        "small": pa.array([-3, -2, -1, None], pa.int8()),
        "large": pa.array([2**63, 2**63 + 1, 2**63 + 2, None], pa.uint64()),
        "exact": pa.array(["1.10", "1.11", "1.12", None]).cast(pa.decimal128(9, 2)),
        "single": pa.array([0.1, 0.7, 0.9, None], pa.float32()),
        "double": pa.array([0.1, 0.1 + 0.2, 0.9, None], pa.float64()),
        "text": pa.array(["B", "a", "b", None]),
    }
    table = pa.table({"id": range(4), **columns})
    for name, values in columns.items():
        mysql.run("DROP TABLE IF EXISTS things, _hygge_commits")
        write(store_of(mysql), [table], write_request(Mode.APPEND))
        for low, high, left in ((1, 2, [0, 2, 3]), (0, None, [3]), (None, 0, [3])):
            span = Span(name, *(None if end is None else values[end] for end in (low, high)))
            request = replace(write_request(Mode.APPEND), clears=span)
            commit = write(store_of(mysql), [table.slice(0, 0)], request)
            assert [row[0] for row in held(mysql, "id")] == left, (name, low, high)
            if low == 0:
                break
        assert commit.rows == 0


def undo(server: Mysql, request: Any) -> Commit:  # noqa: ANN401
    with store_of(server).open(request) as target:
        back, last = target.previous(), target.last_commit()
        assert back is not None
        assert last is not None
        made = replace(back, seq=last.seq + 1, run_id=request.run_id, rows=0, undoes=back.seq + 1)
        target.undo(made)
        return made


def keyed(server: Mysql, table: pa.Table, request: Any) -> None:  # noqa: ANN401
    with store_of(server).open(request) as target:
        part = target.stage(accepted(target, table).to_reader(), Split(0, "all"))
        commit = next_commit(target, request, [part], table.schema)
        target.commit([part], replace(commit, primary_key=request.primary_key))
        target.discard()


@pytest.mark.parametrize("missing", [None, "soft", "hard"])
@pytest.mark.parametrize("declared", COLLATED)
def test_an_undo_puts_back_the_rows_of_the_merge_and_no_others(
    mysql: Mysql,
    declared: str,
    missing: Any,  # noqa: ANN401
) -> None:
    mysql.run(f"CREATE TABLE things (`key` {declared}, n bigint)")
    first = texts(("a", 1), ("A", 1), ("a ", 1), ("b", 1))
    came = texts(("a", 2), ("B", 2))
    if declared.startswith("varbinary"):
        first, came = (t.set_column(0, "key", t["key"].cast("binary")) for t in (first, came))
    keyed(mysql, first, write_request(Mode.APPEND))
    before = held(mysql)
    if missing == "soft":
        came = came.append_column(DELETED_AT, pa.nulls(2, pa.timestamp("us", "UTC")))
    keyed(mysql, came, by_key(delete_missing=missing, max_shrink=1.0))
    assert len(held(mysql)) == (2 if missing == "hard" else 5)
    if missing == "soft":
        marked = f"SELECT count(*) FROM things WHERE {DELETED_AT} IS NOT NULL"
        assert mysql.run(marked) == [(3,)]
    undo(mysql, by_key())
    assert held(mysql) == before
    assert store_of(mysql).last_commit("things").total_rows == 4  # type: ignore[union-attr]
