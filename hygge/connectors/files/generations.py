"""What a store of files needs of the place where its files lie, in order to commit.

An entity's place holds a chain of generations: the data files of one commit each, with its record.
The next generation is staged where no reader of the place looks, and then published whole or not
at all. `local/` does that by directories and renames. Nothing here asks for either: elsewhere a
staged file may be an object, and publishing the record one write that fails when its number is
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
        """Close it unfinished; whoever began it removes it. Raises nothing."""


class Staging(Protocol):
    """Where the files of a next generation lie until it is published. Can be pickled.

    As text it is what messages call it. A name is a path below the entity's place, with `/`
    between its steps, and is used once.
    """

    def create(self, name: str) -> NewFile:
        """Begin a file of its own; raise `FileExistsError` when the name is taken."""

    def file(self, name: str) -> DataFile:
        """Return a finished file. Raises `OSError`, `FileNotFoundError` where there is none."""

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is fine."""

    def spill(self) -> IO[bytes]:
        """Return an empty file for rows that do not fit into memory; it goes when it is closed."""


class Generation(Protocol):
    """The next generation of one entity, built by one attempt of a run.

    Methods may raise `OSError`. As text it is the entity's place, as messages call it.
    """

    @property
    def staging(self) -> Staging:
        """Where its files lie until it is published."""

    @property
    def live(self) -> Record | None:
        """The newest commit, at the time when this generation was begun."""

    @property
    def seq(self) -> int:
        """The number that this generation will have."""

    @property
    def stem(self) -> str:
        """How the names of files begin that this generation adds; no other run has the same."""

    def shown(self, name: str) -> str:
        """Return what messages call a data file of the live generation."""

    def file(self, name: str) -> DataFile:
        """Return a data file of the live generation, which may be gone since."""

    def foreign(self) -> Mapping[str, DataFile | None]:
        """Return what readers see in the place and no commit put there, sorted by name.

        None for what is no file of its own, such as a link.
        """

    def keep(self, parts: Sequence[PartFile]) -> None:
        """Take files of the live generation, or foreign ones, into this one, without copying them
        where that can be done.

        Raises `StoreError` when one is not what its record says.
        """

    def publish(self, record: Record) -> None:
        """Make this generation the live one, in one atomic act; durable when it returns.

        The record lists every file of it, those that were kept and those that were staged; what
        else was staged is removed. Raises `StoreError` when another run has the number (HG514),
        and when a staged file is no longer what it was when its rows were counted (HG531);
        `CommitUnknownError` when nobody can tell.
        """

    @property
    def previous(self) -> Record | None:
        """The commit before the live one, as long as its files are kept for an undo."""

    def changed(self) -> str | None:
        """Return what messages call a live file that is not as its record says, and that taking
        the live generation back would lose."""

    def restore(self) -> None:
        """Take all files of the previous generation into this one, in place of staged ones."""

    def committer(self, seq: int) -> str | None:
        """Return the run that published commit `seq`, as far back as is known."""

    def discard(self) -> None:
        """Remove what was staged, unless it is published. Raises nothing."""


class Generations(Protocol):
    """The places of a store's entities, by name. As text it is what messages call the store.

    Methods may raise `OSError`.
    """

    def check(self) -> None:
        """Raise `StoreError` where the store cannot be written."""

    def examine(self) -> Iterator[Finding]:
        """Yield what `hygge doctor` should say of the store, for example how much room is left."""

    def last(self, into: str) -> Record | None:
        """Return the newest commit of an entity; None when there is none."""

    def open(self, request: WriteRequest) -> AbstractContextManager[Generation]:
        """Take an entity's place for one attempt and begin its next generation.

        Finishes or removes first what a dead run left behind. What was staged and not published is
        removed when the `with` ends. Raises `StoreError` naming the run that has the place.
        """

    def inspect(self, request: WriteRequest) -> Generation:
        """Return the next generation without beginning it; makes the checks of `open`, changes
        nothing."""
