"""Pieces of files, which make up splits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.reading.faults import disk_error
from hygge.errors import HomeError, HyggeError
from hygge.values.model import Split

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FileFacts:
    """Metadata of a file, known before its rows are read."""

    schema: pa.Schema
    rows: int | None = None
    """Number of rows, where known at no cost."""
    blocks: tuple[int, ...] = ()
    """Bytes of each block that can be read on its own (a row group, a stripe), in order.

    Empty when the file can only be read as a whole.
    """


@dataclass(frozen=True, slots=True)
class Piece:
    """A file, or adjacent blocks of it. Can be pickled."""

    file: DataFile
    start: int = 0
    """The first block."""
    stop: int | None = None
    """The block after the last; None for all blocks."""

    def blocks(self, count: int) -> range:
        """Return the numbers of the blocks, of `count` in the file."""
        return range(self.start, count if self.stop is None else self.stop)


def reading(file: DataFile, step: Callable[[], T]) -> T:
    """Return the result of `step`; its errors are raised as `HomeError` with the file's name.

    A file that changed meanwhile is reported as such, whatever the reader's error. Notes on an
    error (`add_note`) give the position in the file.
    """
    import pyarrow as pa

    try:
        return step()
    except HyggeError:
        raise
    except (OSError, pa.ArrowException, EOFError, UnicodeError) as error:
        file.check_unchanged()
        if isinstance(error, OSError) and error.errno is not None:
            raise disk_error(str(file), error) from error
        raise HomeError(
            ": ".join([str(file), *getattr(error, "__notes__", ()), _first_line(error)]),
            hint="the file is damaged, truncated or of another format; write it again",
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def pieces_of(file: DataFile, facts: FileFacts) -> list[tuple[Piece, int]]:
    """Return the smallest pieces of a file, each with its bytes."""
    if len(facts.blocks) < 2:
        return [(Piece(file), max(file.size, 1))]
    return [(Piece(file, n, n + 1), max(size, 1)) for n, size in enumerate(facts.blocks)]


def pack(pieces: Sequence[tuple[Piece, int]], wanted: int) -> list[Split]:
    """Group `pieces` into at most `wanted` splits of about equal bytes, keeping their order."""
    total = sum(size for _, size in pieces)
    groups: list[list[Piece]] = [[] for _ in range(max(wanted, 1))]
    before = 0
    for piece, size in pieces:
        middle = before + size / 2
        groups[min(int(middle * len(groups) / total), len(groups) - 1)].append(piece)
        before += size
    filled = [_joined(group) for group in groups if group]
    return [Split(number, _label(group), group) for number, group in enumerate(filled)]


def _joined(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Return `pieces` with adjacent ones of a file joined."""
    joined: list[Piece] = []
    for piece in pieces:
        if joined and joined[-1].file == piece.file and joined[-1].stop == piece.start:
            piece = Piece(piece.file, joined.pop().start, piece.stop)
        joined.append(piece)
    return tuple(joined)


def _label(pieces: Sequence[Piece]) -> str:
    first, last = pieces[0], pieces[-1]
    name = first.file.name
    if first.file != last.file:
        return f"{name} … {last.file.name}"
    if first.stop is None:
        return name
    return f"{name}[{first.start}:{last.stop}]"
