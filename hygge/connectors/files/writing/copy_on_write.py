"""Copy-on-write of data files for merges and cleared ranges."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING

from hygge.connector import WriteRequest
from hygge.connectors.files.generations import Generation
from hygge.connectors.files.reading.home import FileHome
from hygge.connectors.files.records import PartFile
from hygge.connectors.files.writing.keys import keys_of
from hygge.connectors.files.writing.merging import Dropped, Merge, grouped
from hygge.connectors.files.writing.rereading import PartReader
from hygge.connectors.files.writing.splits import FileOptions, SplitWriter
from hygge.errors import StoreError
from hygge.values.model import Changes, Commit, Mode, Span
from hygge.values.plurals import plural
from hygge.values.requests import DELETED_AT, MOST_MISSING

if TYPE_CHECKING:
    import pyarrow as pa

_KEY = "hygge key"


class CopyOnWrite:
    """The copy-on-write of one commit's files."""

    def __init__(
        self,
        generation: Generation,
        options: FileOptions,
        *,
        home: FileHome,
        request: WriteRequest,
        commit: Commit,
    ) -> None:
        self._generation = generation
        self._layout = options
        self._request = request
        self._commit = commit
        self._new = PartReader(home, generation.staging.file, commit.schema, request.go_on)
        self._old = PartReader(home, generation.file, commit.schema, request.go_on)
        self._numbers = itertools.count()
        self.changes: Changes | None = None
        """What a merge does to the rows, once it is settled."""

    def settle(
        self, live: Sequence[PartFile], staged: Sequence[PartFile], gone: Sequence[str]
    ) -> tuple[list[PartFile], list[PartFile]]:
        """Return the live files to keep and the files of this generation that stay.

        `gone` are columns that a merge leaves unchanged.
        """
        if self._request.mode is Mode.MERGE:
            return self._merge(live, staged, gone)
        return self._clear(live, staged)

    def _clear(
        self, live: Sequence[PartFile], staged: Sequence[PartFile]
    ) -> tuple[list[PartFile], list[PartFile]]:
        import pyarrow as pa

        span = self._request.clears
        cleared = Dropped()
        for number, part in enumerate(live):
            if span is not None and part.rows:
                batches = self._old.batches(part, [span.column])
                masks = [_inside(batch.column(0), span) for batch in batches]
                cleared.add(number, pa.concat_arrays(masks))
        kept, rewritten = self._without(self._old, live, cleared)
        return kept, [*rewritten, *staged]

    def _merge(
        self, live: Sequence[PartFile], staged: Sequence[PartFile], gone: Sequence[str]
    ) -> tuple[list[PartFile], list[PartFile]]:
        blank = [part for part in staged if not part.rows]
        staged = [part for part in staged if part.rows]
        others, reachable = self._apart(live, staged)
        merge = Merge(
            self._request,
            staged=staged,
            live=reachable,
            new=self._new,
            old=self._old,
            spill=self._generation.staging.spill,
        )
        merge.find()
        losers, replaced = merge.losers, merge.replaced
        if gone and replaced.total:
            losers, staged = Dropped(), self._with_old(merge, reachable, staged, gone)
        own, chosen = self._without(self._new, staged, losers)
        how, gone_rows = self._request.delete_missing, 0
        if how is None:
            kept, rewritten = self._without(self._old, reachable, replaced)
        elif how == "hard":
            total = sum(part.rows for part in reachable)
            gone_rows = total - replaced.total
            self._check_missing(gone_rows, total)
            kept, rewritten = [], []
        else:
            kept, rewritten, gone_rows = self._marked(reachable, replaced)
        came = sum(part.rows for part in own) + sum(part.rows for part in chosen)
        self.changes = Changes(came - replaced.total, replaced.total, gone_rows)
        # # A file without rows keeps the schema if no other file is left.
        return [*others, *kept], [*rewritten, *own, *chosen, *blank]

    def _apart(
        self, live: Sequence[PartFile], staged: Sequence[PartFile]
    ) -> tuple[list[PartFile], list[PartFile]]:
        """Return the live files whose partitions cannot hold a staged key, and the others."""
        names = self._layout.partition_by
        is_apart = names and set(names) <= set(self._request.primary_key)
        if not is_apart or self._request.delete_missing:
            return [], list(live)
        folders = {_folder(part) for part in staged}
        others = [part for part in live if _folder(part) not in folders]
        return others, [part for part in live if _folder(part) in folders]

    def _without(
        self, reader: PartReader, parts: Sequence[PartFile], dropped: Dropped
    ) -> tuple[list[PartFile], list[PartFile]]:
        """Return the unchanged files, and the rewritten ones."""
        kept: list[PartFile] = []
        rewritten: list[PartFile] = []
        for number, part in enumerate(parts):
            count = dropped.count(number)
            if not count:
                kept.append(part)
            elif count < part.rows:
                rewritten += self._write(self._left(reader, part, dropped, number))
        return kept, rewritten

    def _left(
        self, reader: PartReader, part: PartFile, dropped: Dropped, number: int
    ) -> Iterator[pa.RecordBatch]:
        """Yield the remaining rows of a file."""
        row = 0
        for batch in reader.batches(part):
            stay = dropped.staying(number, batch, row)
            row += batch.num_rows
            yield batch if stay is None else batch.filter(stay)

    def _write(self, batches: Iterable[pa.RecordBatch]) -> tuple[PartFile, ...]:
        """Write rows, at least one, into files of this generation."""
        stem = f"{self._generation.stem}-m{next(self._numbers):05d}"
        writer = SplitWriter(self._generation.staging, stem, self._layout, self._commit.schema)
        try:
            for batch in batches:
                if batch.num_rows:
                    writer.write(batch)
            return writer.close()
        except BaseException:
            writer.abort()
            raise

    def _marked(
        self, parts: Sequence[PartFile], replaced: Dropped
    ) -> tuple[list[PartFile], list[PartFile], int]:
        """Mark and count the rows whose key is not staged.

        A marked row keeps its mark.
        """
        missing, present = [], 0
        for number, part in enumerate(parts):
            row = unmarked = 0
            for batch in self._old.batches(part, [DELETED_AT]):
                is_live = batch.column(0).is_null()
                present += _count(is_live)
                stay = replaced.staying(number, batch, row)
                unmarked += _count(is_live if stay is None else _both(is_live, stay))
                row += batch.num_rows
            missing.append(unmarked)
        self._check_missing(sum(missing), present)
        kept: list[PartFile] = []
        rewritten: list[PartFile] = []
        for number, part in enumerate(parts):
            if not missing[number] and not replaced.count(number):
                kept.append(part)
            elif replaced.count(number) < part.rows:
                left = self._left(self._old, part, replaced, number)
                rewritten += self._write(map(self._mark, left))
        return kept, rewritten, sum(missing)

    def _mark(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        import pyarrow as pa
        import pyarrow.compute as pc

        place = batch.schema.get_field_index(DELETED_AT)
        kind = batch.schema.field(place).type
        now = pa.scalar(datetime.fromisoformat(self._commit.committed_at)).cast(kind)
        marks = pc.coalesce(batch.column(place), now)
        return batch.set_column(place, batch.schema.field(place), marks)

    def _check_missing(self, missing: int, total: int) -> None:
        share = self._request.max_shrink
        most = MOST_MISSING if share is None else share
        if total and missing / total > most:
            raise StoreError(
                f"{missing:,} of the {plural(total, 'row')} of {self._request.into} are missing "
                f"from the home, more than max_shrink: {most:.0%} allows; nothing was published",
                hint="check the home; if this is right, raise max_shrink for one run",
                code="HG533",
            )

    def _with_old(
        self,
        merge: Merge,
        live: Sequence[PartFile],
        staged: Sequence[PartFile],
        gone: Sequence[str],
    ) -> list[PartFile]:
        """Return staged files rewritten with the live rows' values of some columns.

        As many staged rows at once as fit into memory; for each group the live files with matching
        rows are read again.
        """
        found: list[PartFile] = []
        for number, part in enumerate(staged):
            if merge.losers.count(number) < part.rows:
                left = self._left(self._new, part, merge.losers, number)
                found += self._write(self._refilled(left, merge.replaced, live, gone))
        return found

    def _refilled(
        self,
        staged: Iterable[pa.RecordBatch],
        replaced: Dropped,
        live: Sequence[PartFile],
        gone: Sequence[str],
    ) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        import pyarrow.compute as pc

        key = self._request.primary_key
        for group in grouped(staged, self._request.commit_bytes):
            keys = pa.chunked_array([keys_of(batch, key) for batch in group]).combine_chunks()
            old = self._held(keys, replaced, live, gone)
            places, row = pc.index_in(keys, old.column(_KEY).combine_chunks()), 0
            for batch in group:
                here = places.slice(row, batch.num_rows)
                row += batch.num_rows
                yield _filled(batch, old.select(gone).take(here))

    def _held(
        self, keys: pa.Array, replaced: Dropped, live: Sequence[PartFile], gone: Sequence[str]
    ) -> pa.Table:
        """Return the live rows' values of some columns for these keys."""
        import pyarrow as pa
        import pyarrow.compute as pc

        key = self._request.primary_key
        found = []
        for number, part in enumerate(live):
            if not replaced.count(number):
                continue
            batches = self._old.batches(part, list(dict.fromkeys([*key, *gone])))
            for group in grouped(batches, self._request.commit_bytes):
                rows = pa.Table.from_batches(group)
                own = pa.chunked_array([keys_of(batch, key) for batch in group])
                is_wanted = pc.is_in(own, keys)
                found.append(rows.select(gone).append_column(_KEY, own).filter(is_wanted))
        return pa.concat_tables(found).combine_chunks()


def _filled(batch: pa.RecordBatch, values: pa.Table) -> pa.RecordBatch:
    """Return a batch with some columns replaced."""
    for name in values.column_names:
        place = batch.schema.get_field_index(name)
        column = values.column(name).combine_chunks()
        batch = batch.set_column(place, batch.schema.field(place), column)
    return batch


def _folder(part: PartFile) -> str:
    return part.name.rpartition("/")[0]


def _inside(values: pa.Array, span: Span) -> pa.Array:
    """Return which values are in a range; nulls are not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ends = [] if span.low is None else [pc.greater_equal(values, span.low)]
    ends += [] if span.high is None else [pc.less(values, span.high)]
    inside = reduce(pc.and_, ends) if ends else pa.repeat(False, len(values))
    return pc.fill_null(inside, False)


def _both(one: pa.Array, other: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.and_(one, other)


def _count(mask: pa.Array) -> int:
    import pyarrow.compute as pc

    return pc.sum(mask).as_py() or 0
