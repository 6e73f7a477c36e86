"""The commit record `_hygge.json` in a directory, and where its data files lie."""

from __future__ import annotations

from pathlib import Path

from hygge.connectors.files.records import Record, parse_record
from hygge.errors import StoreError
from hygge.runtime.system import explain, way_out

RECORD_NAME = "_hygge.json"
"""Readers of data directories skip names that begin with `_`."""
ASIDE = ".aside"
"""How the names of data files end that no reader may find: staged ones and those kept for undo.

A pattern like `lake/**/*.parquet` reads hidden directories, too, in some programs.
"""


def aside(path: Path) -> Path:
    """Return where a data file lies while it is staged, and once it is no longer live."""
    return path.with_name(path.name + ASIDE)


def located(path: Path) -> Path:
    """Return where a data file of any generation lies now: older hygge put none aside."""
    away = aside(path)
    return away if away.exists() else path


def load_record(folder: Path) -> Record | None:
    """Return the record of a directory; None when it has none.

    Raises `StoreError` for one that cannot be read or that a newer hygge wrote.
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
