"""`hygge state`: up to where flows have moved is shown, set and cleared, as commits."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from projects import write_project
from servers import Mysql, Postgres
from typer.testing import CliRunner, Result

from hygge.cli.app import app
from hygge.errors import FlowError, UsageError

TABLE = pa.table({"id": [1, 2, 3, 4], "n": [10, 20, 30, 40], "t": ["a", "b", "c", "d"]})
FLOW = "home: in\nstore: out\nentities: [users]\nprimary_key: id\nincremental: n\nmode: "


@pytest.fixture(params=["parquet", "sqlite", "duckdb", "postgres", "mysql"])
def store(request: pytest.FixtureRequest) -> dict[str, Any]:
    if request.param in ("postgres", "mysql"):
        server: Postgres | Mysql = request.getfixturevalue(request.param)
        return server.settings()
    return {"type": request.param, "path": "out" if request.param == "parquet" else "out.db"}


def project(root: Path, store: dict[str, Any], mode: str = "append") -> Path:
    files = {
        "homes/in.yml": "type: parquet\npath: in\n",
        "stores/out.yml": json.dumps(store),
        "flows/users.yml": FLOW + mode + "\n",
    }
    write_project(root, files)
    (root / "in").mkdir()
    pq.write_table(TABLE, root / "in" / "users.parquet")
    assert run(root, "go").exit_code == 0
    return root


def run(root: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["-C", str(root), *words])


def shown(root: Path) -> dict[str, Any]:
    done = run(root, "state", "show", "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)["entities"][0]
    return found


def test_what_is_set_is_a_commit_of_its_own_from_which_the_next_move_goes_on(
    tmp_path: Path, store: dict[str, Any]
) -> None:
    root = project(tmp_path, store)
    assert (shown(root)["watermark"]["value"], shown(root)["seq"]) == ("40", 1)
    dry = run(root, "state", "set", "users", "20", "--dry-run")
    assert "n = 40 -> n = 20" in dry.stdout
    assert shown(root)["seq"] == 1
    done = run(root, "state", "set", "users", "20")
    assert done.exit_code == 0, done.output
    now = shown(root)
    assert (now["watermark"]["value"], now["seq"], now["total_rows"]) == ("20", 2, 4)
    more = pa.table({"id": [5, 6], "n": [15, 20], "t": ["e", "f"]})
    pq.write_table(more, root / "in" / "users.parquet")
    assert run(root, "go").exit_code == 0
    after = shown(root)
    assert (after["seq"], after["total_rows"]) == (3, 5)
    told = run(root, "history").stdout
    assert "by hand: n = 40 -> n = 20 (" in told


def test_a_merge_reads_everything_again_after_clear_and_an_append_asks(
    tmp_path: Path,
) -> None:
    root = project(tmp_path, {"type": "sqlite", "path": "out.db"}, "merge")
    assert run(root, "state", "clear", "users").exit_code == 0
    assert shown(root)["watermark"] is None
    assert run(root, "go").exit_code == 0
    assert (shown(root)["watermark"]["value"], shown(root)["total_rows"]) == ("40", 4)
    (root / "flows" / "users.yml").write_text(FLOW + "append\n")
    assert run(root, "state", "clear", "users").exit_code == 0
    done = run(root, "go")
    assert done.exit_code == 1
    assert f"hygge -C {root} state set" in done.output
    assert run(root, "state", "set", "users", "41").exit_code == 0
    assert run(root, "go").exit_code == 0
    assert shown(root)["total_rows"] == 4


@pytest.mark.parametrize("value", ["x", "1.5", ""])
def test_a_value_that_does_not_fit_the_column_changes_nothing(tmp_path: Path, value: str) -> None:
    root = project(tmp_path, {"type": "sqlite", "path": "out.db"})
    done = run(root, "state", "set", "users", value)
    assert isinstance(done.exception, FlowError)
    assert done.exception.code == "HG553"
    assert shown(root)["seq"] == 1


def test_a_protected_project_is_changed_only_when_that_is_said(tmp_path: Path) -> None:
    root = project(tmp_path, {"type": "sqlite", "path": "out.db"})
    (root / "hygge.yml").write_text("name: test\nprotected: true\n")
    done = run(root, "state", "set", "users", "20")
    assert isinstance(done.exception, UsageError)
    assert (done.exception.code, shown(root)["seq"]) == ("HG221", 1)
    assert run(root, "state", "set", "users", "20", "--dry-run").exit_code == 0
    assert run(root, "state", "set", "users", "20", "--allow-protected").exit_code == 0
    assert shown(root)["seq"] == 2


def test_what_was_set_is_taken_back_by_undo(tmp_path: Path) -> None:
    root = project(tmp_path, {"type": "parquet", "path": "out"})
    assert run(root, "state", "set", "users", "20").exit_code == 0
    done = run(root, "undo", "users", "--yes")
    assert done.exit_code == 0, done.output
    assert (shown(root)["watermark"]["value"], shown(root)["total_rows"]) == ("40", 4)


def test_a_watermark_goes_back_by_a_number_or_by_a_length_of_time(tmp_path: Path) -> None:
    root = project(tmp_path, {"type": "parquet", "path": "out"})
    assert "n = 40 -> n = 25" in run(root, "state", "set", "users", "--back", "15").stdout
    assert shown(root)["watermark"]["value"] == "25"
    for wrong in ("1d", "-5", "much"):
        refused = run(root, "state", "set", "users", "--back", wrong)
        assert refused.exit_code != 0
    for words in ((), ("20", "--back", "5")):
        assert isinstance(run(root, "state", "set", "users", *words).exception, UsageError)
    assert shown(root)["watermark"]["value"] == "25"


def test_a_time_goes_back_by_days(tmp_path: Path) -> None:
    root = project(tmp_path, {"type": "parquet", "path": "out"})
    at = pa.array([datetime(2026, 1, 31, 12), datetime(2026, 1, 1)], pa.timestamp("us"))
    pq.write_table(pa.table({"id": [1, 2], "at": at}), root / "in" / "seen.parquet")
    flow = "home: in\nstore: out\nmode: append\nincremental: at\n"
    (root / "flows" / "seen.yml").write_text(flow)
    assert run(root, "go", "seen").exit_code == 0
    done = run(root, "state", "set", "seen", "--back", "1d")
    assert "at = 2026-01-31 12:00:00.000000 -> at = 2026-01-30 12:00:00.000000" in done.stdout
    assert run(root, "state", "set", "seen", "--back", "1000").exit_code != 0
