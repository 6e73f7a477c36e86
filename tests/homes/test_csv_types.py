"""Types of delimited text over days: what values, formats, the flow and the store say of them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from projects import hygge, write_project


def project(root: Path, home: str = "", flow: str = "", kind: str = "csv") -> Path:
    return write_project(
        root,
        {
            "homes/src.yml": f"type: {kind}\npath: in\n{home}",
            "stores/out.yml": "type: parquet\npath: out\n",
            "flows/t.yml": f"home: src\nstore: out\n{flow}",
        },
    )


def put(root: Path, text: str, name: str = "t.csv") -> None:
    path = root / "in" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def go(root: Path, *arguments: str) -> str:
    done = hygge(root, "go", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def refused(root: Path) -> str:
    done = hygge(root, "go")
    assert done.returncode != 0, done.stdout
    assert not list((root / "out").rglob("*.parquet"))
    return done.stdout + done.stderr


def held(root: Path) -> tuple[list[str], list[tuple[object, ...]]]:
    files = f"read_parquet('{root}/out/t/*.parquet', union_by_name=true)"
    found = duckdb.connect().execute(f"select * from {files} order by all")
    assert found.description is not None
    return [str(column[1]) for column in found.description], found.fetchall()


def test_the_flow_s_string_is_the_text_of_the_file(tmp_path: Path) -> None:
    project(tmp_path, flow="columns: {v: {type: string}, d: {type: string}}\n")
    put(tmp_path, "v,d\n1.40,31/01/2024\n2.0,x\n007,\n")
    go(tmp_path)
    assert held(tmp_path)[1] == [("007", None), ("1.40", "31/01/2024"), ("2.0", "x")]


def test_amounts_keep_their_digits(tmp_path: Path) -> None:
    put(project(tmp_path), "v\n1.40\n12.00\n")
    go(tmp_path)
    types, rows = held(tmp_path)
    assert types == ["DECIMAL(18,2)"]
    assert [str(value) for (value,) in rows] == ["1.40", "12.00"]


def test_a_format_for_one_column_leaves_the_others_alone(tmp_path: Path) -> None:
    project(tmp_path, 'timestamp_formats: {d: "%Y%m%d"}\n')
    put(tmp_path, "id,d\n20240101,20240102\n")
    go(tmp_path)
    assert held(tmp_path)[0] == ["BIGINT", "DATE"]


def test_a_value_that_misses_its_column_s_format_names_its_line(tmp_path: Path) -> None:
    project(tmp_path, 'timestamp_formats: {d: ["%d/%m/%Y"]}\n')
    put(tmp_path, "id,d\n1,01/02/2024\n2,31/02/2024\n")
    said = refused(tmp_path)
    assert "line 3" in said
    assert "31/02/2024" in said


def test_a_declared_date_is_read_by_the_formats(tmp_path: Path) -> None:
    project(tmp_path, 'types: {d: date}\ntimestamp_formats: ["%d/%m/%Y"]\n')
    put(tmp_path, "d\n31/01/2024\n2024-02-01\n")
    go(tmp_path)
    assert held(tmp_path)[0] == ["DATE"]
    assert [str(day) for (day,) in held(tmp_path)[1]] == ["2024-01-31", "2024-02-01"]


def test_a_format_that_never_matches_is_refused_at_its_line(tmp_path: Path) -> None:
    project(tmp_path, 'timestamp_formats: ["DD/MM/YYYY"]\n')
    done = hygge(tmp_path, "validate")
    assert done.returncode == 1, done.stdout
    assert "homes/src.yml:3" in done.stdout + done.stderr
    assert "no directive" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        ("01234", "12345", "VARCHAR"),
        ("", "7", "VARCHAR"),
        ("a,b", "5", "VARCHAR"),
        ("7.5", "5", "DOUBLE"),
        ("7.5", "5.50", "DOUBLE"),
        ("5.50", "5", "DECIMAL(18,2)"),
        ("2024-01-01 10:00", "2024-01-02", "TIMESTAMP"),
        ("12345678901", "5", "BIGINT"),
    ],
)
@pytest.mark.parametrize("mode", ["replace", "append\nincremental: files"])
def test_a_type_never_flips_with_the_values_of_a_day(
    tmp_path: Path, first: str, second: str, kind: str, mode: str
) -> None:
    project(tmp_path, "delimiter: ';'\n", f"mode: {mode}\n")
    put(tmp_path, f"id;v\n1;{first}\n", "t/1.csv")
    go(tmp_path)
    if mode == "replace":
        (tmp_path / "in/t/1.csv").unlink()
    put(tmp_path, f"id;v\n2;{second}\n", "t/2.csv")
    go(tmp_path)
    types, rows = held(tmp_path)
    assert types == ["BIGINT", kind]
    if kind == "VARCHAR":
        assert rows[-1][1] == second


def test_a_full_refresh_takes_the_types_of_the_values(tmp_path: Path) -> None:
    project(tmp_path)
    put(tmp_path, "v\n01\n")
    go(tmp_path)
    put(tmp_path, "v\n1\n")
    go(tmp_path)
    assert held(tmp_path) == (["VARCHAR"], [("1",)])
    go(tmp_path, "--full-refresh")
    assert held(tmp_path) == (["BIGINT"], [(1,)])


def test_plan_and_go_say_which_value_made_a_column_text(tmp_path: Path) -> None:
    put(project(tmp_path), "name,k\nx,1\ny,2\nz,A7\n")
    planned = hygge(tmp_path, "plan").stdout
    for said in (planned, go(tmp_path)):
        assert "column 'k' is text because of 'A7'" in " ".join(said.split())
        assert "line 4" in said
        assert "'name' is text" not in said


def test_verify_reads_a_column_as_the_store_holds_it(tmp_path: Path) -> None:
    project(tmp_path)
    put(tmp_path, "v\n01\n")
    go(tmp_path)
    put(tmp_path, "v\n1\n")
    go(tmp_path)
    done = hygge(tmp_path, "verify")
    assert done.returncode == 0, done.stdout
    assert "equal" in done.stdout
