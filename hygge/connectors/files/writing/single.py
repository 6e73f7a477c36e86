"""Entities that are one file each: which paths say so, and many files written again as one."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hygge.connectors.files.generations import Generation
from hygge.connectors.files.reading.patterns import PLACEHOLDER
from hygge.connectors.files.records import PartFile
from hygge.connectors.files.systems import class_of
from hygge.connectors.files.writing.splits import FileOptions, SplitWriter

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.files.writing.rereading import PartReader

_PACKED = {".gz": "gzip", ".zst": "zstd"}


def check_single(suffixes: Sequence[str], path: str) -> None:
    """Raise `ValueError` where a path with `{entity}` does not name one file of a format."""
    folder, _, name = path.rpartition("/")
    if PLACEHOLDER in folder or name.count(PLACEHOLDER) != 1:
        raise ValueError(f"'{path}': {PLACEHOLDER} stands once, in the last step of the path")
    if glob.escape(path) != path:
        raise ValueError(f"'{path}': one file for each entity is no pattern: remove * ? [")
    if not name.lower().endswith(tuple(suffixes)):
        endings = ", ".join(suffixes)
        raise ValueError(f"'{path}': the file's name must end in one of  {endings}")
    if not class_of(path).has_single_files:
        raise ValueError(f"'{path}': one file for each entity is known on local disks only")


def check_packing(suffixes: Sequence[str], path: str, compression: str) -> None:
    """Raise `ValueError` where the name of a file of text says another compression than is set."""
    if not any(suffix.endswith(tuple(_PACKED)) for suffix in suffixes):
        return
    said = next((how for end, how in _PACKED.items() if path.lower().endswith(end)), "none")
    if said != compression:
        raise ValueError(
            f"'{path}' is the name of a file with  compression: {said}, and {compression} is set"
        )


def as_one(
    generation: Generation,
    options: FileOptions,
    schema: pa.Schema,
    parts: Sequence[tuple[PartFile, PartReader]],
) -> PartFile:
    """Write the rows of several files into one staged file, in order, and return that."""
    writer = SplitWriter(generation.staging, f"{generation.stem}-one", options, schema)
    try:
        for part, reader in parts:
            for batch in reader.batches(part):
                if batch.num_rows:
                    writer.write(batch)
        (file,) = writer.close()
    except BaseException:
        writer.abort()
        raise
    return file
