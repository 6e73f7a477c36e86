"""The table of all types moves between every two of six places, the same or refused by name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from servers import Mysql, Postgres, schema_name

from hygge.connector import HomeConfig, ProjectContext, StoreConfig
from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Move, Plan
from hygge.settings.move import MoveSettings
from hygge.testing.cases import CASES
from hygge.testing.reading import read_entity
from hygge.types.casting import exact_cast
from hygge.values.model import Outcome, Result

PLACES = ("postgres", "mysql", "sqlite", "duckdb", "parquet", "csv")
REFUSALS = {"HG501", "HG508", "HG511", "HG525", "HG535"}
ROWS = 20
LEAST_COLUMNS = 15
NO_SIGN_OF_ZERO = "mysql"
"""MariaDB keeps -0.0 as 0; hygge's log says so."""

Settings = dict[str, Any]


def torture() -> pa.Table:
    """Return every case as a column, filled up with nulls."""
    columns = {"id": pa.array(range(ROWS), pa.int64())}
    for name, make in CASES.items():
        array = make()
        if pa.types.is_null(array.type):
            continue
        rest = pa.nulls(ROWS - len(array), array.type)
        columns[re.sub(r"\W+", "_", name).strip("_")] = pa.concat_arrays([array, rest])
    return pa.table(columns)


@pytest.fixture
def settings_of(tmp_path: Path) -> Iterator[Callable[[str, str], Settings]]:
    """Return what a home or store of a type says; the servers' are dropped after the test."""
    made: list[Postgres | Mysql] = []

    def settings(kind: str, side: str) -> Settings:
        folder = tmp_path / side
        folder.mkdir(exist_ok=True)
        if kind in ("postgres", "mysql"):
            name = schema_name(folder)
            server = Postgres(name) if kind == "postgres" else Mysql(name)
            server.make()
            made.append(server)
            return server.settings()
        ending = {"sqlite": ".db", "duckdb": ".duckdb"}.get(kind, "")
        return {"type": kind, "path": str(folder / f"place{ending}")}

    yield settings
    for server in made:
        server.drop()


def move(tmp_path: Path, home: Settings, store: Settings, leave_out: list[str]) -> Outcome:
    made = Move(
        flow="pairs",
        entity="things",
        into="things",
        home_name="one",
        store_name="two",
        home=HomeConfig.create(home),
        store=StoreConfig.create(store),
        settings=MoveSettings(select=tuple(f"-{name}" for name in leave_out), retries=0),
        where="pairs.yml:1",
    )
    plan = Plan(ProjectContext(tmp_path), (made,))
    return run(plan, stop=Stop(), listen=lambda event: None).outcomes[0]


def move_what_can_be(tmp_path: Path, home: Settings, store: Settings, names: list[str]) -> set[str]:
    """Move, leaving out what is refused by name until the rest is taken; return the refused."""
    refused: list[str] = []
    while (outcome := move(tmp_path, home, store, refused)).result is not Result.OK:
        failure = outcome.failure
        assert failure is not None
        assert failure.code in REFUSALS, failure
        named = set(re.findall(r"column '([^']+)'", failure.message)) & set(names) - set(refused)
        assert named, failure
        assert failure.hint, failure
        refused += sorted(named)
    return set(refused)


def fill(tmp_path: Path, place: Settings) -> list[str]:
    """Put the table of all types into a place; return the columns that it took."""
    table = torture()
    start = {"type": "arrow", "path": str(tmp_path / "start")}
    (tmp_path / "start").mkdir()
    path = str(tmp_path / "start/things.arrow")
    with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    refused = move_what_can_be(tmp_path, start, place, table.schema.names)
    return [name for name in table.schema.names if name not in refused]


def read(tmp_path: Path, place: Settings, columns: list[str]) -> pa.Table:
    table = read_entity(HomeConfig.create(place).home(ProjectContext(tmp_path)), "things")
    return table.select(columns).sort_by("id").combine_chunks()


def plain(value: Any) -> Any:  # noqa: ANN401
    """Return a nested value as JSON has it."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return str(value) if isinstance(value, Decimal) else value


def is_same(one: pa.ChunkedArray, two: pa.ChunkedArray, *, has_signs: bool) -> bool:
    """Whether two columns hold the same values, the second seen as the type of the first."""
    kind = one.type
    if pa.types.is_map(kind) and not pa.types.is_nested(two.type):
        texts = [None if text is None else json.loads(text) for text in two.to_pylist()]
        pairs = [None if text is None else [(p["key"], p["value"]) for p in text] for text in texts]
        return bool(pairs == one.to_pylist())
    if kind == pa.uuid() and pa.types.is_string(two.type):
        uuids = [None if value is None else str(value) for value in one.to_pylist()]
        return bool(uuids == two.to_pylist())
    if pa.types.is_duration(kind) and pa.types.is_string(two.type):
        # Databases have intervals, read as their text; the stores' own suites compare them.
        return bool(one.is_null().equals(two.is_null()))
    if pa.types.is_nested(kind) and not pa.types.is_nested(two.type):
        texts = [None if text is None else json.loads(text) for text in two.to_pylist()]
        return bool(texts == plain(one.to_pylist()))
    copy = pa.chunked_array([exact_cast(chunk, kind) for chunk in two.chunks], kind)
    if not pa.types.is_floating(kind):
        return bool(copy.equals(one))
    shown = [[str(value) for value in column.to_pylist()] for column in (one, copy)]
    if not has_signs:
        shown = [["0.0" if text == "-0.0" else text for text in texts] for texts in shown]
    return shown[0] == shown[1]


@pytest.mark.parametrize("to", PLACES)
@pytest.mark.parametrize("of", PLACES)
def test_every_type_is_the_same_there_or_refused_by_name(
    tmp_path: Path, settings_of: Callable[[str, str], Settings], of: str, to: str
) -> None:
    one, two = settings_of(of, "one"), settings_of(to, "two")
    names = fill(tmp_path, one)
    refused = move_what_can_be(tmp_path, one, two, names)
    kept = [name for name in names if name not in refused]
    assert len(kept) >= LEAST_COLUMNS, f"refused: {sorted(refused)}"
    before, after = read(tmp_path, one, kept), read(tmp_path, two, kept)
    has_signs = NO_SIGN_OF_ZERO not in (of, to)
    different = [
        f"{name}: {before[name].type} → {after[name].type}"
        for name in kept
        if not is_same(before[name], after[name], has_signs=has_signs)
    ]
    assert different == []
