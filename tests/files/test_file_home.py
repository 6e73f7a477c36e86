from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import orc

from hygge.connector import Home, HomeConfig, ProjectContext, ReadRequest
from hygge.connectors.files.local.disk import LocalFiles
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.reading.faults import BusyDiskError, disk_error
from hygge.connectors.files.reading.pieces import FileFacts, Piece, pack, pieces_of
from hygge.errors import HomeError
from hygge.testing.cases import assert_same, plain_table
from hygge.testing.moving import open_files
from hygge.testing.reading import read_entity

_EXCHANGE = 2
_HERE = -100


def home(place: Path, path: str = ".") -> Home:
    return HomeConfig.create({"type": "orc", "path": path}).home(ProjectContext(place))


def generation(folder: Path, *parts: str, start: int) -> None:
    folder.mkdir(parents=True)
    (folder / "_hygge.json").write_text("{}")
    for number, part in enumerate(parts):
        orc.write_table(plain_table(50, start=start + 50 * number), folder / f"{part}.orc")


def test_a_folder_exchanged_while_it_is_read_is_worth_another_attempt(tmp_path: Path) -> None:
    generation(tmp_path / "users", "part-1-0", "part-1-1", start=0)
    generation(tmp_path / ".next", "part-2-0", "part-2-1", start=1000)
    lake = home(tmp_path)
    with pytest.raises(HomeError) as raised, lake.open(ReadRequest("users")) as source:
        (split,) = source.splits(1)
        with source.read(split) as batches:
            batches.read_next_batch()
            old, new = os.fsencode(tmp_path / "users"), os.fsencode(tmp_path / ".next")
            assert ctypes.CDLL(None).renameat2(_HERE, old, _HERE, new, _EXCHANGE) == 0
            batches.read_all()
    assert lake.retry_after(raised.value) is not None
    assert_same(read_entity(lake, "users"), plain_table(100, start=1000))


def test_an_entity_without_files_is_not_an_unknown_one(tmp_path: Path) -> None:
    (tmp_path / "users").mkdir()
    with pytest.raises(HomeError, match="has no files"), home(tmp_path).open(ReadRequest("users")):
        pass


def test_files_of_different_schemas_are_one_entity(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    orc.write_table(pa.table({"a": pa.array([1], pa.int32())}), tmp_path / "t" / "1.orc")
    orc.write_table(
        pa.table({"b": ["x"], "a": pa.array([2**40], pa.int64())}), tmp_path / "t" / "2.orc"
    )
    read = read_entity(home(tmp_path), "t", wanted=2)
    assert read.to_pylist() == [{"a": 1, "b": None}, {"a": 2**40, "b": "x"}]


def test_a_relative_project_is_read_from_its_own_folder(tmp_path: Path) -> None:
    orc.write_table(plain_table(3), tmp_path / "t.orc")
    script = (
        "import pathlib; from hygge.connector import HomeConfig, ProjectContext\n"
        "home = HomeConfig.create({'type': 'orc', 'path': '.'})\n"
        "print(home.home(ProjectContext(pathlib.Path('.'))).entities())"
    )
    run = [sys.executable, "-c", script]
    result = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stdout == "['t']\n"


def test_many_small_files_leave_few_open(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    for number in range(60):
        orc.write_table(plain_table(2, start=2 * number), tmp_path / "t" / f"{number}.orc")
    before, most = len(open_files()), 0
    ids: list[int] = []
    with home(tmp_path).open(ReadRequest("t")) as source:
        (split,) = source.splits(1)
        with source.read(split) as batches:
            for batch in batches:
                ids += batch.column("id").to_pylist()
                most = max(most, len(open_files()))
    assert ids == list(range(120))
    assert most <= before + 3


def test_what_the_disk_refuses_is_said_in_words() -> None:
    refused = disk_error("/x/a", PermissionError(errno.EACCES, "Permission denied"))
    assert refused.message == "/x/a: permission denied"
    assert "chmod" in (refused.hint or "")
    assert isinstance(disk_error("/x/a", OSError(errno.EMFILE, "too many")), BusyDiskError)


def file(name: str, size: int) -> DataFile:
    return DataFile(LocalFiles(), f"/x/{name}", size, 1, "1")


@pytest.mark.parametrize("wanted", [1, 2, 3, 4, 7, 100])
def test_splits_are_balanced_and_keep_the_order(wanted: int) -> None:
    schema = pa.schema([])
    big = pieces_of(file("b", 1000), FileFacts(schema, blocks=(100,) * 10))
    pieces = [*pieces_of(file("a", 500), FileFacts(schema)), *big]
    pieces += pieces_of(file("c", 0), FileFacts(schema, blocks=()))
    splits = pack(pieces, wanted)
    blocks = [
        (piece.file.path, number)
        for split in splits
        for piece in split.detail
        for number in ([0] if piece.stop is None else range(piece.start, piece.stop))
    ]
    assert blocks == [("/x/a", 0), *(("/x/b", n) for n in range(10)), ("/x/c", 0)]
    assert len(splits) == min(wanted, len(splits))
    sizes = [sum(size for piece, size in pieces if _within(piece, s.detail)) for s in splits]
    assert max(sizes) <= max(1501 / wanted + 500, 501)


def _within(piece: Piece, detail: tuple[Piece, ...]) -> bool:
    return any(
        piece.file == other.file and (other.stop is None or other.start <= piece.start < other.stop)
        for other in detail
    )
