"""Each promise of the contract, broken on purpose: the suites see it.

A break replaces one method of the connector in memory by one that is wrong, and names the test of
the suite that has to fail. The same test passes with the method as it was.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import test_memory_connector as whole
from direct import run
from memory_connector import (
    Generation,
    MemoryHome,
    MemoryHomeConfig,
    MemorySource,
    MemoryStore,
    MemoryStoreConfig,
    MemoryTarget,
    Place,
    conform,
    shelf,
)

from hygge.connector import (
    Ability,
    Changes,
    EntityFacts,
    Finding,
    Mode,
    Part,
    ReadRequest,
    Source,
    Split,
)
from hygge.errors import HomeError, HyggeError, StoreError
from hygge.testing.suite import Suite

SEEN = (AssertionError, pytest.fail.Exception, HyggeError, pickle.PicklingError)
"""How a test of the suite fails; anything else is a break that is wrong itself."""
Method = Any
"""A method as it is called: with whatever its caller gives."""


@dataclass(frozen=True)
class Break:
    """One promise, broken."""

    promise: str
    """What the connector does wrong."""
    of: type
    name: str
    """The member that is replaced."""
    by: Callable[[Method], Method]
    """Makes the wrong member from the right one."""
    test: str
    """The test of the suite that has to fail."""


def always(value: object) -> Callable[[Method], Method]:
    """Return a replacement by a method that returns the same whatever it is given."""
    return lambda _: lambda *_args, **_kwargs: value


def after(change: Callable[..., object]) -> Callable[[Method], Method]:
    """Return a replacement that does something wrong once the right thing is done."""

    def replacement(was: Method) -> Method:
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            done = was(self, *args, **kwargs)
            change(self, *args, **kwargs)
            return done

        return method

    return replacement


def answering(change: Callable[[Any], object]) -> Callable[[Method], Method]:
    """Return a replacement that gives another answer than the right one."""
    return lambda was: lambda *args, **kwargs: change(was(*args, **kwargs))


def leaking(was: Method) -> Method:
    """Open a file that nobody closes, as a connection that was forgotten."""

    @contextmanager
    def method(*args: Any, **kwargs: Any) -> Iterator[Any]:  # noqa: ANN401
        os.open("/dev/null", os.O_RDONLY)
        with was(*args, **kwargs) as opened:
            yield opened

    return method


def set_on(name: str, value: object) -> Callable[..., None]:
    return lambda self, *_: setattr(self, name, value)


def reverse(source: MemorySource, *_: object) -> None:
    source.table = source.table.take(list(reversed(range(source.table.num_rows))))


def read_otherwise(
    batches: Callable[[MemorySource, pa.RecordBatchReader], pa.RecordBatchReader],
) -> Callable[[Method], Method]:
    """Return a replacement of `read` whose batches are other ones."""

    def replacement(was: Method) -> Method:
        @contextmanager
        def read(self: MemorySource, split: Split) -> Iterator[pa.RecordBatchReader]:
            with was(self, split) as reader:
                yield batches(self, reader)

        return read

    return replacement


def reading_once(was: Method) -> Method:
    @contextmanager
    def read(self: MemorySource, split: Split) -> Iterator[pa.RecordBatchReader]:
        with was(self, split) as reader:
            yield reader
        self.table = self.table.slice(0, 0)

    return read


def renamed(_: MemorySource, reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
    table = reader.read_all()
    return table.rename_columns([name.upper() for name in table.schema.names]).to_reader()


def in_one_batch(_: MemorySource, reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
    return reader.read_all().combine_chunks().to_reader()


def silent(source: MemorySource, reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """Yield fewer rows in place of an error."""

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from reader
        except (HomeError, pa.ArrowException):
            return

    return pa.RecordBatchReader.from_batches(source.schema, batches())


def overlapping(splits: list[Split]) -> list[Split]:
    return [replace(one, detail=(max(one.detail[0] - 1, 0), one.detail[1])) for one in splits]


def gapped(splits: list[Split]) -> list[Split]:
    return [replace(one, detail=(one.detail[0], one.detail[1] - 1)) for one in splits]


def unpicklable(splits: list[Split]) -> list[Split]:
    class Detail(tuple[int, int]):
        def __reduce__(self) -> NoReturn:
            raise pickle.PicklingError("a connection cannot be sent")

    return [replace(one, detail=Detail(one.detail)) for one in splits]


def with_other_rows(facts: list[EntityFacts]) -> list[EntityFacts]:
    return [replace(one, rows=(one.rows or 0) + 1) for one in facts]


def raising(_: Method) -> Method:
    def foresee(self: MemorySource) -> NoReturn:
        raise HomeError("no right to read")

    return foresee


def put_aside(source: MemorySource, _: Split) -> None:
    if source.put_aside is not None:
        source.put_aside("row 1", b"0", "looks odd")


@contextmanager
def of_now(self: MemoryHome, requests: object = ()) -> Iterator[object]:
    """Yield a snapshot that holds nothing."""
    yield None


def consuming(was: Method) -> Method:
    """Take the rows away, whatever the purpose."""

    @contextmanager
    def method(self: MemoryHome, request: ReadRequest) -> Iterator[Source]:
        with was(self, request) as source:
            yield source
        pieces = shelf(self.name)[request.entity].pieces
        pieces[:] = [piece.slice(0, 0) for piece in pieces]

    return method


def forgetting(self: MemorySource, *_: object) -> None:
    if self.positions:
        self.positions = dict(list(self.positions.items())[-1:])


HOME = [
    Break("a range takes rows without a value away", MemorySource, "keep",
          lambda _: lambda self, wanted: set_on("table", self.table.filter(wanted))(self),
          "test_a_range_leaves_out_no_row_of_its_own"),
    Break("a range leaves out its first value", MemorySource, "within",
          after(lambda self, span: self.keep(pc.not_equal(self.table[span.column],
                                                          span.low or pa.scalar(-1)))),
          "test_a_range_leaves_out_no_row_of_its_own"),
    Break("a range changes the order of rows", MemorySource, "within", after(reverse),
          "test_a_range_leaves_out_no_row_of_its_own"),
    Break("a range keeps the number of all rows", MemorySource, "within",
          after(set_on("total_rows", 40)), "test_a_range_leaves_out_no_row_of_its_own"),
    Break("narrowing changes the order of rows", MemorySource, "narrow", after(reverse),
          "test_narrowed_to_some_columns_their_rows_stay"),
    Break("narrowing leaves out a wanted column", MemorySource, "narrow",
          lambda was: lambda self, columns: was(self, columns[:1]),
          "test_narrowed_to_some_columns_their_rows_stay"),
    Break("splits overlap", MemorySource, "splits", answering(overlapping),
          "test_splits_together_are_exactly_the_entity"),
    Break("rows lie between two splits", MemorySource, "splits", answering(gapped),
          "test_splits_together_are_exactly_the_entity"),
    Break("splits are not numbered from 0", MemorySource, "splits",
          answering(lambda splits: [replace(one, number=one.number + 1) for one in splits]),
          "test_splits_together_are_exactly_the_entity"),
    Break("an empty entity has no split", MemorySource, "splits",
          lambda was: lambda self, wanted: was(self, wanted) if self.total_rows else [],
          "test_zero_rows_keep_the_schema"),
    Break("a split cannot be sent to another process", MemorySource, "splits",
          answering(unpicklable), "test_a_split_survives_a_pickle"),
    Break("the number of rows is wrong", MemorySource, "__init__",
          after(lambda self, *_: setattr(self, "total_rows", self.table.num_rows + 1)),
          "test_the_schema_is_known_before_the_first_batch"),
    Break("a key is guessed", MemorySource, "__init__", after(set_on("primary_key", ("id",))),
          "test_a_key_is_declared_and_never_guessed"),
    Break("batches are of another schema", MemorySource, "read", read_otherwise(renamed),
          "test_one_row_comes_back"),
    Break("a batch is as large as the entity", MemorySource, "read", read_otherwise(in_one_batch),
          "test_batches_are_of_the_wanted_size_and_in_order"),
    Break("rows that cannot be read are left out without an error", MemorySource, "read",
          read_otherwise(silent), "test_what_breaks_while_it_is_read_raises"),
    Break("a split can be read only once", MemorySource, "read",
          reading_once,
          "test_a_split_can_be_read_again"),
    Break("every read is of no rows", MemorySource, "batches", always(iter(())),
          "test_a_split_can_be_read_again"),
    Break("a connection is left open", MemoryHome, "open", leaking,
          "test_an_early_stop_closes_everything"),
    Break("a check leaves a connection open", MemoryHome, "check",
          after(lambda _: os.open("/dev/null", os.O_RDONLY)),
          "test_a_check_passes_and_leaves_nothing_open"),
    Break("an unknown entity is not named", MemoryHome, "unknown",
          always(HomeError("no such table")), "test_an_unknown_entity_names_the_nearest"),
    Break("entities do not match the pattern", MemoryHome, "entities",
          lambda was: lambda self, pattern="*": was(self), "test_entities_are_listed_by_pattern"),
    Break("a survey counts other rows", MemoryHome, "survey", answering(with_other_rows),
          "test_a_survey_agrees_with_opening"),
    Break("a survey ignores its pattern", MemoryHome, "survey",
          lambda was: lambda self, pattern="*": was(self),
          "test_a_survey_agrees_with_opening"),
    Break("an examination warns without a way out", MemoryHome, "examine",
          always([Finding("it is slow", "warning")]), "test_an_examination_says_what_to_do"),
    Break("an examination finds nothing", MemoryHome, "examine", always([]),
          "test_an_examination_says_what_to_do"),
    Break("a snapshot is of no instant", MemoryHome, "snapshot", lambda _: of_now,
          "test_a_snapshot_is_one_instant"),
    Break("positions forget what was moved before", MemorySource, "__init__", after(forgetting),
          "test_files_that_were_moved_are_left_out"),
    Break("files are moved again", MemorySource, "__init__",
          lambda was: lambda self, place, pieces, request: was(
              self, place, pieces, replace(request, positions=request.positions and {})),
          "test_files_that_were_moved_are_left_out"),
    Break("the bound lets a row be missed", MemorySource, "bound", always(pa.scalar(35)),
          "test_the_upper_bound_is_below_rows_that_may_still_come"),
    Break("the bound is not told", MemorySource, "bound", always(None),
          "test_the_upper_bound_is_below_rows_that_may_still_come"),
    Break("the bound is of another type", MemorySource, "bound", always(pa.scalar("39")),
          "test_the_upper_bound_is_a_value_of_its_column"),
    Break("a look takes rows away", MemoryHome, "open", consuming,
          "test_a_look_takes_no_row_from_a_move"),
    Break("rows that were not published do not come again", MemorySource, "settle",
          lambda _: lambda self, commit: self.place.pieces.clear(),
          "test_rows_that_were_not_published_come_again"),
    Break("a sound row is put aside", MemorySource, "read", after(put_aside),
          "test_sound_rows_are_not_put_aside"),
    Break("values are said to be proved and are not", MemorySource, "__init__",
          after(set_on("is_proved", True)),
          "test_a_home_that_proves_its_values_refuses_what_is_too_large"),
    Break("what can be read is foreseen to fail", MemorySource, "foresee", raising,
          "test_rows_that_can_be_read_are_not_foreseen_to_fail"),
    Break("an estimate is of less than nothing", MemorySource, "__init__",
          after(set_on("estimated_rows", -1)),
          "test_rows_that_can_be_read_are_not_foreseen_to_fail"),
    Break("more than all was read", MemorySource, "share_read", always(1.5),
          "test_the_share_that_was_read_grows_to_all"),
    Break("the share that was read never ends", MemorySource, "share_read", always(0.5),
          "test_the_share_that_was_read_grows_to_all"),
    Break("a note is no sentence", MemorySource, "notes", always([None]),
          "test_what_is_noted_are_sentences"),
    Break("a condition is ignored", MemorySource, "select", always(None),
          "test_a_condition_and_a_query_of_its_own_choose_rows"),
    Break("a wrong name is tried again and again", MemoryHome, "retry_after", always(0.0),
          "test_bad_data_and_names_are_not_worth_another_attempt"),
    Break("all entities have one place", MemoryHomeConfig, "places", always(["memory://shelf"]),
          "test_places_are_known_without_a_look"),
    Break("a place is a relative path", MemoryHomeConfig, "places",
          answering(lambda places: [place.rpartition("/")[2] for place in places]),
          "test_places_are_known_without_a_look"),
    Break("a driver is missing", MemoryHomeConfig, "drivers",
          lambda _: ("no_such_driver",), "test_the_config_is_what_yaml_says"),
    Break("an unknown ability is claimed", MemoryHomeConfig, "can",
          lambda was: was | {"telepathy"}, "test_the_config_is_what_yaml_says"),
]  # fmt: skip


def stage_in_sight(self: MemoryTarget, *_: object) -> None:
    self.place.pieces = [*self.place.pieces, *self.staged.values()]


def stage_more(self: MemoryTarget, batches: pa.RecordBatchReader, split: Split) -> Part:
    """Add to what was staged of a split before."""
    before = [self.staged[split.number]] if split.number in self.staged else []
    table = self.staged[split.number] = pa.concat_tables([*before, batches.read_all()])
    return Part(split.number, table.num_rows, table.nbytes)


def stage_what_came(was: Method) -> Method:
    """Take an error in mid-stream for the end."""

    def stage(self: MemoryTarget, batches: pa.RecordBatchReader, split: Split) -> Part:
        schema = batches.schema

        def sound() -> Iterator[pa.RecordBatch]:
            try:
                yield from batches
            except Exception:
                return

        part: Part = was(self, pa.RecordBatchReader.from_batches(schema, sound()), split)
        return part

    return stage


def publish_any(self: MemoryTarget, table: pa.Table, commit: Any) -> None:  # noqa: ANN401
    """Publish whatever the number is."""
    self.place.pieces = [table]
    self.place.chain.append(Generation(commit, table))


def without(**fields: object) -> Callable[[Method], Method]:
    """Return a replacement that publishes a record with other fields."""
    return lambda was: lambda self, table, commit: was(self, table, replace(commit, **fields))


@contextmanager
def taking_no_place(self: MemoryStore, request: Any) -> Iterator[MemoryTarget]:  # noqa: ANN401
    yield MemoryTarget(self.checked(request), request)


@contextmanager
def inspecting_anything(self: MemoryStore, request: Any) -> Iterator[MemoryTarget]:  # noqa: ANN401
    yield MemoryTarget(shelf(self.name).setdefault(request.into, Place()), request)


def unchecked(was: Method) -> Method:
    return lambda self, request: was(self, replace(request, adopt=True))


def discard_all(self: MemoryTarget) -> None:
    """Remove what lies there, not what was staged."""
    self.place.pieces = []


def discard_neighbours(self: MemoryTarget) -> None:
    self.place.pieces = [piece.slice(0, 0) for piece in self.place.pieces]


def of_each_part(was: Method) -> Method:
    """Look for equal keys within parts only."""

    def duplicate(self: MemoryTarget, columns: list[str]) -> object:
        staged = dict(self.staged)
        for number, table in staged.items():
            self.staged = {number: table}
            if (found := was(self, columns)) is not None:
                return found
        self.staged = staged
        return None

    return duplicate


def capped(was: Method) -> Method:
    def ask(self: MemoryTarget, sql: str, most: int) -> object:
        _, rows = was(self, sql, most)
        return len(rows), rows

    return ask


def ask_anything(was: Method) -> Method:
    def ask(self: MemoryTarget, sql: str, most: int) -> object:
        try:
            return was(self, sql, most)
        except StoreError:
            return 0, []

    return ask


def replacing(self: MemoryTarget, parts: Any, commit: Any) -> None:  # noqa: ANN401
    """Replace what is there in every mode."""
    self.publish(self.all_staged(), replace(commit, total_rows=commit.rows))


def half(was: Method) -> Method:
    """Publish the first part only."""

    def commit(self: MemoryTarget, parts: Any, record: Any) -> None:  # noqa: ANN401
        first = min(self.staged)
        self.staged = {first: self.staged[first]}
        was(self, parts, replace(record, rows=self.staged[first].num_rows))

    return commit


def backwards(self: MemoryTarget) -> pa.Table:
    return pa.concat_tables(self.staged[n] for n in sorted(self.staged, reverse=True))


def undo_without_a_record(self: MemoryTarget, _: object) -> None:
    self.place.pieces = [self.place.chain[-2].table]


def requesting(name: str, value: Any) -> Callable[[Method], Method]:  # noqa: ANN401
    """Return a replacement that ignores what the request says of one thing."""

    def replacement(was: Method) -> Method:
        def method(self: MemoryTarget, *args: Any) -> Any:  # noqa: ANN401
            self.request = replace(self.request, **{name: value})
            return was(self, *args)

        return method

    return replacement


def first_wins(self: MemoryTarget, rows: list[dict[str, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for row in rows:
        found.setdefault(tuple(row[n] for n in self.request.primary_key), row)
    return found


def adding(self: MemoryTarget, old: pa.Table, new: pa.Table, commit: Any) -> pa.Table:  # noqa: ANN401
    """Add the rows of a merge without a look at the keys."""
    return pa.concat_tables([conform(old, commit.schema), conform(new, commit.schema)])


COMMITS, PREVIOUS = "test_a_commit_is_remembered_whole", "test_undo_brings_back_what_was_there"
STORE = [
    Break("what is staged is seen", MemoryTarget, "stage", after(stage_in_sight),
          "test_what_is_staged_is_not_seen"),
    Break("staging a split again adds to it", MemoryTarget, "stage", lambda _: stage_more,
          "test_staging_a_split_again_replaces_it"),
    Break("a part counts other rows", MemoryTarget, "stage",
          answering(lambda part: replace(part, rows=part.rows + 1)),
          "test_a_part_survives_a_pickle"),
    Break("an error in mid-stream is taken for the end", MemoryTarget, "stage", stage_what_came,
          "test_a_failure_in_mid_stream_changes_nothing"),
    Break("a commit has no watermark", MemoryTarget, "publish", without(watermark=None), COMMITS),
    Break("a commit has no receipt", MemoryTarget, "publish", without(receipt=None), COMMITS),
    Break("a commit forgets its positions", MemoryTarget, "publish", without(positions={}),
          "test_a_record_is_kept_to_its_last_field"),
    Break("a commit tells other rows in all", MemoryTarget, "publish", without(total_rows=1),
          "test_appending_zero_rows_keeps_the_rows"),
    Break("a commit is only its first part", MemoryTarget, "commit", half,
          "test_splits_come_back_in_their_order"),
    Break("parts are published in another order", MemoryTarget, "all_staged", lambda _: backwards,
          "test_splits_come_back_in_their_order"),
    Break("an append replaces", MemoryTarget, "commit", lambda _: replacing,
          "test_appending_twice_leaves_the_rows_twice"),
    Break("a commit of any number is taken", MemoryTarget, "publish", lambda _: publish_any,
          "test_a_commit_of_another_number_is_refused"),
    Break("nobody owns a commit", MemoryTarget, "owner", always(None),
          "test_a_commit_says_who_owns_it"),
    Break("the newest run owns all", MemoryTarget, "owner",
          lambda _: lambda self, seq: self.place.chain[-1].commit.run_id,
          "test_a_commit_says_who_owns_it"),
    Break("two runs write one place", MemoryStore, "open", lambda _: taking_no_place,
          "test_a_place_that_is_being_written_is_refused"),
    Break("the place of another flow is written", MemoryStore, "checked", unchecked,
          "test_the_place_of_another_flow_is_refused"),
    Break("a discard removes what is published", MemoryTarget, "discard", lambda _: discard_all,
          "test_discarded_work_is_gone_and_a_commit_stays"),
    Break("a connection is left open", MemoryStore, "open", leaking,
          "test_everything_is_closed_when_the_target_is"),
    Break("a schema is not remembered", MemoryTarget, "schema", always(None),
          COMMITS),
    Break("the oldest commit is told", MemoryStore, "last_commit",
          lambda _: lambda self, into: shelf(self.name)[into].chain[0].commit
          if into in shelf(self.name) and shelf(self.name)[into].chain else None,
          "test_the_newest_commit_is_reported_without_a_move"),
    Break("an inspection checks nothing", MemoryStore, "inspect", lambda _: inspecting_anything,
          "test_a_place_is_inspected_as_it_would_be_opened"),
    Break("what can be published is foreseen to fail", MemoryTarget, "foresee",
          lambda _: lambda self, schema: self.accept(pa.schema([("m", pa.map_("int8", "int8"))])),
          "test_a_place_is_inspected_as_it_would_be_opened"),
    Break("every number is said to fit into a double", MemoryTarget, "fits_double", always(True),
          "test_whole_numbers_that_a_double_cannot_hold_are_reported"),
    Break("types are told that are refused", MemoryStoreConfig, "held_as",
          lambda _: classmethod(lambda cls, field: (field, "anything")),
          "test_types_are_reported_as_they_are_accepted"),
    Break("two columns may have one name", MemoryTarget, "accept", lambda _: lambda _s, one: one,
          "test_two_columns_of_one_name_are_refused"),
    Break("the store's home reads elsewhere", MemoryStoreConfig, "as_home",
          answering(lambda home: home.model_copy(update={"shelf": "elsewhere"})),
          "test_what_was_written_is_read_by_its_own_home"),
    Break("its home reads another place", MemoryStoreConfig, "as_home",
          answering(lambda home: home.model_copy(update={"shelf": "elsewhere"})),
          "test_places_are_known_without_a_look"),
    Break("a good name is refused", MemoryStoreConfig, "refuse_name", always("too beautiful"),
          "test_only_names_that_fail_are_refused"),
    Break("a name is refused that is written", MemoryStoreConfig, "refuse_name",
          lambda was: lambda self, into: "blank" if " " in into else was(self, into),
          "test_an_awkward_name_is_written_or_refused"),
    Break("a mode is claimed that there is not", MemoryStoreConfig, "modes",
          lambda was: was | {"upsert"}, "test_the_config_is_what_yaml_says"),
    Break("SQL is answered and not said to be", MemoryStoreConfig, "answers_sql",
          lambda _: False, "test_staged_rows_are_asked_by_sql"),
    Break("what is asked is counted up to the limit", MemoryTarget, "ask", capped,
          "test_staged_rows_are_asked_by_sql"),
    Break("a question may be anything", MemoryTarget, "ask", ask_anything,
          "test_staged_rows_are_asked_by_sql"),
    Break("equal keys of two parts are missed", MemoryTarget, "duplicate", of_each_part,
          "test_rows_of_one_key_are_found_or_the_question_is_refused"),
    Break("every row is told as a duplicate", MemoryTarget, "duplicate", always({"id": 1}),
          "test_staged_rows_tell_their_duplicates"),
    Break("an examination errs without a way out", MemoryStore, "examine",
          always([Finding("it is full", "error")]), "test_an_examination_says_what_to_do"),
    Break("a place of others is tried again and again", MemoryStore, "retry_after", always(0.0),
          "test_bad_data_and_names_are_not_worth_another_attempt"),
    Break("undo does nothing", MemoryTarget, "undo", always(None), PREVIOUS),
    Break("undo leaves no record", MemoryTarget, "undo", lambda _: undo_without_a_record, PREVIOUS),
    Break("undo brings back the newest rows", MemoryTarget, "previous",
          lambda _: lambda self: self.place.chain[-1].commit if self.place.chain else None,
          PREVIOUS),
    Break("undo takes any number", MemoryTarget, "publish", lambda _: publish_any,
          "test_an_undo_of_another_number_is_refused"),
    Break("there is something before the first commit", MemoryTarget, "previous",
          lambda _: lambda self: self.last_commit(),
          "test_nothing_is_brought_back_before_the_first_commit"),
    Break("changes of others are not seen", MemoryTarget, "previous",
          lambda _: lambda self: self.place.chain[-2].commit,
          "test_an_undo_that_would_lose_rows_of_others_is_refused"),
    Break("a merge adds rows that are there", MemoryTarget, "merged", lambda _: adding,
          "test_a_merge_updates_and_adds"),
    Break("the first row of a key wins", MemoryTarget, "winners", lambda _: first_wins,
          "test_the_highest_row_of_a_key_wins"),
    Break("rows that nothing tells apart are merged", MemoryTarget, "winners",
          lambda _: first_wins, "test_rows_that_nothing_tells_apart_are_refused"),
    Break("a column that is gone is emptied", MemoryTarget, "keep_columns", always(None),
          "test_a_column_that_is_gone_keeps_its_values"),
    Break("missing rows stay", MemoryTarget, "merged", requesting("delete_missing", None),
          "test_missing_rows_are_taken_away"),
    Break("too many rows are taken away", MemoryTarget, "merged", requesting("max_shrink", 1.0),
          "test_too_many_missing_rows_are_refused"),
    Break("a range is not cleared", MemoryTarget, "cleared", lambda _: lambda _self, old: old,
          "test_an_append_clears_a_range"),
    Break("a merge counts other changes", MemoryTarget, "commit",
          after(set_on("changes", Changes(99, 0, 0))), PREVIOUS),
]  # fmt: skip
BREAKS = [*((whole.TestMemoryHome, one) for one in HOME),
          *((whole.TestMemoryStore, one) for one in STORE)]  # fmt: skip


def test_many_promises_are_broken() -> None:
    assert len(BREAKS) > 80
    assert {Ability.FILES, Ability.SNAPSHOT} <= MemoryHomeConfig.can
    assert Mode.MERGE in MemoryStoreConfig.modes


@pytest.mark.parametrize(
    ("suite", "broken"), BREAKS, ids=[one.promise.replace(" ", "-") for _, one in BREAKS]
)
def test_the_suite_sees_a_broken_promise(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    suite: type[Suite],
    broken: Break,
) -> None:
    right = getattr(broken.of, broken.name)
    monkeypatch.setattr(broken.of, broken.name, broken.by(right))
    try:
        run(suite, broken.test, tmp_path)
    except SEEN:
        return
    pytest.fail(f"{broken.test} passed")
