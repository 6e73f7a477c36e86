"""Reads a Parquet file with each byte of its footer changed in turn: rows, or a `HomeError`.

As a script: `python flipping.py FOLDER` prints how many bytes were changed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hygge.connector import HomeConfig, ProjectContext, ReadRequest
from hygge.errors import HomeError


def read(folder: Path) -> None:
    """Read every row."""
    home = HomeConfig.create({"type": "parquet", "path": "."}).home(ProjectContext(folder))
    with home.open(ReadRequest("t")) as source:
        for split in source.splits(2):
            with source.read(split) as batches:
                for batch in batches:
                    batch.validate(full=True)


def main(folder: Path) -> None:
    """Change each byte of the footer, cut the file off at each, and read it."""
    path = folder / "t.parquet"
    table = pa.table({"a": [1, 2, 3], "b": ["x", "y", None], "c": [[1], [], None]})
    pq.write_table(table, path, row_group_size=2)
    whole = path.read_bytes()
    start = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    print(len(whole) - start, flush=True)
    for place in range(start, len(whole)):
        for byte in (whole[place] ^ 0xFF, whole[place] ^ 1):
            path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
            try_to_read(folder, place)
        path.write_bytes(whole[:place])
        try_to_read(folder, place)


def try_to_read(folder: Path, place: int) -> None:
    """Read; say where what is refused is no `HomeError`."""
    try:
        read(folder)
    except HomeError:
        return
    except Exception as error:
        raise AssertionError(f"byte {place}: {error!r}") from error


if __name__ == "__main__":
    main(Path(sys.argv[1]))
