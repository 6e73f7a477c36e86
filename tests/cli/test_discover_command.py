"""`hygge discover`: what a home holds, also when not all of it can be looked into."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from projects import write_project
from typer.testing import CliRunner, Result

from hygge.cli.app import app
from hygge.connector import Home, HomeConfig, ProjectContext, ReadRequest, Source
from hygge.errors import HomeError, HyggeError
from hygge.types.type_names import NATIVE_TYPE
from hygge.values.model import EntityFacts

SCHEMA = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("doc", pa.string(), metadata={NATIVE_TYPE: b"jsonb"}),
        pa.field("updated_at", pa.timestamp("us", "UTC")),
        pa.field("created", pa.date32()),
    ]
)
LARGE = EntityFacts("public.events", SCHEMA, 2_481_220, ("id",), "table", 355_000_000, True)
SMALL = EntityFacts("public.kinds", pa.schema([("kind", pa.string())]), 3, kind="view")


class CatalogHomeConfig(HomeConfig, type="testcatalog"):
    """Knows its entities from a catalog, in one look."""

    host: str = "localhost"
    """Name of the server."""

    def home(self, context: ProjectContext) -> Home:
        return CatalogHome()


class CatalogHome(Home):
    facts: ClassVar[list[EntityFacts]] = [LARGE, SMALL]
    locked: ClassVar[set[str]] = set()
    looks: ClassVar[list[str]] = []

    def check(self) -> None:
        """Is always there."""

    def entities(self, pattern: str = "*") -> list[str]:
        return [one.name for one in self.facts if fnmatchcase(one.name, pattern)]

    def survey(self, pattern: str = "*") -> list[EntityFacts]:
        self.looks.append(pattern)
        found = [one for one in self.facts if fnmatchcase(one.name, pattern)]
        if locked := self.locked & {one.name for one in found}:
            raise HomeError(f"permission denied for {min(locked)}: password=hunter22")
        return found

    def open(self, request: ReadRequest) -> AbstractContextManager[Source]:
        raise NotImplementedError("a survey opens nothing")


@pytest.fixture(autouse=True)
def anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CatalogHome, "locked", set())
    monkeypatch.setattr(CatalogHome, "looks", [])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "homes/db.yml": "type: testcatalog\n",
        "homes/files.yml": "type: parquet\npath: in\n",
        "stores/lake.yml": "type: parquet\npath: lake\n",
    }
    return write_project(tmp_path, files)


def discover(project: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["-C", str(project), "discover", *words])


def cells(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_each_entity_is_told_from_one_look(project: Path) -> None:
    result = discover(project, "db")
    assert result.exit_code == 0
    assert CatalogHome.looks == ["*"]
    assert cells(result.stdout) == [
        "entity kind rows size key watermark candidate",
        "public.events table ≈ 2,481,220 355 MB id updated_at, created, id",
        "public.kinds view 3 – – –",
        "",
        "2 entities",
    ]


def test_columns_are_shown_when_asked_for(project: Path) -> None:
    shown = cells(discover(project, "db", "public.e*", "--columns").stdout)
    assert shown[3:9] == [
        "public.events",
        "column type",
        "id int64 key, no nulls",
        "doc string jsonb",
        "updated_at timestamp[us, tz=UTC]",
        "created date32[day]",
    ]
    assert shown[-1] == "1 entity"


def test_a_program_gets_everything(project: Path) -> None:
    told = json.loads(discover(project, "db", "public.events", "--json").stdout)
    (event,) = told["entities"]
    assert told["home"] == "db"
    assert {key: event[key] for key in event if key != "columns"} == {
        "name": "public.events",
        "kind": "table",
        "rows": 2_481_220,
        "is_estimate": True,
        "bytes": 355_000_000,
        "primary_key": ["id"],
        "watermarks": ["updated_at", "created", "id"],
    }
    assert event["columns"][1] == {
        "name": "doc",
        "type": "string",
        "nullable": True,
        "native_type": "jsonb",
    }


def test_one_that_is_locked_hides_no_other_and_its_secrets_stay(project: Path) -> None:
    CatalogHome.locked.add("public.events")
    result = discover(project, "db")
    assert result.exit_code == 1
    assert "public.kinds  view" in result.stdout
    assert "1 entity, 1 could not be read" in result.stdout
    assert "warning: public.events could not be read: permission denied" in result.stderr
    told = discover(project, "db", "--json")
    events, kinds = json.loads(told.stdout)["entities"]
    assert events["error"] == "permission denied for public.events: password=***"
    assert kinds["rows"] == 3
    assert "hunter22" not in result.output + told.output


def test_a_pattern_that_matches_nothing_names_what_is_near(project: Path) -> None:
    error = discover(project, "db", "public.event").exception
    assert isinstance(error, HyggeError)
    assert error.exit_code == 2
    assert error.message == (
        "home 'db' has no entity 'public.event'; did you mean 'public.events'?"
    )
    assert error.hint == "its entities: public.events, public.kinds"


def test_files_tell_rows_and_room(project: Path) -> None:
    for name in ("one", "two"):
        path = project / "in/many" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"id": [1, 2]}), path)
    pq.write_table(pa.table({"id": [1]}), project / "in/single.parquet")
    (project / "in/broken.parquet").write_bytes(b"PAR1 no")
    size = sum(path.stat().st_size for path in (project / "in/many").iterdir())
    done = discover(project, "files", "--json")
    assert done.exit_code == 1
    broken, many, single = json.loads(done.stdout)["entities"]
    assert "broken.parquet" in broken["error"]
    assert (many["kind"], many["rows"], many["bytes"]) == ("files", 4, size)
    assert (single["kind"], single["rows"]) == ("file", 1)


def test_an_unknown_home_is_told_with_the_nearest(project: Path) -> None:
    error = discover(project, "bd").exception
    assert isinstance(error, HyggeError)
    assert (error.code, error.exit_code) == ("HG202", 2)


def test_new_flows_look_once_too_and_offer_what_was_found(project: Path) -> None:
    words = ["-C", str(project), "new", "flows", "--from", "db", "public.e*", "--store", "lake"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert CatalogHome.looks == ["public.e*"]
    text = (project / "flows/public_events.yml").read_text("utf-8")
    assert "\n# primary_key: [id]\n" in text
    told = "\n# Columns for  incremental, most likely first: [updated_at, created, id]\n"
    assert told in text
