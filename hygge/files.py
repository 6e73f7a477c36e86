"""The public API for authors of file formats and file systems, besides `hygge.connector`.

A format is a `FileHomeConfig` whose home is a `FileHome` with a `FileSource` (`look` into a file,
`batches` of it), and a `FileStoreConfig` with a `FileFormat` (`fit` a type, `open` a file, `count`
its rows). Which files are an entity, one schema over them, splits, partitions, `incremental:
files`, staging, commits, merges and undo are there for all of them. `examples/jsonarray` is a
format of its own, made from this.

A file system is a `FileSystem` (files that are listed and read) whose `generations` are
`Generations` (what a store stages and publishes), found by the scheme of its URLs through the entry
point group `hygge.file_systems`. `hygge.testing.memory` is one of its own.

These names stay where they are; modules of `hygge.connectors` may move.
"""

from __future__ import annotations

from hygge.connectors.files.formats import BatchWriter, FileFormat, Sink, map_type
from hygge.connectors.files.generations import Generation, Generations, NewFile, Staging
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.reading.home import (
    ColumnarSource,
    FileHome,
    FileHomeConfig,
    FileSource,
)
from hygge.connectors.files.reading.pieces import FileFacts, Piece
from hygge.connectors.files.records import PartFile, Record, parse_record
from hygge.connectors.files.systems import Entry, FileStat, FileSystem
from hygge.connectors.files.text.json_text import fit_json as json_type
from hygge.connectors.files.text.json_text import rows_text as json_rows
from hygge.connectors.files.writing.store import FileStoreConfig
from hygge.types.unfit import UnfitError

__all__ = [
    "BatchWriter",
    "ColumnarSource",
    "DataFile",
    "Entry",
    "FileFacts",
    "FileFormat",
    "FileHome",
    "FileHomeConfig",
    "FileSource",
    "FileStat",
    "FileStoreConfig",
    "FileSystem",
    "Generation",
    "Generations",
    "NewFile",
    "PartFile",
    "Piece",
    "Record",
    "Sink",
    "Staging",
    "UnfitError",
    "json_rows",
    "json_type",
    "map_type",
    "parse_record",
]
