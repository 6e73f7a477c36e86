"""What a store reports beside writing rows, and its undo: a part of the `StoreSuite`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from hygge.connector import (
    Changes,
    Commit,
    Mode,
    ProjectContext,
    ReadRequest,
    Split,
    Store,
    StoreConfig,
    Target,
    WriteRequest,
)
from hygge.errors import StoreError
from hygge.testing.cases import CASES, assert_same, case_table, plain_table
from hygge.testing.home_options import assert_config, assert_findings, assert_places
from hygge.testing.moving import left_open, next_commit, open_files, write, write_request
from hygge.testing.reading import read_all
from hygge.testing.suite import StoreCases
from hygge.values.model import Origin, ShapeRecord

KEYED = pa.schema([pa.field("id", pa.int64(), nullable=False), pa.field("name", pa.string())])


def keyed(mode: Mode = Mode.REPLACE) -> WriteRequest:
    """Return the request of a new run whose rows `id` identifies."""
    return replace(write_request(mode), primary_key=("id",))


def undoing(target: Target, request: WriteRequest, back: Commit) -> Commit:
    """Return the record of an undo of the newest commit, as the engine makes it."""
    last = target.last_commit()
    assert last is not None
    return replace(
        back, seq=last.seq + 1, run_id=request.run_id, rows=0, undoes=last.seq, receipt=None
    )


class StoreOptions(StoreCases, is_base=True):
    """What a store reports of an entity's place, what its config states, and what undo restores."""

    def change_a_row(self, place: Path, entity: str) -> None:
        """Change rows of an entity as another program would.

        For stores whose `Target.sees_changes` is true.
        """
        raise NotImplementedError("a store that sees changes defines `change_a_row` in its suite")

    def home_rows(self, place: Path, config: StoreConfig, schema: pa.Schema) -> pa.Table | None:
        """Return `things` as the home of this store reads it; None where there is no home."""
        reads = config.as_home(schema)
        if reads is None:
            return None
        with reads.home(ProjectContext(place)).open(ReadRequest("things")) as source:
            return read_all(source, 2).select(schema.names).cast(schema).sort_by("id")

    # What is reported without a move

    def test_the_newest_commit_is_reported_without_a_move(self, store: Store) -> None:
        assert store.last_commit("things") is None
        commits = [write(store, [plain_table(n)], write_request()) for n in (3, 4)]
        with store.open(write_request()) as target:
            assert store.last_commit("things") == target.last_commit()
        found = store.last_commit("things")
        assert found is not None
        assert replace(found, schema=commits[1].schema) == commits[1]

    def test_a_record_is_kept_to_its_last_field(self, store: Store) -> None:
        request, table = write_request(Mode.APPEND), plain_table(2)
        shape = ShapeRecord({"name": Origin("nom", mask="hash:1", type="string")}, ("id",), "77")
        with store.open(request) as target:
            part = target.stage(table.to_reader(), Split(0, "all"))
            commit = replace(
                next_commit(target, request, [part], table.schema),
                primary_key=("id",),
                positions={"a 'file'.csv": "12 ü"},
                shape=shape,
                masked=("name",),
            )
            target.commit([part], commit)
        assert store.last_commit("things") == commit

    def test_a_place_is_inspected_as_it_would_be_opened(self, tmp_path: Path, store: Store) -> None:
        with store.inspect(write_request()) as place:
            assert place.last_commit() is None
            assert place.schema() is None
        assert store.last_commit("things") is None
        commit = write(store, [plain_table(3)], write_request(flow="theirs"))
        with pytest.raises(StoreError, match="theirs"), store.inspect(write_request(flow="ours")):
            pass
        request = write_request(Mode.APPEND, flow="theirs")
        with store.inspect(request) as place:
            seen = place.last_commit(), place.schema(), place.accept(plain_table(0).schema)
            place.foresee(plain_table(0).schema)
        with store.open(request) as target:
            opened = target.last_commit(), target.schema(), target.accept(plain_table(0).schema)
            target.foresee(plain_table(0).schema)
        assert seen == opened
        assert seen[0] is not None
        assert seen[0].run_id == commit.run_id
        assert_same(self.rows(tmp_path), plain_table(3))

    @pytest.mark.parametrize(("number", "fits"), [(2**53, True), (2**53 + 1, False)])
    def test_whole_numbers_that_a_double_cannot_hold_are_reported(
        self, store: Store, number: int, fits: bool
    ) -> None:
        table = pa.table({"id": pa.array([1, number, None, -5], pa.int64()), "name": list("abcd")})
        write(store, [table], write_request())
        with store.open(write_request(Mode.APPEND)) as target:
            fits_now = target.fits_double("id")
        assert fits_now is False or fits, "false, also where it is unknown"

    def test_types_are_reported_as_they_are_accepted(
        self, store: Store, config: StoreConfig
    ) -> None:
        wrong = []
        with store.open(write_request()) as target:
            for case in CASES:
                field = pa.field("value", case_table(case).schema.field("value").type)
                held = config.held_as(field)
                try:
                    accepted = target.accept(pa.schema([("id", pa.int64()), field])).field("value")
                except StoreError:
                    accepted = None
                if (None if held is None else held[0].type) != (accepted and accepted.type):
                    wrong.append(f"{case}: held as {held}, accepted as {accepted}")
                assert held is None or held[1]
        assert wrong == []

    def test_what_was_written_is_read_by_its_own_home(
        self, tmp_path: Path, store: Store, config: StoreConfig
    ) -> None:
        write(store, [plain_table(30), plain_table(9, start=30)], write_request())
        read = self.home_rows(tmp_path, config, plain_table(0).schema)
        if read is not None:
            assert_same(read, plain_table(39))

    def test_an_examination_says_what_to_do(self, store: Store) -> None:
        list(store.examine())
        before = open_files()
        store.check()
        assert_findings(store.examine())
        assert not left_open(before)
        assert store.last_commit("things") is None

    def test_bad_data_and_names_are_not_worth_another_attempt(self, store: Store) -> None:
        assert store.retry_after(ZeroDivisionError()) is None
        assert store.retry_after(pa.ArrowInvalid("bad data")) is None
        write(store, [plain_table(1)], write_request(flow="theirs"))
        with pytest.raises(StoreError) as raised, store.open(write_request(flow="ours")):
            pass
        assert store.retry_after(raised.value) is None

    def test_one_attempt_discards_nothing_of_another(self, tmp_path: Path, store: Store) -> None:
        request, other = write_request(), write_request(into="others")
        with store.open(request) as target:
            part = target.stage(plain_table(5).to_reader(), Split(0, "all"))
            with store.open(other) as neighbour:
                neighbour.stage(plain_table(9).to_reader(), Split(0, "all"))
                neighbour.discard()
            target.commit([part], next_commit(target, request, [part], plain_table(5).schema))
        assert_same(self.rows(tmp_path), plain_table(5))
        assert store.last_commit("others") is None

    # The config

    def test_the_config_is_what_yaml_says(self, config: StoreConfig) -> None:
        assert_config(config)
        assert {Mode.REPLACE, Mode.APPEND} <= config.modes <= set(Mode)

    def test_places_are_known_without_a_look(self, tmp_path: Path, config: StoreConfig) -> None:
        nowhere = ProjectContext(tmp_path / "nowhere")
        places = config.places(nowhere, "things")
        assert_places(config, places)
        assert places == config.places(nowhere, "things")
        assert not set(places) & set(config.places(nowhere, "others"))
        assert not (tmp_path / "nowhere").exists()
        reads = config.as_home(plain_table(0).schema)
        if reads is not None:
            assert {*places} <= {*reads.places(nowhere, "things")}, "it reads what is written"
            assert config.read_by(type(reads)).type == reads.type

    def test_only_names_that_fail_are_refused(self, store: Store, config: StoreConfig) -> None:
        assert config.refuse_name("things") is None
        for name in ("", "x" * 2000):
            reason = config.refuse_name(name)
            if reason is None:
                continue
            assert reason.strip()
            with pytest.raises(StoreError), store.open(write_request(into=name)):
                pass

    # Questions about what is staged

    def test_staged_rows_are_asked_by_sql(
        self, tmp_path: Path, store: Store, config: StoreConfig
    ) -> None:
        write(store, [plain_table(2)], write_request())
        request = write_request()
        with store.open(request) as target:
            parts = [
                target.stage(plain_table(5).to_reader(), Split(0, "one")),
                target.stage(plain_table(5, start=5).to_reader(), Split(1, "two")),
            ]
            if not config.answers_sql:
                with pytest.raises(StoreError) as refused:
                    target.ask("SELECT id FROM {staged}", 5)
                assert refused.value.code == "HG528"
                return
            count, rows = target.ask("SELECT id FROM {staged} WHERE id >= 4", 3)
            assert (count, len(rows)) == (6, 3)
            assert {int(row[0]) for row in rows} <= set(range(4, 10))
            assert target.ask("SELECT id FROM {staged} WHERE id > 99", 3) == (0, [])
            for sql in ("DELETE FROM {staged}", "SELECT nothing FROM {staged}"):
                with pytest.raises(StoreError) as refused:
                    target.ask(sql, 3)
                assert refused.value.code == "HG528"
            target.commit(parts, next_commit(target, request, parts, plain_table(0).schema))
        assert self.rows(tmp_path).sort_by("id").num_rows == 10

    def test_rows_of_one_key_are_found_or_the_question_is_refused(self, store: Store) -> None:
        with store.open(keyed()) as target:
            target.stage(plain_table(4).to_reader(), Split(0, "one"))
            target.stage(plain_table(9, start=3).to_reader(), Split(1, "two"))
            try:
                found = target.duplicate(["id"])
            except StoreError as error:
                assert error.code == "HG528"  # noqa: PT017
            else:
                assert found == {"id": 3}

    # Undo

    @pytest.mark.parametrize("mode", list(Mode))
    def test_undo_brings_back_what_was_there(
        self, tmp_path: Path, store: Store, config: StoreConfig, mode: Mode
    ) -> None:
        if mode not in config.modes:
            pytest.skip("the store has no such mode")
        first = self.keyed_commit(store, mode, plain_table(6))
        self.keyed_commit(store, mode, plain_table(7, start=6 if mode is Mode.APPEND else 4))
        changed = self.rows(tmp_path).sort_by("id")
        request = keyed(mode)
        with store.open(request) as target:
            back = target.previous()
            if back is None:
                with pytest.raises(StoreError) as refused:
                    target.undo(undoing(target, request, first))
                assert refused.value.code == "HG529"
            else:
                assert (back.seq, back.run_id) == (1, first.run_id)
                target.undo(undoing(target, request, back))
        if back is None:
            assert_same(self.rows(tmp_path).sort_by("id"), changed)
            return
        assert_same(self.rows(tmp_path).sort_by("id"), plain_table(6))
        last = store.last_commit("things")
        assert last is not None
        assert (last.seq, last.undoes, last.run_id) == (3, 2, request.run_id)
        assert (last.total_rows, last.watermark) == (6, first.watermark)
        with store.open(keyed(mode)) as target:
            assert target.owner(3) == request.run_id
        self.keyed_commit(store, mode, plain_table(8, start=6))
        assert self.rows(tmp_path).num_rows == (8 if mode is Mode.REPLACE else 14)

    @pytest.mark.parametrize("mode", list(Mode))
    def test_an_undo_of_another_number_is_refused(
        self, tmp_path: Path, store: Store, config: StoreConfig, mode: Mode
    ) -> None:
        if mode not in config.modes:
            pytest.skip("the store has no such mode")
        for start in (0, 6):
            self.keyed_commit(store, mode, plain_table(6, start=start))
        before, request = self.rows(tmp_path).sort_by("id"), keyed(mode)
        with pytest.raises(StoreError), store.open(request) as target:
            back = target.previous()
            if back is None:
                pytest.skip("the store kept nothing")
            target.undo(replace(undoing(target, request, back), seq=2))
        assert_same(self.rows(tmp_path).sort_by("id"), before)

    def test_nothing_is_brought_back_before_the_first_commit(self, store: Store) -> None:
        with store.open(keyed()) as target:
            assert target.previous() is None
        self.keyed_commit(store, Mode.REPLACE, plain_table(3))
        with store.open(keyed()) as target:
            assert target.previous() is None

    def test_an_undo_that_would_lose_rows_of_others_is_refused(
        self, tmp_path: Path, store: Store
    ) -> None:
        for start in (0, 6):
            self.keyed_commit(store, Mode.APPEND, plain_table(6, start=start))
        request = keyed(Mode.APPEND)
        with store.open(request) as target:
            sees = target.sees_changes
        if not sees:
            return
        self.change_a_row(tmp_path, "things")
        with pytest.raises(StoreError), store.open(request) as target:
            target.previous()

    def keyed_commit(self, store: Store, mode: Mode, table: pa.Table) -> Commit:
        """Move a plain table whose `id` is the key, with a record of the key."""
        request, table = keyed(mode), table.cast(KEYED)
        with store.open(request) as target:
            part = target.stage(table.to_reader(), Split(0, "all"))
            commit = next_commit(target, request, [part], table.schema)
            commit = replace(commit, primary_key=("id",))
            target.commit([part], commit)
            changes = target.changes
        if changes is not None and mode is Mode.MERGE:
            assert isinstance(changes, Changes)
            assert changes.added + changes.changed == table.num_rows
        return commit
