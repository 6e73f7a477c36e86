"""`hygge new flows`: one flow for each entity of a home, with what was found there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projects import write_project
from typer.testing import CliRunner, Result

from hygge.cli.app import app
from hygge.connector import (
    Home,
    HomeConfig,
    Mode,
    ProjectContext,
    ReadRequest,
    Source,
    Split,
    Store,
    StoreConfig,
)
from hygge.errors import HomeError, HyggeError
from hygge.project import Project, check
from hygge.scaffold.discovery import NewFlows, discovered_flows

HELD: dict[str, pa.Schema] = {}
KEYS: dict[str, tuple[str, ...]] = {}


class ShelfHomeConfig(HomeConfig, type="testshelf"):
    """Lists what a test put on it."""

    def home(self, context: ProjectContext) -> Home:
        return ShelfHome()


class ShelfHome(Home):
    def check(self) -> None:
        """Is always there."""

    def entities(self, pattern: str = "*") -> list[str]:
        return sorted(name for name in HELD if fnmatchcase(name, pattern))

    def open(self, request: ReadRequest) -> AbstractContextManager[Source]:
        return self._open(request.entity)

    @contextmanager
    def _open(self, entity: str) -> Iterator[Source]:
        if entity.startswith("locked"):
            raise HomeError(f"{entity} is locked")
        yield ShelfSource(HELD[entity], KEYS.get(entity, ()))


class ShelfSource(Source):
    def __init__(self, schema: pa.Schema, key: tuple[str, ...]) -> None:
        self.schema = schema
        self.primary_key = key

    def splits(self, wanted: int) -> list[Split]:
        return [Split(0, "all")]

    def read(self, split: Split) -> AbstractContextManager[pa.RecordBatchReader]:
        raise NotImplementedError


class MergerStoreConfig(StoreConfig, type="testmerger"):
    """Can merge."""

    modes: ClassVar[frozenset[Mode]] = frozenset(Mode)

    def store(self, context: ProjectContext) -> Store:
        raise NotImplementedError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    HELD.clear()
    KEYS.clear()
    files = {"homes/shelf.yml": "type: testshelf\n", "stores/lake.yml": "type: testmerger\n"}
    return write_project(tmp_path, files)


def new_flows(project: Path, *words: str) -> Result:
    command = ["-C", str(project), "new", "flows", "--from", "shelf", *words]
    return CliRunner().invoke(app, command)


def flow(project: Path, name: str) -> object:
    return yaml.safe_load((project / "flows" / f"{name}.yml").read_text("utf-8"))


def test_each_entity_becomes_a_flow_that_tells_its_columns(project: Path) -> None:
    HELD["users"] = pa.schema({"id": pa.int64(), "full name": pa.string()})
    HELD["public.Größe"] = pa.schema({"x": pa.decimal128(10, 2)})
    result = new_flows(project)
    assert result.exit_code == 0
    assert result.stdout == ("      create  flows/public_groe.yml\n      create  flows/users.yml\n")
    text = (project / "flows" / "users.yml").read_text("utf-8")
    assert "#   id           int64\n" in text
    assert '#   "full name"  string\n' in text
    assert flow(project, "users") == {"home": "shelf", "store": "lake"}
    written = flow(project, "public_groe")
    assert written == {"home": "shelf", "store": "lake", "entity": "public.Größe"}
    assert check(project).errors == ()
    assert "identical" in new_flows(project).stdout


def test_entities_that_would_become_one_flow_get_numbers_and_places_of_their_own(
    project: Path,
) -> None:
    HELD.update({name: pa.schema([]) for name in ("A b", "a-b", "a_b_2", "Users", "users")})
    result = new_flows(project)
    assert result.exit_code == 0
    assert "a-b is moved by flows/a_b_3.yml" in result.stderr
    assert "users is moved by flows/users_2.yml, and into users_2" in result.stderr
    specs = {spec.name: spec for spec in Project.load(project).resolve(["a_b", "a_b_2", "a_b_3"])}
    moved = {name: spec.entities[0].pattern for name, spec in specs.items()}
    assert moved == {"a_b": "A b", "a_b_2": "a_b_2", "a_b_3": "a-b"}
    assert flow(project, "users_2") == {
        "home": "shelf",
        "store": "lake",
        "entity": "users",
        "into": "users_2",
    }
    assert check(project).errors == ()
    assert "identical" in new_flows(project).stdout


def test_excluded_entities_get_no_flow(project: Path) -> None:
    HELD.update({name: pa.schema([]) for name in ("users", "tmp_1", "tmp_2")})
    result = new_flows(project, "--exclude", "tmp_*")
    assert result.exit_code == 0
    assert [path.name for path in (project / "flows").iterdir()] == ["users.yml"]
    error = new_flows(project, "--exclude", "tpm_1").exception
    assert isinstance(error, HyggeError)
    assert "did you mean 'tmp_1'" in error.message
    error = new_flows(project, "--exclude", "*").exception
    assert isinstance(error, HyggeError)
    assert "excludes all entities" in error.message


def test_a_flow_that_moves_the_entity_already_is_named(project: Path) -> None:
    HELD["users"] = pa.schema([])
    (project / "flows").mkdir()
    (project / "flows" / "people.yml").write_text("entity: users\n")
    error = new_flows(project).exception
    assert isinstance(error, HyggeError)
    assert "lake/users is also written by flow people (flows/people.yml:1)" in error.message


def test_keys_are_offered_only_where_the_home_declares_them(project: Path) -> None:
    HELD.update({"users": pa.schema({"id": pa.int64()}), "notes": pa.schema({"id": pa.int64()})})
    KEYS["users"] = ("id", "no")
    new_flows(project)
    assert '\n# primary_key: [id, "no"]\n' in (project / "flows" / "users.yml").read_text()
    assert "primary_key" not in (project / "flows" / "notes.yml").read_text()


def test_merging_takes_the_key_or_says_that_there_is_none(project: Path) -> None:
    HELD["users"] = pa.schema({"id": pa.int64()})
    KEYS["users"] = ("id",)
    assert new_flows(project, "--mode", "merge", "--store", "lake").exit_code == 0
    merged = {"home": "shelf", "store": "lake", "mode": "merge", "primary_key": ["id"]}
    assert flow(project, "users") == merged
    HELD["notes"] = pa.schema({"id": pa.int64()})
    error = new_flows(project, "--mode", "merge").exception
    assert isinstance(error, HyggeError)
    assert "a merge of notes needs a primary key" in error.message
    assert not (project / "flows" / "notes.yml").exists()


def test_an_entity_that_cannot_be_opened_still_gets_its_flow(project: Path) -> None:
    HELD.update({"locked_up": pa.schema([]), "users": pa.schema([])})
    result = new_flows(project)
    assert result.exit_code == 0
    assert "warning: the columns of locked_up could not be read: locked_up is locked" in (
        result.stderr
    )
    assert flow(project, "locked_up") == {"home": "shelf", "store": "lake"}


def test_an_empty_home_and_an_unknown_one_are_told(project: Path) -> None:
    error = new_flows(project, "user*").exception
    assert isinstance(error, HyggeError)
    assert "has no entity 'user*'" in error.message
    command = ["-C", str(project), "new", "flows", "--from", "shefl"]
    error = CliRunner().invoke(app, command).exception
    assert isinstance(error, HyggeError)
    assert "did you mean 'shelf'" in error.message


def test_a_missing_variable_of_the_home_is_told(project: Path) -> None:
    (project / "homes" / "files.yml").write_text("type: csv\npath: ${HYGGE_T_NOWHERE}\n")
    error = CliRunner().invoke(app, ["-C", str(project), "new", "flows", "--from", "files"])
    assert isinstance(error.exception, HyggeError)
    assert "HYGGE_T_NOWHERE is not set" in error.exception.message


NAMES = st.text(min_size=1, max_size=40).filter(lambda name: name.isprintable())
KINDS = st.sampled_from([pa.int64(), pa.list_(pa.string()), pa.struct({"a\n#": pa.int8()})])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(NAMES, st.dictionaries(st.text(), KINDS), min_size=1, max_size=4))
def test_whatever_entities_and_columns_are_called_the_flows_are_sound(
    project: Path, held: dict[str, dict[str, pa.DataType]]
) -> None:
    shutil.rmtree(project / "flows", ignore_errors=True)
    HELD.clear()
    HELD.update({name: pa.schema(list(columns.items())) for name, columns in held.items()})
    result = new_flows(project)
    if isinstance(result.exception, HyggeError):
        assert result.exception.code in ("HG207", "HG211")
        return
    assert result.exit_code == 0
    assert check(project).errors == ()
    specs = Project.load(project).resolve(sorted(Project.load(project).flows))
    moved = {spec.entities[0].pattern for spec in specs}
    assert len(moved) == len(HELD)
    assert {name for name in HELD if not set("[]*?") & set(name)} <= moved


def test_the_files_are_rendered_before_anything_is_written(project: Path) -> None:
    HELD["users"] = pa.schema([])
    found = discovered_flows(Project.load(project), NewFlows("shelf"))
    assert [file.path for file in found.files] == ["flows/users.yml"]
    assert not (project / "flows").exists()
