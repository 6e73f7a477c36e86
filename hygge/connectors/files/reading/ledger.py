"""Which files of an entity have been moved: a stamp of each, by its name below the home's path.

A stamp is a file's size, the time it was written and a digest of its content. A file of the same
name, size and time is not opened. Of others the content decides: one that was only touched, written
again with the same bytes, or renamed is known; one that was changed is new. Files that are gone
stay known for a while, so that one that comes back is not moved twice.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hygge.connector import Source
from hygge.connectors.files.reading.faults import listing
from hygge.connectors.files.reading.listing import DataFile
from hygge.values.model import Split

if TYPE_CHECKING:
    import pyarrow as pa

_DIGESTED_WHOLE = 64 * 2**20
_END_BYTES = 2**16
_ENDS = "x"
"""How digests of both ends begin, which is no hexadecimal digit."""
MOST_GONE = 10_000
"""Files that are gone and still known, those that went last; with them a ledger stays bounded."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of an entity: those to move, and all that are moved once they are."""

    new: tuple[DataFile, ...]
    ledger: Mapping[str, str]

    @classmethod
    def of(cls, files: Sequence[DataFile], moved: Mapping[str, str], base: str) -> Listing:
        """Return what is new in `files`, of which `moved` were moved; names are below `base`.

        Reads files that are not known by name, size and time; raises `HomeError` where it cannot.
        """
        names = [os.path.relpath(file.path, base) for file in files]
        gone = {name: stamp for name, stamp in moved.items() if name not in set(names)}
        renamed = {stamp: name for name, stamp in gone.items()}
        new, ledger = [], {}
        for name, file in zip(names, files, strict=True):
            known = moved.get(name)
            if known is not None and _seen(known) == _seen_at(file):
                ledger[name] = known
                continue
            stamp = f"{_seen_at(file)}-{_digest(file)}"
            if known is not None and _is_same_content(known, stamp):
                ledger[name] = known
            elif known is None and stamp in renamed:
                gone.pop(renamed.pop(stamp))
                ledger[name] = stamp
            else:
                new.append(file)
                ledger[name] = stamp
        return cls(tuple(new), {**dict([*gone.items()][-MOST_GONE:]), **ledger})


def _seen_at(file: DataFile) -> str:
    """Return the part of a stamp that a listing tells."""
    return f"{file.size:x}-{file.modified_ns:x}"


def _seen(stamp: str) -> str:
    """Return the same part of a stamp, which of an older hygge was all of it."""
    return "-".join(stamp.split("-")[:2])


def _digest(file: DataFile) -> str:
    """Return a digest of a file's content: of all of it, or of both ends of a large one."""
    with listing(file.path), Path(file.path).open("rb") as raw:
        if file.size <= _DIGESTED_WHOLE:
            return hashlib.file_digest(raw, lambda: hashlib.blake2b(digest_size=12)).hexdigest()
        digest = hashlib.blake2b(raw.read(_END_BYTES), digest_size=12)
        raw.seek(-_END_BYTES, os.SEEK_END)
        digest.update(raw.read(_END_BYTES))
        return f"{_ENDS}{digest.hexdigest()}"


def _is_same_content(known: str, stamp: str) -> bool:
    """Return whether two stamps are surely of the same bytes, whenever they were written."""
    size, _, content = (*known.split("-"), "")[:3]
    new_size, _, new_content = stamp.split("-")
    return (size, content) == (new_size, new_content) and not content.startswith(_ENDS)


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
