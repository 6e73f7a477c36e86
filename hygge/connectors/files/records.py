"""The commit record of a store of files."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from hygge import __version__
from hygge.errors import StoreError
from hygge.values.commits import dump_commit, load_commit
from hygge.values.model import Commit

FORMAT = 1
"""Raised when an older hygge could misread a newer record."""


@dataclass(frozen=True, slots=True)
class PartFile:
    """One data file, as it was when it was written and counted."""

    name: str
    """Path below the entity's place, with `/` between its steps."""
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


def parse_record(data: bytes, shown: str) -> Record:
    """Return the record parsed from `data`; `shown` is the file's name for messages.

    Raises `StoreError` for an unreadable record or one of a newer hygge.
    """
    try:
        values = json.loads(data)
        if values["format"] > FORMAT:
            raise StoreError(
                f"{shown} was written by a newer hygge ({values.get('hygge')}), in a format that "
                f"{__version__} does not support",
                hint="update hygge",
            )
        return _record(values)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"invalid commit record {shown}: {error}",
            hint="restore the file from a backup; or delete it and run again with --adopt, which "
            "takes over the existing data files and starts a new history",
        ) from error


def _record(values: dict[str, Any]) -> Record:
    parts = tuple(PartFile(**part) for part in values["parts"])
    for part in parts:
        _check_name(part.name)
    return Record(load_commit(values), int(values["attempt"]), parts)


def _check_name(name: str) -> None:
    steps = name.split("/")
    if not all(steps) or {".", ".."} & set(steps):
        raise ValueError(f"{name!r} is not the name of a data file")
