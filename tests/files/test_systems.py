"""File systems by the schemes of URLs: files in memory are read and written as local ones are."""

from __future__ import annotations

import pickle
from importlib.metadata import EntryPoint
from pathlib import Path

import pyarrow as pa
import pytest
from projects import write_project

from hygge.connector import (
    HomeConfig,
    Mode,
    ProjectContext,
    ReadRequest,
    Split,
    Store,
    StoreConfig,
)
from hygge.connectors.files import systems
from hygge.connectors.files.reading.home import FileHome
from hygge.connectors.files.systems import CLASSES, file_system
from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Selection, make_plan
from hygge.errors import HomeError, StoreError
from hygge.operations import undo as undoing
from hygge.project import Project, check
from hygge.testing.cases import assert_same, plain_table
from hygge.testing.memory import MemoryFiles
from hygge.testing.moving import accepted, next_commit, write, write_request
from hygge.values.model import Result


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder in memory."""
    monkeypatch.setitem(CLASSES, "memory", MemoryFiles)
    return f"memory://disk{tmp_path}/lake"


def store_in(lake: str, kind: str = "parquet", **settings: object) -> Store:
    config = StoreConfig.create({"type": kind, "path": lake, **settings})
    return config.store(ProjectContext(Path("/project")))


def home_in(path: str, kind: str = "parquet") -> FileHome:
    home = HomeConfig.create({"type": kind, "path": path}).home(ProjectContext(Path("/project")))
    assert isinstance(home, FileHome)
    return home


def rows_of(home: FileHome, entity: str) -> pa.Table:
    with home.open(ReadRequest(entity)) as source:
        batches = []
        for split in source.splits(3):
            with source.read(split) as reader:
                batches += list(reader)
        return pa.Table.from_batches(batches, source.schema)


@pytest.mark.parametrize("path", ["{}", "{}/{{entity}}", "{}/{{entity}}/**/*.parquet"])
def test_a_home_reads_what_a_store_wrote_in_memory(lake: str, path: str) -> None:
    table = plain_table(50)
    for name in ("things", "others"):
        request = write_request(into=name)
        write(store_in(lake, partition_by=["name"]), [table], request, rows=20)
    home = home_in(path.format(lake))
    home.check()
    assert home.entities() == ["others", "things"]
    assert_same(rows_of(home, "things").select(["id", "name"]).sort_by("id"), table)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "arrow", "orc"])
def test_every_format_is_read_through_the_file_system(lake: str, kind: str) -> None:
    write(store_in(lake, kind), [plain_table(50)], write_request())
    assert_same(rows_of(home_in(lake, kind), "things"), plain_table(50))


def test_messages_call_a_file_by_its_url(lake: str) -> None:
    write(store_in(lake), [plain_table(3)], write_request())
    system, root = file_system(lake)
    assert isinstance(system, MemoryFiles)
    (path,) = [p for p in system.below(f"{root}/things") if p.endswith(".parquet")]
    system.objects.pop(path)
    system.put(path, b"PAR1 and nothing else")
    with pytest.raises(HomeError, match=system.shown(path)):
        rows_of(home_in(lake), "things")
    with pytest.raises(HomeError, match=rf"no entity 'thing' in {lake}; did you mean 'things'"):
        rows_of(home_in(lake), "thing")
    with pytest.raises(HomeError, match=f"the path of the home, {lake}s, does not exist") as raised:
        home_in(f"{lake}s").check()
    assert raised.value.hint == f"did you mean {lake}?"


def test_a_commit_that_somebody_else_made_first_is_refused(lake: str) -> None:
    store, table, request = store_in(lake), plain_table(3), write_request(Mode.APPEND)
    write(store, [table], request)
    with pytest.raises(StoreError, match=f"run {request.run_id} has already published"):
        write(store, [table], request)
    system, root = file_system(lake)
    assert isinstance(system, MemoryFiles)
    request = write_request(Mode.APPEND)
    with store.open(request) as target, pytest.raises(StoreError) as raised:
        part = target.stage(accepted(target, table).to_reader(), Split(0, "all"))
        # Another process has the place as well: nothing here depends on a lock.
        (first,) = [p for p in system.below(f"{root}/things") if p.endswith("00000001.json")]
        system.put(first.replace("1.json", "2.json"), system.get(first).data)
        target.commit([part], next_commit(target, request, [part], table.schema))
    assert raised.value.code == "HG514"


def test_a_file_that_lost_bytes_is_refused(lake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a disk that takes fewer bytes than it was given, and says nothing."""
    put = MemoryFiles.put
    monkeypatch.setattr(MemoryFiles, "put", lambda disk, path, data: put(disk, path, data[:-1]))
    with pytest.raises(StoreError, match=r"bytes were written to memory://.*nothing was pub") as e:
        write(store_in(lake, "csv"), [plain_table(3)], write_request())
    assert e.value.code == "HG531"


def test_a_scheme_that_nobody_has_names_those_there_are(lake: str) -> None:
    for config, kind in ((HomeConfig, "csv"), (StoreConfig, "parquet")):
        with pytest.raises(
            ValueError, match=r"gs:// is not a folder.*files and memory:// and s3://"
        ):
            config.create({"type": kind, "path": "gs://bucket/lake"})
        with pytest.raises(ValueError, match="it names no file system"):
            config.create({"type": kind, "path": "memory:///lake"})


def test_a_package_adds_a_file_system_by_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("cloud", "hygge.testing.memory:MemoryFiles", systems.GROUP)
    monkeypatch.setattr(systems, "entry_points", lambda group: [point])
    monkeypatch.setattr(systems, "CLASSES", dict(CLASSES))
    systems.entry_points_by_scheme.cache_clear()
    try:
        assert "cloud" in systems.schemes()
        assert HomeConfig.create({"type": "csv", "path": "cloud://disk/x"})
    finally:
        systems.entry_points_by_scheme.cache_clear()


def go(root: Path, flow: str) -> None:
    finished = run(make_plan(Project.load(root), Selection((flow,))), stop=Stop(), listen=print)
    assert all(one.result is Result.OK for one in finished.outcomes), finished.outcomes


def test_rows_go_to_memory_and_back_by_way_of_every_step_of_a_run(
    lake: str, tmp_path: Path
) -> None:
    root = write_project(
        tmp_path / "project",
        {
            "homes/disk.yml": f"type: csv\npath: file://{tmp_path}/project/in\n",
            "homes/memory.yml": f"type: parquet\npath: {lake}\n",
            "stores/memory.yml": f"type: parquet\npath: {lake}\n",
            "stores/disk.yml": f"type: parquet\npath: file://{tmp_path}/project/out\n",
            "flows/there.yml": "home: disk\nstore: memory\nentities: users\nmode: merge\n"
            "primary_key: id\n",
            "flows/back.yml": "home: memory\nstore: disk\nentities: users\nmode: append\n"
            "incremental: files\n",
            "in/users.csv": "id,name\n1,a\n2,b\n",
        },
    )
    assert check(root).diagnostics == ()
    go(root, "there")
    go(root, "back")
    (root / "in/users.csv").write_text("id,name\n2,broken\n3,c\n")
    go(root, "there")
    assert rows_of(home_in(lake), "users").sort_by("id")["name"].to_pylist() == ["a", "broken", "c"]
    plan = make_plan(Project.load(root), Selection(("there",)))
    (outcome,) = undoing.undo(plan, stop=Stop(), listen=print).outcomes
    assert outcome.failure is None
    assert rows_of(home_in(lake), "users").sort_by("id")["name"].to_pylist() == ["a", "b"]
    go(root, "back")  # the very file that was moved before is live again
    last = store_in(f"{root}/out").last_commit("users")
    assert last is not None
    assert last.total_rows == 2


def test_a_file_can_be_handed_to_another_process(lake: str) -> None:
    write(store_in(lake), [plain_table(3)], write_request())
    for file in home_in(lake).layout.find("things"):
        assert pickle.loads(pickle.dumps(file)) == file
        assert file.system.stat(file.path).stamp == file.stamp
