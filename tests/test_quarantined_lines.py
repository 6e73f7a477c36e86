"""Lines that cannot be read as rows, put aside by a flow that says so."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from projects import hygge, parquet_rows, write_project

CONTENT = 'id,name\n1,x\n2\n"a"b,y\n3,z,\n4,w\n'
FLOW = "home: in\nstore: out\nentity: t\non_bad_row: quarantine\n"


def project(root: Path, flow: str = FLOW, content: str = CONTENT) -> Path:
    return write_project(
        root,
        {
            "homes/in.yml": "type: csv\npath: in\n",
            "stores/out.yml": "type: parquet\npath: out\n",
            "flows/t.yml": flow,
            "in/t.csv": content,
        },
    )


def lines(root: Path) -> list[tuple[str, ...]]:
    files = [str(path) for path in root.glob(".hygge/quarantine/t/t/*.lines.parquet")]
    query = "select _hygge_place, _hygge_line, _hygge_reason from read_parquet($1) order by 1"
    return duckdb.connect().execute(query, [files]).fetchall()


def test_lines_that_are_no_rows_are_put_aside_and_the_others_move(tmp_path: Path) -> None:
    project(tmp_path)
    done = hygge(tmp_path, "go")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 unreadable lines were quarantined" in done.stdout
    assert "line 3" in done.stdout
    assert parquet_rows(tmp_path / "out/t") == (2, 2)
    assert [(line, why) for _, line, why in lines(tmp_path)] == [
        ("2", "1 field for 2 columns"),
        ('"a"b,y', "text after a closing quote"),
        ("3,z,", "3 fields for 2 columns"),
    ]
    assert "in/t.csv, line 4, byte" in lines(tmp_path)[1][0]
    verified = hygge(tmp_path, "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_without_quarantine_the_first_such_line_ends_the_move(tmp_path: Path) -> None:
    project(tmp_path, FLOW.replace("on_bad_row: quarantine\n", ""))
    done = hygge(tmp_path, "go")
    assert done.returncode == 1
    assert "line 3" in done.stdout + done.stderr
    assert "on_bad_row: quarantine" in done.stdout + done.stderr
    assert not (tmp_path / "out/t").exists() or not list((tmp_path / "out/t").glob("*.parquet"))


@pytest.mark.parametrize("most", [0, 2])
def test_more_lines_than_allowed_end_the_move(tmp_path: Path, most: int) -> None:
    project(tmp_path, f"{FLOW}max_bad_rows: {most}\n")
    done = hygge(tmp_path, "go")
    assert done.returncode == 1
    assert "HG548" in done.stdout + done.stderr
    assert list(tmp_path.glob(".hygge/quarantine/t/t/*")) == []


def test_lines_of_masked_flows_are_put_aside_without_their_text(tmp_path: Path) -> None:
    project(tmp_path, f"{FLOW}columns: {{name: {{mask: redact}}}}\n")
    done = hygge(tmp_path, "go")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for _, line, _ in lines(tmp_path)] == [None, None, None]


def test_lines_and_rows_are_put_aside_side_by_side(tmp_path: Path) -> None:
    flow = f"{FLOW}columns: {{id: {{type: int64}}}}\n"
    project(tmp_path, flow, "id,name\n1,x\nq,y\n2\n3,z\n")
    done = hygge(tmp_path, "go")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 row was quarantined" in done.stdout
    assert "1 unreadable line was quarantined" in done.stdout
    assert parquet_rows(tmp_path / "out/t") == (2, 2)


def test_types_of_the_flow_are_read_as_the_home_writes_them(tmp_path: Path) -> None:
    rows = ("1;1.300,00;ja;05.11.2026", "2;x;nein;06.11.2026", "3;7,00;nein;07.11.2026")
    content = "\n".join(["id;amount;paid;at", *rows, ""])
    kinds = "amount: {type: 'decimal(12,2)'}, paid: {type: bool}, at: {type: date}"
    project(tmp_path, f"{FLOW}columns: {{{kinds}}}\n", content)
    (tmp_path / "homes/in.yml").write_text(
        "type: csv\npath: in\ndelimiter: ';'\ndecimal_point: ','\nthousands: '.'\n"
        "true_values: [ja]\nfalse_values: [nein]\ntimestamp_formats: ['%d.%m.%Y']\n"
    )
    done = hygge(tmp_path, "go")
    assert done.returncode == 0, done.stdout + done.stderr
    query = f"select * from '{tmp_path}/out/t/*.parquet' order by id"
    landed = duckdb.connect().execute(query).fetchall()
    assert landed == [
        (1, Decimal("1300.00"), True, date(2026, 11, 5)),
        (3, Decimal("7.00"), False, date(2026, 11, 7)),
    ]
    assert [line for _, line, _ in lines(tmp_path)] == ["2;x;nein;06.11.2026"]
