from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import stalling
from projects import HYGGE, hygge, write_project

from hygge import __version__

LOADED = """
import sys
sys.argv = ["hygge", *sys.argv[1:]]
from hygge.__main__ import main
try:
    main()
except SystemExit:
    pass
print("\\n" + " ".join(sys.modules))
"""


def modules(*arguments: str) -> set[str]:
    """Return every module that a command line imports."""
    run = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return set(run.stdout.splitlines()[-1].split())


def test_help_imports_nothing_heavy() -> None:
    loaded = modules("--help")
    heavy = {"pydantic", "pyarrow", "yaml", "jinja2", "rich.progress", "sqlite3", "tenacity"}
    assert loaded & heavy == set()


def test_the_version_is_told_before_typer_is_imported() -> None:
    assert "typer" not in modules("--version")


def test_the_version_is_told_among_other_options(tmp_path: Path) -> None:
    for arguments in (["--version"], ["--color", "never", "--version"]):
        assert hygge(tmp_path, *arguments).stdout == f"hygge {__version__}\n"


def test_a_command_that_does_not_exist_suggests_one(tmp_path: Path) -> None:
    run = hygge(tmp_path, "hisotry")
    assert run.returncode == 2
    assert "history" in run.stderr


def test_without_a_project_every_command_says_so(tmp_path: Path) -> None:
    for command in (["go"], ["history"]):
        run = hygge(tmp_path, *command)
        assert (run.returncode, run.stdout) == (2, "")
        assert "no project here" in run.stderr


def test_a_bug_outside_a_run_exits_70_with_a_report(tmp_path: Path) -> None:
    breaking = tmp_path / "site" / "sitecustomize.py"
    breaking.parent.mkdir()
    breaking.write_text(
        "from hygge.operations import connector_types\nconnector_types.connector_types = 3\n"
    )
    write_project(tmp_path / "project", {})
    run = hygge(
        tmp_path / "project", "types", PYTHONPATH=str(breaking.parent), TMPDIR=str(tmp_path)
    )
    assert (run.returncode, run.stdout) == (70, "")
    assert "internal error: TypeError" in run.stderr
    assert "Traceback" not in run.stderr
    (report,) = (tmp_path / "project" / ".hygge").glob("crash-*.txt")
    assert "Traceback" in report.read_text()
    outside = hygge(tmp_path, "types", PYTHONPATH=str(breaking.parent), TMPDIR=str(tmp_path))
    assert outside.returncode == 70
    assert len(list(tmp_path.glob("crash-*.txt"))) == 1


def test_output_that_nobody_reads_is_no_error(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing) as closed:
        run = subprocess.run(
            [*HYGGE, "types"],
            cwd=tmp_path,
            stdout=closed,
            stderr=subprocess.PIPE,
            timeout=600,
            check=False,
        )
    assert (run.returncode, run.stderr) == (0, b"")


def test_types_lists_what_is_built_in_and_what_is_installed(tmp_path: Path) -> None:
    variables = stalling.install(tmp_path / "site")
    run = hygge(tmp_path, "types", **variables)
    assert "  parquet   Writes Parquet files" in run.stdout
    assert "  stalling  Reads three rows, when it is told to.\n" in run.stdout
    listed = json.loads(hygge(tmp_path, "types", "--json", **variables).stdout)
    assert {"home", "store"} == {one["kind"] for one in listed if one["name"] == "parquet"}


def test_a_type_tells_its_options(tmp_path: Path) -> None:
    variables = stalling.install(tmp_path / "site")
    run = hygge(tmp_path, "types", "stalling", **variables)
    assert run.stdout == (
        "stalling home  Reads three rows, when it is told to.\n"
        "  behaviour  waits | is deaf | has a bug, default waits\n"
        "      Whether it listens while it waits.\n\n"
    )
    options = json.loads(hygge(tmp_path, "types", "parquet", "--json").stdout)[0]["options"]
    path = next(option for option in options if option["name"] == "path")
    assert (path["type"], path["default"]) == ("text", None)


def test_a_type_that_does_not_exist_suggests_one(tmp_path: Path) -> None:
    run = hygge(tmp_path, "types", "parket")
    assert run.returncode == 2
    assert "did you mean 'parquet'?" in run.stderr


def test_a_type_whose_package_is_broken_is_told_and_the_others_are_listed(tmp_path: Path) -> None:
    variables = stalling.install(tmp_path / "site")
    (tmp_path / "site" / "stalling_connector.py").write_text("import nowhere_to_be_found\n")
    run = hygge(tmp_path, "types", **variables)
    assert run.returncode == 0
    assert "cannot be imported: No module named 'nowhere_to_be_found'" in run.stdout
    assert "  parquet " in run.stdout


def test_history_is_empty_at_first_and_survives_a_broken_project(tmp_path: Path) -> None:
    root = write_project(tmp_path, {})
    run = hygge(root, "history")
    assert (run.returncode, run.stdout) == (0, "no run in the history of this machine\n")
    write_project(root, {"flows/users.yml": "stroe: lake\n"})
    run = hygge(root, "history", "--json")
    assert (run.returncode, json.loads(run.stdout)) == (0, [])
