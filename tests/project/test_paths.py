"""A `path` that is a URL is refused where it is written, in homes and stores of every type."""

from __future__ import annotations

import pytest
from boxes import Write

from hygge.engine.plan import Selection, make_plan
from hygge.project import Project, ProjectError, check

HOMES = ("csv", "jsonl", "parquet", "arrow", "orc", "sqlite", "duckdb")


def files(home: str, store: str) -> dict[str, str]:
    return {
        "homes/files.yml": home,
        "stores/lake.yml": store,
        "flows/users.yml": "home: files\nstore: lake\n",
    }


@pytest.mark.parametrize("kind", HOMES)
@pytest.mark.parametrize("path", ["az://b/lake", "gs://${BUCKET}/lake", "${A:-https://x.org/y}"])
def test_a_url_is_an_error_at_its_line(write: Write, kind: str, path: str) -> None:
    text = f"type: {kind}\npath: {path}\n"
    found = check(write(files(text, text))).diagnostics
    assert [(one.code, one.where) for one in found] == [
        ("HG106", "homes/files.yml:2:7"),
        ("HG106", "stores/lake.yml:2:7"),
    ]
    known = "local files" if kind in ("sqlite", "duckdb") else "local files and s3://"
    assert all(f"reads and writes {known} only" in one.message for one in found)
    assert not any("did you mean" in one.message for one in found)


def test_a_url_from_a_variable_stops_the_run_before_it_begins(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(files("type: csv\npath: data/in\n", "type: parquet\npath: ${LAKE}\n"))
    assert check(root).diagnostics == ()
    monkeypatch.setenv("LAKE", "gs://bucket/lake")
    with pytest.raises(ProjectError) as raised:
        make_plan(Project.load(root), Selection())
    (found,) = raised.value.diagnostics
    assert (found.code, found.where) == ("HG106", "stores/lake.yml:2:7")


def test_a_database_in_another_place_is_refused(write: Write) -> None:
    text = "type: duckdb\npath: md:sales\n"
    (found, *_) = check(write(files(text, "type: parquet\npath: out\n"))).diagnostics
    assert (found.code, found.where) == ("HG106", "homes/files.yml:2:7")
