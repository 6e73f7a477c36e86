from __future__ import annotations

import base64
import datetime as dt
import struct
import subprocess
import sys
import uuid
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.parquet import encryption

from hygge.connector import Home, HomeConfig, ProjectContext, ReadRequest
from hygge.errors import HomeError
from hygge.testing import FileHomeSuite
from hygge.testing.reading import read_entity


class TestParquetHome(FileHomeSuite):
    type_name = "parquet"
    comes_back_as: ClassVar = {
        "date64": pa.date32(),
        "time(s)": pa.time32("ms"),
        "timestamp(s)": pa.timestamp("ms"),
        "timestamp(s,UTC)": pa.timestamp("ms", "UTC"),
    }

    def write(self, table: pa.Table, path: Path) -> None:
        pq.write_table(table, path, row_group_size=1000, write_page_checksum=True)


def home(place: Path) -> Home:
    return HomeConfig.create({"type": "parquet", "path": "."}).home(ProjectContext(place))


def test_files_of_duckdb_are_read_exactly(tmp_path: Path) -> None:
    duckdb.sql(
        f"""copy (select i as id, i::utinyint as small, i::hugeint as huge,
                ('00000000-0000-0000-0000-0000000000' || (10 + i))::uuid as u,
                (i || '.25')::decimal(18, 4) as amount, [i, null] as l,
                {{'a': i, 'b': 'x' || i}} as s, map {{'k': i}} as m,
                timestamp '2024-01-01 00:00:00.123456' as t,
                timestamptz '2024-01-01 00:00:00+00' as z, time '12:34:56.789' as c,
                date '0001-01-01' as d, 'blob'::blob as b, i % 2 = 0 as is_even
            from range(50) r(i)) to '{tmp_path}/t.parquet' (row_group_size 2048)"""
    )
    read = read_entity(home(tmp_path), "t")
    assert read.num_rows == 50
    row = read.slice(3, 1).to_pylist()[0]
    assert row == {
        "id": 3, "small": 3, "huge": row["huge"], "u": uuid.UUID(int=0x13),
        "amount": Decimal("3.2500"), "l": [3, None], "s": {"a": 3, "b": "x3"}, "m": [("k", 3)],
        "t": dt.datetime(2024, 1, 1, 0, 0, 0, 123456),
        "z": row["z"], "c": dt.time(12, 34, 56, 789000), "d": dt.date(1, 1, 1), "b": b"blob",
        "is_even": False,
    }  # fmt: skip
    assert row["z"] == dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    assert read.schema.field("u").type == pa.uuid()


def test_folders_of_duckdb_are_read_with_their_columns(tmp_path: Path) -> None:
    duckdb.sql(
        f"""copy (select i as id, 'a/b c' || i % 2 as place, i % 3 as n from range(60) r(i))
            to '{tmp_path}/t' (format parquet, partition_by (place, n))"""
    )
    read = read_entity(home(tmp_path), "t", wanted=3)
    assert read.schema.names == ["id", "place", "n"]
    rows = sorted(read.to_pylist(), key=lambda row: row["id"])
    assert rows == [{"id": i, "place": f"a/b c{i % 2}", "n": i % 3} for i in range(60)]


def test_files_of_polars_are_read_exactly(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "id": list(range(5000)),
            "word": pl.Series(["a", None] * 2500, dtype=pl.Categorical),
            "when": [dt.datetime(2024, 1, 1, tzinfo=dt.UTC)] * 5000,
            "l": [[1.5, None]] * 5000,
        }
    )
    frame.write_parquet(tmp_path / "t.parquet", row_group_size=700)
    read = read_entity(home(tmp_path), "t", wanted=4)
    assert pl.DataFrame(pl.from_arrow(read)).equals(frame)


@pytest.mark.parametrize(
    "content",
    [b"", b"PAR1", b"x" * 100, b"PAR1" + struct.pack("<I", 2**31 - 1) + b"PAR1", b"PARE" * 9],
    ids=["empty", "stump", "other", "absurd footer", "encrypted"],
)
def test_what_is_no_such_file_is_told_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.parquet").write_bytes(content)
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(HomeError, match=r"t\.parquet: "):
        read_entity(home(tmp_path), "t")
    assert pa.default_memory_pool().max_memory() - before < 2**24


def test_a_flipped_bit_in_a_page_is_found(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table = pa.table({"a": pa.array(range(10_000), pa.int64())})
    pq.write_table(table, path, write_page_checksum=True, compression="none", use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[40_000] ^= 1
    path.write_bytes(content)
    with pytest.raises(HomeError, match=r"t\.parquet: row group 0"):
        read_entity(home(tmp_path), "t")


@pytest.mark.parametrize("rows", [1, 3])
def test_one_very_wide_row_is_a_batch(tmp_path: Path, rows: int) -> None:
    table = pa.table({"a": [b"x" * 20_000_000] * rows})
    pq.write_table(table, tmp_path / "t.parquet", compression="zstd")
    with home(tmp_path).open(ReadRequest("t", batch_bytes=2**20)) as source:
        (split,) = source.splits(1)
        with source.read(split) as batches:
            sizes = [batch.num_rows for batch in batches]
    assert sizes == [1] * rows


def test_batches_shrink_when_rows_become_wide(tmp_path: Path) -> None:
    texts = ["thin"] * 20_000 + ["wide" * 2500] * 2_000
    pq.write_table(pa.table({"a": texts}), tmp_path / "t.parquet", row_group_size=10_000)
    with home(tmp_path).open(ReadRequest("t", batch_bytes=2**20)) as source:
        (split,) = source.splits(1)
        with source.read(split) as reader:
            batches = list(reader)
    assert max(batch.nbytes for batch in batches) < 4 * 2**20
    assert pa.Table.from_batches(batches).column("a").to_pylist() == texts


def test_row_groups_of_one_file_are_splits(tmp_path: Path) -> None:
    table = pa.table({"a": list(range(10_000))})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=1000)
    with home(tmp_path).open(ReadRequest("t")) as source:
        splits = source.splits(3)
        assert source.total_rows == 10_000
        tables = []
        for split in splits:
            with source.read(split) as batches:
                tables.append(batches.read_all())
    assert [t.num_rows for t in tables] == [3000, 4000, 3000]
    assert pa.concat_tables(tables).equals(table)


def test_a_schema_without_columns_is_told_apart_from_damage(tmp_path: Path) -> None:
    pq.write_table(pa.table({}), tmp_path / "t.parquet")
    assert read_entity(home(tmp_path), "t").schema.names == []


def test_old_timestamps_keep_their_years(tmp_path: Path) -> None:
    times = [dt.datetime(1, 1, 1), dt.datetime(2024, 1, 1, 0, 0, 0, 1), None, dt.datetime.max]
    table = pa.table({"t": pa.array(times, pa.timestamp("us"))})
    pq.write_table(table, tmp_path / "t.parquet", use_deprecated_int96_timestamps=True)
    assert read_entity(home(tmp_path), "t").equals(table)


def test_old_timestamps_with_nanoseconds_are_refused(tmp_path: Path) -> None:
    table = pa.table({"t": pa.array([0, 1001], pa.timestamp("ns"))})
    pq.write_table(table, tmp_path / "t.parquet", use_deprecated_int96_timestamps=True)
    with pytest.raises(HomeError, match="column 't' has nanoseconds"):
        read_entity(home(tmp_path), "t")


_READ = """
import sys, psutil, pathlib
from hygge.connector import HomeConfig, ProjectContext, ReadRequest
home = HomeConfig.create({"type": "parquet", "path": "."}).home(ProjectContext(pathlib.Path(".")))
import pyarrow.parquet
process = psutil.Process()
before, most, rows = process.memory_info().rss, 0, 0
with home.open(ReadRequest("t")) as source:
    for split in source.splits(1):
        with source.read(split) as batches:
            for batch in batches:
                rows += batch.num_rows
                most = max(most, process.memory_info().rss)
print(rows, (most - before) // 2**20)
"""


def test_two_million_rows_need_little_memory(tmp_path: Path) -> None:
    duckdb.sql(
        f"""copy (select i as id, i * 0.5 as d, 'name ' || i as s, i % 100 as k,
                timestamp '2020-01-01' + to_seconds(i) as t, (i % 1000)::decimal(12, 2) as m
            from range(2000000) r(i)) to '{tmp_path}/t.parquet'"""
    )
    run = [sys.executable, "-c", _READ]
    result = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True)
    rows, grown = map(int, result.stdout.split())
    assert rows == 2_000_000
    assert grown < 150


class _PlainKeys(encryption.KmsClient):  # type: ignore[misc]
    """Keeps keys as they are, which no other client should do."""

    def __init__(self, _: object) -> None:
        super().__init__()

    def wrap_key(self, key: bytes, _: str) -> bytes:
        return base64.b64encode(key)

    def unwrap_key(self, wrapped: bytes, _: str) -> bytes:
        return base64.b64decode(wrapped)


@pytest.mark.parametrize("has_plain_footer", [True, False])
def test_an_encrypted_file_is_refused_and_the_process_lives(
    tmp_path: Path, *, has_plain_footer: bool
) -> None:
    factory = encryption.CryptoFactory(_PlainKeys)
    config = encryption.EncryptionConfiguration(
        footer_key="f", column_keys={"c": ["b"]}, plaintext_footer=has_plain_footer
    )
    keys = factory.file_encryption_properties(encryption.KmsConnectionConfig(), config)
    table = pa.table({"a": [1], "b": ["x"]})
    with pq.ParquetWriter(
        tmp_path / "t.parquet", table.schema, encryption_properties=keys
    ) as writer:
        writer.write_table(table)
    home = HomeConfig.create({"type": "parquet", "path": "."}).home(ProjectContext(tmp_path))
    with pytest.raises(HomeError, match="is encrypted") as raised, home.open(ReadRequest("t")):
        pass
    assert raised.value.code == "HG578"


def test_damaged_footers_are_refused_and_the_process_lives(tmp_path: Path) -> None:
    """In a process of its own, since Arrow may end it; every byte of the footer is flipped."""
    script = Path(__file__).with_name("flipping.py")
    command = [sys.executable, str(script), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 300
