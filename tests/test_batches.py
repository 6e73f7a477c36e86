from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.errors import HomeError
from hygge.types.batches import MemoryBudget, ReadAhead, sized
from hygge.values import log_context

MEGABYTE = 2**20
SCHEMA = pa.schema([("id", pa.int64()), ("text", pa.string())])


def a_batch(start: int, rows: int, width: int = 10) -> pa.RecordBatch:
    return pa.record_batch(
        [pa.array(range(start, start + rows), pa.int64()), pa.array(["x" * width] * rows)],
        schema=SCHEMA,
    )


def no_check() -> None:
    pass


@given(st.lists(st.integers(0, 300), max_size=12), st.integers(100, 5000))
def test_sizing_keeps_every_row_in_order(sizes: list[int], batch_bytes: int) -> None:
    start, batches = 0, []
    for rows in sizes:
        batches.append(a_batch(start, rows))
        start += rows
    out = list(sized(batches, batch_bytes))
    assert [n for batch in out for n in batch.column(0).to_pylist()] == list(range(start))
    assert all(batch.num_rows for batch in out)


def test_sizing_joins_single_rows_and_slices_large_batches() -> None:
    thin = list(sized([a_batch(n, 1) for n in range(1000)], MEGABYTE))
    assert [batch.num_rows for batch in thin] == [1000]
    wide = list(sized([a_batch(0, 1000, width=10_000)], MEGABYTE))
    assert len(wide) >= 9
    assert max(batch.nbytes for batch in wide) <= 2 * MEGABYTE


def test_a_row_wider_than_a_batch_is_a_batch_of_its_own() -> None:
    out = list(sized([a_batch(0, 3, width=5000)], 1000))
    assert [batch.num_rows for batch in out] == [1, 1, 1]


@contextmanager
def reader_of(
    batches: list[pa.RecordBatch], error: Exception | None = None
) -> Iterator[pa.RecordBatchReader]:
    def rows() -> Iterator[pa.RecordBatch]:
        yield from batches
        if error is not None:
            raise error

    yield pa.RecordBatchReader.from_batches(SCHEMA, rows())


def test_reading_ahead_yields_every_row_and_gives_the_memory_back() -> None:
    budget = MemoryBudget(10 * MEGABYTE)
    batches = [a_batch(n * 1000, 1000, width=1000) for n in range(20)]
    ahead = ReadAhead(lambda: reader_of(batches), budget, batch_bytes=MEGABYTE, check=no_check)
    with ahead:
        ids = [n for batch in ahead.batches() for n in batch.column(0).to_pylist()]
    assert ids == list(range(20_000))
    assert budget.used == 0
    assert 0 < budget.peak <= 10 * MEGABYTE


def test_the_budget_holds_for_many_readers_at_once() -> None:
    budget = MemoryBudget(4 * MEGABYTE)
    counts: list[int] = []

    def consume() -> None:
        batches = [a_batch(n, 1000, width=1000) for n in range(15)]
        ahead = ReadAhead(lambda: reader_of(batches), budget, batch_bytes=MEGABYTE, check=no_check)
        with ahead:
            counts.append(sum(batch.num_rows for batch in ahead.batches()))

    threads = [threading.Thread(target=consume) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert counts == [15_000] * 8
    assert budget.used == 0
    assert budget.peak <= 5 * MEGABYTE


def test_a_batch_larger_than_the_whole_budget_passes_alone() -> None:
    budget = MemoryBudget(1000)
    batches = [a_batch(n, 1, width=50_000) for n in range(5)]
    ahead = ReadAhead(lambda: reader_of(batches), budget, batch_bytes=100, check=no_check)
    with ahead:
        assert sum(batch.num_rows for batch in ahead.batches()) == 5
    assert budget.used == 0


def test_the_homes_error_arrives_after_the_rows_before_it() -> None:
    budget = MemoryBudget(10 * MEGABYTE)
    failing = HomeError("the disk is gone")
    ahead = ReadAhead(
        lambda: reader_of([a_batch(0, 5)], failing), budget, batch_bytes=64, check=no_check
    )
    seen: list[pa.RecordBatch] = []
    with ahead, pytest.raises(HomeError, match="the disk is gone"):
        seen.extend(ahead.batches())
    assert sum(batch.num_rows for batch in seen) == 5
    assert ahead.error is not None
    assert budget.used == 0


def test_leaving_early_closes_the_reader_and_frees_the_budget() -> None:
    budget = MemoryBudget(10 * MEGABYTE)
    closed = threading.Event()

    @contextmanager
    def opener() -> Iterator[pa.RecordBatchReader]:
        try:
            with reader_of([a_batch(n, 1000, width=1000) for n in range(50)]) as reader:
                yield reader
        finally:
            closed.set()

    ahead = ReadAhead(opener, budget, batch_bytes=MEGABYTE, check=no_check)
    with ahead:
        batches = ahead.batches()
        next(batches)
        batches.close()
    assert closed.is_set()
    assert budget.used == 0


def test_a_check_that_raises_ends_the_wait_for_a_home_that_hangs() -> None:
    budget = MemoryBudget(MEGABYTE)
    release = threading.Event()

    @contextmanager
    def opener() -> Iterator[pa.RecordBatchReader]:
        release.wait(20)
        with reader_of([]) as reader:
            yield reader

    def check() -> None:
        raise TimeoutError("too long")

    ahead = ReadAhead(opener, budget, batch_bytes=1000, check=check)
    with pytest.raises(TimeoutError):
        list_batches(ahead, release)
    assert budget.used == 0


def list_batches(ahead: ReadAhead, release: threading.Event) -> None:
    with ahead:
        try:
            list(ahead.batches())
        finally:
            release.set()


def coded(start: int, rows: int) -> pa.RecordBatch:
    """Return rows whose dictionary has as many values as its small indices can count."""
    texts = pa.array([f"text {n}" for n in range(start, start + rows)])
    codes = pa.array(range(rows), pa.int8())
    return pa.record_batch([pa.DictionaryArray.from_arrays(codes, texts)], names=["text"])


def test_batches_whose_dictionaries_cannot_be_joined_stay_apart() -> None:
    out = list(sized([coded(0, 100), coded(100, 100)], MEGABYTE))
    assert [text for batch in out for text in batch.column(0).to_pylist()] == [
        f"text {n}" for n in range(200)
    ]


def test_a_large_dictionary_does_not_make_small_batches() -> None:
    codes = pa.array(range(10_000), pa.int32())
    texts = pa.array(["x" * 1000 + str(n) for n in range(10_000)])
    batch = pa.record_batch([pa.DictionaryArray.from_arrays(codes, texts)], names=["text"])
    assert [b.num_rows for b in sized([batch], MEGABYTE)] == [10_000]


def test_a_reader_that_hangs_keeps_no_memory_from_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hygge.types.batches._JOIN_SECONDS", 0.05)
    budget, release, reading = MemoryBudget(10 * MEGABYTE), threading.Event(), threading.Event()
    whole = a_batch(0, 10_000, width=200)

    def hang_later(batches: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from batches
        reading.set()
        release.wait(30)

    @contextmanager
    def opener() -> Iterator[pa.RecordBatchReader]:
        yield pa.RecordBatchReader.from_batches(SCHEMA, hang_later([whole]))

    ahead = ReadAhead(opener, budget, batch_bytes=MEGABYTE, check=no_check)
    with ahead:
        batches = ahead.batches()
        held = [next(batches) for _ in sized([whole], MEGABYTE)]
        assert reading.wait(30)
    assert sum(batch.num_rows for batch in held) == whole.num_rows
    assert budget.used == 0
    release.set()
    batches.close()
    assert budget.used == 0


def test_what_a_home_logs_while_it_reads_says_which_move_it_is() -> None:
    fields: list[dict[str, object]] = []

    @contextmanager
    def telling() -> Iterator[pa.RecordBatchReader]:
        fields.append(dict(log_context.fields()))
        yield pa.RecordBatchReader.from_batches(SCHEMA, [a_batch(0, 10)])

    with log_context.context(flow="users", attempt=2):
        ahead = ReadAhead(telling, MemoryBudget(10**6), batch_bytes=1000, check=no_check)
        with ahead:
            assert sum(batch.num_rows for batch in ahead.batches()) == 10
    assert fields == [{"flow": "users", "attempt": 2}]
