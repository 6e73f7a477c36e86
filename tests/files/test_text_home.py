"""Settings of single entities of a home of text files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from projects import hygge, parquet_rows, write_project
from pydantic import ValidationError

from hygge.connector import HomeConfig, ProjectContext, ReadRequest
from hygge.testing.reading import read_entity


def test_an_entity_is_read_by_its_own_settings(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("id;n\n1;2,5\n")
    (tmp_path / "orders_old.csv").write_bytes("id|n\n1|é\n".encode("cp1252"))
    (tmp_path / "users.csv").write_text("id,n\n1,x\n")
    own = {
        "ord*": {"delimiter": "|", "encoding": "cp1252"},
        "orders": {"delimiter": ";", "decimal_point": ","},
    }
    data = {"type": "csv", "path": ".", "entities": own, "types": {"id": "int8"}}
    home = HomeConfig.create(data).home(ProjectContext(tmp_path))
    assert read_entity(home, "orders").to_pylist() == [{"id": 1, "n": 2.5}]
    assert read_entity(home, "orders_old").to_pylist() == [{"id": 1, "n": "é"}]
    assert read_entity(home, "users").to_pylist() == [{"id": 1, "n": "x"}]
    assert {str(read_entity(home, name).schema.field("id").type) for name in own if "*" not in name}


def test_json_has_settings_of_single_entities_too(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"n": "é"}\n', encoding="utf-16")
    (tmp_path / "b.jsonl").write_text('{"n": "é"}\n', encoding="utf-8")
    data = {"type": "jsonl", "path": ".", "entities": {"a": {"encoding": "utf-16"}}}
    home = HomeConfig.create(data).home(ProjectContext(tmp_path))
    assert read_entity(home, "a").equals(read_entity(home, "b"))


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"delimitr": ";"}, "'delimitr'; did you mean 'delimiter'"),
        ({"path": "elsewhere"}, "'path'"),
        ({"delimiter": "x"}, "delimiter: must be one or more characters"),
        ({"thousands": ";"}, "thousands: "),
        ({"thousands": "."}, "thousands and decimal_point"),
    ],
)
def test_settings_of_an_entity_are_checked(settings: dict[str, str], what: str) -> None:
    with pytest.raises(ValidationError) as raised:
        HomeConfig.create({"type": "csv", "path": ".", "entities": {"orders": settings}})
    assert "entity 'orders'" in str(raised.value)
    assert what in str(raised.value)


def test_a_flow_moves_entities_by_their_own_settings(tmp_path: Path) -> None:
    write_project(
        tmp_path,
        {
            "homes/in.yml": "type: csv\npath: in\nentities:\n  b:\n    delimiter: ';'\n"
            "  c: {delimiter: ';'}\n",
            "stores/out.yml": "type: parquet\npath: out\n",
            "flows/f.yml": "home: in\nstore: out\nentities: [a, b]\n",
            "in/a.csv": "id,n\n1,x\n",
            "in/b.csv": "id;n\n1;x\n2;y\n",
        },
    )
    done = hygge(tmp_path, "go")
    assert done.returncode == 0, done.stdout + done.stderr
    assert parquet_rows(tmp_path / "out/a", "count(*), count(n)") == (1, 1)
    assert parquet_rows(tmp_path / "out/b", "count(*), count(n)") == (2, 2)
    assert "'c'" in hygge(tmp_path, "doctor").stdout


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "jsonl.gz"])
def test_how_much_was_read_is_known_from_the_size_of_the_files(tmp_path: Path, ending: str) -> None:
    lines = [f"{n},{n * 7919 % 100_003}" for n in range(60_000)]
    head = "id,n\n"
    if ending.startswith("jsonl"):
        lines, head = [json.dumps({"id": n, "n": n * 7919 % 100_003}) for n in range(60_000)], ""
    text = (head + "\n".join(lines) + "\n").encode()
    for name in ("1", "2"):
        (tmp_path / "t").mkdir(exist_ok=True)
        packed = gzip.compress(text) if ending.endswith("gz") else text
        (tmp_path / "t" / f"{name}.{ending}").write_bytes(packed)
    home = HomeConfig.create({"type": ending.split(".")[0], "path": "."})
    shares: list[float | None] = []
    with home.home(ProjectContext(tmp_path)).open(ReadRequest("t", batch_bytes=2**17)) as source:
        (split,) = source.splits(1)
        assert source.share_read() is None
        with source.read(split) as reader:
            shares = [source.share_read() for _ in reader]
        assert source.share_read() == 1.0
    assert None not in shares
    assert shares == sorted(shares, key=lambda share: share or 0)
    assert (shares[0] or 1) < 0.5
    assert len(set(shares)) > 4
