"""A glob beside `{entity}`: each file belongs to one entity, or is refused by name."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest
from projects import hygge, write_project

from hygge.connectors.files.local.disk import LocalFiles
from hygge.connectors.files.reading.listing import Layout
from hygge.connectors.files.reading.patterns import PathPattern
from hygge.errors import HomeError


def layout(path: Path) -> Layout:
    return Layout(LocalFiles(), PathPattern(str(path), (".dat",)), (".dat",))


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def found(root: Path, path: str, entity: str, *siblings: str) -> list[str]:
    files = layout(root / path).find(entity, siblings=siblings)
    return [os.path.relpath(file.path, root) for file in files]


@pytest.mark.parametrize(
    ("path", "names", "expected"),
    [
        (
            "{entity}_*.dat",
            ["order_2024.dat", "order_items_2024.dat", "order_2024_01.dat", "users_a1_b.dat"],
            ["order", "order_items", "users"],
        ),
        ("*_{entity}.dat", ["2024_order.dat", "2024_order_items.dat"], ["order", "order_items"]),
        ("{entity}*.dat", ["order1.dat", "order.dat", "orders.dat"], ["order", "orders"]),
        ("{entity}-*/x.dat", ["order-1/x.dat", "order-items-1/x.dat"], ["order", "order-items"]),
        ("*_{entity}_*.dat", ["x1_order_items_01.dat"], ["order_items"]),
        ("{entity}_[0-9]*.dat", ["t2_items_2024.dat", "t2_2024.dat"], ["t2", "t2_items"]),
        ("{entity}_*/{entity}.dat", ["order_items_1/order_items.dat"], ["order_items"]),
        ("*/{entity}.dat", ["a/order_items.dat", "b/order.dat"], ["order", "order_items"]),
    ],
)
def test_a_listing_gives_each_file_to_the_longest_name_of_words(
    tmp_path: Path, path: str, names: list[str], expected: list[str]
) -> None:
    touch(tmp_path, *names)
    here = layout(tmp_path / path)
    entities = here.entities()
    assert entities == expected
    listed = [file.path for name in entities for file in here.find(name, siblings=entities)]
    assert sorted(os.path.relpath(one, tmp_path) for one in listed) == sorted(names)


@pytest.mark.parametrize(
    ("path", "other", "owner"),
    [
        ("{entity}_*.dat", "order_items_2024.dat", "order_items"),
        ("{entity}*.dat", "orders_2024.dat", "orders_"),
        ("*_{entity}.dat", "1_work_order.dat", "work_order"),
        ("{entity}_*/*.dat", "order_items_2024/1.dat", "order_items"),
    ],
)
def test_a_file_that_may_be_of_a_longer_name_is_refused(
    tmp_path: Path, path: str, other: str, owner: str
) -> None:
    touch(tmp_path, other)
    with pytest.raises(HomeError, match=f"{other.split('/')[0]}.* or to '{owner}'") as raised:
        found(tmp_path, path, "order")
    assert raised.value.code == "HG579"


def test_a_pattern_that_says_how_names_go_on_is_exact(tmp_path: Path) -> None:
    touch(tmp_path, "order_2024.dat", "order_2024_02.dat", "order_items_2024.dat")
    expected = ["order_2024.dat", "order_2024_02.dat"]
    assert found(tmp_path, "{entity}_[0-9]*.dat", "order") == expected
    assert found(tmp_path, "{entity}_*.dat", "order", "order_items") == expected
    assert found(tmp_path, "{entity}_*.dat", "order_items") == ["order_items_2024.dat"]


@pytest.mark.parametrize(
    ("flows", "command"),
    [
        ({"all": "entities: ['*']\n"}, ()),
        ({"all": "entities: [order, order_items]\n"}, ("--entity", "order")),
        ({"order": "", "order_items": ""}, ("order",)),
        ({"all": "entities: ['*']\nexclude: [order_items]\n"}, ()),
    ],
    ids=["all", "one of two", "another flow", "left out"],
)
def test_flows_tell_whose_a_file_is(
    tmp_path: Path, flows: dict[str, str], command: tuple[str, ...]
) -> None:
    write_project(
        tmp_path,
        {
            "homes/files.yml": "type: csv\npath: in/{entity}_*.csv\n",
            "stores/lake.yml": "type: parquet\npath: lake\n",
            **{f"flows/{n}.yml": f"home: files\nstore: lake\n{text}" for n, text in flows.items()},
        },
    )
    (tmp_path / "in").mkdir()
    (tmp_path / "in/order_2024.csv").write_text("id,total\n1,10\n")
    (tmp_path / "in/order_items_2024.csv").write_text("id,sku\n7,a\n8,b\n")
    result = hygge(tmp_path, "go", *command)
    assert result.returncode == 0, result.stdout + result.stderr
    rows = duckdb.connect().execute(f"from '{tmp_path}/lake/order/*.parquet'").fetchall()
    assert rows == [(1, 10)]


def test_a_flow_of_one_of_two_names_stops_and_says_why(tmp_path: Path) -> None:
    write_project(
        tmp_path,
        {
            "homes/files.yml": "type: csv\npath: in/{entity}_*.csv\n",
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "flows/order.yml": "home: files\nstore: lake\n",
        },
    )
    (tmp_path / "in").mkdir()
    (tmp_path / "in/order_2024.csv").write_text("id\n1\n")
    (tmp_path / "in/order_items_2024.csv").write_text("id\n7\n")
    result = hygge(tmp_path, "go")
    assert result.returncode == 1
    assert "HG579" in result.stdout + result.stderr
    assert not (tmp_path / "lake/order").exists()
    (tmp_path / "homes/files.yml").write_text("type: csv\npath: in/{entity}_[0-9]*.csv\n")
    assert hygge(tmp_path, "go").returncode == 0
    assert duckdb.connect().execute(f"from '{tmp_path}/lake/order/*.parquet'").fetchall() == [(1,)]
