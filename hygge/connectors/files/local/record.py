"""The commit record `_hygge.json`: what a directory of data files is, and how it came to be."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from hygge import __version__
from hygge.errors import StoreError
from hygge.runtime.system import explain, way_out
from hygge.values.commits import dump_commit, load_commit
from hygge.values.model import Commit

RECORD_NAME = "_hygge.json"
"""Readers of data directories skip names that begin with `_`."""
ASIDE = ".aside"
"""How the names of data files end that no reader may find: staged ones and those kept for undo.

A pattern like `lake/**/*.parquet` reads hidden directories, too, in some programs.
"""
FORMAT = 1
"""Raised when an older hygge could misread a newer record."""


@dataclass(frozen=True, slots=True)
class PartFile:
    """One data file, counted from what lies on disk."""

    name: str
    """Path below the entity's directory, with `/` between its steps."""
    rows: int
    bytes: int
    crc32: str
    """CRC-32 of the whole file, eight hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Record:
    """A commit and the files that hold it."""

    commit: Commit
    attempt: int
    parts: tuple[PartFile, ...]

    def dump(self) -> bytes:
        """Return the record as indented JSON."""
        values = {
            "format": FORMAT,
            "hygge": __version__,
            **dump_commit(self.commit),
            "attempt": self.attempt,
            "parts": [asdict(part) for part in self.parts],
        }
        text = json.dumps(values, indent=1, ensure_ascii=False)
        return text.encode(errors="surrogatepass") + b"\n"


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
        data = json.loads(path.read_bytes())
        if data["format"] > FORMAT:
            raise StoreError(
                f"{path} was written by a newer hygge ({data.get('hygge')}), in a format that "
                f"{__version__} does not know",
                hint="update hygge",
            )
        return _record(data)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(
            f"cannot read the commit record {path}: {explain(error, str(path))}",
            hint=way_out(error),
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"the commit record {path} cannot be read: {error}",
            hint="put the file back from a backup; or delete it and run again with --adopt, which "
            "takes the data files as they are and starts a new chain",
        ) from error


def _record(data: dict[str, Any]) -> Record:
    parts = tuple(PartFile(**part) for part in data["parts"])
    for part in parts:
        _check_name(part.name)
    return Record(load_commit(data), int(data["attempt"]), parts)


def _check_name(name: str) -> None:
    steps = name.split("/")
    if not all(steps) or {".", ".."} & set(steps) or PurePosixPath(name).is_absolute():
        raise ValueError(f"{name!r} is not the name of a data file")
