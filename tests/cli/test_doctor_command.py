"""`hygge doctor`: every home and store is looked at, and none keeps the others from being told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from projects import hygge, write_project
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from hygge.cli.app import app
from hygge.connector import Home, HomeConfig, ProjectContext, ReadRequest, Source
from hygge.errors import HomeError, HyggeError
from hygge.values.model import Finding

Look = Callable[["PatientHomeConfig"], Iterator[Finding]]


class PatientHomeConfig(HomeConfig, type="testpatient"):
    """Is whatever a test says."""

    host: str = "localhost"
    """Name of the server."""
    password: SecretStr | None = None
    """What it asks for."""

    look: ClassVar[Look]

    def home(self, context: ProjectContext) -> Home:
        return PatientHome(self)


class PatientHome(Home):
    def __init__(self, config: PatientHomeConfig) -> None:
        self.config = config

    def check(self) -> None:
        raise NotImplementedError

    def entities(self, pattern: str = "*") -> list[str]:
        raise NotImplementedError

    def open(self, request: ReadRequest) -> AbstractContextManager[Source]:
        raise NotImplementedError

    def examine(self) -> Iterator[Finding]:
        return type(self.config).look(self.config)


class DriverlessHomeConfig(HomeConfig, type="testdriverless"):
    """Needs what nobody has."""

    drivers: ClassVar[tuple[str, ...]] = ("no_such_driver",)
    extra: ClassVar[str | None] = "nosuch"

    def home(self, context: ProjectContext) -> Home:
        raise NotImplementedError


FILES = {
    "homes/files.yml": "type: csv\npath: in\n",
    "stores/lake.yml": "type: parquet\npath: lake\n",
    "in/users.csv": "id\n1\n",
}


def doctor(project: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["-C", str(project), "doctor", *words])


def patient(root: Path, look: Look, text: str = "type: testpatient\n") -> Path:
    PatientHomeConfig.look = staticmethod(look)
    return write_project(root, {**FILES, "homes/patient.yml": text})


def told(project: Path, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(doctor(project, *words, "--json").stdout)
    return found


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_sound_project_has_nothing_wrong(tmp_path: Path) -> None:
    done = hygge(write_project(tmp_path, FILES), "doctor")
    assert done.returncode == 0
    shown = lines(done.stdout)
    assert shown[:4] == [
        "project",
        "ok the folder .hygge can be written and locked",
        "ok the clock agrees with that of the disk",
        "home files (csv)",
    ]
    assert shown[4] == "ok readable; entities: 1"
    assert shown[5] == "store lake (parquet)"
    assert shown[6].startswith("ok can be created; ")
    assert shown[6].endswith(" GB are free")
    assert shown[-1] == "no problems found"
    assert not (tmp_path / "lake").exists()
    assert list((tmp_path / ".hygge").iterdir()) == []


def test_what_is_missing_is_told_first_with_the_command_that_helps(tmp_path: Path) -> None:
    files = {
        **FILES,
        "homes/server.yml": "type: testdriverless\n",
        "stores/other.yml": "type: parquet\npath: ${HYGGE_T_NOWHERE}\n",
    }
    result = doctor(write_project(tmp_path, files), "files", "other", "server")
    assert result.exit_code == 1
    shown = lines(result.stdout)
    assert shown[0] == "home server (testdriverless)"
    assert "requires no_such_driver, which is not installed" in shown[1]
    assert shown[2] == "help: pip install 'hygge-data[nosuch]'"
    assert shown[3] == "store other (parquet)"
    assert "variable HYGGE_T_NOWHERE is not set" in shown[4]
    assert shown[6] == "home files (csv)"
    assert shown[-1] == "2 errors"


def test_one_that_hangs_is_told_and_keeps_no_other(tmp_path: Path) -> None:
    release = threading.Event()
    waited: list[bool] = []

    def hang(config: PatientHomeConfig) -> Iterator[Finding]:
        yield Finding("the door is open")
        waited.append(release.wait(600))

    found = told(patient(tmp_path, hang), "--timeout", "4")
    assert not waited
    release.set()
    findings = {one["name"]: one["findings"] for one in found["connectors"]}
    assert [one["text"] for one in findings["patient"]] == [
        "the door is open",
        "it did not answer within 4 s",
    ]
    assert findings["files"][0]["level"] == "ok"
    assert (found["errors"], found["warnings"]) == (1, 0)


def test_the_process_ends_although_a_thread_hangs(tmp_path: Path) -> None:
    write_project(tmp_path, FILES)
    code = (
        "import sys, time, hygge.connectors.files.writing.store as s\n"
        "s.FileStore.examine = lambda self: time.sleep(600)\n"
        "sys.argv[1:] = ['-C', sys.argv[1], 'doctor', '--timeout', '0.5']\n"
        "from hygge.__main__ import main; main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "it did not answer within 0.5 s" in done.stdout


@pytest.mark.parametrize(
    ("error", "text", "hint"),
    [
        (
            HomeError("no permission to read", hint="grant SELECT"),
            "no permission to read",
            "grant SELECT",
        ),
        (ZeroDivisionError("oh"), "ZeroDivisionError: oh", None),
        (
            ConnectionRefusedError(111, "refused"),
            "ConnectionRefusedError: [Errno 111] refused",
            None,
        ),
    ],
)
def test_whatever_goes_wrong_is_a_finding(
    tmp_path: Path, error: Exception, text: str, hint: str | None
) -> None:
    def fail(config: PatientHomeConfig) -> Iterator[Finding]:
        yield Finding("slow", "warning", "buy another")
        raise error

    project = patient(tmp_path, fail)
    assert doctor(project, "patient").exit_code == 1
    found = told(project, "patient")
    assert found["project"] == []
    (one,) = found["connectors"]
    assert (one["kind"], one["name"], one["type"]) == ("home", "patient", "testpatient")
    assert one["file"] == "homes/patient.yml"
    assert one["findings"] == [
        {"text": "slow", "level": "warning", "hint": "buy another"},
        {"text": text, "level": "error", "hint": hint},
    ]
    assert lines(doctor(project, "patient").stdout)[-1] == "1 error, 1 warning"


def test_a_warning_is_no_failure(tmp_path: Path) -> None:
    def warn(config: PatientHomeConfig) -> Iterator[Finding]:
        yield Finding("old\x1b[31m server", "warning")

    result = doctor(patient(tmp_path, warn), "patient")
    assert result.exit_code == 0
    assert lines(result.stdout)[1:] == ["warning old\\x1b[31m server", "", "1 warning"]


def test_secrets_are_never_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tell(config: PatientHomeConfig) -> Iterator[Finding]:
        assert config.password is not None
        secret = config.password.get_secret_value()
        yield Finding(f"logged in with {secret}", "warning", f"psql postgres://me:{secret}@db")
        raise HomeError(f"password={secret} is weak", hint=secret)

    monkeypatch.setenv("HYGGE_T_PW", "tr0ub4dor")
    text = "type: testpatient\npassword: ${HYGGE_T_PW}\n"
    project = patient(tmp_path, tell, text)
    printed = doctor(project).output + doctor(project, "--json").output
    assert "***" in printed
    assert "tr0ub4dor" not in printed


def test_an_unknown_name_is_told_with_the_nearest(tmp_path: Path) -> None:
    error = doctor(write_project(tmp_path, FILES), "lkae").exception
    assert isinstance(error, HyggeError)
    assert error.exit_code == 2
    assert error.message.endswith("no home and no store 'lkae'; did you mean 'lake'?")


def test_a_broken_flow_keeps_nobody_from_a_look_at_homes_and_stores(tmp_path: Path) -> None:
    files = {**FILES, "flows/users.yml": "mood: good\n"}
    result = doctor(write_project(tmp_path, files))
    assert "1 error elsewhere in the project, in flows/users.yml: hygge" in result.stderr
    assert "files" in result.stdout


def test_files_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "homes/files.yml": "type: csv\npath: in\n",
        "homes/empty.yml": "type: csv\npath: nothing\n",
        "homes/gone.yml": "type: csv\npath: gone\n",
        "stores/blocked.yml": "type: parquet\npath: in/users.csv/lake\n",
        "in/users.csv": "id\n1\n",
        "nothing/readme.txt": "",
    }
    write_project(tmp_path, files)
    closed = str(tmp_path / "in/users.csv")
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != closed and real(path, mode))
    found = {one["name"]: one["findings"] for one in told(tmp_path)["connectors"]}
    assert [one["level"] for one in found["files"]] == ["ok", "error"]
    assert found["files"][1]["text"] == f"this user has no permission to read {closed}"
    assert found["empty"][0]["level"] == "warning"
    assert "matches no entity" in found["empty"][0]["text"]
    assert found["gone"][0]["level"] == "error"
    assert found["blocked"][0]["level"] == "error"
    assert "is not a directory" in found["blocked"][0]["text"]


def test_the_projects_own_folder_and_clock_are_looked_at(tmp_path: Path) -> None:
    write_project(tmp_path, FILES)
    later = time.time() + 3600
    os.utime(tmp_path / "hygge.yml", (later, later))
    found = told(tmp_path)
    assert found["project"][1]["level"] == "warning"
    assert "hygge.yml was written in the future" in found["project"][1]["text"]
    assert doctor(tmp_path).exit_code == 0
    (tmp_path / ".hygge").rmdir()
    (tmp_path / ".hygge").write_text("no folder")
    assert doctor(tmp_path).exit_code == 1
    (own,) = told(tmp_path)["project"]
    assert own["text"].startswith(f"{tmp_path / '.hygge'} cannot be written: ")
