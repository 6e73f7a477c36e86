"""What pip installs works far from the checkout: templates included, third parties welcome."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.xdist_group("packaging")


class Installation:
    """A fresh virtual environment with hygge in it."""

    def __init__(self, place: Path, package: Path) -> None:
        venv.create(place, with_pip=True)
        self.bin = place / "bin"
        self.install(package)

    def install(self, package: Path) -> None:
        command = ["-m", "pip", "install", "--quiet", "--no-compile", str(package)]
        self.run(self.bin / "python", *command, directory=self.bin.parent)

    def hygge(self, directory: Path, *words: str) -> str:
        return self.run(self.bin / "hygge", *words, directory=directory)

    def run(self, program: Path, *words: str, directory: Path) -> str:
        environment = {key: os.environ[key] for key in os.environ if not key.startswith("PYTHON")}
        done = subprocess.run(
            [program, *words],
            cwd=directory,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def build(kind: str, place: Path) -> Path:
    command = [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", str(place)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    (package,) = place.iterdir()
    return package


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The wheel, installed."""
    place = tmp_path_factory.mktemp("wheel of hygge")
    return Installation(place / "venv", build("wheel", place / "dist"))


def check_first_run(hygge: Installation, place: Path) -> None:
    hygge.hygge(place, "init", "demo")
    hygge.hygge(place / "demo", "validate")
    hygge.hygge(place / "demo", "go")
    users = f"'{place}/demo/data/lake/users/*.parquet'"
    original = f"'{place}/demo/data/sample/users.csv'"
    counted = duckdb.execute(f"select count(*), sum(id) from {users}").fetchall()
    assert counted == duckdb.execute(f"select count(*), sum(id) from {original}").fetchall()
    assert counted == [(1000, 500500)]


def test_the_wheel_runs_its_first_project(installed: Installation, tmp_path: Path) -> None:
    check_first_run(installed, tmp_path)


def test_the_source_distribution_runs_its_first_project(tmp_path: Path) -> None:
    package = build("sdist", tmp_path / "dist")
    check_first_run(Installation(tmp_path / "venv", package), tmp_path)


PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "hygge-squares"
version = "1.0"
dependencies = ["hygge-data"]

[project.entry-points."hygge.homes"]
squares = "hygge_squares"
"""

CONNECTOR = '''
from contextlib import contextmanager

from hygge.connector import Home, HomeConfig, Source, Split


class SquaresHomeConfig(HomeConfig, type="squares"):
    """Counts, and squares what it counts."""

    upto: int
    """The last number."""

    def home(self, context):
        return SquaresHome(self)


class SquaresHome(Home):
    def __init__(self, config):
        self.config = config

    def check(self):
        pass

    def entities(self, pattern="*"):
        return ["squares"]

    @contextmanager
    def open(self, request):
        yield SquaresSource(self.config.upto)


class SquaresSource(Source):
    def __init__(self, upto):
        import pyarrow as pa

        self.upto = upto
        self.schema = pa.schema({"n": pa.int64(), "square": pa.int64()})

    def splits(self, wanted):
        return [Split(0, "all")]

    @contextmanager
    def read(self, split):
        import pyarrow as pa

        rows = [{"n": n, "square": n * n} for n in range(1, self.upto + 1)]
        yield pa.Table.from_pylist(rows, self.schema).to_reader()
'''


def test_a_connector_of_a_third_party_works_like_our_own(
    installed: Installation, tmp_path: Path
) -> None:
    package, project = tmp_path / "package", tmp_path / "project"
    package.mkdir()
    (package / "pyproject.toml").write_text(PYPROJECT)
    (package / "hygge_squares.py").write_text(CONNECTOR)
    installed.install(package)

    assert "Counts, and squares what it counts." in installed.hygge(tmp_path, "types")
    installed.hygge(tmp_path, "init", "project", "--bare")
    installed.hygge(project, "new", "home", "numbers", "--type", "squares", "upto=10")
    assert "type: squares\n" in (project / "homes" / "numbers.yml").read_text()
    installed.hygge(project, "new", "store", "lake", "--type", "parquet", "path=data/lake")
    installed.hygge(project, "new", "flow", "squares")
    installed.hygge(project, "validate")
    installed.hygge(project, "go")
    landed = f"'{project}/data/lake/squares/*.parquet'"
    assert duckdb.execute(f"select sum(square) from {landed}").fetchall() == [(385,)]
