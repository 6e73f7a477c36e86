from __future__ import annotations

import struct
from pathlib import Path
from typing import Literal

import polars as pl
import pyarrow as pa
import pytest
from pyarrow import feather

from hygge.connector import Home, HomeConfig, ProjectContext, ReadRequest
from hygge.errors import HomeError
from hygge.testing import FileHomeSuite
from hygge.testing.cases import assert_same, plain_table
from hygge.testing.reading import read_entity


class TestArrowHome(FileHomeSuite):
    type_name = "arrow"

    def write(self, table: pa.Table, path: Path) -> None:
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=1000)


class TestArrowStreamHome(FileHomeSuite):
    type_name = "arrow"

    def write(self, table: pa.Table, path: Path) -> None:
        with pa.ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=1000)


def home(place: Path) -> Home:
    return HomeConfig.create({"type": "arrow", "path": "."}).home(ProjectContext(place))


def stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=10)
    return bytes(sink.getvalue())


@pytest.mark.parametrize("compression", ["uncompressed", "zstd", "lz4"])
def test_files_of_polars_are_read_exactly(
    tmp_path: Path, compression: Literal["uncompressed", "zstd", "lz4"]
) -> None:
    words = pl.Series(["a", None, "c"] * 10_000, dtype=pl.Categorical)
    frame = pl.DataFrame({"id": list(range(30_000)), "word": words, "text": ["é"] * 30_000})
    frame.write_ipc(tmp_path / "file.arrow", compression=compression)
    frame.write_ipc_stream(tmp_path / "stream.arrows")
    for entity in ("file", "stream"):
        read = read_entity(home(tmp_path), entity, wanted=2, batch_bytes=2**14)
        assert pl.DataFrame(pl.from_arrow(read)).equals(frame)


def test_feather_is_read_and_its_first_version_refused(tmp_path: Path) -> None:
    feather.write_feather(plain_table(100), str(tmp_path / "new.feather"))
    (tmp_path / "old.feather").write_bytes(b"FEA1" + b"\0" * 20 + b"FEA1")
    assert_same(read_entity(home(tmp_path), "new"), plain_table(100))
    with pytest.raises(HomeError, match="version 1"):
        read_entity(home(tmp_path), "old")


def test_growing_dictionaries_are_read(tmp_path: Path) -> None:
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    words = [["a", "b"], ["a", "b", "c"], ["a", "b", "c", "d"]]
    batches = [
        pa.RecordBatch.from_arrays(
            [pa.DictionaryArray.from_arrays(pa.array([len(w) - 1, 0], pa.int8()), pa.array(w))],
            ["w"],
        )
        for w in words
    ]
    with pa.ipc.new_file(tmp_path / "t.arrow", batches[0].schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)
    for wanted in (1, 3):
        read = read_entity(home(tmp_path), "t", wanted=wanted)
        assert read.column("w").to_pylist() == ["b", "a", "c", "a", "d", "a"]


def test_a_stream_without_its_end_is_refused_at_any_cut(tmp_path: Path) -> None:
    content = stream(plain_table(30))
    for cut in range(0, len(content), 8):
        (tmp_path / "t.arrows").write_bytes(content[:cut])
        with pytest.raises(HomeError, match=r"t\.arrows"):
            read_entity(home(tmp_path), "t")
    (tmp_path / "t.arrows").write_bytes(content)
    assert_same(read_entity(home(tmp_path), "t"), plain_table(30))


def test_what_follows_the_end_of_a_stream_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.arrows").write_bytes(stream(plain_table(5)) * 2)
    with pytest.raises(HomeError, match="after the end"):
        read_entity(home(tmp_path), "t")


def test_a_broken_offset_is_found_before_it_is_followed(tmp_path: Path) -> None:
    table = pa.table({"a": ["x" * 291, "y"]})
    with pa.ipc.new_file(tmp_path / "t.arrow", table.schema) as writer:
        writer.write_table(table)
    content = (tmp_path / "t.arrow").read_bytes()
    offsets = struct.pack("<iii", 0, 291, 292)
    assert content.count(offsets) == 1
    broken = content.replace(offsets, struct.pack("<iii", 0, 2**31 - 1, 292))
    (tmp_path / "t.arrow").write_bytes(broken)
    with pytest.raises(HomeError, match=r"t\.arrow"):
        read_entity(home(tmp_path), "t")


def test_one_large_batch_comes_in_slices(tmp_path: Path) -> None:
    table = plain_table(50_000)
    with pa.ipc.new_file(tmp_path / "t.arrow", table.schema) as writer:
        writer.write_table(table)
    with home(tmp_path).open(ReadRequest("t", batch_bytes=2**16)) as source:
        (split,) = source.splits(1)
        with source.read(split) as reader:
            batches = list(reader)
    assert len(batches) > 10
    assert_same(pa.Table.from_batches(batches), table)
