"""What a flow promises, and `guarantee:`, the least that it is asked for."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from projects import hygge, parquet_rows, write_project
from typer.testing import CliRunner, Result

from hygge.cli.app import app
from hygge.incremental.guarantee import check_promise, promise_of, way_to
from hygge.settings.move import Guarantee, MoveSettings

EXACTLY: Guarantee = "exactly-once"
EFFECTIVELY: Guarantee = "effectively-once"
AT_LEAST: Guarantee = "at-least-once"
LEVELS = (EXACTLY, EFFECTIVELY, AT_LEAST)
GIVEN: list[tuple[dict[str, Any], str]] = [
    ({}, EXACTLY),
    ({"mode": "append"}, AT_LEAST),
    ({"mode": "append", "incremental": "id"}, EXACTLY),
    ({"mode": "append", "incremental": {"column": "id", "ties": "closed"}}, EXACTLY),
    ({"mode": "append", "incremental": "files"}, EXACTLY),
    ({"mode": "merge"}, EFFECTIVELY),
    ({"mode": "merge", "incremental": "files"}, EFFECTIVELY),
    ({"mode": "merge", "incremental": "at"}, EXACTLY),
    ({"mode": "merge", "incremental": {"column": "at", "lookback": "1h"}}, EFFECTIVELY),
    ({"mode": "merge", "incremental": {"column": "at", "nulls": "include"}}, EFFECTIVELY),
    ({"mode": "merge", "incremental": {"column": "at", "future": "include"}}, EFFECTIVELY),
]
FILES = {
    "homes/in.yml": "type: parquet\npath: in\n",
    "stores/out.yml": "type: parquet\npath: out\n",
}


def settings(keys: dict[str, Any]) -> MoveSettings:
    key = {"primary_key": ["id"]} if keys.get("mode") == "merge" else {}
    return MoveSettings.model_validate({**keys, **key})


def project(root: Path, flow: str, **files: str) -> Path:
    named = {f"flows/{name}.yml": text for name, text in files.items()}
    write_project(root, {**FILES, "flows/users.yml": flow, **named})
    put(root, "users", range(10))
    return root


def put(root: Path, name: str, ids: range) -> Path:
    path = root / "in" / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"id": pa.array(ids, pa.int64())}), path)
    return path


def run(root: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["-C", str(root), *words])


def found(root: Path) -> list[dict[str, Any]]:
    told = json.loads(run(root, "validate", "--format", "json").stdout)
    diagnostics: list[dict[str, Any]] = told["diagnostics"]
    return diagnostics


@pytest.mark.parametrize(("keys", "level"), GIVEN)
def test_what_a_flow_gives_and_what_it_may_be_asked_for(keys: dict[str, Any], level: str) -> None:
    promise = promise_of(settings(keys))
    assert promise.level == level
    less = [promise.is_less_than(wanted) for wanted in LEVELS]
    assert less == [LEVELS.index(wanted) < LEVELS.index(level) for wanted in LEVELS]
    assert not promise.is_less_than(None)


@pytest.mark.parametrize(("keys", "level"), GIVEN)
@pytest.mark.parametrize("wanted", LEVELS)
def test_validate_refuses_what_a_flow_does_not_give_and_says_what_to_change(
    tmp_path: Path, keys: dict[str, Any], level: str, wanted: str
) -> None:
    key = {"primary_key": ["id"]} if keys.get("mode") == "merge" else {}
    flow = {"home": "in", "store": "out", **keys, **key, "guarantee": wanted}
    root = project(tmp_path, json.dumps(flow))
    codes = [one["code"] for one in found(root)]
    assert codes == (["HG226"] if LEVELS.index(wanted) < LEVELS.index(level) else [])


def test_the_way_out_is_one() -> None:
    append = settings({"mode": "append"})
    assert "mode: merge" in way_to(EFFECTIVELY, append)
    assert "mode: merge" not in way_to(EXACTLY, append)
    late = settings({"mode": "merge", "incremental": {"column": "at", "nulls": "include"}})
    assert way_to(EXACTLY, late).startswith("remove  nulls: include  from incremental")


def test_defaults_ask_it_of_every_flow_that_says_nothing_else(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        "home: in\nstore: out\nmode: append\n",
        other="home: in\nstore: out\nmode: append\nguarantee: at-least-once\n",
        third="home: in\nstore: out\n",
    )
    text = "name: test\ndefaults:\n  guarantee: exactly-once\n"
    (root / "hygge.yml").write_text(text, "utf-8")
    (told,) = found(root)
    assert (told["code"], told["line"]) == ("HG226", 3)
    assert told["file"].endswith("hygge.yml")
    assert told["message"].startswith("flow users guarantees at-least-once, less than required: ")
    gone = hygge(root, "go")
    assert gone.returncode == 3
    assert "HG226" in gone.stdout + gone.stderr
    assert not (root / "out").exists()


def test_the_entity_that_gives_less_is_named(tmp_path: Path) -> None:
    flow = (
        "home: in\nstore: out\nguarantee: effectively-once\nentities: [a, {name: b, mode: append}]"
    )
    (told,) = found(project(tmp_path, flow))
    assert told["line"] == 3
    assert told["message"].startswith("flow users (b) guarantees at-least-once")


def test_a_word_that_is_no_guarantee_is_an_error(tmp_path: Path) -> None:
    (told,) = found(project(tmp_path, "home: in\nstore: out\nguarantee: at-most-once\n"))
    assert "exactly-once" in json.dumps(told)


APPEND_FILES = "home: in\nstore: out\nentity: users\nmode: append\nincremental: files\n"


def change(root: Path) -> None:
    """Write a file that was moved anew."""
    path = put(root, "users", range(5, 20))
    os.utime(path, ns=(10**18, 10**18))


@pytest.mark.parametrize("wanted", [EXACTLY, EFFECTIVELY])
def test_a_file_that_changed_stops_a_move_whose_rows_would_be_doubled(
    tmp_path: Path, wanted: str
) -> None:
    root = project(tmp_path, f"{APPEND_FILES}guarantee: {wanted}\n")
    assert run(root, "go").exit_code == 0
    assert run(root, "go").exit_code == 0
    change(root)
    (planned,) = json.loads(run(root, "plan", "--json").stdout)["moves"]
    assert (planned["guarantee"], planned["failure"]["code"]) == (wanted, "HG554")
    done = run(root, "go")
    assert done.exit_code == 1
    assert "HG554" in done.output
    assert "users.parquet" in done.output
    assert parquet_rows(root / "out/users") == (10, 10)
    assert run(root, "go", "--full-refresh").exit_code == 0
    assert parquet_rows(root / "out/users") == (15, 15)


def test_a_flow_of_which_less_is_asked_adds_a_changed_file_again(tmp_path: Path) -> None:
    root = project(tmp_path, f"{APPEND_FILES}guarantee: at-least-once\n")
    assert run(root, "go").exit_code == 0
    change(root)
    assert run(root, "go").exit_code == 0
    assert parquet_rows(root / "out/users") == (25, 20)


def test_a_limit_leaves_rows_out_that_exactly_once_promises(tmp_path: Path) -> None:
    root = project(tmp_path, "home: in\nstore: out\nguarantee: exactly-once\n")
    done = run(root, "go", "--limit", "3")
    assert done.exit_code == 1
    assert "HG554" in done.output
    assert not list((root / "out").glob("users/*"))
    assert run(root, "go").exit_code == 0
    loose = project(tmp_path / "loose", "home: in\nstore: out\nguarantee: effectively-once\n")
    assert run(loose, "go", "--limit", "3").exit_code == 0


def test_plan_shows_what_is_asked_beside_what_is_given(tmp_path: Path) -> None:
    root = project(tmp_path, "home: in\nstore: out\nguarantee: effectively-once\n")
    told = run(root, "plan").stdout
    assert "guarantee exactly-once: " in told
    assert "required  effectively-once" in told
    assert "guarantee: effectively-once" in run(root, "show", "users").stdout


def test_a_plan_made_without_a_project_is_held_to_it_too() -> None:
    asked = settings({"mode": "append", "guarantee": EXACTLY})
    with pytest.raises(Exception, match="would break the guarantee of the flow") as caught:
        check_promise(asked, limit=None, again=())
    assert getattr(caught.value, "code", "") == "HG554"
