"""What git ignores, asked of git itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from boxes import SOUND
from projects import write_project

from hygge.project import check
from hygge.project.gitignore import is_ignored

ALONE = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
FILE = "data/shop/.env"


def git(root: Path, *words: str) -> int:
    return subprocess.run(["git", *words], cwd=root, env=ALONE, check=False).returncode


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    assert git(root, "init", "-q") == 0
    (root / "data/shop").mkdir(parents=True)
    (root / FILE).write_text("A=1\n")
    return root


@pytest.mark.parametrize("folder", ["", "data", "data/shop"])
@pytest.mark.parametrize(
    "rules",
    [
        *(".env", "/.env", "!.env", ".env/", "*.env", ".en?", ".[a-f]nv", "[!x]env", "[^x]env"),
        *("\\.env", ".env ", ".env\\ ", " .env", ".env\t", "# .env", "\\#.env", "\ufeff.env"),
        *("shop", "shop/", "/shop/", "data/shop", "shop/.env", "/data/shop/.env", "data/.env"),
        *("**", "*", "/*", "**/.env", "/**/.env", "**/shop/**", "data/**", "data/**/.env"),
        *("shop/**", "***/.env", "//", "shop//", ".ENV", "./.env", "*/.env", "*/*/.env"),
        *("*\n!.env", "*\n!*/\n!.env", ".env\n!**/.env", "!.env\n.env", "shop\n!.env", "\n\n"),
    ],
)
def test_what_git_ignores_is_known(repository: Path, rules: str, folder: str) -> None:
    path = repository / folder / ".gitignore"
    path.write_text(rules + "\n", "utf-8")
    try:
        ignored = git(repository, "check-ignore", "-q", "--no-index", FILE) == 0
        assert is_ignored(repository / FILE, repository) is ignored
    finally:
        path.unlink()


def test_a_rule_above_the_project_counts_as_git_counts_it(tmp_path: Path) -> None:
    root = write_project(tmp_path / "shop", {**SOUND, ".env": "A=1\n"})
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("/.env\n")
    assert [one.code for one in check(root).diagnostics] == ["HG402"]
    (tmp_path / ".gitignore").write_text("shop/.env\n")
    assert check(root).diagnostics == ()
