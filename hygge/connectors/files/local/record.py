"""The commit record `_hygge.json` of a directory, and the paths of its data files."""

from __future__ import annotations

from pathlib import Path

from hygge.connectors.files.records import Record, parse_record
from hygge.errors import StoreError
from hygge.runtime.system import explain, way_out

RECORD_NAME = "_hygge.json"
"""Readers of data directories skip names that begin with `_`."""
ASIDE = ".aside"
"""Extension of data files that are hidden from readers: staged ones and those kept for undo.

A pattern like `lake/**/*.parquet` reads hidden directories, too, in some programs.
"""


def aside(path: Path) -> Path:
    """Return the path of a data file while it is staged or no longer live."""
    return path.with_name(path.name + ASIDE)


def located(path: Path) -> Path:
    """Return the current path of a data file of any generation; older hygge hid none."""
    away = aside(path)
    return away if away.exists() else path


def load_record(folder: Path) -> Record | None:
    """Return the record of a directory; None when it has none.

    Raises `StoreError` for an unreadable record or one of a newer hygge.
    """
    path = folder / RECORD_NAME
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(
            f"cannot read the commit record {path}: {explain(error, str(path))}",
            hint=way_out(error),
        ) from error
    return parse_record(data, str(path))
