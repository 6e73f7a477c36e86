"""Every example runs, and leaves what it promises."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import duckdb
import pytest
from projects import write_project
from servers import postgres_url
from test_readme import plain, steps

from hygge.project.check import check

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"


def files(root: Path) -> dict[str, bytes]:
    """Return what lies in a project, without what a run leaves there."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not {"lake", "journal.db", "runs"} & set(path.relative_to(root).parts)
    }


def run(directory: Path, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows(query: str) -> list[tuple[object, ...]]:
    return duckdb.execute(query).fetchall()


def test_every_example_is_tested() -> None:
    names = {path.name for path in EXAMPLES.iterdir() if (path / "hygge.yml").is_file()}
    packages = {path.name for path in EXAMPLES.iterdir() if (path / "pyproject.toml").is_file()}
    assert packages == {"jsonarray"}, "its suites are in `testpaths`"
    assert names == {"quickstart", "flights", "warehouse", "incremental", "api"}


@pytest.mark.parametrize("name", ["quickstart", "flights", "warehouse", "incremental", "api"])
def test_an_example_has_no_mistakes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKER_TOKEN", "example-token")
    assert check(EXAMPLES / name).diagnostics == ()


def test_quickstart_is_what_init_writes(tmp_path: Path) -> None:
    run(tmp_path, "-m", "hygge", "init", "quickstart")
    assert files(tmp_path / "quickstart") == files(EXAMPLES / "quickstart")


def test_quickstart_moves_its_sample(tmp_path: Path) -> None:
    project = tmp_path / "quickstart"
    shutil.copytree(EXAMPLES / "quickstart", project, ignore=shutil.ignore_patterns("lake"))
    run(project, "-m", "hygge", "go")
    users, people = f"'{project}/data/lake/users/*.parquet'", f"'{project}/data/sample/users.csv'"
    original = f"read_csv({people}, all_varchar = true)"
    for source in (users, original):
        query = f"select count(*), count(email), min(postcode), max(name) from {source}"
        assert rows(query) == [(1000, 974, "0002", "Łucja Lindqvist")]
    orders, sales = f"'{project}/data/lake/orders/*.parquet'", f"'{project}/data/sample/orders.csv'"
    total = "select count(*), sum(amount::decimal(10,2))::varchar, typeof(max(amount)) from"
    assert rows(f"{total} {orders}") == [(*rows(f"{total} {sales}")[0][:2], "DECIMAL(10,2)")]
    columns = [row[0] for row in rows(f"describe from {orders}")]
    assert columns[-2:] == ["customer_note", "_hygge_loaded_at"]


def test_flights_are_the_same_in_all_three_formats(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    project = tmp_path / "flights"
    shutil.copytree(EXAMPLES / "flights", project, ignore=shutil.ignore_patterns("data", ".hygge"))
    cache = request.config.cache
    assert cache is not None
    (project / "data").mkdir()
    (project / "data" / "raw").symlink_to(cache.mkdir("nycflights13"))
    run(project, "fetch.py")
    run(project, "-m", "hygge", "go")
    checked = run(project, "check.py")
    assert checked.splitlines() == [
        "airlines          16 rows  same in all three",
        "airports       1,458 rows  same in all three",
        "flights      336,776 rows  same in all three",
        "planes         3,322 rows  same in all three",
        "weather       26,115 rows  same in all three",
    ]


def test_the_warehouse_is_the_shop_in_all_three_places(tmp_path: Path) -> None:
    project = tmp_path / "warehouse"
    shutil.copytree(EXAMPLES / "warehouse", project, ignore=shutil.ignore_patterns("data"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_DB_URL", postgres_url())
        lines = run(project, "run.py").splitlines()
    checked = [line for line in lines if line.endswith("same in all three")]
    assert len(checked) == 10
    assert "orders        30,000 rows  same in all three" in checked
    columns = [row[0] for row in rows(f"describe from '{project}/data/lake/customers/*.parquet'")]
    assert columns == ["id", "country", "preferences", "signed_up", "loyalty"]


def test_the_story_of_three_days_goes_as_its_readme_tells(tmp_path: Path) -> None:
    project = tmp_path / "incremental"
    shutil.copytree(
        EXAMPLES / "incremental", project, ignore=shutil.ignore_patterns("data", "lake")
    )
    told = steps((project / "README.md").read_text("utf-8"))
    assert [command for command, _ in told].count("hygge verify") == 2
    for command, shown in told:
        words = command.split()
        if words[0] in ("cp", "mkdir"):
            subprocess.run(words, cwd=project, check=True)
            continue
        assert timeless(run(project, "-m", *words).splitlines()) == timeless(shown), command
    total = f"select count(*), sum(amount)::varchar from '{project}/lake/orders/*.parquet'"
    assert rows(total) == [(6, "257.40")]


def test_api_is_moved_on_three_days(tmp_path: Path) -> None:
    project = tmp_path / "api"
    shutil.copytree(EXAMPLES / "api", project, ignore=shutil.ignore_patterns("data"))
    days = [line for line in run(project, "run.py").splitlines() if line.startswith("day ")]
    assert [line.split(", ")[0] for line in days] == [
        "day 1: 120 issues",
        "day 2: 130 issues",
        "day 3: 140 issues",
    ]
    assert all(line.endswith("same as the API") for line in days)
    assert int(days[2].split(", ")[1].split()[0]) < int(days[0].split(", ")[1].split()[0])
    with duckdb.connect(str(project / "data/warehouse.duckdb"), read_only=True) as warehouse:
        figures = "count(*), sum(hours)::varchar, count(closed_by), typeof(max(updated_at))"
        found = warehouse.execute(f"SELECT {figures} FROM issues").fetchall()
    assert found == [(140, "2467.50", 12, "TIMESTAMP WITH TIME ZONE")]


def timeless(lines: list[str]) -> list[str]:
    return [re.sub(r" of [0-9T:-]+\)", " of …)", line) for line in plain(lines)]


def test_a_connector_of_a_package_of_its_own_is_found_and_moves_rows(tmp_path: Path) -> None:
    package = tomllib.loads((EXAMPLES / "jsonarray" / "pyproject.toml").read_text("utf-8"))
    project = package["project"]
    installed = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    lines = [
        f"[{group}]\n{name} = {place}\n"
        for group, points in project["entry-points"].items()
        for name, place in points.items()
    ]
    (installed / "entry_points.txt").write_text("".join(lines))
    root = write_project(
        tmp_path / "project",
        {
            "homes/api.yml": "type: jsonarray\npath: in\n",
            "stores/lake.yml": "type: jsonarray\npath: lake\n",
            "flows/users.yml": "home: api\nstore: lake\nmode: merge\nprimary_key: id\n",
            "in/users.json": '[{"id": 1, "name": "ann"}, {"id": 2, "score": 1.50}]',
        },
    )
    paths = os.pathsep.join(map(str, (ROOT, tmp_path, EXAMPLES / "jsonarray")))
    for words in (["go"], ["go"]):
        done = subprocess.run(
            [sys.executable, "-m", "hygge", *words],
            cwd=root,
            env={**os.environ, "PYTHONPATH": paths, "COLUMNS": "120"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    (file,) = (root / "lake" / "users").glob("[!_]*.json")
    lines = ['{"id":1,"name":"ann","score":null}', '{"id":2,"name":null,"score":1.5}']
    assert file.read_text() == "[\n" + ",\n".join(lines) + "\n]\n"
