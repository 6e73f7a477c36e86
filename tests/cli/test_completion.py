"""Completion: what is offered, that asking is cheap, and that real shells take it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
from projects import hygge, write_project

from hygge.cli.app import app
from hygge.cli.command_tree import Command, tree_of
from hygge.cli.completion_candidates import SOURCES, candidates


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    names = ["homes/app_db", "stores/lake", "flows/users", "flows/deep/orders", "environments/prod"]
    monkeypatch.chdir(write_project(tmp_path, {f"{name}.yml": "" for name in names}))
    return tmp_path


def offered(*words: str) -> list[str]:
    return [word for word, _ in candidates(words)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sh", ["show"]),
        ("show ", ["orders", "users"]),
        ("show u", ["users"]),
        ("go users ", ["orders", "users"]),
        ("go --fl", ["--flow"]),
        ("go --flow ", ["orders", "users"]),
        ("go --flow = ", ["orders", "users"]),
        ("go --flow=u", ["--flow=users"]),
        ("go -f users,o", ["users,orders"]),
        ("go --progress p", ["plain"]),
        ("new ", ["home", "store", "flow", "flows", "template"]),
        ("new flow x --home ", ["app_db"]),
        ("new flow x --store ", ["lake"]),
        ("new flows --from a", ["app_db"]),
        ("new home x --type cs", ["csv"]),
        ("new template flo", ["flow"]),
        ("destroy st", ["store"]),
        ("destroy store ", ["lake"]),
        ("destroy flow o", ["orders"]),
        ("--env ", ["prod"]),
        ("show users --env ", ["prod"]),
        ("completion ", ["bash", "zsh", "fish"]),
        ("types parq", ["parquet"]),
        ("validate ", [":files"]),
        ("go --log-file ", [":files"]),
        ("-C ", [":files"]),
        ("new home ", []),
        ("show users ", []),
        ("nonsense ", []),
        ("go -- --fl", []),
    ],
)
def test_what_may_follow_is_offered(project: Path, line: str, expected: list[str]) -> None:
    assert offered(*line.split(" ")) == expected


def test_a_project_elsewhere_is_looked_into(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    assert offered("show", "") == []
    assert offered("-C", str(project / "flows"), "show", "") == ["orders", "users"]


def test_names_that_a_shell_would_split_are_left_out(project: Path) -> None:
    (project / "flows" / "a b.yml").write_text("")
    (project / "flows" / "x;rm.yml").write_text("")
    assert offered("show", "") == ["orders", "users"]


def commands(tree: Command, path: str = "") -> list[tuple[str, Command]]:
    below = [commands(one, f"{path} {name}".strip()) for name, one in tree.commands.items()]
    return [(path, tree), *(found for group in below for found in group)]


def test_every_command_and_option_of_the_help_is_offered() -> None:
    for path, _ in commands(tree_of(app)):
        done = hygge(Path.cwd(), *path.split(), "--help", COLUMNS="200")
        assert done.returncode == 0, done.stderr
        shown = set(re.findall(r"(?<=[\s│])--[a-z][a-z-]+", done.stdout))
        assert shown <= set(offered(*path.split(), "--")) | {"--no-strict"}, path


def test_every_source_of_names_belongs_to_a_parameter() -> None:
    known = {
        (path, one.name) for path, command in commands(tree_of(app)) for one in command.parameters
    }
    known |= {("", name) for _, name in known}
    assert set(SOURCES) <= known


def test_asking_imports_nothing_heavy(project: Path) -> None:
    code = (
        "import sys; sys.argv[1:] = ['__complete', 'show', '']\n"
        "import hygge.__main__ as m; m.main()\n"
        "heavy = {'pydantic', 'pyarrow', 'yaml', 'jinja2', 'rich.console', 'hygge.project'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "orders\nusers\n"


def shell(name: str) -> str:
    """Return the shell's path; without it the test cannot run here."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed on this machine; .ci/run installs it where it may")
    return found


STARTS = {
    "bash": ["--norc", "--noprofile", "-i"],
    "zsh": ["-f", "-i"],
}


class Session:
    """A shell at a terminal that has loaded the completion script."""

    def __init__(self, name: str, place: Path) -> None:
        binaries = place / "bin"
        binaries.mkdir(exist_ok=True)
        script = binaries / "hygge"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hygge "$@"\n')
        script.chmod(0o755)
        environment = {
            **{key: os.environ[key] for key in ("HOME",) if key in os.environ},
            "PATH": f"{binaries}:/usr/local/bin:/usr/bin:/bin",
            "TERM": "dumb",
            "PS1": "ready> ",
            "ZDOTDIR": str(place),
        }
        self.child = pexpect.spawn(
            shell(name), STARTS[name], cwd=place, env=environment, encoding="utf-8", timeout=600,
            dimensions=(50, 300),
        )  # fmt: skip
        if name == "zsh":
            self.child.sendline(
                "unsetopt zle_bracketed_paste; PS1='ready> '; autoload -U compinit; compinit -D -u"
            )
        self.child.sendline(f'eval "$(hygge completion {name})"; echo load""ed')
        self.child.expect("loaded")
        self.child.expect_exact("ready> ")

    def completed(self, typed: str) -> str:
        """Return the arguments that a command line has after a tab."""
        self.child.send(f"hygge {typed}\t")
        self.child.expect_exact(f"hygge {typed}")
        self.child.send(" MARK")
        self.child.expect("MARK")
        line = f"{typed}{self.child.before}"
        # What is sent before the prompt is back, the terminal itself repeats. A shell that still
        # completes may swallow the key, so it is sent until the prompt is back.
        for _ in range(60):
            self.child.sendcontrol("c")
            if self.child.expect_exact(["ready> ", pexpect.TIMEOUT], timeout=10) == 0:
                break
        return re.sub(r"[\x00-\x1f]|\x1b\[[0-9;?]*[a-zA-Z]", "", line).strip()


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_a_real_shell_completes(name: str, project: Path) -> None:
    session = Session(name, project)
    assert session.completed("sho").split() == ["show"]
    assert session.completed("show us").split() == ["show", "users"]
    assert session.completed("go --flow=us").split() == ["go", "--flow=users"]
    assert session.completed("new flow x --home a").split() == [
        "new",
        "flow",
        "x",
        "--home",
        "app_db",
    ]
    assert session.completed("validate hyg").split() == ["validate", "hygge.yml"]


def test_fish_completes(project: Path) -> None:
    fish = shell("fish")
    script = (
        f"function hygge; {shlex.quote(sys.executable)} -m hygge $argv; end;"
        " hygge completion fish | source;"
        " complete -C 'hygge show '; complete -C 'hygge go --flow=us';"
        " complete -C 'hygge validate hyg'"
    )
    done = subprocess.run([fish, "-N", "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["orders", "users", "--flow=users", "hygge.yml"], done.stderr
