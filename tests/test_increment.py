"""Appends and merges by a column that grows, run after run: no row lost, none doubled."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from memory import MemorySource, World, a_plan

from hygge.engine.coordinator import Stop, run
from hygge.incremental import increment
from hygge.values.model import Failure, Outcome, Result


class Runs:
    """A flow that appends table `a` by column `at`, run after run."""

    def __init__(self, root: Path, **settings: Any) -> None:  # noqa: ANN401
        self.world = World(batch_rows=7, splits=3)
        # A merge in memory adds rows, which shows which of them came.
        self.how = settings.pop("incremental", {})
        settings = {"mode": "append", "retries": 0, **settings}
        if settings["mode"] == "merge":
            settings["primary_key"] = "id"
        self.plan = a_plan(
            root, self.world, "a", incremental={"column": "at", **self.how}, **settings
        )

    def go(self, rows: pa.Table) -> Outcome:
        self.world.tables["a"] = rows
        (outcome,) = run(self.plan, stop=Stop(), listen=lambda _: None).outcomes
        return outcome

    def moved(self, rows: pa.Table) -> list[Any]:
        """Return the ids of the rows that came by this run."""
        before = self.ids()
        outcome = self.go(rows)
        assert outcome.result is Result.OK, outcome.failure
        return sorted((Counter(self.ids()) - Counter(before)).elements())

    def failure(self, rows: pa.Table) -> Failure:
        before = self.ids()
        failure = self.go(rows).failure
        assert failure is not None
        assert failure.code in ("HG538", "HG539")
        assert failure.hint
        assert self.ids() == before
        return failure

    def ids(self) -> list[Any]:
        chain = self.world.commits.get("a", [])
        return [one for _, moved in chain for one in moved["id"].to_pylist()]


def table(*rows: tuple[Any, Any], kind: pa.DataType | None = None) -> pa.Table:
    """Return rows of (id, at)."""
    values = [at for _, at in rows]
    return pa.table({"id": [one for one, _ in rows], "at": pa.array(values, kind or pa.int64())})


def test_rows_with_the_highest_value_come_once_in_whichever_run(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    assert runs.moved(table((1, 1), (2, 5), (3, 5))) == [1, 2, 3]
    assert runs.moved(table((1, 1), (2, 5), (3, 5), (4, 5))) == [4]
    assert runs.moved(table((5, 5), (4, 5), (3, 5), (2, 5), (6, 6))) == [5, 6]
    assert runs.moved(table((5, 5), (4, 5), (6, 6), (3, 5), (2, 5))) == []


def test_rows_that_are_the_same_in_all_columns_are_counted(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    assert runs.moved(table((1, 5), (1, 5))) == [1, 1]
    assert runs.moved(table(*[(1, 5)] * 5)) == [1, 1, 1]
    assert runs.moved(table(*[(1, 5)] * 5, (1, 6), (1, 6))) == [1, 1]
    assert runs.moved(table(*[(1, 5)] * 5, (1, 6), (1, 6))) == []


def test_a_row_that_goes_and_comes_is_no_other_row(tmp_path: Path) -> None:
    """The tied rows of a run are all that were read, not only those it moved."""
    runs = Runs(tmp_path)
    runs.moved(table((1, 5), (2, 5)))
    assert runs.moved(table((2, 5), (3, 5))) == [3]
    assert runs.moved(table((2, 5), (3, 5))) == []


@pytest.mark.parametrize("seed", range(5))
def test_whatever_grows_and_however_it_is_split(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    runs, home, low = Runs(tmp_path), [], 0
    for _ in range(8):
        # No row is added below what was seen before.
        home += [(chance.randrange(3), low + chance.randrange(3)) for _ in range(40)]
        low = max(at for _, at in home)
        chance.shuffle(home)
        runs.world.splits = chance.randrange(1, 6)
        runs.moved(table(*home))
    moved = Counter((row["id"], row["at"]) for row in runs.world.rows("a"))
    assert moved == Counter(home)


def test_values_keep_their_nanoseconds(tmp_path: Path) -> None:
    kind = pa.timestamp("ns", "UTC")
    at = 1_700_000_000_123_456_789
    runs = Runs(tmp_path)
    assert runs.moved(table((1, at), kind=kind)) == [1]
    assert runs.moved(table((1, at), (2, at + 1), (3, at - 1), kind=kind)) == [2]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.decimal128(38, 18), [Decimal("0.1"), Decimal("0.100000000000000001")]),
        (pa.float64(), [0.1, 0.1 + 2**-56, -0.0]),
        (pa.uint64(), [2**63, 2**64 - 1]),
        (pa.string(), ["", "a", "a ", "ä", "\U0001f600"]),
        (pa.string_view(), ["a", "b"]),
        (pa.large_string(), ["a", "b"]),
        (pa.float16(), [1.0, 1.5]),
        (pa.date32(), [1, 2]),
        (pa.timestamp("s", "Asia/Tokyo"), [1, 2]),
    ],
    ids=lambda one: str(one) if isinstance(one, pa.DataType) else "",
)
def test_every_type_goes_on_where_it_was(
    tmp_path: Path, kind: pa.DataType, values: list[Any]
) -> None:
    runs = Runs(tmp_path)
    grown = sorted(values)
    for number in range(1, len(grown) + 1):
        assert runs.moved(table(*enumerate(grown[:number]), kind=kind)) == [number - 1]


def test_years_beyond_four_digits_go_on(tmp_path: Path) -> None:
    year_12000, year_11000 = 316_500_000_000, 284_990_000_000
    kind = pa.timestamp("s")
    runs = Runs(tmp_path, incremental={"future": "include"})
    assert runs.moved(table((1, year_11000), kind=kind)) == [1]
    assert runs.moved(table((1, year_11000), (2, year_12000), kind=kind)) == [2]


def test_rows_without_a_value(tmp_path: Path) -> None:
    rows = table((1, 1.0), (2, None), (3, float("nan")), kind=pa.float64())
    assert "has no value in" in Runs(tmp_path / "fail").failure(rows).message
    skip = Runs(tmp_path / "skip", incremental={"nulls": "skip"})
    outcome = skip.go(rows)
    assert skip.ids() == [1]
    assert "2 rows with no value in 'at' were skipped" in outcome.notes
    assert skip.go(rows).notes == ("nothing new", "2 rows with no value in 'at' were skipped")
    include = Runs(tmp_path / "include", mode="merge", incremental={"nulls": "include"})
    for _ in range(2):
        include.go(rows)
    assert Counter(include.ids()) == {1: 1, 2: 2, 3: 2}
    append = Runs(tmp_path / "append", incremental={"nulls": "include"})
    assert "an append would duplicate" in append.failure(rows).message


@pytest.fixture(autouse=True)
def folders(tmp_path: Path) -> None:
    for name in ("fail", "skip", "include", "append", "lookback"):
        (tmp_path / name).mkdir()


@pytest.mark.parametrize(
    ("back", "told"),
    [({}, "1 row with a 'at' above 3.0 waits"), ({"lookback": 1}, "1 row was moved that the next")],
)
def test_only_rows_that_come_are_told_as_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back: dict[str, int], told: str
) -> None:
    """Not such as a policy leaves out, whatever the bound of the home is."""
    monkeypatch.setattr(MemorySource, "upper", pa.scalar(3.0))
    runs = Runs(tmp_path, mode="merge", incremental={"future": "skip", "nulls": "skip", **back})
    rows = table((1, 3.0), (2, 4.0), (3, 1e999), (4, float("nan")), (5, None), kind=pa.float64())
    notes = " ".join(runs.go(rows).notes)
    assert runs.ids() == ([1, 2] if back else [1])
    assert told in notes


FAR = 4_000_000_000


@pytest.mark.parametrize(
    ("kind", "far"), [(pa.timestamp("s"), FAR), (pa.date32(), 40_000), (pa.float64(), 1e999)]
)
def test_rows_ahead_of_the_clock(tmp_path: Path, kind: pa.DataType, far: float) -> None:
    rows = table((1, 1), (2, far), kind=kind)
    more = table((1, 1), (2, far), (3, 2), kind=kind)
    assert "is more than a day in the future" in Runs(tmp_path / "fail").failure(rows).message
    skip = Runs(tmp_path / "skip", incremental={"future": "skip"})
    assert skip.moved(rows) == [1]
    assert skip.moved(more) == [3]
    include = Runs(tmp_path / "include", mode="merge", incremental={"future": "include"})
    assert include.moved(rows) == [1, 2]
    assert 3 in include.moved(more)


def test_lookback_reads_again_what_may_have_changed(tmp_path: Path) -> None:
    back = Runs(tmp_path / "lookback", mode="merge", incremental={"lookback": 10})
    assert back.moved(table((1, 80), (2, 95), (3, 100))) == [1, 2, 3]
    assert 4 in back.moved(table((1, 80), (2, 95), (3, 100), (4, 91)))
    assert Counter(back.ids())[1] == 1
    append = Runs(tmp_path / "append", incremental={"lookback": 10})
    assert "lookback" in append.failure(table((1, 1))).message


def test_initial_is_where_the_first_run_begins(tmp_path: Path) -> None:
    runs = Runs(tmp_path, incremental={"initial": 5})
    assert runs.moved(table((1, 4), (2, 5), (3, 6))) == [2, 3]
    odd = Runs(tmp_path / "fail", incremental={"initial": "soon"})
    assert "initial" in odd.failure(table((1, 4))).message


def test_closed_ties_are_not_looked_at_again(tmp_path: Path) -> None:
    runs = Runs(tmp_path, incremental={"ties": "closed"})
    assert runs.moved(table((1, 5), (2, 5))) == [1, 2]
    assert runs.moved(table((1, 5), (2, 5), (3, 5), (4, 6))) == [4]


def test_more_ties_than_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(increment, "MOST_TIES", 20)
    rows = table(*[(n, 5) for n in range(21)])
    assert "more than 20 rows have" in Runs(tmp_path / "fail").failure(rows).message
    closed = Runs(tmp_path / "skip", incremental={"ties": "closed"})
    assert len(closed.moved(rows)) == 21
    merge = Runs(tmp_path / "include", mode="merge")
    assert len(merge.moved(rows)) == 21
    fewer = Runs(tmp_path / "lookback")
    assert len(fewer.moved(table(*[(n, 5) for n in range(25)], (99, 6)))) == 26


def test_ten_thousand_ties_are_kept(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    runs.world.batch_rows = 3_000
    rows = [(n, 5) for n in range(10_000)]
    assert len(runs.moved(table(*rows[:9_999]))) == 9_999
    assert runs.moved(table(*rows)) == [9_999]


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (pa.array([5, 5], pa.int32()), pa.int64()),
        (pa.array([5, 5], pa.int32()), pa.decimal128(12, 2)),
        (pa.array([1, 1], pa.timestamp("s")), pa.timestamp("us")),
        (pa.array([0.1, 0.1], pa.float32()), pa.float64()),
        (pa.array(["a", "a"]), pa.large_string()),
        (
            pa.array([Decimal("0.10"), Decimal("0.10")], pa.decimal128(5, 2)),
            pa.decimal128(20, 12),
        ),
    ],
    ids=lambda one: str(getattr(one, "type", one)),
)
def test_a_type_that_is_widened_between_runs(
    tmp_path: Path, narrow: pa.Array, wide: pa.DataType
) -> None:
    """Of the watermark and of another column: tied rows are known again."""
    runs = Runs(tmp_path, select=["id", "at"])
    assert runs.moved(pa.table({"id": [1, 2], "at": narrow, "x": narrow})) == [1, 2]
    widened = pa.concat_arrays([narrow.cast(wide), narrow.cast(wide)[:1]])
    assert runs.moved(pa.table({"id": [1, 2, 3], "at": widened, "x": widened})) == [3]


def test_a_watermark_that_the_type_of_today_cannot_hold(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    runs.moved(table((1, 300)))
    failure = runs.failure(table((1, 3), kind=pa.int8()))
    assert failure.code == "HG538"
    assert "changed from int64 to int8" in failure.message


def test_a_column_that_is_dropped_and_one_that_is_added(tmp_path: Path) -> None:
    """Rows are known again by the columns that are left."""
    runs = Runs(tmp_path)
    rows = table((1, 5), (2, 5))
    runs.moved(rows.append_column("x", [["a", "b"]]))
    assert runs.moved(rows) == []
    assert runs.moved(table((1, 5), (2, 5), (3, 5)).append_column("y", [[1, 2, 3]])) == [3]


def test_none_of_the_columns_is_left(tmp_path: Path) -> None:
    runs = Runs(tmp_path, select=["id"])
    rows = table((1, 5), (2, 5))
    assert runs.moved(rows) == [1, 2]
    runs.plan = replace(
        runs.plan,
        moves=(
            replace(
                runs.plan.moves[0],
                settings=runs.plan.moves[0].settings.model_copy(update={"select": ()}),
            ),
        ),
    )
    failure = runs.failure(rows.drop_columns(["id"]))
    assert failure.code == "HG538"


def test_the_watermark_need_not_be_moved(tmp_path: Path) -> None:
    runs = Runs(tmp_path, select=["id"])
    assert runs.moved(table((1, 5), (2, 5))) == [1, 2]
    assert runs.moved(table((1, 5), (2, 5), (3, 5))) == [3]


def test_a_limit_takes_no_row_for_the_last(tmp_path: Path) -> None:
    rows = table((1, 9), (2, 1), (3, 2))
    append = Runs(tmp_path / "append")
    append.plan = replace(append.plan, limit=1)
    assert "limit" in append.failure(rows).message
    merge = Runs(tmp_path / "include", mode="merge")
    whole, merge.plan = merge.plan, replace(merge.plan, limit=1)
    assert merge.moved(rows) == [1]
    merge.plan = whole
    assert set(merge.moved(rows)) == {1, 2, 3}


@pytest.mark.parametrize("kind", [pa.time64("us"), pa.bool_(), pa.binary()])
def test_a_column_that_does_not_grow_is_refused(tmp_path: Path, kind: pa.DataType) -> None:
    assert (
        "cannot be a watermark column"
        in Runs(tmp_path).failure(table((1, None), kind=kind)).message
    )
