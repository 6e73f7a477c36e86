"""Writing MySQL: what is kept, what is refused, and that no failure is seen by readers."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from mysql_tables import fetch
from servers import Mysql

from hygge.connector import Mode, ProjectContext, Split, Store, StoreConfig, WriteRequest
from hygge.connectors.mysql import target as mysql_target
from hygge.errors import StoreError
from hygge.testing.cases import CASES, assert_same, case_table, plain_table
from hygge.testing.moving import accepted, next_commit, write, write_request

HERE = Path(__file__).parent


def store_of(server: Mysql, **more: object) -> Store:
    return StoreConfig.create(server.settings(**more)).store(ProjectContext(Path()))


def ids(server: Mysql, table: str = "things") -> list[int]:
    return [row[0] for row in server.run(f"SELECT id FROM {table} ORDER BY id")]


def keyed(request: WriteRequest, *key: str) -> WriteRequest:
    return replace(request, primary_key=key)


def tables(server: Mysql) -> set[str]:
    return {row[0] for row in server.run("SHOW TABLES")}


WAYS = ["append", "merge", "soft", "hard", "clears"]


@pytest.mark.parametrize(
    ("way", "replacing"), [("replace", "auto"), ("replace", "keep"), *((w, "auto") for w in WAYS)]
)
def test_a_kill_at_any_statement_leaves_the_old_rows_or_the_new(
    tmp_path: Path, way: str, replacing: str
) -> None:
    command = [sys.executable, str(HERE / "mysql_killing.py"), str(tmp_path), way, replacing]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    kills = [int(line.split()[0]) for line in done.stdout.splitlines()]
    assert len(kills) == (2 if way in ("append", "replace") else 1)
    assert min(kills) > 15


HELD = [
    name
    for name in CASES
    if not name.startswith(("float", "time(ns", "timestamp(ns", "duration", "decimal(76"))
    and "list" not in name
    and name not in ("struct", "map")
]


@pytest.mark.parametrize("case", HELD)
def test_what_goes_in_by_insert_is_the_same(mysql: Mysql, case: str) -> None:
    table = case_table(case)
    store = store_of(mysql, bulk="insert")
    with store.open(write_request()) as target:
        staged = accepted(target, table)
    write(store, [table], write_request())
    assert_same(fetch(mysql, "things", staged.schema), staged)


@pytest.mark.parametrize("bulk", ["auto", "insert"])
def test_floats_keep_every_bit_but_the_sign_of_zero(mysql: Mysql, bulk: str) -> None:
    doubles = [0.1 + 0.2, 1 / 3, 5e-324, 1.7976931348623157e308, -2.25, 1e22, None]
    singles = [0.1, 1 / 3, 1e-45, 3.4028234663852886e38, -2.25, 16777217.0, None]
    table = pa.table({"d": pa.array(doubles, pa.float64()), "s": pa.array(singles, pa.float64())})
    table = table.set_column(1, "s", table["s"].cast(pa.float32(), safe=False))
    write(store_of(mysql, bulk=bulk), [table], write_request())
    assert_same(fetch(mysql, "things", table.schema), table)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_refused_with_its_column(mysql: Mysql, value: float) -> None:
    table = pa.table({"id": [1, 2], "the column": [0.5, value]})
    with pytest.raises(StoreError, match="the column") as raised:
        write(store_of(mysql), [table], write_request())
    assert "type: string" in (raised.value.hint or "")
    assert "things" not in tables(mysql)


@pytest.mark.parametrize("bulk", ["auto", "insert"])
def test_awkward_texts_come_back(mysql: Mysql, bulk: str) -> None:
    texts = ["", None, "\\N", "NULL", "nul\0in it", "a\tb\nc\r\n", "it's \"so\" \\' \\", "🧶", " "]
    texts += ["\\", "'", "x" * 3_000_000, "\x1a", "),(", "%s", "?"]
    table = pa.table({"only": texts})
    write(store_of(mysql, bulk=bulk), [table], write_request())
    assert_same(fetch(mysql, "things", table.schema), table)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ("CREATE INDEX by_id ON things (id)", "indexes: by_id"),
        ("ALTER TABLE things ADD CONSTRAINT c CHECK (id >= 0)", "constraints: c"),
        ("ALTER TABLE things MODIFY name longtext COMMENT 'ours'", "comments: name"),
        ("ALTER TABLE things ALTER name SET DEFAULT 'x'", "columns are generated: name"),
        ("CREATE TRIGGER tr BEFORE INSERT ON things FOR EACH ROW SET @x = 1", "triggers: tr"),
        ("ALTER TABLE things PARTITION BY HASH (id) PARTITIONS 2", "in partitions: p0, p1"),
        (
            "ALTER TABLE things ADD UNIQUE u (id);"
            "CREATE TABLE child (id bigint, FOREIGN KEY (id) REFERENCES things (id))",
            "foreign keys refer to it: child",
        ),
    ],
)
def test_a_replace_keeps_what_hangs_on_the_table_or_says_what_it_would_lose(
    mysql: Mysql, made: str, reason: str
) -> None:
    write(store_of(mysql), [plain_table(5)], write_request())
    for statement in made.split(";"):
        mysql.run(statement)
    declared = mysql.run("SHOW CREATE TABLE things")
    with pytest.raises(StoreError, match=reason) as raised:
        write(store_of(mysql, replace="swap"), [plain_table(9)], write_request())
    assert "replace: keep" in (raised.value.hint or "")
    assert ids(mysql) == [*range(5)]
    write(store_of(mysql), [plain_table(9)], write_request())
    assert ids(mysql) == [*range(9)]
    assert mysql.run("SHOW CREATE TABLE things") == declared


def test_rights_and_views_go_by_the_name_and_outlive_a_swap(mysql: Mysql) -> None:
    store = store_of(mysql)
    write(store, [plain_table(5)], write_request())
    mysql.run("CREATE VIEW seen AS SELECT id FROM things")
    user = f"u_{mysql.database[:16]}"
    mysql.run(f"CREATE USER {user}@localhost")
    try:
        mysql.run(f"GRANT SELECT ON things TO {user}@localhost")
        write(store, [plain_table(3)], write_request())
        assert ids(mysql, "seen") == [0, 1, 2]
        grants = " ".join(row[0] for row in mysql.run(f"SHOW GRANTS FOR {user}@localhost"))
        assert "`things`" in grants
        (comment,) = mysql.run("SHOW TABLE STATUS LIKE 'things'")[0][17:18]
        assert comment.startswith('hygge {"seq": 2, "run": "run-')
    finally:
        mysql.run(f"DROP USER {user}@localhost")


def test_a_key_is_made_and_survives_a_swap(mysql: Mysql) -> None:
    store = store_of(mysql)
    for rows in (5, 3):
        write(store, [plain_table(rows)], keyed(write_request(), "id"))
        assert mysql.run("SHOW INDEX FROM things")[0][2:5] == ("PRIMARY", 1, "id")
    texts = pa.table({"key": ["a", "A", "ä"], "n": [1, 2, 3]})
    write(store, [texts], keyed(write_request(into="texts"), "key"))
    assert mysql.run("SELECT n FROM texts WHERE `key` = 'A'") == [(2,)]


def test_rows_are_appended_to_a_table_of_others_by_name(mysql: Mysql) -> None:
    mysql.run(
        "CREATE TABLE things (at timestamp DEFAULT now(), name varchar(20) CHARACTER SET latin1, "
        "id bigint NOT NULL, number int AUTO_INCREMENT PRIMARY KEY, twice bigint AS (id * 2), "
        "note text)"
    )
    mysql.run("INSERT INTO things (id, name, note) VALUES (70, 'theirs', 'n')")
    declared = mysql.run("SHOW CREATE TABLE things")[0][1].split("ENGINE")[0]
    store = store_of(mysql)
    commit = write(store, [plain_table(2)], write_request(Mode.APPEND))
    assert store.last_commit("things") == replace(commit, total_rows=3, schema=commit.schema)
    rows = mysql.run("SELECT id, name, number, twice, note, at IS NULL FROM things ORDER BY 3")
    assert rows == [
        (70, "theirs", 1, 140, "n", 0),
        (0, "row 0", 2, 0, None, 0),
        (1, "row 1", 3, 2, None, 0),
    ]
    assert mysql.run("SHOW CREATE TABLE things")[0][1].split("ENGINE")[0] == declared


@pytest.mark.parametrize(
    ("declared", "value", "said"),
    [
        ("varchar(3)", "four", "Data too long"),
        ("varchar(3)", "abc  ", "Data truncated"),
        ("char(9)", "blank ", "trailing spaces"),
        ("varchar(9) CHARACTER SET latin1", "中", "Incorrect string value"),
        ("enum('a','b')", "c", "not one of its values"),
        ("enum('a','b')", "B", "would become another one"),
        ("enum('a','b')", "b ", "would become another one"),
        ("enum('a','é')", "e", "would become another one"),
        ("set('a','b')", "b,a", "would become another one"),
        ("set('a','b')", "a,B", "would become another one"),
        ("set('a','b')", "a,a", "would become another one"),
        ("set('a','b')", "c", "not one of its values"),
        ("text NOT NULL", None, "nulls, which it does not allow"),
    ],
)
def test_a_table_of_others_never_changes_a_value_on_its_way(
    mysql: Mysql, declared: str, value: str | None, said: str
) -> None:
    mysql.run(f"CREATE TABLE things (id bigint, x {declared})")
    table = pa.table({"id": [1, 2], "x": pa.array(["a", value])})
    with pytest.raises(StoreError, match=said) as raised:
        write(store_of(mysql), [table], write_request(Mode.APPEND))
    assert "_hygge_stg" not in raised.value.message
    assert ids(mysql) == []


@pytest.mark.parametrize(
    ("declared", "value", "shown"),
    [
        (
            "datetime(1) NOT NULL DEFAULT '2001-01-01'",
            "2020-01-01 00:00:00.123",
            "2020-01-01 00:00:00.123",
        ),
        ("datetime NOT NULL DEFAULT now()", "2020-01-01 00:00:00.123", "2020-01-01 00:00:00.123"),
        ("double(10,2) NOT NULL DEFAULT 1.5", 0.125, "0.125"),
        ("year NOT NULL DEFAULT 1999", 5, "5"),
        ("smallint NOT NULL DEFAULT 7", 70000, "70000"),
    ],
)
def test_a_column_that_would_round_is_made_fine_enough(
    mysql: Mysql, declared: str, value: object, shown: str
) -> None:
    mysql.run(f"CREATE TABLE things (id bigint, x {declared} COMMENT 'it''s')")
    kind = {str: pa.timestamp("ms"), float: pa.float64(), int: pa.int32()}[type(value)]
    column = pa.array([value]).cast(kind)
    write(store_of(mysql), [pa.table({"id": [1], "x": column})], write_request(Mode.APPEND))
    assert mysql.run("SELECT CAST(x AS CHAR) FROM things") == [(shown,)]
    declared = mysql.run("SHOW CREATE TABLE things")[0][1]
    assert " NOT NULL" in declared
    assert "COMMENT 'it''s'" in declared


@pytest.mark.parametrize(
    ("declared", "values"),
    [
        ("enum('a\\\\b','it''s','x y','É','')", ["a\\b", "it's", "x y", "É", "", None]),
        ("set('p','Q','it''s')", ["p", "p,Q", "Q,it's", "", None]),
    ],
)
def test_values_of_its_own_go_into_a_column(
    mysql: Mysql, declared: str, values: list[str | None]
) -> None:
    mysql.run(f"CREATE TABLE things (id bigint, x {declared})")
    table = pa.table({"id": range(len(values)), "x": pa.array(values)})
    write(store_of(mysql), [table], write_request(Mode.APPEND))
    assert mysql.run("SELECT x FROM things ORDER BY id") == [(value,) for value in values]


def test_a_zero_stays_zero_where_a_column_counts_up(mysql: Mysql) -> None:
    mysql.run("CREATE TABLE things (id bigint AUTO_INCREMENT PRIMARY KEY, name text)")
    write(store_of(mysql), [plain_table(3)], write_request(Mode.APPEND))
    assert ids(mysql) == [0, 1, 2]
    table = pa.table({"id": pa.array([None], pa.int64()), "name": ["x"]})
    with pytest.raises(StoreError, match="nulls, which it does not allow"):
        write(store_of(mysql), [table], write_request(Mode.APPEND))
    assert ids(mysql) == [0, 1, 2]


@pytest.mark.parametrize("engine", ["MyISAM", "Aria", "MEMORY"])
def test_a_table_without_transactions_is_no_place_for_rows(mysql: Mysql, engine: str) -> None:
    mysql.run(f"CREATE TABLE things (id bigint, name varchar(20)) ENGINE={engine}")
    with pytest.raises(StoreError, match="no transactions") as raised:
        write(store_of(mysql), [plain_table(5)], write_request(Mode.APPEND))
    assert "ENGINE=InnoDB" in (raised.value.hint or "")
    assert ids(mysql) == []


def test_a_type_that_cannot_change_in_place_is_refused_and_swapped(mysql: Mysql) -> None:
    write(store_of(mysql), [pa.table({"id": ["x", "y"]})], write_request())
    with pytest.raises(StoreError, match=r"'id'.*cannot be done in place") as raised:
        write(store_of(mysql, replace="keep"), [pa.table({"id": [1]})], write_request())
    assert "replace: swap" in (raised.value.hint or "")
    assert mysql.run("SELECT id FROM things ORDER BY id") == [("x",), ("y",)]
    write(store_of(mysql), [pa.table({"id": [1]})], write_request())
    assert ids(mysql) == [1]


def test_half_a_rename_is_taken_back(mysql: Mysql) -> None:
    store = store_of(mysql)
    write(store, [plain_table(5)], write_request(Mode.APPEND))
    request = write_request()
    with store.open(request) as target:
        assert isinstance(target, mysql_target.MysqlTarget)
        old = target.staging.name.replace("_stg_", "_old_")
        part = target.stage(plain_table(9).to_reader(), Split(0, "all"))
        commit = next_commit(target, request, [part], plain_table(9).schema)
        target.pending.write(target.run, commit, 1)
        mysql.run(f"RENAME TABLE things TO {old}")
    write(store, [plain_table(2, start=10)], write_request(Mode.APPEND))
    assert ids(mysql) == [0, 1, 2, 3, 4, 10, 11]


def test_columns_that_differ_in_case_only_are_refused(mysql: Mysql) -> None:
    with pytest.raises(StoreError, match="Duplicate column name 'A'") as raised:
        write(store_of(mysql), [pa.table({"a": [1], "A": [2]})], write_request())
    assert "rename" in (raised.value.hint or "")


def test_a_lost_sign_of_zero_is_told(mysql: Mysql, caplog: pytest.LogCaptureFixture) -> None:
    table = pa.table({"the column": [-0.0, -0.0, 1.0]})
    write(store_of(mysql), [table], write_request())
    told = [one.getMessage() for one in caplog.records if "-0.0" in one.getMessage()]
    kept = str(mysql.run("SELECT * FROM things ORDER BY 1")[0][0])
    assert len(told) == (kept == "0.0")
    assert all("the column" in one for one in told)


def test_a_store_that_may_not_be_written_says_what_to_grant(mysql: Mysql) -> None:
    user = f"u_{mysql.database[:16]}"
    mysql.run(f"CREATE USER {user}")
    mysql.run(f"GRANT SELECT ON `{mysql.database}`.* TO {user}")
    try:
        store = store_of(mysql, user=user, password="")
        with pytest.raises(StoreError, match="this user has no privilege for CREATE, ") as raised:
            write(store, [plain_table(1)], write_request())
        assert "CREATE" in (raised.value.hint or "")
        assert store.retry_after(raised.value) is None
        (problem,) = [one for one in store.examine() if one.level == "error"]
        assert "GRANT CREATE" in (problem.hint or "")
    finally:
        mysql.run(f"DROP USER {user}")
    assert all(one.level == "ok" for one in store_of(mysql).examine())
