"""What hygge writes in `.hygge/` stays there: links are refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import hygge, write_project

FOLDERS = (".hygge", ".hygge/runs", ".hygge/quarantine", ".hygge/locks")
FILES = (".hygge/journal.db", ".hygge/journal.db-wal")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = write_project(
        tmp_path / "project",
        {
            "homes/files.yml": "type: csv\npath: in\n",
            "stores/lake.yml": "type: csv\npath: lake\n",
            "flows/rows.yml": "home: files\nstore: lake\non_bad_row: quarantine\n"
            "columns: {id: {type: int64}}\n",
            "in/rows.csv": "id\n1\nx\n",
        },
    )
    (tmp_path / "elsewhere").mkdir()
    return root


def linked(project: Path, name: str, target: Path) -> Path:
    link = project / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
    return link


@pytest.mark.parametrize("command", [["go"], ["history"]])
@pytest.mark.parametrize("name", FOLDERS)
def test_a_link_in_place_of_a_folder_of_hygge_is_refused_and_not_written_through(
    project: Path, name: str, command: list[str]
) -> None:
    link = linked(project, name, project.parent / "elsewhere")
    done = hygge(project, *command)
    assert done.returncode == 3, done.stdout + done.stderr
    assert f"HG530]: {link} is a symbolic link" in done.stderr
    assert f"rm {link}" in done.stderr
    assert not list((project.parent / "elsewhere").iterdir())
    assert not (project / "lake").exists()
    link.unlink()
    assert hygge(project, "go").returncode == 0


@pytest.mark.parametrize(
    "command", [["undo", "rows", "--yes"], ["state", "set", "rows", "id", "1", "--yes"]]
)
def test_undo_and_state_refuse_a_link_too(project: Path, command: list[str]) -> None:
    for _ in range(2):
        assert hygge(project, "go").returncode == 0
    (project / ".hygge").rename(project / "aside")
    linked(project, ".hygge", project.parent / "elsewhere")
    assert hygge(project, *command).returncode != 0
    assert not list((project.parent / "elsewhere").iterdir())


def test_a_link_deeper_in_the_quarantine_is_refused_before_a_row_is_published(
    project: Path,
) -> None:
    link = linked(project, ".hygge/quarantine/rows", project.parent / "elsewhere")
    done = hygge(project, "go")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"HG530]: {link} is a symbolic link" in done.stderr
    assert not list((project.parent / "elsewhere").iterdir())
    assert not (project / "lake" / "rows").exists()


@pytest.mark.parametrize("name", FILES)
def test_a_link_in_place_of_a_file_of_the_journal_is_refused(project: Path, name: str) -> None:
    victim = project.parent / "victim"
    victim.write_text("mine")
    linked(project, name, victim)
    done = hygge(project, "go")
    assert done.returncode == 3
    assert "HG530" in done.stderr
    assert victim.read_text() == "mine"


def test_doctor_reports_the_link(project: Path) -> None:
    link = linked(project, ".hygge", project.parent / "elsewhere")
    done = hygge(project, "doctor")
    assert done.returncode != 0
    assert f"{link} is a symbolic link" in done.stdout + done.stderr
    assert not list((project.parent / "elsewhere").iterdir())
