"""What lists and generators print is honest on every terminal; data is printed as it is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pexpect
import pytest
from projects import HYGGE, write_project
from warm import Warm, warm

WIDE = "a_rather_long_name_of_a_flow_that_moves_many_things"
COMMANDS = [
    ["list"],
    ["show", "users"],
    ["show", "users", "--json"],
    ["list", "--json"],
    ["types"],
    ["types", "csv"],
    ["new", "flow", "new", "--entity", "zz", "-n"],
    ["new", "flows", "--from", "files", "-n"],
    ["init", "demo", "-n"],
    ["schema", "-n"],
    ["destroy", "flow", WIDE, "-n"],
]
every_command = pytest.mark.parametrize("words", COMMANDS, ids=lambda words: "-".join(words))
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(
        tmp_path,
        {
            "homes/files.yml": "type: csv\npath: données/[/x]\n",
            "données/[/x]/größe – ≤ 5 😀.csv": "id,[bold]b[/bold]\n1,2\n",
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "flows/users.yml": 'entity: ":smile: [/x] größe 😀"\ntags: ["[red]"]\nselect: ["→"]\n',
            f"flows/{WIDE}.yml": f'entities: ["{WIDE}_{WIDE}", "[link=x]"]\nafter: [users]\n',
        },
    )


def run(
    project: Path,
    *words: str,
    process: Warm | None = None,
    encoding: str = "utf-8",
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    forked = process or warm()
    return forked.run([*words], project, {**kept, **variables}, timeout=600, encoding=encoding)


@every_command
def test_a_pipe_gets_plain_text(project: Path, words: list[str]) -> None:
    done = run(project, *words)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr


@every_command
def test_forced_colours_move_no_cursor(project: Path, words: list[str]) -> None:
    done = run(project, *words, FORCE_COLOR="1")
    plain = run(project, *words, FORCE_COLOR="1", NO_COLOR="1")
    assert "\x1b" not in plain.stdout + plain.stderr
    assert COLOUR.sub("", done.stdout) == plain.stdout
    if "--json" in words:
        assert json.loads(done.stdout) == json.loads(plain.stdout)


@pytest.mark.parametrize(
    ("encoding", "variables"),
    [
        ("ascii", {"PYTHONIOENCODING": "ascii"}),
        ("cp1252", {"PYTHONIOENCODING": "cp1252"}),
        ("utf-8", {"LC_ALL": "C", "LANG": "C"}),
    ],
    ids=["ascii", "cp1252", "C"],
)
def test_every_encoding_gets_characters_it_has(
    project: Path, encoding: str, variables: dict[str, str]
) -> None:
    with closing(Warm(**variables)) as started:
        for words in COMMANDS:
            done = run(project, *words, process=started, encoding=encoding, **variables)
            assert done.returncode == 0, (words, done.stderr)
            assert "Traceback" not in done.stderr, words


HELP = [["--help"], ["new", "--help"], ["go", "--help"], ["--version"], ["-v", "--version"]]


@pytest.mark.parametrize("words", [*COMMANDS, *HELP, ["completion", "bash"], ["init", "demo"]])
def test_a_reader_that_goes_away_is_no_error(project: Path, words: list[str]) -> None:
    command = " ".join(f"'{word}'" for word in [*HYGGE, *words])
    notes = " 2>&1" if words[0] == "init" else ""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{command}{notes} | head -n 0"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "Broken pipe" not in done.stderr
    assert done.returncode == 0, done.stderr


def test_a_table_fits_into_sixty_columns(project: Path) -> None:
    done = run(project, "list", COLUMNS="60")
    assert max(map(len, done.stdout.splitlines())) <= 60
    assert "…" in done.stdout


def test_data_that_looks_like_markup_is_printed_as_it_is(project: Path) -> None:
    listed = run(project, "list").stdout
    assert ":smile: [/x] größe 😀" in listed
    assert "[link=x]" in listed
    assert "[red]" in listed
    shown = run(project, "show", "users").stdout
    assert 'entity: ":smile: [/x] größe 😀"' in shown
    assert "données/[/x]" in shown
    assert '["[red]"]' in shown


@pytest.mark.parametrize("words", [["list"], ["new", "flow", "new", "--entity", "zz", "-n"]])
def test_a_dumb_terminal_gets_no_escape_codes(project: Path, words: list[str]) -> None:
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "CI")}
    for term, has_colour in (("dumb", False), ("xterm", True)):
        child = pexpect.spawn(
            sys.executable,
            ["-m", "hygge", *words],
            cwd=str(project),
            env={**kept, "TERM": term},
            encoding="utf-8",
            timeout=600,
        )
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0
        assert child.before is not None
        assert ("\x1b[" in child.before) == has_colour
        assert "\x1b" not in COLOUR.sub("", child.before)


@pytest.mark.parametrize(
    "words", [["show", "users", "--env", "prod"], ["--env", "prod", "show", "users"]]
)
def test_show_tells_where_each_value_comes_from(project: Path, words: list[str]) -> None:
    overlay = "defaults: {retries: 7}\nstores:\n  lake: {path: '${LAKE:-x}'}\nflows:\n"
    overlay += "  users: {mode: append}\n"
    (project / "environments").mkdir()
    (project / "environments" / "prod.yml").write_text(overlay)
    (project / ".env").write_text("LAKE=here\n")
    answer = json.loads(run(project, *words, "--json").stdout)
    origins = {one["key"]: (one["value"], one["origin"]) for one in answer["settings"]}
    assert answer["env"] == "prod"
    assert origins["home"] == ("files", "the only home of the project")
    assert origins["home.path"] == ("données/[/x]", "homes/files.yml:2")
    assert origins["home.infer"] == (True, "default")
    assert origins["store.path"] == ("here", "environments/prod.yml:3, LAKE from .env")
    assert origins["mode"] == ("append", "environments/prod.yml:5")
    assert origins["retries"] == (7, "environments/prod.yml:1 (defaults)")
    assert origins["tags"] == (["[red]"], "flows/users.yml:2")
