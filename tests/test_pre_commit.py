"""The hooks as pre-commit runs them: fetched from a repository, in repositories of others.

The hook of language python gets an environment of its own, built by pre-commit from this checkout
once for all tests. The other one takes the hygge on the PATH, by `pre-commit try-repo`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import write_project

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = (
    "hygge",
    "templates",
    ".pre-commit-hooks.yaml",
    "LICENSE",
    "README.md",
    "pyproject.toml",
)
SOUND = {
    "homes/files.yml": "type: parquet\npath: data/in\n",
    "stores/lake.yml": "type: parquet\npath: data/lake\n",
    "flows/users.yml": "home: files\nstore: lake\n",
}
Hook = Callable[[Path], subprocess.CompletedProcess[str]]


def run(where: Path, *words: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a command with nothing of this machine's git in it."""
    scripts = Path(sys.executable).parent
    settings = {
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "PRE_COMMIT_HOME": str(home / "pre-commit"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "Test",
        "GIT_AUTHOR_EMAIL": "test@example.org",
        "GIT_COMMITTER_NAME": "Test",
        "GIT_COMMITTER_EMAIL": "test@example.org",
        "NO_COLOR": "1",
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "PYTEST_"))}
    return subprocess.run(
        words,
        cwd=where,
        env={**inherited, **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def commit_all(where: Path, home: Path) -> None:
    for words in (["init", "-q"], ["add", "--all"], ["commit", "-q", "-m", "All of it"]):
        done = run(where, "git", *words, home=home)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pre-commit keeps what it has built, and where hygge's repository is published.

    One for all workers of a test run: pre-commit waits for another that builds an environment.
    """
    shared = tmp_path_factory.getbasetemp()
    home = (shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared) / "hooks"
    home.mkdir(exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "published").exists():
            publish(home / "new", home)
            (home / "new").rename(home / "published")
    return home


def publish(place: Path, home: Path) -> None:
    """Commit what an installation needs of this checkout to a repository of its own."""
    for name in PUBLISHED:
        source = ROOT / name
        if source.is_dir():
            skipped = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, place / name, ignore=skipped)
        else:
            shutil.copy(source, place / name)
    commit_all(place, home)


@pytest.fixture(params=["python", "system"])
def hook(
    request: pytest.FixtureRequest, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Hook:
    """Run one of the two hooks in a repository, as `git commit` would."""
    published = home / "published"

    def installed(repository: Path) -> subprocess.CompletedProcess[str]:
        rev = run(published, "git", "rev-parse", "HEAD", home=home).stdout.strip()
        config = f"repos: [{{repo: '{published}', rev: {rev}, hooks: [{{id: hygge-validate}}]}}]\n"
        (tmp_path_factory.getbasetemp() / "config.yaml").write_text(config)
        words = ("pre-commit", "run", "--config", f"{tmp_path_factory.getbasetemp()}/config.yaml")
        return run(repository, *words, home=home)

    def tried(repository: Path) -> subprocess.CompletedProcess[str]:
        words = ("pre-commit", "try-repo", str(published), "hygge-validate-system")
        return run(repository, *words, home=home)

    return installed if request.param == "python" else tried


def test_a_sound_project_passes(hook: Hook, tmp_path: Path, home: Path) -> None:
    commit_all(write_project(tmp_path, SOUND), home)
    done = hook(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Passed" in done.stdout


def test_a_mistake_stops_the_commit_and_is_shown(hook: Hook, tmp_path: Path, home: Path) -> None:
    wrong = {**SOUND, "flows/users.yml": "home: files\nstroe: lake\n"}
    commit_all(write_project(tmp_path, wrong), home)
    done = hook(tmp_path)
    assert done.returncode == 1
    assert "flows/users.yml:2:1: error[HG102]: unknown key 'stroe'" in done.stdout


def test_a_project_in_a_sub_folder_is_found(hook: Hook, tmp_path: Path, home: Path) -> None:
    wrong = {**SOUND, "flows/users.yml": "home: fiels\n"}
    write_project(tmp_path / "teams/shop", wrong)
    write_project(tmp_path / "teams/bank", SOUND)
    commit_all(tmp_path, home)
    done = hook(tmp_path)
    assert done.returncode == 1
    assert "teams/shop/flows/users.yml:1:7: error[HG202]" in done.stdout
    assert "Checked 2 homes, 2 stores, 2 flows" in done.stdout


def test_a_commit_that_only_deletes_a_home_is_stopped(
    hook: Hook, tmp_path: Path, home: Path
) -> None:
    commit_all(write_project(tmp_path, SOUND), home)
    assert run(tmp_path, "git", "rm", "-q", "homes/files.yml", home=home).returncode == 0
    done = hook(tmp_path)
    assert done.returncode == 1
    assert "flows/users.yml:1:7: error[HG202]: there is no home 'files'" in done.stdout


def test_a_repository_without_a_project_is_told_so(hook: Hook, tmp_path: Path, home: Path) -> None:
    (tmp_path / "README.md").write_text("No project yet.\n")
    commit_all(tmp_path, home)
    done = hook(tmp_path)
    assert done.returncode == 1
    assert "no project here" in done.stdout
    assert "- exit code: 2" in done.stdout
