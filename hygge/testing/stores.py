"""The suite that every store passes.

class TestLedgerStore(StoreSuite):
    exemptions = {"date64": "never: the ledger has no such type"}

    def configure(self, place):
        return StoreConfig.create({"type": "ledger", ...})

    def read(self, place, name, schema):
        ...return the rows of entity `name` as another tool than the store reads them...
"""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from hygge.connector import Mode, Part, Split, Store, StoreConfig
from hygge.errors import HyggeError, StoreError
from hygge.testing.cases import CASES, assert_same, case_table, plain_table
from hygge.testing.merging import MergeCases
from hygge.testing.moving import (
    SourceFailedError,
    accepted,
    broken,
    left_open,
    next_commit,
    open_files,
    write,
    write_request,
)
from hygge.testing.store_options import StoreOptions

AWKWARD_NAMES = (
    "with blank",
    "public.users",
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


class StoreSuite(MergeCases, StoreOptions, is_base=True):
    """What a store promises, as tests. Subclass it, name the class `Test…`, fill two methods."""

    @pytest.mark.parametrize("case", CASES)
    def test_a_type_comes_back_exactly(self, tmp_path: Path, store: Store, case: str) -> None:
        table = case_table(case)
        request = write_request()
        with store.open(request) as target:
            staged = accepted(target, table)
        write(store, [table], request=write_request())
        actual = self.read(tmp_path, "things", staged.schema)
        assert_same(actual, self.expected(case, staged))

    @pytest.mark.parametrize("case", CASES)
    def test_a_type_is_held_or_refused_by_name(self, store: Store, case: str) -> None:
        table = case_table(case).rename_columns(["id", "the column"])
        error, rows = None, 0
        with store.open(write_request()) as target:
            try:
                rows = target.stage(accepted(target, table).to_reader(), Split(0, "all")).rows
            except StoreError as refusal:
                error = refusal
            except pa.ArrowInvalid:
                # The flow casts rows to what `accept` returns, and reports what does not fit.
                return
        if error is None:
            assert rows == table.num_rows
        else:
            assert "the column" in error.message
            assert error.hint

    def test_nothing_is_there_before_the_first_commit(self, store: Store) -> None:
        with store.open(write_request()) as target:
            assert target.last_commit() is None
            assert target.schema() is None
            assert target.owner(1) is None

    def test_a_commit_is_remembered_whole(self, store: Store) -> None:
        commit = write(store, [plain_table(5), plain_table(2)], write_request())
        with store.open(write_request()) as target:
            found = target.last_commit()
            assert found is not None
            assert found.schema.equals(commit.schema)
            assert found == replace(commit, schema=found.schema)
            schema = target.schema()
            assert schema is not None
            assert schema.equals(commit.schema)

    @pytest.mark.parametrize("mode", [Mode.REPLACE, Mode.APPEND])
    def test_zero_rows_keep_the_schema(self, tmp_path: Path, store: Store, mode: Mode) -> None:
        write(store, [plain_table(0)], write_request(mode))
        with store.open(write_request()) as target:
            assert target.schema() == plain_table(0).schema
        assert self.rows(tmp_path).num_rows == 0

    def test_appending_zero_rows_keeps_the_rows(self, tmp_path: Path, store: Store) -> None:
        write(store, [plain_table(4)], write_request())
        commit = write(store, [plain_table(0)], write_request(Mode.APPEND))
        assert (commit.seq, commit.total_rows) == (2, 4)
        assert_same(self.rows(tmp_path), plain_table(4))

    @pytest.mark.parametrize("size", [1, 7, None])
    def test_batches_of_any_size_come_back(
        self, tmp_path: Path, store: Store, size: int | None
    ) -> None:
        write(store, [plain_table(200)], write_request(), rows=size)
        assert_same(self.rows(tmp_path), plain_table(200))

    def test_replacing_twice_leaves_the_rows_once(self, tmp_path: Path, store: Store) -> None:
        for start in (0, 100):
            write(store, [plain_table(10, start=start)], write_request())
        assert_same(self.rows(tmp_path), plain_table(10, start=100))

    def test_appending_twice_leaves_the_rows_twice(self, tmp_path: Path, store: Store) -> None:
        for _ in range(2):
            write(store, [plain_table(10)], write_request(Mode.APPEND))
        assert_same(self.rows(tmp_path), pa.concat_tables([plain_table(10)] * 2))

    def test_splits_come_back_in_their_order(self, tmp_path: Path, store: Store) -> None:
        tables = [plain_table(100, start=100 * n) for n in range(8)]
        request = write_request()
        with store.open(request) as target, ThreadPoolExecutor(4) as pool:
            splits = [Split(n, str(n)) for n in range(8)]
            parts = list(pool.map(target.stage, [table.to_reader() for table in tables], splits))
            commit = next_commit(target, request, parts, tables[0].schema)
            target.commit(list(reversed(parts)), commit)
        assert_same(self.rows(tmp_path), pa.concat_tables(tables))

    def test_a_part_survives_a_pickle(self, tmp_path: Path, store: Store) -> None:
        request, table = write_request(), plain_table(5)
        with store.open(request) as target:
            part = pickle.loads(pickle.dumps(target.stage(table.to_reader(), Split(0, "all"))))
            assert part.rows == 5
            target.commit([part], next_commit(target, request, [part], table.schema))
        assert_same(self.rows(tmp_path), table)

    def test_staging_a_split_again_replaces_it(self, tmp_path: Path, store: Store) -> None:
        request, table = write_request(), plain_table(5)
        with store.open(request) as target:
            target.stage(plain_table(9, start=50).to_reader(), Split(0, "first"))
            with pytest.raises(SourceFailedError):
                target.stage(broken(plain_table(9, start=70)), Split(0, "first"))
            part = target.stage(table.to_reader(), Split(0, "first"))
            target.commit([part], next_commit(target, request, [part], table.schema))
        assert_same(self.rows(tmp_path), table)

    def test_a_writer_stages_what_its_target_would(
        self, tmp_path: Path, store: Store, config: StoreConfig
    ) -> None:
        request, table = write_request(), plain_table(100)
        with store.open(request) as target:
            ready = accepted(target, table)
            writer = target.writer(ready.schema)
            halves = [ready.slice(0, 60), ready.slice(60)]
            parts: list[Part] = []
            for number in (0, 0, 1):  # one process died before it reported its part
                if config.stages_elsewhere:
                    writer = pickle.loads(pickle.dumps(target.writer(ready.schema)))
                part = writer.stage(halves[number].to_reader(), Split(number, "half"))
                parts = [*(one for one in parts if one.split != number), part]
            for part in parts:
                target.receive(part)
            target.commit(parts, next_commit(target, request, parts, table.schema))
        assert_same(self.rows(tmp_path), table)

    def test_what_is_staged_is_not_seen(self, tmp_path: Path, store: Store) -> None:
        write(store, [plain_table(3)], write_request())
        with store.open(write_request(Mode.APPEND)) as target:
            target.stage(plain_table(9).to_reader(), Split(0, "all"))
            assert_same(self.rows(tmp_path), plain_table(3))
        assert_same(self.rows(tmp_path), plain_table(3))

    @pytest.mark.parametrize("mode", [Mode.REPLACE, Mode.APPEND])
    def test_a_failure_in_mid_stream_changes_nothing(
        self, tmp_path: Path, store: Store, mode: Mode
    ) -> None:
        commit = write(store, [plain_table(30)], write_request())
        with (
            pytest.raises(SourceFailedError, match="connection was reset"),
            store.open(write_request(mode)) as target,
        ):
            target.stage(plain_table(7).to_reader(), Split(0, "good"))
            target.stage(broken(plain_table(30)), Split(1, "bad"))
        assert_same(self.rows(tmp_path), plain_table(30))
        with store.open(write_request()) as target:
            last = target.last_commit()
            assert last is not None
            assert (last.seq, last.run_id) == (1, commit.run_id)

    @pytest.mark.parametrize("mode", [Mode.REPLACE, Mode.APPEND])
    def test_a_failure_before_the_first_commit_leaves_nothing(
        self, tmp_path: Path, store: Store, mode: Mode
    ) -> None:
        with pytest.raises(SourceFailedError), store.open(write_request(mode)) as target:
            target.stage(broken(plain_table(30)), Split(0, "bad"))
        with store.open(write_request()) as target:
            assert target.last_commit() is None
            assert target.schema() is None
        write(store, [plain_table(2)], write_request(mode))
        assert_same(self.rows(tmp_path), plain_table(2))

    def test_discarded_work_is_gone_and_a_commit_stays(self, tmp_path: Path, store: Store) -> None:
        write(store, [plain_table(3)], write_request())
        request, table = write_request(), plain_table(5)
        with store.open(request) as target:
            target.stage(plain_table(9).to_reader(), Split(0, "all"))
            target.discard()
        assert_same(self.rows(tmp_path), plain_table(3))
        with store.open(replace(request, attempt=2)) as target:
            part = target.stage(table.to_reader(), Split(0, "all"))
            target.commit([part], next_commit(target, request, [part], table.schema))
            target.discard()
        assert_same(self.rows(tmp_path), table)

    @pytest.mark.parametrize("seq", [0, 1, 3])
    def test_a_commit_of_another_number_is_refused(
        self, tmp_path: Path, store: Store, seq: int
    ) -> None:
        write(store, [plain_table(3)], write_request())
        request = write_request()
        with pytest.raises(StoreError, match=str(seq)), store.open(request) as target:
            part = target.stage(plain_table(9).to_reader(), Split(0, "all"))
            commit = next_commit(target, request, [part], plain_table(9).schema)
            target.commit([part], replace(commit, seq=seq))
        assert_same(self.rows(tmp_path), plain_table(3))

    def test_a_commit_says_who_owns_it(self, store: Store) -> None:
        runs = [write(store, [plain_table(n)], write_request()).run_id for n in (1, 2)]
        request = write_request()
        with store.open(request) as target:
            assert target.owner(2) == runs[1]
            assert target.owner(3) is None
            part = target.stage(plain_table(1).to_reader(), Split(0, "all"))
            assert target.owner(3) is None
            target.commit([part], next_commit(target, request, [part], plain_table(1).schema))
            assert target.owner(3) == request.run_id

    def test_a_place_that_is_being_written_is_refused(self, tmp_path: Path, store: Store) -> None:
        first, table = write_request(), plain_table(5)
        with store.open(first) as target:
            with pytest.raises(StoreError, match=first.run_id), store.open(write_request()):
                pass
            part = target.stage(table.to_reader(), Split(0, "all"))
            target.commit([part], next_commit(target, first, [part], table.schema))
        write(store, [table], write_request(Mode.APPEND))
        assert_same(self.rows(tmp_path), pa.concat_tables([table, table]))

    def test_the_place_of_another_flow_is_refused(self, tmp_path: Path, store: Store) -> None:
        write(store, [plain_table(3)], write_request(flow="theirs"))
        with (
            pytest.raises(StoreError, match="theirs") as raised,
            store.open(write_request(flow="ours")),
        ):
            pass
        assert "--adopt" in (raised.value.hint or "")
        write(store, [plain_table(5)], write_request(flow="ours", adopt=True))
        assert_same(self.rows(tmp_path), plain_table(5))

    @pytest.mark.parametrize("name", AWKWARD_NAMES, ids=lambda name: name[:20])
    def test_an_awkward_name_is_written_or_refused(
        self, tmp_path: Path, store: Store, config: StoreConfig, name: str
    ) -> None:
        table = plain_table(3)
        if config.refuse_name(name) is not None:
            with pytest.raises(StoreError), store.open(write_request(into=name)):
                pass
            return
        write(store, [table], write_request(into=name))
        write(store, [table], write_request(Mode.APPEND, into=name))
        assert_same(self.rows(tmp_path, name), pa.concat_tables([table, table]))

    @pytest.mark.parametrize("name", AWKWARD_NAMES[:-1])
    def test_an_awkward_column_is_written(self, tmp_path: Path, store: Store, name: str) -> None:
        table = plain_table(3).rename_columns(["id", name])
        write(store, [table], write_request())
        assert_same(self.read(tmp_path, "things", table.schema), table)

    def test_entities_are_written_at_once(self, tmp_path: Path, store: Store) -> None:
        names = [f"entity {n}" for n in range(6)]

        def run(name: str) -> None:
            for mode in (Mode.REPLACE, Mode.APPEND):
                write(store, [plain_table(50)], write_request(mode, into=name))

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(run, names))
        for name in names:
            assert_same(self.rows(tmp_path, name), pa.concat_tables([plain_table(50)] * 2))

    def test_everything_is_closed_when_the_target_is(self, store: Store) -> None:
        write(store, [plain_table(3)], write_request())
        before = open_files()
        write(store, [plain_table(3), plain_table(4)], write_request())
        with pytest.raises(SourceFailedError), store.open(write_request()) as target:
            target.stage(broken(plain_table(30)), Split(0, "bad"))
        store.check()
        assert not left_open(before)

    def test_two_columns_of_one_name_are_refused(self, store: Store) -> None:
        schema = pa.schema([("same", pa.int64()), ("same", pa.int64())])
        with (
            pytest.raises(HyggeError, match="same") as raised,
            store.open(write_request()) as target,
        ):
            target.accept(schema)
        assert store.retry_after(raised.value) is None
