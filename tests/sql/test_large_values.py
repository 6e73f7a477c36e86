"""Values beyond `max_value_bytes` are refused by their length, before the driver has them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from servers import Mysql, schema_name

from hygge.connector import Home, HomeConfig, ProjectContext, ReadRequest
from hygge.errors import HomeError
from hygge.testing.reading import read_split

MIB = 2**20
BYTES = 20 * MIB
KINDS = {
    "sqlite": ("TEXT", "BLOB"),
    "duckdb": ("VARCHAR", "BLOB"),
    "mysql": ("longtext", "longblob"),
}


def home_of(kind: str, root: Path, declared: str) -> Home:
    """Return a home with a table of three rows, the one with the key 7 of a wide value."""
    settings: dict[str, Any] = {"type": kind, "path": "home.db"}
    wide: str | bytes = "x" * BYTES if declared in ("TEXT", "VARCHAR", "longtext") else b"x" * BYTES
    create = f"CREATE TABLE t (id int PRIMARY KEY, x {declared})"
    if kind == "mysql":
        server = Mysql(schema_name(root))
        server.make()
        settings = server.settings()
        with server.connect(server.database) as connection, connection.cursor() as cursor:
            cursor.execute("SET GLOBAL max_allowed_packet = 67108864")
        with server.connect(server.database) as connection, connection.cursor() as cursor:
            connection.max_allowed_packet = 64 * MIB
            cursor.execute(create)
            cursor.execute("INSERT INTO t VALUES (1, 'a'), (9, NULL)")
            cursor.execute("INSERT INTO t VALUES (7, %s)", (wide,))
    elif kind == "sqlite":
        with closing(sqlite3.connect(root / "home.db")) as lite, lite:
            lite.execute(create)
            value = "a" if declared == "TEXT" else b"a"
            lite.executemany("INSERT INTO t VALUES (?, ?)", [(1, value), (7, wide), (9, None)])
    else:
        with duckdb.connect(str(root / "home.db")) as duck:
            duck.execute(create)
            duck.execute("INSERT INTO t VALUES (1, 'a'), (9, NULL)")
            duck.execute("INSERT INTO t VALUES (7, ?)", [wide])
    return HomeConfig.create(settings).home(ProjectContext(root))


def read(home: Home, limit: int, *columns: str) -> pa.Table:
    with home.open(ReadRequest("t", max_value_bytes=limit)) as source:
        if columns:
            source.narrow(columns)
        return pa.concat_tables([read_split(source, split) for split in source.splits(1)])


@pytest.mark.parametrize(
    ("kind", "declared"), [(kind, one) for kind, both in KINDS.items() for one in both]
)
def test_a_value_that_is_too_large_is_named_by_its_row(
    tmp_path: Path, kind: str, declared: str
) -> None:
    home = home_of(kind, tmp_path, declared)
    where = "row 2 of t" if kind == "sqlite" else "the row with id = 7 of t"
    said = f"{where}: column 'x' has a value of at least {BYTES:,} bytes"
    before = pa.total_allocated_bytes()
    with pytest.raises(HomeError, match=said) as raised:
        read(home, 4 * MIB)
    assert raised.value.code == "HG576"
    assert pa.total_allocated_bytes() - before < BYTES
    assert sorted(read(home, 4 * MIB, "id")["id"].to_pylist()) == [1, 7, 9]
    rows = read(home, BYTES).sort_by("id").to_pylist()
    assert [len(row["x"] or "") for row in rows] == [1, BYTES, 0]


def test_a_row_without_a_key_is_named_by_the_row_number_of_duckdb(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "home.db")) as duck:
        duck.execute("CREATE TABLE t AS SELECT i, repeat('x', 100 * i) AS x FROM range(5) r(i)")
        duck.execute("CREATE VIEW v AS FROM t")
    home = HomeConfig.create({"type": "duckdb", "path": "home.db"}).home(ProjectContext(tmp_path))
    with pytest.raises(HomeError, match="the row with rowid = 4 of t: column 'x' has a value"):
        read(home, 300)
    with (
        pytest.raises(HomeError, match="a row of v: column 'x' has a value"),
        home.open(ReadRequest("v", max_value_bytes=300)) as view,
    ):
        read_split(view, view.splits(1)[0])
