"""The spool, by a home whose system hands out each answer once: as Arrow batches, and as JSON."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from threading import Thread

import pyarrow as pa
import pytest
from projects import write_project
from pydantic import PrivateAttr

from hygge.connector import Commit, Home, HomeConfig, ProjectContext, Purpose, ReadRequest, Source
from hygge.connectors.spool.spool import Spool, spooled
from hygge.connectors.sql.table_names import nearest
from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Selection, make_plan
from hygge.errors import HomeError
from hygge.project import Project
from hygge.testing import HomeSuite
from hygge.testing.reading import read_entity, read_split


class Outbox:
    """A system that hands out what it holds as a stream that nobody can rewind."""

    def __init__(self, tables: Mapping[str, pa.Table]) -> None:
        self.tables = dict(tables)
        self.taken: list[str] = []
        self.kept: list[tuple[str, bool]] = []
        self.is_broken = False

    def messages(self, name: str) -> Iterator[pa.RecordBatch]:
        if self.is_broken:
            raise HomeError(f"{name}: the outbox is broken")
        table = self.tables[name]
        yield from table.to_batches(max_chunksize=3000) or [
            pa.RecordBatch.from_pylist([], table.schema)
        ]


class OutboxHome(Home):
    """Reads each entity once and keeps it in a spool while the move lasts."""

    def __init__(self, outbox: Outbox, context: ProjectContext) -> None:
        self.outbox = outbox
        self.context = context

    def check(self) -> None:
        pass

    def entities(self, pattern: str = "*") -> list[str]:
        return sorted(name for name in self.outbox.tables if fnmatchcase(name, pattern))

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Source]:
        name = request.entity
        if name not in self.outbox.tables:
            raise HomeError(f"no entity '{name}'{nearest(name, self.entities())}")
        with spooled(self.context, request) as spool:
            for batch in self.outbox.messages(name):
                spool.add(batch)
            if request.purpose is Purpose.MOVE:
                self.outbox.taken.append(name)
            yield spool.source(settle=lambda commit: self.keep(name, commit))

    def keep(self, name: str, commit: Commit | None) -> None:
        self.outbox.kept.append((name, commit is not None))


class OutboxHomeConfig(HomeConfig, type="testoutbox"):
    """Reads an outbox."""

    _outbox: Outbox = PrivateAttr()

    @classmethod
    def of(cls, outbox: Outbox) -> OutboxHomeConfig:
        config = cls(type="testoutbox")
        config._outbox = outbox
        return config

    def home(self, context: ProjectContext) -> Home:
        return OutboxHome(self._outbox, context)


class TestOutboxHome(HomeSuite):
    def configure(self, place: Path, tables: Mapping[str, pa.Table]) -> HomeConfig:
        self.outbox = Outbox(tables)
        return OutboxHomeConfig.of(self.outbox)

    def spoil(self, place: Path, entity: str) -> None:
        self.outbox.is_broken = True
        for file in spool_files(place):
            content = file.read_bytes()
            file.write_bytes(content[: len(content) // 2])


def spool_files(place: Path) -> list[Path]:
    return [path for path in sorted((place / ".hygge/spool").glob("*/*")) if path.is_file()]


def folders(place: Path) -> list[str]:
    return sorted(path.name for path in (place / ".hygge/spool").iterdir() if path.is_dir())


def rows_of(spool: Spool, types: Mapping[str, pa.DataType] | None = None) -> pa.Table:
    source = spool.source(types=types)
    tables = [read_split(source, split) for split in source.splits(4)]
    again = [read_split(source, split) for split in source.splits(4)]
    assert pa.concat_tables(tables).equals(pa.concat_tables(again))
    return pa.concat_tables(tables)


def test_types_are_those_of_all_pages(tmp_path: Path) -> None:
    with spooled(ProjectContext(tmp_path), ReadRequest("issues")) as spool:
        spool.add_json(b'{"id": 1, "at": null, "score": 1}\n{"id": 2, "score": 2}')
        spool.add_json(b'{"id": 3, "score": 2.5}\n{"id": 4, "by": {"name": "ann"}}')
        for number in range(5, 5000):
            spool.add_json(json.dumps({"id": number, "score": None}).encode())
        spool.add_json(b'{"id": "late", "score": 7}')
        table = rows_of(spool)
    assert table.schema.names == ["id", "at", "score", "by"]
    assert [str(table.schema.field(name).type) for name in ("id", "score")] == ["string", "double"]
    assert table.column("id").to_pylist()[-1] == "late"
    assert table.column("by").to_pylist()[3] == {"name": "ann"}
    assert table.num_rows == 5000


def test_batches_may_differ_in_columns_and_widths(tmp_path: Path) -> None:
    batches = [
        pa.record_batch({"id": pa.array([1, 2], pa.int32())}),
        pa.record_batch({"id": pa.array([2**40], pa.int64()), "name": ["ann"]}),
        pa.record_batch({"name": ["bob"], "id": pa.array([4], pa.int32())}),
    ]
    with spooled(ProjectContext(tmp_path), ReadRequest("t")) as spool:
        for batch in batches:
            spool.add(batch)
        table = rows_of(spool)
        with pytest.raises(ValueError, match="being read"):
            spool.add(batches[0])
    assert table.to_pydict() == {"id": [1, 2, 2**40, 4], "name": [None, None, "ann", "bob"]}


def test_each_batch_may_have_a_dictionary_of_its_own(tmp_path: Path) -> None:
    with spooled(ProjectContext(tmp_path), ReadRequest("t")) as spool:
        for word in ("ann", "bob", "ann"):
            column = pa.array([word]).dictionary_encode()
            spool.add(pa.record_batch({"name": column, "in": pa.array([{"a": column[0]}])}))
        table = rows_of(spool)
    assert table.column("name").to_pylist() == ["ann", "bob", "ann"]


def test_no_rows_have_the_columns_that_are_declared(tmp_path: Path) -> None:
    with spooled(ProjectContext(tmp_path), ReadRequest("t")) as spool:
        with pytest.raises(HomeError, match="t has no rows, and nothing says which columns"):
            spool.source()
        assert rows_of(spool, {"id": pa.int64()}).schema == pa.schema([("id", pa.int64())])


def test_rows_of_several_threads_are_all_there(tmp_path: Path) -> None:
    def add(spool: Spool, first: int) -> None:
        for number in range(first, first + 50):
            spool.add(pa.record_batch({"id": [number]}))

    with spooled(ProjectContext(tmp_path), ReadRequest("t")) as spool:
        threads = [Thread(target=add, args=(spool, 50 * n)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(rows_of(spool).column("id").to_pylist()) == list(range(200))


def test_only_the_owner_may_read_it_and_nothing_is_left(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with spooled(ProjectContext(tmp_path), ReadRequest("t")) as spool:
            spool.add(pa.record_batch({"id": [1]}))
            paths = [tmp_path / ".hygge", *(tmp_path / ".hygge").rglob("*")]
            modes = {stat.filemode(path.stat().st_mode) for path in paths}
    finally:
        os.umask(before)
    assert modes == {"drwx------", "-rw-------"}
    assert [path.name for path in (tmp_path / ".hygge/spool").iterdir()] == [".lock"]


def test_a_full_spool_is_an_error_and_no_row_is_dropped(tmp_path: Path) -> None:
    noise = pa.record_batch({"noise": [os.urandom(20_000) for _ in range(10)]})
    with (
        pytest.raises(HomeError, match="t needs more than 500,000 bytes on disk") as raised,
        spooled(ProjectContext(tmp_path), ReadRequest("t"), max_bytes=500_000, way="more") as spool,
    ):
        for _ in range(10):
            spool.add(noise)
    assert raised.value.hint == "more"
    assert 400_000 < spool.size < 800_000
    assert folders(tmp_path) == []


@contextmanager
def small_files(size: int) -> Iterator[None]:
    """Let the system refuse to let files grow beyond a size, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


ADDERS: Sequence[Callable[[Spool], None]] = (
    lambda spool: spool.add(pa.record_batch({"noise": [os.urandom(20_000) for _ in range(10)]})),
    lambda spool: spool.add_json(json.dumps({"noise": os.urandom(100_000).hex()}).encode()),
)


@pytest.mark.parametrize("add", ADDERS, ids=["rows", "pages"])
def test_a_full_disk_is_a_clear_error(
    tmp_path: Path, add: Callable[[Spool], None], capfd: pytest.CaptureFixture[str]
) -> None:
    with (
        pytest.raises(HomeError, match="cannot keep the rows of t on disk: File too") as raised,
        spooled(ProjectContext(tmp_path), ReadRequest("t")) as spool,
        small_files(300_000),
    ):
        for _ in range(9):
            add(spool)
        spool.source()
    assert raised.value.code == "HG546"
    assert raised.value.hint is not None
    assert folders(tmp_path) == []
    assert capfd.readouterr().err == ""


def test_the_next_run_removes_what_a_dead_one_left(tmp_path: Path) -> None:
    files = {
        "homes/in.yml": "type: csv\npath: in\n",
        "stores/out.yml": "type: csv\npath: out\n",
        "flows/t.yml": "home: in\nstore: out\n",
        "in/t.csv": "id\n1\n",
    }
    write_project(tmp_path, files)
    code = f"""
import os, pathlib, pyarrow as pa
from hygge.connector import ProjectContext, ReadRequest
from hygge.connectors.spool.spool import spooled
with spooled(ProjectContext(pathlib.Path({str(tmp_path)!r})), ReadRequest("t")) as spool:
    spool.add(pa.record_batch({{"id": [1]}}))
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    (left,) = folders(tmp_path)
    with spooled(ProjectContext(tmp_path), ReadRequest("t")) as spool:
        spool.add(pa.record_batch({"id": [1]}))
        (mine,) = folders(tmp_path)
        assert mine != left
        run(make_plan(Project.load(tmp_path), Selection()), stop=Stop(), listen=lambda _: None)
        assert folders(tmp_path) == [mine]
        assert rows_of(spool).num_rows == 1


def test_the_system_learns_how_the_move_ended(tmp_path: Path) -> None:
    outbox = Outbox({"t": pa.table({"id": [1, 2]})})
    home = OutboxHome(outbox, ProjectContext(tmp_path))
    with home.open(ReadRequest("t", purpose=Purpose.MOVE)) as source:
        source.settle(None)
    assert read_entity(home, "t").num_rows == 2
    assert (outbox.taken, outbox.kept) == (["t"], [("t", False)])
