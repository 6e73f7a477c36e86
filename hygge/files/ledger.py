"""Which files of an entity have been moved: a stamp of each, by its name below the home's path.

A stamp is a file's size and the time it was written, which the listing knows anyway: a file that
was changed or written again is a new one, and no file is opened only to find out that it is not.
Files that are gone stay known for a while, so that one that comes back is not moved twice.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hygge.connector import Source
from hygge.files.layout import DataFile
from hygge.model import Split

if TYPE_CHECKING:
    import pyarrow as pa

MOST_GONE = 10_000
"""Files that are gone and still known, those that went last; with them a ledger stays bounded."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of an entity: those to move, and all that are moved once they are."""

    new: tuple[DataFile, ...]
    ledger: Mapping[str, str]

    @classmethod
    def of(cls, files: Sequence[DataFile], moved: Mapping[str, str], base: str) -> Listing:
        """Return what is new in `files`, of which `moved` were moved; names are below `base`."""
        stamps = {os.path.relpath(file.path, base): _stamp(file) for file in files}
        new = [
            file
            for file, (name, stamp) in zip(files, stamps.items(), strict=True)
            if moved.get(name) != stamp
        ]
        gone = [(name, stamp) for name, stamp in moved.items() if name not in stamps]
        return cls(tuple(new), {**dict(gone[-MOST_GONE:]), **stamps})


def _stamp(file: DataFile) -> str:
    return f"{file.size:x}-{file.modified_ns:x}"


class NothingNew(Source):
    """An entity whose files have all been moved; it has no rows, and nobody looked for columns."""

    total_rows = 0

    def __init__(self, ledger: Mapping[str, str]) -> None:
        import pyarrow as pa

        self.schema = pa.schema([])
        self.ledger = ledger

    def splits(self, wanted: int) -> list[Split]:
        """Return one split without rows."""
        return [Split(0, "no new file")]

    def read(self, split: Split) -> AbstractContextManager[pa.RecordBatchReader]:
        """Open a reader without batches."""
        import pyarrow as pa

        return nullcontext(pa.RecordBatchReader.from_batches(self.schema, []))
