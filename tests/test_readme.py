"""What the README shows is what happens: its commands are run, its output is compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
Step = tuple[str, list[str]]


def steps(text: str) -> list[Step]:
    """Return each command of the console blocks, with the lines shown below it."""
    found: list[Step] = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.M | re.S):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def plain(lines: list[str]) -> list[str]:
    """Return lines without what differs from run to run: times, sizes and the width of columns."""
    text = "\n".join(line.rstrip() for line in lines)
    text = re.sub(r"\d+(\.\d+)? (s|B|KB|MB)\b", r"… \2", text)
    return [re.sub(r" +", " ", line) for line in text.strip().splitlines()]


def hygge(directory: Path, command: str) -> list[str]:
    """Run a command line; return what it answers, and where it fails what it says."""
    words = command.split()
    assert words[0] == "hygge"
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=directory,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stderr if done.returncode else done.stdout).splitlines()


def test_the_tour_answers_as_it_is_shown(tmp_path: Path) -> None:
    tour = steps(README.partition("## A tour")[2])
    assert tour[0][0] == "hygge init demo"
    directory = tmp_path
    for command, shown in tour:
        if command.startswith("cd "):
            directory /= command[3:]
            continue
        answer = hygge(directory, command)
        assert not shown or plain(answer) == plain(shown), command
    assert {path.name for path in (tmp_path / "demo/data/exports").iterdir()} >= {"users", "orders"}


def test_the_first_screen_shows_a_run_as_it_is(tmp_path: Path) -> None:
    ((command, shown),) = steps(README.partition("## A tour")[0])
    hygge(tmp_path, "hygge init demo")
    assert plain(hygge(tmp_path / "demo", command)) == plain(shown)


def test_the_flow_shown_is_the_one_init_writes() -> None:
    (shown,) = re.findall(r"^```yaml\n(.*?)^```", README, re.M | re.S)
    written = (ROOT / "examples/quickstart/flows/orders.yml").read_text("utf-8")
    assert yaml.safe_load(shown) == yaml.safe_load(written)


def test_the_tree_shown_is_the_one_init_writes() -> None:
    tree = README.partition("```\ndemo/\n")[2].partition("```")[0]
    shown = set(re.findall(r"── (\S+)", tree))
    quickstart = ROOT / "examples/quickstart"
    assert all((quickstart / path).exists() for path in shown)


def test_the_demo_runs(tmp_path: Path) -> None:
    planned = subprocess.run(["make", "-n", "demo"], cwd=ROOT, capture_output=True, text=True)
    assert ".ci/demo" in planned.stdout
    environment = {**os.environ, "HYGGE_PYTHON": sys.executable, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        ["sh", ".ci/demo"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    landed = [line for line in done.stdout.splitlines() if line.endswith(".parquet")]
    assert {Path(line).parent.name for line in landed} == {"users", "orders"}


@pytest.mark.parametrize("target", ["demo", "test", "lint", "fix", "docs"])
def test_make_help_lists_what_there_is(target: str) -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"make {target} " in done.stdout


def test_the_readme_promises_no_package_on_an_index() -> None:
    assert "pip install hygge" not in README


def test_links_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    for page in pages:
        links = re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))
        assert [link for link in links if not (page.parent / link).exists()] == []
