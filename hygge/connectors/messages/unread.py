"""A view without new messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from hygge.connector import Commit, Source, Split

if TYPE_CHECKING:
    import pyarrow as pa


class NoMessages(Source):
    """A view in which all messages were moved before; it has no columns."""

    total_rows = 0

    def __init__(
        self,
        positions: Mapping[str, str],
        settle: Callable[[Commit | None], None] = lambda _: None,
        notes: Sequence[str] = (),
    ) -> None:
        import pyarrow as pa

        self.schema = pa.schema([])
        self.positions = positions
        self._settle = settle
        self._notes = notes

    def notes(self) -> Sequence[str]:
        """Return the notes."""
        return self._notes

    def settle(self, commit: Commit | None) -> None:
        """Pass on the outcome."""
        self._settle(commit)

    def splits(self, wanted: int) -> list[Split]:
        """Return one split without rows."""
        return [Split(0, "no new message")]

    def read(self, split: Split) -> AbstractContextManager[pa.RecordBatchReader]:
        """Open a reader without batches."""
        import pyarrow as pa

        return nullcontext(pa.RecordBatchReader.from_batches(self.schema, []))
