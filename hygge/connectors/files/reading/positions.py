"""Positions of files: a stamp of each moved file, by its name below the home's path.

A stamp is a file's size, modification time and a digest of its content. A file of the same name,
size and time is not opened. For other files the content decides: one that was touched, rewritten
with the same bytes, or renamed is known; a changed one is new. Of a text file that has only grown,
the added rows are new. Deleted files are remembered for a while, so that one that reappears is not
moved twice.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hygge.connector import Source
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.reading.faults import listing
from hygge.connectors.files.reading.listing import natural_key
from hygge.connectors.files.reading.signatures import LOOKED_AT, signature
from hygge.values.model import Split

if TYPE_CHECKING:
    import pyarrow as pa

_DIGESTED_WHOLE = 64 * 2**20
_END_BYTES = 2**16
_BLOCK_BYTES = 2**20
_ENDS = "x"
"""Prefix of digests of both ends of a file; no hexadecimal digit."""
_KNOWN = "t"
"""Prefix of digests of a file system's id of a content; no hexadecimal digit."""
MOST_GONE = 10_000
"""Maximum deleted files that are remembered, the latest ones, so that positions are bounded."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of an entity: the new ones, and the positions after they are moved."""

    new: tuple[DataFile, ...]
    positions: Mapping[str, str]
    """Stamp by file name, also of deleted files."""
    repeats: tuple[str, ...] = ()
    """Names of changed files, whose rows are all among `new`."""

    @classmethod
    def of(
        cls, files: Sequence[DataFile], moved: Mapping[str, str], base: str, *, grows: bool = False
    ) -> Listing:
        """Return what is new in `files`, of which `moved` were moved; names are below `base`.

        Where `grows`, rows are lines, and of a file that was only continued the further ones are
        new. Reads files that are not known by name, size and time; raises `HomeError` where it
        cannot.
        """
        stamps: dict[str, str] = {}
        continued: dict[str, DataFile] = {}
        changed: dict[str, DataFile] = {}
        for file in files:
            name = os.path.relpath(file.path, base)
            known = moved.get(name)
            if known is not None and _seen(known) == _seen_at(file):
                stamps[name] = known
                continue
            stamps[name] = stamp = f"{_seen_at(file)}-{_digest(file, is_whole=grows)}"
            if known is not None and _is_same_content(known, stamp):
                stamps[name] = known
                continue
            more = _continued(file, known) if known is not None and grows else None
            if more is None:
                changed[name] = file
            else:
                continued[name] = more
        gone = {name: stamp for name, stamp in moved.items() if name not in stamps}
        left = gone | {name: moved[name] for name in changed if name in moved}
        old_names = {stamp: name for name, stamp in left.items()}
        replaced = set()
        for name in [name for name in changed if name not in moved]:
            old_name = old_names.pop(stamps[name], None)
            if old_name is not None:
                del changed[name]
                gone.pop(old_name, None)
                replaced.add(old_name)
        new = (changed | continued).values()
        return cls(
            tuple(sorted(new, key=lambda file: natural_key(file.path))),
            {**dict([*gone.items()][-MOST_GONE:]), **stamps},
            tuple(name for name in changed if name in moved and name not in replaced),
        )


def _seen_at(file: DataFile) -> str:
    """Return the part of a stamp that is known from a listing."""
    return f"{file.size:x}-{file.modified_ns:x}"


def _seen(stamp: str) -> str:
    """Return the same part of a stored stamp, which in an older hygge was all of it."""
    return "-".join(stamp.split("-")[:2])


def _digest(file: DataFile, *, is_whole: bool) -> str:
    """Return a digest of a file's content: of all of it, or of both ends of a large one.

    Where the file system knows an id of the content, the digest is of that.
    """
    content = file.system.content_id(file.path, file.stamp)
    if content is not None:
        return f"{_KNOWN}{_hash(content.encode()).hexdigest()}"
    with listing(str(file)), file.open() as raw:
        if is_whole or file.size <= _DIGESTED_WHOLE:
            whole = _hash()
            while data := raw.read(_BLOCK_BYTES):
                whole.update(data)
            return whole.hexdigest()
        digest = _hash(raw.read(_END_BYTES))
        raw.seek(-_END_BYTES, os.SEEK_END)
        digest.update(raw.read(_END_BYTES))
        return f"{_ENDS}{digest.hexdigest()}"


def _hash(data: bytes = b"") -> hashlib.blake2b:
    return hashlib.blake2b(data, digest_size=12)


def _continued(file: DataFile, known: str) -> DataFile | None:
    """Return a grown file with its known end as start, if whole lines follow it."""
    size_text, _, content = (*known.split("-"), "")[:3]
    size = int(size_text, 16)
    if file.compression or not content or content.startswith((_ENDS, _KNOWN)) or size >= file.size:
        return None
    with listing(str(file)), file.open() as raw:
        if signature(raw.read(LOOKED_AT)) is not None:
            return None
        raw.seek(0)
        digest, left = _hash(), size
        while left and (data := raw.read(min(left, _BLOCK_BYTES))):
            digest.update(data)
            left -= len(data)
        if digest.hexdigest() != content:
            return None
        raw.seek(max(size - 1, 0))
        last, following = raw.read(1 if size else 0), raw.read(2)
    if last in (b"", b"\n"):
        return replace(file, start=size)
    line_end = next((end for end in (b"\n", b"\r\n") if following.startswith(end)), None)
    return None if line_end is None else replace(file, start=size + len(line_end))


def _is_same_content(known: str, stamp: str) -> bool:
    """Return whether two stamps surely have the same content, whatever their times."""
    size, _, content = (*known.split("-"), "")[:3]
    new_size, _, new_content = stamp.split("-")
    return (size, content) == (new_size, new_content) and not content.startswith(_ENDS)


class NothingNew(Source):
    """A source without new files; it has no rows, and its columns were not read."""

    total_rows = 0

    def __init__(self, positions: Mapping[str, str]) -> None:
        import pyarrow as pa

        self.schema = pa.schema([])
        self.positions = positions

    def splits(self, wanted: int) -> list[Split]:
        """Return one split without rows."""
        return [Split(0, "no new file")]

    def read(self, split: Split) -> AbstractContextManager[pa.RecordBatchReader]:
        """Open a reader without batches."""
        import pyarrow as pa

        return nullcontext(pa.RecordBatchReader.from_batches(self.schema, []))
