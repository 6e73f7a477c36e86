"""The protocol by which a store of files commits.

An entity's place holds a chain of generations: the data files of one commit each, with its record.
The next generation is staged where no reader of the place looks, and then published whole or not at
all. `local/` does that by directories and renames. Nothing here requires either: elsewhere a staged
file may be an object, and publishing may be one write of the record that fails when its number is
taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import IO, TYPE_CHECKING, Protocol

from hygge.connector import WriteRequest
from hygge.connectors.files.records import PartFile, Record
from hygge.values.model import Finding

if TYPE_CHECKING:
    from hygge.connectors.files.reading.data_file import DataFile


class NewFile(Protocol):
    """A staged file while it is written. Its methods raise `OSError`."""

    def write(self, data: bytes | memoryview, /) -> int:
        """Append bytes."""

    def finish(self) -> DataFile:
        """Make what was written durable and return the file, to be read and counted."""

    def abandon(self) -> None:
        """Close it unfinished; the caller removes it. Raises nothing."""


class Staging(Protocol):
    """The place of a next generation's files until it is published. Can be pickled.

    As text it is what messages call it. A name is a path below the entity's place, with `/`
    between its steps, and is used once.
    """

    def create(self, name: str) -> NewFile:
        """Begin a file of its own; raise `FileExistsError` when the name is taken."""

    def file(self, name: str) -> DataFile:
        """Return a finished file. Raises `OSError`, `FileNotFoundError` where there is none."""

    def remove(self, name: str) -> None:
        """Remove a file; a missing file is no error."""

    def spill(self) -> IO[bytes]:
        """Return an empty temporary file for rows that do not fit into memory."""


class Generation(Protocol):
    """The next generation of one entity, built by one attempt of a run.

    Methods may raise `OSError`. As text it is the entity's place, as messages call it.
    """

    @property
    def staging(self) -> Staging:
        """The place of its files until it is published."""

    @property
    def live(self) -> Record | None:
        """The newest commit, at the time when this generation was begun."""

    @property
    def seq(self) -> int:
        """The number that this generation will have."""

    @property
    def stem(self) -> str:
        """Name prefix of the files that this generation adds, unique to this run."""

    def shown(self, name: str) -> str:
        """Return the name of a live data file for messages."""

    def file(self, name: str) -> DataFile:
        """Return a data file of the live generation, which may be missing."""

    def foreign(self) -> Mapping[str, DataFile | None]:
        """Return the visible files that no commit wrote, sorted by name.

        None for an entry that is no regular file, such as a link.
        """

    def keep(self, parts: Sequence[PartFile]) -> None:
        """Add files of the live generation, or foreign ones, without copying if possible.

        Raises `StoreError` when one differs from its record.
        """

    def publish(self, record: Record) -> None:
        """Make this generation the live one, in one atomic act; durable when it returns.

        The record lists every file of it, those that were kept and those that were staged; what
        else was staged is removed. Raises `StoreError` when another run has the number (HG514), and
        when a staged file is no longer what it was when its rows were counted (HG531);
        `CommitUnknownError` when the outcome is unknown.
        """

    @property
    def previous(self) -> Record | None:
        """The commit before the live one, while its files are kept for undo."""

    def changed(self) -> str | None:
        """Return the name of a live file that differs from its record and would be lost by undo."""

    def restore(self) -> None:
        """Add all files of the previous generation to this one, instead of staged ones."""

    def committer(self, seq: int) -> str | None:
        """Return the run that published commit `seq`, if it is known."""

    def discard(self) -> None:
        """Remove staged files unless they are published. Raises nothing."""


class Generations(Protocol):
    """The places of a store's entities, by name. `str()` is the store's name for messages.

    Methods may raise `OSError`.
    """

    def check(self) -> None:
        """Raise `StoreError` where the store cannot be written."""

    def examine(self) -> Iterator[Finding]:
        """Yield findings for `hygge doctor`, such as free space."""

    def last(self, into: str) -> Record | None:
        """Return the newest commit of an entity; None when there is none."""

    def open(self, request: WriteRequest) -> AbstractContextManager[Generation]:
        """Lock an entity's place for one attempt and begin its next generation.

        First recovers from dead runs. Staged files that were not published are removed when the
        `with` ends. Raises `StoreError` with the run that holds the place.
        """

    def inspect(self, request: WriteRequest) -> Generation:
        """Return the next generation with the checks of `open`, without changes."""
