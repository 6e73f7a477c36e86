"""The suite that every home passes.

class TestLedgerHome(HomeSuite):
    exemptions = {"date64": "never: the ledger has no such type"}

    def configure(self, place, tables):
        ...write each table under its name...
        return HomeConfig.create({"type": "ledger", ...})

    def spoil(self, place, entity):
        ...make the entity break while it is read...
"""

from __future__ import annotations

import pickle
from abc import abstractmethod
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from hygge.connector import Home, HomeConfig, ProjectContext, Purpose, ReadRequest
from hygge.errors import HomeError
from hygge.testing.cases import CASES, assert_same, case_table, plain_table
from hygge.testing.home_options import HomeOptions
from hygge.testing.moving import left_open, open_files
from hygge.testing.reading import read_entity, read_split
from hygge.testing.suite import MANY

AWKWARD_NAMES = (
    "with blank",
    "dotted.name",
    "Ünïcode 中文",
    "UPPER",
    "quote'\"`",
    "semi;colon & ${dollar}",
    "[brackets]*?",
    "percent%20",
    "a=b",
    "-dash",
    "x" * 200,
)


class HomeSuite(HomeOptions, is_base=True):
    """What a home promises, as tests. Subclass it, name the class `Test…`, fill two methods."""

    @pytest.mark.parametrize("case", CASES)
    def test_a_type_comes_back_exactly(self, tmp_path: Path, case: str) -> None:
        table = case_table(case)
        home = self.make_home(tmp_path, {"things": table})
        assert_same(read_entity(home, "things"), self.expected(case, table))

    def test_zero_rows_keep_the_schema(self, tmp_path: Path) -> None:
        table = plain_table(1)
        home = self.make_home(tmp_path, {"full": table, "empty": table.slice(1)})
        with home.open(ReadRequest("empty")) as source:
            assert len(source.splits(3)) >= 1
        empty, full = read_entity(home, "empty", wanted=3), read_entity(home, "full")
        assert empty.num_rows == 0
        assert empty.schema.equals(full.schema)

    def test_one_row_comes_back(self, tmp_path: Path) -> None:
        home = self.make_home(tmp_path, {"things": plain_table(1)})
        assert_same(read_entity(home, "things", wanted=4), plain_table(1))

    def test_batches_are_of_the_wanted_size_and_in_order(self, many: Home) -> None:
        wanted = 2**16
        with many.open(ReadRequest("things", batch_bytes=wanted)) as source:
            (split,) = source.splits(1)
            with source.read(split) as reader:
                batches = list(reader)
        assert len(batches) > 1
        assert all(batch.nbytes <= 4 * wanted for batch in batches)
        assert_same(pa.Table.from_batches(batches), plain_table(MANY))

    def test_the_schema_is_known_before_the_first_batch(self, many: Home) -> None:
        with many.open(ReadRequest("things")) as source:
            assert source.schema.equals(plain_table(1).schema)
            assert source.total_rows in (None, MANY)

    @pytest.mark.parametrize("wanted", [1, 2, 3, 5, 16])
    def test_splits_together_are_exactly_the_entity(self, many: Home, wanted: int) -> None:
        with many.open(ReadRequest("things")) as source:
            splits = source.splits(wanted)
        assert [split.number for split in splits] == list(range(len(splits)))
        assert 1 <= len(splits) <= wanted
        assert_same(read_entity(many, "things", wanted=wanted), plain_table(MANY))

    @pytest.mark.parametrize("columns", [["name"], ["id"], ["name", "id"]])
    def test_narrowed_to_some_columns_their_rows_stay(self, many: Home, columns: list[str]) -> None:
        with many.open(ReadRequest("things", batch_bytes=2**16)) as source:
            source.narrow(columns)
            assert {*columns} <= {*source.schema.names} <= {"id", "name"}
            tables = [read_split(source, split) for split in source.splits(2)]
        assert_same(pa.concat_tables(tables).select(columns), plain_table(MANY).select(columns))

    def test_a_split_survives_a_pickle(self, many: Home) -> None:
        with many.open(ReadRequest("things")) as source:
            splits = pickle.loads(pickle.dumps(source.splits(3)))
            tables = [read_split(source, split) for split in splits]
        assert_same(pa.concat_tables(tables), plain_table(MANY))

    def test_a_reader_reads_what_its_source_would(self, tmp_path: Path) -> None:
        config = self.configure(tmp_path, {"things": plain_table(MANY)})
        home = config.home(ProjectContext(tmp_path))
        with home.open(ReadRequest("things", batch_bytes=2**16)) as source:
            splits, reader = source.splits(3), source.reader()
            if config.reads_elsewhere:
                reader = pickle.loads(pickle.dumps(reader))
            reader, tables = home.attach(reader), []
            for split in splits:
                with reader.read(split) as batches:
                    tables.append(batches.read_all())
        assert_same(pa.concat_tables(tables), plain_table(MANY))

    def test_splits_are_read_at_once(self, many: Home) -> None:
        with many.open(ReadRequest("things", batch_bytes=2**16)) as source:
            splits = source.splits(4)
            with ThreadPoolExecutor(4) as pool:
                tables = list(pool.map(lambda split: read_split(source, split), splits))
        assert_same(pa.concat_tables(tables), plain_table(MANY))

    def test_a_look_takes_no_row_from_a_move(self, many: Home) -> None:
        for purpose in (Purpose.LOOK, Purpose.LOOK, Purpose.MOVE):
            with many.open(ReadRequest("things", purpose=purpose)) as source:
                tables = [read_split(source, split) for split in source.splits(2)]
            assert_same(pa.concat_tables(tables), plain_table(MANY))

    def test_rows_that_were_not_published_come_again(self, many: Home) -> None:
        for _ in range(2):
            with many.open(ReadRequest("things", purpose=Purpose.MOVE)) as source:
                (split,) = source.splits(1)
                assert_same(read_split(source, split), plain_table(MANY))
                source.settle(None)

    def test_positions_are_told_when_they_are_asked_for(self, many: Home) -> None:
        with many.open(ReadRequest("things")) as source:
            assert source.positions is None
        with many.open(ReadRequest("things", positions={})) as source:
            positions = source.positions
            if positions is None:
                return
            tables = [read_split(source, split) for split in source.splits(1)]
        assert_same(pa.concat_tables(tables), plain_table(MANY))
        assert all(isinstance(text, str) for pair in positions.items() for text in pair)
        with many.open(ReadRequest("things", positions=positions)) as source:
            assert (source.positions or {}).items() <= positions.items()
            assert sum(read_split(source, one).num_rows for one in source.splits(1)) == 0

    def test_a_split_can_be_read_again(self, many: Home) -> None:
        with many.open(ReadRequest("things")) as source:
            (split,) = source.splits(1)
            for _ in range(2):
                assert_same(read_split(source, split), plain_table(MANY))

    def test_an_early_stop_closes_everything(self, many: Home) -> None:
        read_entity(many, "things")
        before = open_files()
        with many.open(ReadRequest("things", batch_bytes=2**14)) as source:
            (split,) = source.splits(1)
            with source.read(split) as batches:
                assert batches.read_next_batch().num_rows > 0
        assert not left_open(before)

    def test_an_error_of_the_reader_closes_everything(self, many: Home) -> None:
        read_entity(many, "things")
        before = open_files()
        with pytest.raises(ZeroDivisionError), many.open(ReadRequest("things")) as source:
            (split,) = source.splits(1)
            with source.read(split) as batches:
                batches.read_next_batch()
                raise ZeroDivisionError
        assert not left_open(before)

    def test_what_breaks_while_it_is_read_raises(self, tmp_path: Path, many: Home) -> None:
        before = open_files()
        with pytest.raises(HomeError), many.open(ReadRequest("things")) as source:
            for number, split in enumerate(source.splits(2)):
                if number == 0:
                    self.spoil(tmp_path, "things")
                read_split(source, split)
        assert not left_open(before)

    def test_what_was_broken_before_raises(self, tmp_path: Path, many: Home) -> None:
        self.spoil(tmp_path, "things")
        with pytest.raises(HomeError) as raised:
            read_entity(many, "things")
        assert "things" in raised.value.message

    def test_an_unknown_entity_names_the_nearest(self, many: Home) -> None:
        with pytest.raises(HomeError) as raised, many.open(ReadRequest("thigns")):
            pass
        assert "thigns" in raised.value.message
        assert "did you mean 'things'?" in raised.value.message
        assert many.retry_after(raised.value) is None

    def test_entities_are_listed_by_pattern(self, tmp_path: Path) -> None:
        names = ["orders", "order_lines", "users"]
        home = self.make_home(tmp_path, {name: plain_table(1) for name in names})
        assert home.entities() == sorted(names)
        assert home.entities("order*") == ["order_lines", "orders"]
        assert home.entities("users") == ["users"]
        assert home.entities("nothing*") == []

    @pytest.mark.parametrize("name", AWKWARD_NAMES, ids=lambda name: name[:20])
    def test_an_awkward_name_is_listed_and_read(self, tmp_path: Path, name: str) -> None:
        home = self.make_home(tmp_path, {name: plain_table(3), "other": plain_table(1)})
        assert set(home.entities()) == {name, "other"}
        assert_same(read_entity(home, name), plain_table(3))

    def test_a_check_passes_and_leaves_nothing_open(self, many: Home) -> None:
        before = open_files()
        many.check()
        assert not left_open(before)


class FileHomeSuite(HomeSuite, is_base=True):
    """What a home of files promises beyond that. Subclass it and fill `type_name` and `write`."""

    type_name: ClassVar[str]
    """The home's type in YAML."""
    settings: ClassVar[Mapping[str, Any]] = {}
    """Further settings of the home."""

    @abstractmethod
    def write(self, table: pa.Table, path: Path) -> None:
        """Write `table` as one file."""

    def home(self, place: Path) -> Home:
        """Return the home of what is in `place`."""
        return self.config().home(ProjectContext(place))

    def config(self) -> HomeConfig:
        """Return the config of a home of the files in the project's root."""
        return HomeConfig.create({"type": self.type_name, "path": ".", **self.settings})

    @property
    def extension(self) -> str:
        """The extension of the files."""
        extensions: tuple[str, ...] = HomeConfig.registry.find(self.type_name).extensions  # type: ignore[attr-defined]
        return extensions[0]

    def configure(self, place: Path, tables: Mapping[str, pa.Table]) -> HomeConfig:
        """Write each table as one file."""
        for name, table in tables.items():
            self.write(table, place / f"{name}{self.extension}")
        return self.config()

    def spoil(self, place: Path, entity: str) -> None:
        """Truncate the file in its middle."""
        path = place / f"{entity}{self.extension}"
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])

    def append(self, place: Path, entity: str, table: pa.Table) -> None:
        """Write a further file into the folder of an entity."""
        folder = place / entity
        folder.mkdir(exist_ok=True)
        self.write(table, folder / f"part-{len(list(folder.iterdir()))}{self.extension}")

    @pytest.fixture
    def three(self, tmp_path: Path) -> Home:
        """A home whose entity `things` is three files with numbers in their names."""
        folder = tmp_path / "things"
        folder.mkdir()
        for number in (1, 2, 10):
            table = plain_table(100, start=number * 100)
            self.write(table, folder / f"part-{number}{self.extension}")
        return self.home(tmp_path)

    @pytest.mark.parametrize("wanted", [1, 2, 3, 8])
    def test_a_folder_of_files_is_one_entity_in_natural_order(
        self, three: Home, wanted: int
    ) -> None:
        expected = pa.concat_tables([plain_table(100, start=100 * n) for n in (1, 2, 10)])
        assert three.entities() == ["things"]
        assert_same(read_entity(three, "things", wanted=wanted), expected)

    def test_folder_names_become_columns(self, tmp_path: Path) -> None:
        for year, zone in (("2023", "01"), ("2024", "2")):
            folder = tmp_path / "things" / f"year={year}" / f"zone={zone}"
            folder.mkdir(parents=True)
            self.write(plain_table(2, start=int(year)), folder / f"x{self.extension}")
        read = read_entity(self.home(tmp_path), "things", wanted=2)
        assert read.column("year").to_pylist() == [2023, 2023, 2024, 2024]
        assert read.column("zone").to_pylist() == ["01", "01", "2", "2"]
        assert read.column("id").to_pylist() == [2023, 2024, 2024, 2025]

    @pytest.mark.parametrize("columns", [["year"], ["name", "year"], ["extra"], ["id", "extra"]])
    def test_narrowed_to_columns_of_folders_or_of_some_files_their_rows_stay(
        self, tmp_path: Path, columns: list[str]
    ) -> None:
        for year, rows in (("2023", 3), ("2024", 2)):
            folder = tmp_path / "things" / f"year={year}"
            folder.mkdir(parents=True)
            table = plain_table(rows)
            extra = table.append_column("extra", table.column("id"))
            self.write(extra if year == "2024" else table, folder / f"x{self.extension}")
        whole = read_entity(self.home(tmp_path), "things")
        with self.home(tmp_path).open(ReadRequest("things")) as source:
            source.narrow(columns)
            tables = [read_split(source, split) for split in source.splits(2)]
        assert_same(pa.concat_tables(tables).select(columns), whole.select(columns))
        assert whole.num_rows == 5

    def test_a_file_that_vanishes_is_worth_another_attempt(
        self, tmp_path: Path, three: Home
    ) -> None:
        with pytest.raises(HomeError) as raised, three.open(ReadRequest("things")) as source:
            (tmp_path / "things" / f"part-10{self.extension}").unlink()
            for split in source.splits(2):
                read_split(source, split)
        assert "part-10" in raised.value.message
        assert three.retry_after(raised.value) is not None

    def test_a_file_that_is_replaced_is_worth_another_attempt(
        self, tmp_path: Path, three: Home
    ) -> None:
        with pytest.raises(HomeError) as raised, three.open(ReadRequest("things")) as source:
            self.write(plain_table(5), tmp_path / "new")
            (tmp_path / "new").rename(tmp_path / "things" / f"part-1{self.extension}")
            for split in source.splits(1):
                read_split(source, split)
        assert "changed while it was read" in raised.value.message
        assert three.retry_after(raised.value) is not None
