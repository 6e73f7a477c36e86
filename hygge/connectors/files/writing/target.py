"""One entity's data files, for one attempt: the `Target` of every store of files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any

from hygge.connector import Target, WriteRequest
from hygge.connectors.files.formats import store_errors
from hygge.connectors.files.generations import Generation
from hygge.connectors.files.reading.home import FileHome
from hygge.connectors.files.reading.partitions import check_partitions
from hygge.connectors.files.reading.schemas import unify
from hygge.connectors.files.records import PartFile, Record
from hygge.connectors.files.writing.adoption import adopted_parts
from hygge.connectors.files.writing.copy_on_write import CopyOnWrite
from hygge.connectors.files.writing.merging import first_double
from hygge.connectors.files.writing.rereading import PartReader
from hygge.connectors.files.writing.single import as_one
from hygge.connectors.files.writing.splits import FileOptions, FileWriter
from hygge.errors import HomeError, StoreError
from hygge.types.unfit import fit_schema
from hygge.types.widening import MAX_WHOLE_DOUBLE
from hygge.values.model import Commit, Mode, Part, Split
from hygge.values.plurals import plural

if TYPE_CHECKING:
    import pyarrow as pa


class FileTarget(Target):
    """Stages data files into the next generation of a place and publishes it."""

    sees_changes = True

    def __init__(
        self,
        generation: Generation,
        request: WriteRequest,
        options: FileOptions,
        home: Callable[[pa.Schema], FileHome],
    ) -> None:
        self._home = home
        self._gone: tuple[str, ...] = ()
        self._generation = generation
        self._request = request
        self._layout = options
        self._lock = Lock()
        self._staged: dict[int, tuple[PartFile, ...]] = {}
        self._schema: pa.Schema | None = None

    def last_commit(self) -> Commit | None:
        """Return the commit of the live generation; see `WriteRequest.taken_over`."""
        record = self._generation.live
        return self._request.taken_over(None if record is None else record.commit)

    def schema(self) -> pa.Schema | None:
        """Return the common schema of the newest commit and of the files to adopt.

        Raises `StoreError` with two files whose columns have no common schema.
        """
        live = self._generation.live
        held = [] if live is None else [(str(self._generation), live.commit.schema)]
        if self._request.adopt and self._request.mode is not Mode.REPLACE:
            held += self._adopted_schemas()
        try:
            return unify(held) if held else None
        except HomeError as error:
            raise StoreError(f"cannot take over: {error.message}", hint=error.hint) from error

    def _adopted_schemas(self) -> Iterator[tuple[str, pa.Schema]]:
        file_format = self._layout.format
        with store_errors(f"read {self._generation}"):
            foreign = self._generation.foreign()
        for name, file in foreign.items():
            if file is None or not name.endswith(file_format.suffix):
                continue
            with store_errors(f"read {file}"):
                schema = file_format.schema_of(file)
            if schema is not None:
                yield str(file), schema

    def fits_double(self, column: str) -> bool:
        """Return whether all integers of a column are within ±2^53; see `Target.fits_double`."""
        import pyarrow.compute as pc

        live = self._generation.live
        if live is None or column in self._layout.partition_by:
            return False
        schema = live.commit.schema
        reader = PartReader(self._home(schema), self._generation.file, schema)
        for part in live.parts:
            for batch in reader.batches(part, [column]):
                ends = pc.min_max(batch.column(0))
                found = (ends["min"].as_py(), ends["max"].as_py())
                if any(abs(end) > MAX_WHOLE_DOUBLE for end in found if end is not None):
                    return False
        return True

    def accept(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema that the files will have; see `Target.accept`."""
        fitted = fit_schema(schema, self._fit, holder=f"*{self._layout.format.suffix} files")
        check_partitions(schema, self._layout.partition_by)
        return fitted

    def _fit(self, field: pa.Field) -> pa.Field:
        if field.name in self._layout.partition_by:
            return field
        return field.with_type(self._layout.format.fit(field.type))

    def stage(self, batches: pa.RecordBatchReader, split: Split) -> Part:
        """Write a split into files of the next generation; see `Target.stage`."""
        self._forget(split)
        part = self.writer(batches.schema).stage(batches, split)
        self.receive(part)
        return part

    def writer(self, schema: pa.Schema) -> FileWriter:
        """Return what writes splits into files of the next generation; see `Target.writer`."""
        with self._lock:
            known = self._schema = self._schema or schema
        return FileWriter(self._generation.staging, self._generation.stem, self._layout, known)

    def receive(self, part: Part) -> None:
        """Learn which files a split is; see `Target.receive`."""
        with self._lock:
            self._staged[part.split] = part.detail

    def _forget(self, split: Split) -> None:
        with self._lock:
            files = self._staged.pop(split.number, ())
        staging = self._generation.staging
        with store_errors(f"write to {staging}"):
            for file in files:
                staging.remove(file.name)

    def commit(self, parts: Sequence[Part], commit: Commit) -> None:
        """Publish the parts as the next generation; see `Target.commit`."""
        self._check_commit(parts, commit)
        new = [file for part in sorted(parts, key=lambda part: part.split) for file in part.detail]
        with store_errors(f"publish {self._generation}"):
            kept = self._kept()
            if self._request.mode is Mode.MERGE or self._request.clears is not None:
                settling = CopyOnWrite(
                    self._generation,
                    self._layout,
                    home=self._home(commit.schema),
                    request=self._request,
                    commit=commit,
                )
                kept, new = settling.settle(kept, new, self._gone)
                self.changes = settling.changes
            files = [file for file in (*kept, *new) if file.rows] or [*kept, *new][:1]
            if self._layout.is_single and len(files) > 1:
                files, kept = [self._as_one(files, kept, commit.schema)], []
            names = {file.name for file in kept}
            self._generation.keep([file for file in files if file.name in names])
            total = sum(file.rows for file in files)
            record = Record(replace(commit, total_rows=total), self._request.attempt, tuple(files))
            self._generation.publish(record)

    def keep_columns(self, columns: Sequence[str]) -> None:
        """Receive the columns that a merge leaves unchanged; see `Target.keep_columns`."""
        self._gone = tuple(columns)

    def duplicate(self, columns: Sequence[str]) -> Mapping[str, Any] | None:
        """Return values that several staged rows share; see `Target.duplicate`."""
        schema = self._schema
        staged = [file for files in self._staged.values() for file in files if file.rows]
        if schema is None or not staged:
            return None
        request = self._request
        staging = self._generation.staging
        reader = PartReader(self._home(schema), staging.file, schema, request.go_on)
        most = request.commit_bytes
        return first_double(reader, staged, columns, most=most, spill=staging.spill)

    def _check_seq(self, commit: Commit) -> None:
        generation = self._generation
        if commit.seq != generation.seq:
            raise StoreError(
                f"commit {commit.seq} cannot follow commit {generation.seq - 1} of {generation}",
                hint="start this run again; it continues from the newest commit",
                code="HG514",
            )

    def _check_commit(self, parts: Sequence[Part], commit: Commit) -> None:
        generation = self._generation
        self._check_seq(commit)
        rows = sum(part.rows for part in parts)
        if not parts or rows != commit.rows:
            raise StoreError(
                f"commit {commit.seq} of {generation} has {plural(commit.rows, 'row')}, but "
                f"{plural(len(parts), 'part')} with {rows:,} arrived"
            )

    def _kept(self) -> list[PartFile]:
        if self._request.mode is Mode.REPLACE:
            return []
        generation = self._generation
        own = () if generation.live is None else generation.live.parts
        return [*own, *adopted_parts(generation, self._layout.format)]

    def _as_one(
        self, files: Sequence[PartFile], kept: Sequence[PartFile], schema: pa.Schema
    ) -> PartFile:
        """Return one file with the rows of live and of staged ones."""
        generation, go_on = self._generation, self._request.go_on
        live = generation.live
        held = schema if live is None else live.commit.schema
        old = PartReader(self._home(held), generation.file, schema, go_on)
        new = PartReader(self._home(schema), generation.staging.file, schema, go_on)
        names = {file.name for file in kept}
        sources = [(file, old if file.name in names else new) for file in files]
        return as_one(generation, self._layout, schema, sources)

    def previous(self) -> Commit | None:
        """Return the commit of the newest previous generation; see `Target.previous`.

        Raises `StoreError` when the live files were changed since.
        """
        generation = self._generation
        with store_errors(f"read what is kept of {generation}"):
            record = generation.previous
            if record is not None:
                self._check_untouched()
        return None if record is None else record.commit

    def _check_untouched(self) -> None:
        changed = self._generation.changed()
        if changed is not None:
            raise StoreError(
                f"{changed} was changed or removed since the last commit, so undo would lose more "
                "than the commit",
                hint="restore the file, or move everything again with  hygge go "
                f"{self._request.flow} --full-refresh",
                code="HG529",
            )

    def undo(self, commit: Commit) -> None:
        """Publish the files of the previous generation once more; see `Target.undo`."""
        generation = self._generation
        self._check_seq(commit)
        with store_errors(f"publish {generation}"):
            record = generation.previous
            if record is None or record.commit.seq + 1 != commit.undoes:
                raise StoreError(
                    f"the files before commit {commit.undoes} no longer exist", code="HG529"
                )
            generation.restore()
            total = sum(part.rows for part in record.parts)
            commit = replace(commit, total_rows=total, schema=record.commit.schema)
            generation.publish(Record(commit, self._request.attempt, record.parts))

    def owner(self, seq: int) -> str | None:
        """Return the run of commit `seq`, as far back as the previous generation."""
        with store_errors(f"read {self._generation}"):
            return self._generation.committer(seq)

    def discard(self) -> None:
        """Remove the next generation, unless it is live."""
        self._generation.discard()
