"""What becomes of live and staged files in a commit that takes rows away: merges, ranges."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from hygge.connector import StoreConfig, WriteRequest
from hygge.errors import StoreError
from hygge.files.generations import Generation
from hygge.files.merging import Dropped, Merge
from hygge.files.record import PartFile
from hygge.files.rereading import PartReader
from hygge.files.splits import Layout, SplitWriter
from hygge.model import Commit, Mode

if TYPE_CHECKING:
    import pyarrow as pa

DELETED_AT = "_hygge_deleted_at"
_MOST_MISSING = 0.5
"""The share of the rows that may be missing where the flow says nothing."""
Change = Callable[["pa.RecordBatch", int], "pa.RecordBatch"]
"""Returns what stays of rows, told the number of the first one in its file."""


class Settling:
    """One commit's files while they are sorted out."""

    def __init__(
        self,
        generation: Generation,
        layout: Layout,
        *,
        config: StoreConfig,
        request: WriteRequest,
        commit: Commit,
    ) -> None:
        self._generation = generation
        self._layout = layout
        self._request = request
        self._commit = commit
        self._new = PartReader(config, generation.path, commit.schema)
        self._old = PartReader(config, generation.place.live, commit.schema)
        self._numbers = itertools.count()

    def settle(
        self, live: Sequence[PartFile], staged: Sequence[PartFile], gone: Sequence[str]
    ) -> tuple[list[PartFile], list[PartFile]]:
        """Return the live files to link and the files of this generation that stay.

        `gone` are columns whose values rows keep where they are merged into.
        """
        if self._request.mode is Mode.MERGE:
            return self._merge(live, staged, gone)
        return self._clear(live, staged)

    def _clear(
        self, live: Sequence[PartFile], staged: Sequence[PartFile]
    ) -> tuple[list[PartFile], list[PartFile]]:
        import pyarrow.compute as pc

        span = self._request.clears
        cleared = Dropped()
        for number, part in enumerate(live if span is not None else ()):
            assert span is not None
            row = 0
            for batch in self._old.batches(part, [span.column]):
                values = batch.column(0)
                ends = [] if span.low is None else [pc.greater_equal(values, span.low)]
                ends += [] if span.high is None else [pc.less(values, span.high)]
                inside = ends[0] if len(ends) == 1 else pc.and_(*ends)
                cleared.add(number, _indices(inside, row))
                row += batch.num_rows
        kept, rewritten = self._without(self._old, live, cleared)
        return kept, [*rewritten, *staged]

    def _merge(
        self, live: Sequence[PartFile], staged: Sequence[PartFile], gone: Sequence[str]
    ) -> tuple[list[PartFile], list[PartFile]]:
        staged = [part for part in staged if part.rows]
        reachable = [part for part in live if self._can_hold(part, staged)]
        merge = Merge(self._request, staged=staged, live=reachable, new=self._new, old=self._old)
        merge.find()
        others = [part for part in live if part not in reachable]
        losers, replaced = merge.losers, merge.replaced
        if gone and replaced.total:
            losers, staged = Dropped(), self._with_old(merge, reachable, staged, gone)
        own, chosen = self._without(self._new, staged, losers)
        how = self._request.delete_missing
        if how is None:
            kept, rewritten = self._without(self._old, reachable, replaced)
        elif how == "hard":
            total = sum(part.rows for part in reachable)
            self._check_missing(total - replaced.total, total)
            kept, rewritten = [], []
        else:
            kept, rewritten = self._marked(reachable, replaced)
        return [*others, *kept], [*rewritten, *own, *chosen]

    def _can_hold(self, part: PartFile, staged: Sequence[PartFile]) -> bool:
        """Return whether a live file may hold a staged key: not where partitions tell it apart."""
        names = self._layout.partition_by
        is_apart = names and set(names) <= set(self._request.primary_key)
        if not is_apart or self._request.delete_missing:
            return True
        return _folder(part) in {_folder(one) for one in staged}

    def _without(
        self, reader: PartReader, parts: Sequence[PartFile], dropped: Dropped
    ) -> tuple[list[PartFile], list[PartFile]]:
        """Return the files that stay as they are, and those that others are written again as."""
        kept: list[PartFile] = []
        rewritten: list[PartFile] = []
        for number, part in enumerate(parts):
            count = dropped.count(number)
            if not count:
                kept.append(part)
            elif count < part.rows:
                rows = dropped.of(number)
                rewritten += self._rewrite(reader, part, partial(_left, rows))
        return kept, rewritten

    def _rewrite(self, reader: PartReader, part: PartFile, change: Change) -> tuple[PartFile, ...]:
        stem = f"{self._generation.stem}-m{next(self._numbers):05d}"
        schema = self._commit.schema
        writer = SplitWriter(self._generation.path, stem, self._layout, schema)
        try:
            row = 0
            for batch in reader.batches(part):
                kept = change(batch, row)
                row += batch.num_rows
                if kept.num_rows:
                    writer.write(kept)
            return writer.close()
        except BaseException:
            writer.abort()
            raise

    def _marked(
        self, parts: Sequence[PartFile], replaced: Dropped
    ) -> tuple[list[PartFile], list[PartFile]]:
        """Mark the rows whose key is no longer staged; a row that has a mark keeps it."""
        missing, present = [], 0
        for number, part in enumerate(parts):
            rows, unmarked = replaced.of(number) if replaced.count(number) else None, 0
            row = 0
            for batch in self._old.batches(part, [DELETED_AT]):
                is_live = batch.column(0).is_null()
                present += _count(is_live)
                if rows is not None:
                    is_live = _both(is_live, _others(rows, row, batch))
                unmarked += _count(is_live)
                row += batch.num_rows
            missing.append(unmarked)
        self._check_missing(sum(missing), present)
        kept: list[PartFile] = []
        rewritten: list[PartFile] = []
        for number, part in enumerate(parts):
            if not missing[number] and not replaced.count(number):
                kept.append(part)
                continue
            rows = replaced.of(number) if replaced.count(number) else None
            rewritten += self._rewrite(self._old, part, partial(self._mark, rows))
        return kept, [part for part in rewritten if part.rows]

    def _mark(self, replaced: pa.Array | None, batch: pa.RecordBatch, row: int) -> pa.RecordBatch:
        import pyarrow as pa
        import pyarrow.compute as pc

        if replaced is not None:
            batch = batch.filter(_others(replaced, row, batch))
        place = batch.schema.get_field_index(DELETED_AT)
        kind = batch.schema.field(place).type
        now = pa.scalar(datetime.fromisoformat(self._commit.committed_at)).cast(kind)
        marks = pc.coalesce(batch.column(place), now)
        return batch.set_column(place, batch.schema.field(place), marks)

    def _check_missing(self, missing: int, total: int) -> None:
        share = self._request.max_shrink
        most = _MOST_MISSING if share is None else share
        if total and missing / total > most:
            raise StoreError(
                f"{missing:,} of the {total:,} rows of {self._request.into} are missing from the "
                f"home, more than max_shrink: {most:.0%} allows; nothing was published",
                hint="look at the home; if this is right, raise max_shrink for one run",
                code="HG533",
            )

    def _with_old(
        self,
        merge: Merge,
        live: Sequence[PartFile],
        staged: Sequence[PartFile],
        gone: Sequence[str],
    ) -> list[PartFile]:
        """Return staged files written again with the values that live rows have in some columns.

        These values of the rows that are merged into are held in memory.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        from hygge.files.keys import keys_of

        key = self._request.primary_key
        held = []
        for number, part in enumerate(live):
            if merge.replaced.count(number):
                row = 0
                rows = merge.replaced.of(number)
                for batch in self._old.batches(part, list(dict.fromkeys([*key, *gone]))):
                    hits = batch.filter(_not(_others(rows, row, batch)))
                    held.append(hits.append_column("hygge key", keys_of(hits, key)))
                    row += batch.num_rows
        old = pa.Table.from_batches(held).combine_chunks()
        keys = old.column("hygge key").combine_chunks()

        def change(rows: pa.Array | None, batch: pa.RecordBatch, row: int) -> pa.RecordBatch:
            if rows is not None:
                batch = batch.filter(_others(rows, row, batch))
            places = pc.index_in(keys_of(batch, key), keys)
            return _filled(batch, old.select(gone).take(places))

        found: list[PartFile] = []
        for number, part in enumerate(staged):
            rows = merge.losers.of(number) if merge.losers.count(number) else None
            found += self._rewrite(self._new, part, partial(change, rows))
        return found


def _filled(batch: pa.RecordBatch, values: pa.Table) -> pa.RecordBatch:
    """Return a batch with some of its columns in place of its own."""
    for name in values.column_names:
        place = batch.schema.get_field_index(name)
        column = values.column(name).combine_chunks()
        batch = batch.set_column(place, batch.schema.field(place), column)
    return batch


def _folder(part: PartFile) -> str:
    return part.name.rpartition("/")[0]


@lru_cache(maxsize=4)
def _numbers(count: int) -> pa.Array:
    import pyarrow as pa

    return pa.array(range(count), pa.int64())


def _indices(mask: pa.Array, first: int) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.add(pc.indices_nonzero(mask).cast(pa.int64()), first)


def _others(rows: pa.Array, first: int, batch: pa.RecordBatch) -> pa.Array:
    """Return which rows of a batch, that begins at row `first`, are not among some rows."""
    import pyarrow.compute as pc

    return pc.invert(pc.is_in(_numbers(batch.num_rows), pc.subtract(rows, first)))


def _left(rows: pa.Array, batch: pa.RecordBatch, first: int) -> pa.RecordBatch:
    return batch.filter(_others(rows, first, batch))


def _not(mask: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.invert(mask)


def _both(one: pa.Array, other: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.and_(one, other)


def _count(mask: pa.Array) -> int:
    import pyarrow.compute as pc

    return pc.sum(mask).as_py() or 0
