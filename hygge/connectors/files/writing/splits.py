"""Writes one split into data files: rolled by size, spread over partitions, counted when done."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING

from hygge.connector import Writer
from hygge.connectors.files.formats import BUFFER_BYTES, FileFormat, Sink, store_errors
from hygge.connectors.files.generations import Staging
from hygge.connectors.files.reading.partitions import empty_folder, partitions
from hygge.connectors.files.records import PartFile
from hygge.errors import StoreError
from hygge.values.model import Part, Split
from hygge.values.plurals import plural

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.files.reading.data_file import DataFile

MAX_OPEN = 16
"""Maximum open partitions of one split; the least recently used is closed first."""


@dataclass(frozen=True, slots=True)
class FileOptions:
    """Limits and partitioning of a split's files."""

    format: FileFormat
    max_rows: int | None = None
    max_bytes: int | None = None
    partition_by: tuple[str, ...] = ()
    held_bytes: int = BUFFER_BYTES
    """Arrow bytes that all open files of a split may buffer."""
    is_single: bool = False
    """Whether a commit is one file."""

    @property
    def buffer_bytes(self) -> int:
        """Arrow bytes that one open file may buffer."""
        share = self.held_bytes // (MAX_OPEN if self.partition_by else 1)
        return min(share, self.max_bytes or share)


class _OpenFile:
    """One data file while it is written."""

    def __init__(
        self, staging: Staging, name: str, options: FileOptions, schema: pa.Schema
    ) -> None:
        self.name = name
        self.rows = 0
        self._layout = options
        self._file = staging.create(name)
        try:
            self._sink = Sink(self._file)
            self._writer = options.format.open(self._sink, schema, options.buffer_bytes)
        except BaseException:
            self._file.abandon()
            raise

    @property
    def room(self) -> int | None:
        """Rows that still fit; None without a limit."""
        if self._layout.max_bytes is not None and self._sink.written >= self._layout.max_bytes:
            return 0
        return None if self._layout.max_rows is None else self._layout.max_rows - self.rows

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write(batch)
        self._sink.check()
        self.rows += batch.num_rows

    def close(self) -> PartFile:
        try:
            self._writer.close()
            self._sink.check()
            file = self._file.finish()
        except BaseException:
            self.abort()
            raise
        _check_held(file, "byte", self._sink.written, file.size)
        rows = self._layout.format.count(file)
        _check_held(file, "row", self.rows, rows)
        return PartFile(self.name, rows, file.size, self._sink.crc32)

    def abort(self) -> None:
        self._sink.abandon()
        self._file.abandon()


def _check_held(file: DataFile, what: str, written: int, held: int) -> None:
    """Raise `StoreError` unless a file holds as much as was written to it."""
    if held != written:
        raise StoreError(
            f"{plural(written, f'{what} was', f'{what}s were')} written to {file}, but it has "
            f"{held:,}; nothing was published",
            hint="run again; if it happens again, please report it",
            code="HG531",
        )


class SplitWriter:
    """Writes the batches of one split into staged files of names of its own.

    `stem` is the prefix of every file name, unique to this split.
    """

    def __init__(
        self, staging: Staging, stem: str, options: FileOptions, schema: pa.Schema
    ) -> None:
        self._staging = staging
        self._begun: list[str] = []
        self._layout = options
        self._schema = schema
        held = [field for field in schema if field.name not in options.partition_by]
        self._file_schema = schema if len(held) == len(schema) else _schema(held, schema)
        self._names = (f"{stem}-{n:04d}{options.format.suffix}" for n in itertools.count())
        self._open: dict[str, _OpenFile] = {}
        self._done: list[PartFile] = []

    def write(self, batch: pa.RecordBatch) -> None:
        """Write a batch. Raises `StoreError` with the path."""
        with store_errors(f"write to {self._staging}"):
            for folder, rows in self._spread(batch):
                self._write(folder, rows)

    def _spread(self, batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
        if not self._layout.partition_by:
            return iter([("", batch)])
        return partitions(batch, self._layout.partition_by)

    def _write(self, folder: str, batch: pa.RecordBatch) -> None:
        while batch.num_rows:
            file = self._file(folder)
            take = batch.num_rows if file.room is None else min(file.room, batch.num_rows)
            file.write(batch.slice(0, take))
            batch = batch.slice(take)
            if file.room is not None and file.room <= 0:
                self._close(folder)

    def _file(self, folder: str) -> _OpenFile:
        file = self._open.pop(folder, None)
        if file is None:
            if len(self._open) >= MAX_OPEN:
                self._close(next(iter(self._open)))
            file = self._begin(folder)
        self._open[folder] = file
        return file

    def _begin(self, folder: str) -> _OpenFile:
        name = folder + next(self._names)
        self._begun.append(name)
        return _OpenFile(self._staging, name, self._layout, self._file_schema)

    def _close(self, folder: str) -> None:
        self._done.append(self._open.pop(folder).close())

    def close(self) -> tuple[PartFile, ...]:
        """Finish all files and return them, synced and counted; at least one, for the schema.

        Raises `StoreError` with the path.
        """
        with store_errors(f"write to {self._staging}"):
            if not self._begun:
                folder = empty_folder(self._layout.partition_by)
                self._open[folder] = self._begin(folder)
            while self._open:
                self._close(next(iter(self._open)))
        return tuple(sorted(self._done, key=lambda part: part.name))

    def abort(self) -> None:
        """Close open files and remove every file of this split."""
        for file in self._open.values():
            file.abort()
        self._open.clear()
        for name in self._begun:
            self._staging.remove(name)


@dataclass(frozen=True)
class FileWriter(Writer):
    """Stages splits of one move, also in another process; see `Target.writer`.

    What several processes stage of one split has names of its own each time.
    """

    staging: Staging
    stem: str
    options: FileOptions
    schema: pa.Schema
    is_elsewhere: bool = False

    def __reduce__(self) -> tuple[type[FileWriter], tuple[object, ...]]:
        return FileWriter, (self.staging, self.stem, self.options, self.schema, True)

    def stage(self, batches: pa.RecordBatchReader, split: Split) -> Part:
        """Write a split into files; see `Writer.stage`."""
        if not batches.schema.equals(self.schema):
            raise StoreError(
                f"split {split.number} of {self.staging} comes with another schema than the "
                f"first one:\n{batches.schema}\nand\n{self.schema}"
            )
        stem = f"{self.stem}-{split.number:05d}"
        stem = f"{stem}-{token_hex(4)}" if self.is_elsewhere else stem
        writer = SplitWriter(self.staging, stem, self.options, batches.schema)
        try:
            for batch in batches:
                writer.write(batch)
            files = writer.close()
        except BaseException:
            writer.abort()
            raise
        rows, size = sum(file.rows for file in files), sum(file.bytes for file in files)
        return Part(split.number, rows, size, files)


def _schema(fields: list[pa.Field], schema: pa.Schema) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(fields, metadata=schema.metadata)
