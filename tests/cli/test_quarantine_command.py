"""`hygge quarantine`: rows that were put aside are shown, and moved again once they are right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from projects import hygge, write_project

REPLACE = ""
MERGE = "mode: merge\nprimary_key: id\nincremental: id\n"
APPEND = "mode: append\nincremental: id\n"
COLUMNS = "on_bad_row: quarantine\ncolumns: {amount: {type: int64}}\n"
BAD = "id,amount\n1,10\n2,many\n3,\n4,none\n5,50\n"
GOOD = "id,amount\n1,10\n2,20\n3,\n4,40\n5,50\n"


def project(root: Path, mode: str, content: str = BAD) -> None:
    write_project(
        root,
        {
            "homes/in.yml": "type: csv\npath: in\n",
            "stores/out.yml": "type: parquet\npath: out\n",
            "flows/sales.yml": f"home: in\nstore: out\nentity: t\n{mode}{COLUMNS}",
            "in/t.csv": content,
        },
    )


def rows(root: Path) -> list[tuple[int, int | None]]:
    query = f"select id, amount from read_parquet('{root}/out/t/*.parquet') order by id"
    return duckdb.connect().execute(query).fetchall()


def shown(root: Path, *words: str) -> dict[str, Any]:
    result = hygge(root, "quarantine", "show", *words, "--json")
    assert result.returncode == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_rows_that_were_put_aside_are_shown_by_run_and_reason(tmp_path: Path) -> None:
    project(tmp_path, MERGE)
    assert hygge(tmp_path, "go").returncode == 0
    answer = shown(tmp_path)
    assert answer["rows"] == 2
    (file,) = answer["files"]
    assert (file["flow"], file["entity"], file["state"], file["env"]) == ("sales", "t", "ok", None)
    assert {(one["column"], one["rows"]) for one in file["reasons"]} == {("amount", 1)}
    assert (tmp_path / file["file"]).is_file()
    text = hygge(tmp_path, "quarantine", "show", "sales").stdout
    assert file["run"] in text
    assert "many" in text
    assert "2 rows quarantined in 1 file" in text
    assert "hygge quarantine retry sales" in text
    assert shown(tmp_path, "other") == {"rows": 0, "files": []}


@pytest.mark.parametrize("mode", [REPLACE, MERGE])
def test_once_the_cause_is_fixed_a_retry_moves_them(tmp_path: Path, mode: str) -> None:
    project(tmp_path, mode)
    assert hygge(tmp_path, "go").returncode == 0
    assert rows(tmp_path) == [(1, 10), (3, None), (5, 50)]
    (before,) = shown(tmp_path)["files"]
    project(tmp_path, mode, GOOD)
    result = hygge(tmp_path, "quarantine", "retry", "sales")
    assert result.returncode == 0, result.stdout + result.stderr
    assert rows(tmp_path) == [(1, 10), (2, 20), (3, None), (4, 40), (5, 50)]
    assert shown(tmp_path) == {"rows": 0, "files": []}
    path = tmp_path / before["file"]
    assert (path.parent / "retried" / path.name).is_file()
    again = hygge(tmp_path, "quarantine", "retry", "sales")
    assert again.returncode == 0
    assert "sales has no quarantined rows" in again.stderr


def test_rows_that_are_still_bad_are_put_aside_again(tmp_path: Path) -> None:
    project(tmp_path, MERGE)
    hygge(tmp_path, "go")
    (before,) = shown(tmp_path)["files"]
    project(tmp_path, MERGE, GOOD.replace("40", "none"))
    assert hygge(tmp_path, "quarantine", "retry", "sales").returncode == 0
    (after,) = shown(tmp_path)["files"]
    assert after["run"] != before["run"]
    assert after["rows"] == 1
    assert rows(tmp_path) == [(1, 10), (2, 20), (3, None), (5, 50)]


def test_a_retry_that_fails_leaves_everything_where_it_is(tmp_path: Path) -> None:
    project(tmp_path, MERGE)
    hygge(tmp_path, "go")
    before = shown(tmp_path)
    (tmp_path / "in/t.csv").unlink()
    assert hygge(tmp_path, "quarantine", "retry", "sales").returncode == 1
    assert shown(tmp_path) == before
    assert rows(tmp_path) == [(1, 10), (3, None), (5, 50)]


def test_an_append_is_not_retried_for_it_would_double_rows(tmp_path: Path) -> None:
    project(tmp_path, APPEND)
    hygge(tmp_path, "go")
    project(tmp_path, APPEND, GOOD)
    refused = hygge(tmp_path, "quarantine", "retry", "sales")
    assert refused.returncode == 2
    assert "HG232" in refused.stderr
    assert "hygge go sales --full-refresh" in refused.stderr
    assert rows(tmp_path) == [(1, 10), (3, None), (5, 50)]
    assert "a value of 'id' above the watermark" in refused.stderr
    project(tmp_path, MERGE, GOOD)  # what the hint says
    assert hygge(tmp_path, "quarantine", "retry", "sales").returncode == 0
    assert rows(tmp_path) == [(1, 10), (2, 20), (3, None), (4, 40), (5, 50)]


def test_an_append_of_files_takes_corrected_rows_in_a_new_file(tmp_path: Path) -> None:
    mode = "mode: append\nincremental: files\n"
    project(tmp_path, mode)
    (tmp_path / "in/t").mkdir()
    (tmp_path / "in/t.csv").rename(tmp_path / "in/t/1.csv")
    hygge(tmp_path, "go")
    refused = hygge(tmp_path, "quarantine", "retry", "sales")
    assert "only these, into a new file and run  hygge go sales;" in refused.stderr
    (tmp_path / "in/t/2.csv").write_text("id,amount\n2,20\n4,40\n")
    assert hygge(tmp_path, "go", "sales").returncode == 0
    assert rows(tmp_path) == [(1, 10), (2, 20), (3, None), (4, 40), (5, 50)]


def test_a_retry_takes_only_what_its_environment_put_aside(tmp_path: Path) -> None:
    project(tmp_path, MERGE)
    write_project(tmp_path, {"environments/prod.yml": "stores: {out: {path: prod}}\n"})
    hygge(tmp_path, "go")
    hygge(tmp_path, "go", "--env", "prod")
    assert {one["env"] for one in shown(tmp_path)["files"]} == {None, "prod"}
    project(tmp_path, MERGE, GOOD)
    assert hygge(tmp_path, "quarantine", "retry", "sales", "--env", "prod").returncode == 0
    assert {one["env"] for one in shown(tmp_path)["files"]} == {None}
    assert rows(tmp_path) == [(1, 10), (3, None), (5, 50)]


def test_a_file_that_a_killed_run_left_is_named(tmp_path: Path) -> None:
    project(tmp_path, MERGE)
    hygge(tmp_path, "go")
    (file,) = shown(tmp_path)["files"]
    path = tmp_path / file["file"]
    path.write_bytes(path.read_bytes()[:40])
    (broken,) = shown(tmp_path)["files"]
    assert broken["problem"]
    text = hygge(tmp_path, "quarantine", "show")
    assert text.returncode == 0
    assert file["file"] in text.stdout


def test_lines_that_are_no_rows_have_no_column(tmp_path: Path) -> None:
    project(tmp_path, REPLACE, "id,amount\n1,10\n2\n")
    hygge(tmp_path, "go")
    (file,) = shown(tmp_path)["files"]
    assert file["reasons"] == [{"column": None, "reason": "1 field for 2 columns", "rows": 1}]
