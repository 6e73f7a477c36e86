"""What `hygge validate` prints is right on every kind of terminal, and where there is none."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
from projects import write_project

SOUND = {
    "homes/files.yml": "type: parquet\npath: data/in\n",
    "stores/lake.yml": "type: parquet\npath: data/lake\n",
}
WRONG = {**SOUND, "flows/users.yml": "home: files\nstroe: lake\n"}
MARKUP = "[/x] [red]a[/red] :smile: https://x.org"
HEAD = "flows/users.yml:2:1: error[HG102]: unknown key 'stroe'; did you mean 'store'?"


def validate(root: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run without a terminal, and without what this one says of colours and languages."""
    unset = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM", "LANG", "LC_ALL", "PYTHONUTF8")
    inherited = {key: value for key, value in os.environ.items() if key not in unset}
    return subprocess.run(
        [sys.executable, "-m", "hygge", *words[:-1], "validate", *words[-1:]],
        cwd=root,
        env={**inherited, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=600,
        check=False,
    )


def on_a_terminal(root: Path, columns: int, **variables: str) -> str:
    inherited = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "CI")}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "hygge", "validate"],
        cwd=str(root),
        env={**inherited, "TERM": "xterm-256color", **variables},
        dimensions=(40, columns),
        encoding="utf-8",
        timeout=600,
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1
    return str(child.before)


@pytest.mark.parametrize(
    "variables", [{}, {"TERM": "dumb"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, {"FORCE_COLOR": "0"}]
)
def test_a_pipe_gets_plain_text(tmp_path: Path, variables: dict[str, str]) -> None:
    done = validate(write_project(tmp_path, WRONG), "--format=full", **variables)
    assert b"\x1b" not in done.stdout
    assert done.stdout.decode().splitlines()[0] == HEAD
    assert done.stderr == b""


def test_colours_can_be_forced_into_a_pipe_and_change_no_word(tmp_path: Path) -> None:
    root = write_project(tmp_path, WRONG)
    plain = validate(root, "--format=concise").stdout.decode().splitlines()[0]
    for words, variables in ([], {"FORCE_COLOR": "1"}), (["--color", "always"], {}):
        painted = validate(root, *words, "--format=concise", **variables).stdout.decode()
        assert "\x1b[31;1m" in painted
        for style in ("\x1b[31;1m", "\x1b[1m", "\x1b[0m"):
            painted = painted.replace(style, "")
        assert painted.splitlines()[0] == plain


@pytest.mark.parametrize("format", ["json", "sarif"])
def test_no_colour_comes_into_what_programs_read(tmp_path: Path, format: str) -> None:
    done = validate(write_project(tmp_path, WRONG), "--color", "always", f"--format={format}")
    assert b"\x1b" not in done.stdout
    json.loads(done.stdout)


def test_a_terminal_gets_colours_unless_it_is_dumb_or_asked_not_to(tmp_path: Path) -> None:
    root = write_project(tmp_path, WRONG)
    assert "\x1b[31;1m" in on_a_terminal(root, 80)
    assert "\x1b" not in on_a_terminal(root, 80, TERM="dumb")
    assert "\x1b" not in on_a_terminal(root, 80, NO_COLOR="1")


def test_a_narrow_terminal_breaks_no_line(tmp_path: Path) -> None:
    told = on_a_terminal(write_project(tmp_path, WRONG), 60, NO_COLOR="1").splitlines()
    assert told[0] == HEAD
    assert told[1:4] == ["  |", "2 | stroe: lake", "  | ^^^^^"]
    assert told[4].startswith("  = keys of a flow: home, store, entity, into")


@pytest.mark.parametrize(
    "variables",
    [
        {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"PYTHONIOENCODING": "utf-8"},
    ],
    ids=["C", "cp1252", "ascii", "utf-8"],
)
@pytest.mark.parametrize("format", ["full", "concise", "json", "github", "sarif"])
def test_every_alphabet_is_printed_as_far_as_the_stream_can(
    tmp_path: Path, variables: dict[str, str], format: str
) -> None:
    files = {"flows/a.yml": "after: [b]\n", "flows/b.yml": "after: [a]\n日本é: 1\n"}
    done = validate(write_project(tmp_path, {**SOUND, **files}), f"--format={format}", **variables)
    assert done.returncode == 1
    assert done.stderr == b""
    encoding = variables.get("PYTHONIOENCODING", "ascii").partition(":")[0]
    text = done.stdout.decode(encoding)
    if format in ("json", "sarif"):
        assert "unknown key '日本é'" in json.dumps(json.loads(text), ensure_ascii=False)
    elif encoding == "utf-8":
        assert "unknown key '日本é'" in text
        assert "a → b → a" in text
    else:
        assert r"unknown key '\u65e5\u672c" in text
        assert "a -> b -> a" in text


@pytest.mark.parametrize("format", ["full", "concise", "github"])
def test_markup_in_data_is_printed_as_it_is(tmp_path: Path, format: str) -> None:
    wrong = {**SOUND, "flows/users.yml": f"home: files\nmode: '{MARKUP}'\n"}
    root = write_project(tmp_path, wrong)
    for color in ("always", "never"):
        told = validate(root, "--color", color, f"--format={format}").stdout.decode()
        assert f"'mode' cannot be '{MARKUP}'" in told


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    keys = "".join(f"key{number}: 1\n" for number in range(2000))
    root = write_project(tmp_path, {**SOUND, "flows/users.yml": keys})
    command = (
        f"{shlex.quote(sys.executable)} -m hygge validate | head -n 1; exit ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(
        ["bash", "-c", command], cwd=root, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.stdout == "flows/users.yml:1:1: error[HG102]: unknown key 'key0'\n"
    assert done.stderr == ""
    assert done.returncode == 1


def test_an_answer_that_could_not_be_written_is_an_error(tmp_path: Path) -> None:
    root = write_project(tmp_path, {**SOUND, "flows/users.yml": "home: files\n"})
    for command, told in (("> /dev/full", "no space left on device"), (">&-", "")):
        done = subprocess.run(
            ["bash", "-c", f"{shlex.quote(sys.executable)} -m hygge validate {command}"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == (1 if told else 0)
        assert told in done.stderr
        assert "Traceback" not in done.stderr
