"""The public API for authors of file formats, besides `hygge.connector`.

A format is a `FileHomeConfig` whose home is a `FileHome` with a `FileSource` (`look` into a file,
`batches` of it), and a `FileStoreConfig` with a `FileFormat` (`fit` a type, `open` a file, `count`
its rows). Which files are an entity, one schema over them, splits, partitions, `incremental:
files`, staging, commits, merges and undo are there for all of them. `examples/jsonarray` is a
format of its own, made from this.

These names stay where they are; modules of `hygge.connectors` may move.
"""

from __future__ import annotations

from hygge.connectors.files.formats import BatchWriter, FileFormat, Sink, map_type
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.reading.home import (
    ColumnarSource,
    FileHome,
    FileHomeConfig,
    FileSource,
)
from hygge.connectors.files.reading.pieces import FileFacts, Piece
from hygge.connectors.files.text.json_text import fit_json as json_type
from hygge.connectors.files.text.json_text import rows_text as json_rows
from hygge.connectors.files.writing.store import FileStoreConfig
from hygge.types.unfit import UnfitError

__all__ = [
    "BatchWriter",
    "ColumnarSource",
    "DataFile",
    "FileFacts",
    "FileFormat",
    "FileHome",
    "FileHomeConfig",
    "FileSource",
    "FileStoreConfig",
    "Piece",
    "Sink",
    "UnfitError",
    "json_rows",
    "json_type",
    "map_type",
]
