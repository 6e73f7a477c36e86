"""Values larger than `max_value_bytes` are refused by the lengths that PostgreSQL itself knows."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from servers import Postgres

from hygge.connector import Home, HomeConfig, ProjectContext, ReadRequest
from hygge.errors import HomeError
from hygge.testing.reading import read_split

MIB = 2**20
NOISE = "(SELECT string_agg(md5(n::text), '') FROM generate_series(1, {}) AS n)"
"""32 characters for each number, which no compression makes small."""


def home_of(server: Postgres) -> Home:
    return HomeConfig.create(server.settings()).home(ProjectContext(Path()))


def read(server: Postgres, *columns: str, limit: int = 4 * MIB, **request: object) -> pa.Table:
    asked = ReadRequest("t", max_value_bytes=limit, **request)  # type: ignore[arg-type]
    with home_of(server).open(asked) as source:
        if columns:
            source.narrow(columns)
        return pa.concat_tables([read_split(source, split) for split in source.splits(1)])


LARGE = {
    "text": NOISE.format(200_000),
    "varchar": NOISE.format(200_000),
    "varchar(9000000)": NOISE.format(200_000),
    "bytea": f"{NOISE.format(200_000)}::bytea",
    "json": f"to_json({NOISE.format(200_000)})",
    "jsonb": f"to_jsonb({NOISE.format(200_000)})",
    "text[]": f"ARRAY[{NOISE.format(200_000)}]",
}


@pytest.mark.parametrize("declared", LARGE)
def test_a_value_that_is_too_large_is_named_by_its_key_and_column(
    postgres: Postgres, declared: str
) -> None:
    postgres.run(f"CREATE TABLE t (id int PRIMARY KEY, small text, x {declared})")
    postgres.run(f"INSERT INTO t VALUES (1, 'a', NULL), (7, 'b', {LARGE[declared]})")
    with pytest.raises(
        HomeError, match="the row with id = 7 of t: column 'x' has a value"
    ) as raised:
        read(postgres)
    assert raised.value.code == "HG576"
    assert read(postgres, "id", "small")["id"].to_pylist() == [1, 7]
    assert read(postgres, limit=8 * MIB).num_rows == 2
    assert read(postgres, where="id < 7").num_rows == 1


def test_a_value_that_is_compressed_is_measured_as_it_is(postgres: Postgres) -> None:
    postgres.run("CREATE TABLE t (x text)")
    postgres.run("INSERT INTO t VALUES (repeat('a', 6000000))")
    with pytest.raises(HomeError, match=r"the row with ctid = \(0,1\) in t of t: column 'x'"):
        read(postgres)
    assert read(postgres, limit=8 * MIB).num_rows == 1


def test_large_values_of_partitions_are_found(postgres: Postgres) -> None:
    postgres.run("CREATE TABLE t (id int, x text) PARTITION BY LIST (id)")
    postgres.run("CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1)")
    postgres.run(f"INSERT INTO t VALUES (1, {NOISE.format(200_000)})")
    with pytest.raises(HomeError, match=r"the row with ctid = \(0,1\) in t_1 of t: "):
        read(postgres)
