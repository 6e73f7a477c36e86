"""What a home may do beside reading an entity whole: a part of the `HomeSuite`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest

from hygge.connector import (
    Ability,
    Finding,
    Home,
    HomeConfig,
    ProjectContext,
    ReadRequest,
    Span,
    StoreConfig,
)
from hygge.errors import HomeError
from hygge.testing.cases import assert_same, plain_table
from hygge.testing.moving import left_open, open_files
from hygge.testing.reading import read_all, read_entity
from hygge.testing.suite import MANY, BusyError, HomeCases

NUMBERS = pa.table({"id": range(40), "amount": [None if n % 5 == 4 else n for n in range(40)]})
"""Rows with a number that some lack."""
LEVELS = {"ok", "warning", "error"}


def assert_findings(findings: Iterable[Finding]) -> None:
    """Raise `AssertionError` unless each has a text, and each problem a hint."""
    found = list(findings)
    assert found, "an examination reports at least one thing"
    for one in found:
        assert one.text
        assert one.level in LEVELS
        assert one.level == "ok" or one.hint, f"no hint for: {one.text}"


def assert_places(config: object, places: Iterable[str]) -> None:
    """Raise `AssertionError` unless each place is an absolute path or a URL."""
    for place in places:
        assert Path(place).is_absolute() or "://" in place, f"{config}: {place}"


def assert_config(config: HomeConfig | StoreConfig) -> None:
    """Raise `AssertionError` unless a config is registered, consistent and usable here."""
    assert config.registry.find(config.type_name) is type(config)
    assert config.type == config.type_name
    assert config.create(config) is config  # type: ignore[arg-type]
    assert all(name == name.lower() for name in config.aliases)
    assert not {*config.drivers} & {*config.missing_drivers()}
    assert config.missing()[0] == []
    assert config.extra is None or config.drivers, "an extra installs drivers"
    missing = config.missing_libraries()
    assert {*missing} <= {*config.libraries}
    if missing:
        pytest.skip(f"the system's {', '.join(missing)} is not installed on this machine")


class HomeOptions(HomeCases, is_base=True):
    """What a home may do for a flow, and must do right if it does."""

    primary_key: ClassVar[tuple[str, ...]] = ()
    """The key that `configure` declares of each table; `()` where it declares none."""

    def append(self, place: Path, entity: str, table: pa.Table) -> None:
        """Add rows to an entity, and make it where there is none, as its system does that.

        For homes with the abilities `SNAPSHOT` or `FILES`. Raises `BusyError` where nobody can
        write while a snapshot is held.
        """
        raise NotImplementedError("a home with these abilities defines `append` in its suite")

    def uncommitted(
        self, place: Path, entity: str, table: pa.Table
    ) -> AbstractContextManager[None] | None:
        """Hold a transaction open that has added rows; None where that cannot be.

        For homes that report a `Source.upper`.
        """
        return None

    def numbers(self, place: Path) -> HomeConfig:
        """Return the config of a home with one entity `numbers`."""
        return self.configure(place, {"numbers": NUMBERS})

    @pytest.mark.parametrize(("low", "high"), [(7, 23), (7, None), (None, 23), (60, 70)])
    @pytest.mark.parametrize("wanted", [1, 3])
    def test_a_range_leaves_out_no_row_of_its_own(
        self, tmp_path: Path, low: int | None, high: int | None, wanted: int
    ) -> None:
        home = self.numbers(tmp_path).home(ProjectContext(tmp_path))
        with home.open(ReadRequest("numbers")) as source:
            kind = source.schema.field("amount").type
            ends = [None if end is None else pa.scalar(end, kind) for end in (low, high)]
            source.within(Span("amount", *ends))
            read = read_all(source, wanted)
            assert source.total_rows in (None, read.num_rows)
        ids = read["id"].to_pylist()
        assert ids == sorted(set(ids)), "rows stay in order, each once"
        lowest, highest = (0 if low is None else low), (40 if high is None else high)
        inside = {n for n in range(40) if n % 5 == 4 or lowest <= n < highest}
        assert inside <= set(ids), "rows of the range and rows without a value are read"

    def test_a_range_of_few_columns_is_the_same_range(self, tmp_path: Path) -> None:
        home = self.numbers(tmp_path).home(ProjectContext(tmp_path))
        with home.open(ReadRequest("numbers")) as source:
            source.narrow(["id", "amount"])
            kind = source.schema.field("amount").type
            source.within(Span("amount", pa.scalar(7, kind), pa.scalar(23, kind)))
            ids = set(read_all(source, 2)["id"].to_pylist())
        assert {n for n in range(40) if n % 5 == 4 or 7 <= n < 23} <= ids

    def test_a_survey_agrees_with_opening(self, tmp_path: Path) -> None:
        tables = {"orders": plain_table(3), "order_lines": plain_table(9), "users": plain_table(2)}
        home = self.make_home(tmp_path, tables)
        facts = home.survey()
        assert [one.name for one in facts] == sorted(tables)
        assert [one.name for one in home.survey("order*")] == ["order_lines", "orders"]
        for one in facts:
            with home.open(ReadRequest(one.name)) as source:
                assert one.schema.equals(source.schema)
                assert one.primary_key == source.primary_key
            if one.rows is not None and not one.is_estimate:
                assert one.rows == tables[one.name].num_rows
            assert one.kind

    def test_an_examination_says_what_to_do(self, tmp_path: Path) -> None:
        home = self.make_home(tmp_path, {"things": plain_table(3)})
        list(home.examine())
        before = open_files()
        assert_findings(home.examine())
        assert not left_open(before)

    def test_a_key_is_declared_and_never_guessed(self, tmp_path: Path) -> None:
        home = self.make_home(tmp_path, {"things": plain_table(3)})
        with home.open(ReadRequest("things")) as source:
            assert source.primary_key == self.primary_key

    def test_rows_that_can_be_read_are_not_foreseen_to_fail(self, many: Home) -> None:
        with many.open(ReadRequest("things")) as source:
            assert source.estimated_rows is None or source.estimated_rows >= 0
            source.narrow(["id"])
            source.foresee()
            assert read_all(source, 2)["id"].to_pylist() == list(range(MANY))

    def test_the_share_that_was_read_grows_to_all(self, many: Home) -> None:
        shares = []
        with many.open(ReadRequest("things", batch_bytes=2**14)) as source:
            for split in source.splits(2):
                with source.read(split) as batches:
                    shares += [source.share_read() for _ in batches]
            shares.append(source.share_read())
        known = [share for share in shares if share is not None]
        assert known == sorted(known)
        assert all(0 <= share <= 1 for share in known)
        assert not known or known[-1] == 1

    def test_what_is_noted_are_sentences(self, tmp_path: Path) -> None:
        home = self.make_home(tmp_path, {"things": plain_table(3)})
        with home.open(ReadRequest("things")) as source:
            notes = [*source.notes()]
            read_all(source)
            notes += source.notes()
        assert all(isinstance(note, str) and note for note in notes)

    def test_sound_rows_are_not_put_aside(self, tmp_path: Path) -> None:
        home = self.make_home(tmp_path, {"things": plain_table(300)})
        aside: list[tuple[str, bytes, str]] = []
        with home.open(ReadRequest("things", quarantines=True)) as source:
            source.put_aside = lambda place, text, fault: aside.append((place, text, fault))
            read = read_all(source)
        assert aside == []
        assert_same(read, plain_table(300))

    def test_a_home_that_proves_its_values_refuses_what_is_too_large(self, tmp_path: Path) -> None:
        table = pa.table({"id": [1, 2], "name": ["x" * 5000, "y"]})
        home = self.make_home(tmp_path, {"things": table})
        request, proved = ReadRequest("things", max_value_bytes=1000), False
        with suppress(HomeError), home.open(request) as source:
            read_all(source)
            proved = source.is_proved
        assert not proved, "a source that is proved lets no larger value pass"

    # Bounds, snapshots and files that were moved before

    def test_the_upper_bound_is_a_value_of_its_column(self, tmp_path: Path) -> None:
        home = self.numbers(tmp_path).home(ProjectContext(tmp_path))
        with home.open(ReadRequest("numbers", watermark="id", reads_back=True)) as source:
            upper = source.upper
            assert upper is None or upper.type == source.schema.field("id").type

    def test_the_upper_bound_is_below_rows_that_may_still_come(self, tmp_path: Path) -> None:
        home = self.numbers(tmp_path).home(ProjectContext(tmp_path))
        late = pa.table({"id": pa.array([30], pa.int64()), "amount": pa.array([30], pa.int64())})
        held = self.uncommitted(tmp_path, "numbers", late)
        if held is None:
            return
        with held, home.open(ReadRequest("numbers", watermark="id", reads_back=True)) as source:
            assert source.upper is not None
            assert source.upper.as_py() < 30

    def test_rows_after_a_value_are_all_there(self, tmp_path: Path) -> None:
        home = self.numbers(tmp_path).home(ProjectContext(tmp_path))
        for after in (17, 39):
            request = ReadRequest("numbers", watermark="id", after=str(after))
            with home.open(request) as source:
                assert not source.is_exhausted
                found = read_all(source)["id"].to_pylist()
            assert {*range(after, 40)} <= {*found}
        with home.open(ReadRequest("numbers", watermark="id", after="100")) as source:
            assert not source.is_exhausted or source.splits(2) == []

    def test_a_snapshot_is_one_instant(self, tmp_path: Path) -> None:
        config = self.configure(tmp_path, {"one": plain_table(3), "two": plain_table(5)})
        home = config.home(ProjectContext(tmp_path))
        requests = [ReadRequest("one", watermark="id", reads_back=True)]
        read_entity(home, "one")
        before, added = open_files(), 0
        with home.snapshot(requests) as held:
            with home.open(ReadRequest("one", snapshot=held)) as source:
                assert_same(read_all(source), plain_table(3))
            if Ability.SNAPSHOT in config.can:
                with suppress(BusyError):
                    self.append(tmp_path, "two", plain_table(4, start=100))
                    added = 4
            with home.open(ReadRequest("two", snapshot=held)) as source:
                assert_same(read_all(source), plain_table(5))
        assert not left_open(before)
        assert read_entity(home, "two").num_rows == 5 + added

    def test_files_that_were_moved_are_left_out(self, tmp_path: Path) -> None:
        config = self.configure(tmp_path, {"other": plain_table(1)})
        if Ability.FILES not in config.can:
            pytest.skip("the home does not recognize new files")
        home = config.home(ProjectContext(tmp_path))
        moved: dict[str, str] = {}
        for number, rows in enumerate((5, 0, 7)):
            if rows:
                self.append(tmp_path, "grown", plain_table(rows, start=100 * number))
            with home.open(ReadRequest("grown", positions=moved)) as source:
                assert source.positions is not None
                assert source.positions.keys() >= moved.keys()
                assert not source.repeats
                assert source.total_rows in (None, rows)
                read = read_all(source, 2)
                assert read.num_rows == rows
                if rows:
                    assert_same(read, plain_table(rows, start=100 * number))
                moved = {**source.positions}
        assert len(moved) == 2
        assert read_entity(home, "grown").num_rows == 12

    def test_a_condition_and_a_query_of_its_own_choose_rows(self, tmp_path: Path) -> None:
        config = self.numbers(tmp_path)
        home = config.home(ProjectContext(tmp_path))
        if Ability.WHERE in config.can:
            with home.open(
                ReadRequest("numbers", where="id < 12 and amount is not null")
            ) as source:
                read = read_all(source, 2)
            assert read["id"].to_pylist() == [n for n in range(12) if n % 5 != 4]
        if Ability.QUERY in config.can:
            with home.open(ReadRequest("numbers", query="SELECT 7 AS seven")) as source:
                assert source.schema.names == ["seven"]
                assert [int(one) for one in read_all(source)["seven"].to_pylist()] == [7]

    # The config

    def test_the_config_is_what_yaml_says(self, tmp_path: Path) -> None:
        config = self.configure(tmp_path, {"things": plain_table(1)})
        assert_config(config)
        assert config.can <= set(Ability)
        assert all(isinstance(one, pa.Field) for one in config.type_samples().values())

    def test_places_are_known_without_a_look(self, tmp_path: Path) -> None:
        config = self.configure(tmp_path, {"things": plain_table(1)})
        nowhere = ProjectContext(tmp_path / "nowhere")
        places = config.places(nowhere, "things")
        assert_places(config, places)
        assert places == config.places(nowhere, "things")
        assert not set(places) & set(config.places(nowhere, "others"))
        assert not (tmp_path / "nowhere").exists()

    def test_bad_data_and_names_are_not_worth_another_attempt(self, many: Home) -> None:
        assert many.retry_after(ZeroDivisionError()) is None
        assert many.retry_after(pa.ArrowInvalid("bad data")) is None
        with pytest.raises(HomeError) as raised, many.open(ReadRequest("thigns")):
            pass
        assert many.retry_after(raised.value) is None
