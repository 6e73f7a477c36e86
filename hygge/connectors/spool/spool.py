"""A bounded place on disk between a system that hands out its rows once and its `Source`.

    @contextmanager
    def open(self, request):
        with spooled(self.context, request) as spool:
            for page in self.pages(request):
                spool.add_json(page)
            yield spool.source(settle=self.acknowledge)

All rows are fetched when `open` yields, so the schema is that of every row, splits can be read
twice, and memory holds one page. The folder is private and is removed when the `with` ends; what a
process left that died is removed by the next run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hygge.connector import Commit, ProjectContext, ReadRequest, Source
from hygge.connectors.spool.files import PageFile, RowFile, SpoolFile
from hygge.connectors.spool.sources import BadRow, PageSource, RowSource, Settled
from hygge.errors import HomeError
from hygge.runtime.spools import spool_folder
from hygge.runtime.system import explain, way_out

if TYPE_CHECKING:
    import pyarrow as pa

MOST_BYTES = 10 * 2**30
"""The largest size of a spool on disk, where its home sets no other."""


@contextmanager
def spooled(
    context: ProjectContext, request: ReadRequest, *, max_bytes: int = MOST_BYTES, way: str = ""
) -> Iterator[Spool]:
    """Yield an empty spool of at most `max_bytes` on disk, for the entity of a request.

    `way` is the hint of the error when the spool is full: how to raise the bound or fetch less.
    Raises `HomeError` when the folder cannot be made.
    """
    with ExitStack() as stack:
        with _writing(request.entity):
            folder = stack.enter_context(spool_folder(context.root))
        spool = Spool(folder, request, max_bytes, way)
        stack.callback(spool.abandon)
        yield spool


class Spool:
    """The rows of one entity: Arrow batches or JSON, never both.

    Several threads may add rows, until `source` is called.
    """

    def __init__(self, folder: Path, request: ReadRequest, max_bytes: int, way: str = "") -> None:
        self._folder = folder
        self._request = request
        self._max_bytes = max_bytes
        self._way = way
        self._files: list[SpoolFile] = []
        self._is_complete = False
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes on disk so far."""
        return sum(file.size for file in self._files)

    def add(self, batch: pa.RecordBatch) -> None:
        """Write rows; batches may differ in columns, and in types with a common wider type.

        Raises `HomeError` when the spool or its disk is full: no row is ever dropped instead.
        """
        self._write(RowFile, batch)

    def add_json(self, documents: bytes) -> None:
        """Write JSON objects in UTF-8: one, or several, one per line.

        Types are taken from all documents of all pages. Raises as `add` does.
        """
        self._write(PageFile, documents)

    def source(
        self,
        *,
        types: Mapping[str, pa.DataType] | None = None,
        settle: Callable[[Commit | None], None] = lambda _: None,
        bad: Sequence[BadRow] = (),
        notes: Sequence[str] = (),
    ) -> Source:
        """Return the view on all rows that were added; nothing can be added afterwards.

        `types` are those that the home declares: of columns of JSON, and of all columns where no
        row came. `settle` is called as `Source.settle` is; `bad` are put aside when
        rows are read, and `notes` are those of `Source.notes`. Raises `HomeError` where neither
        rows nor `types` say what columns there are.
        """
        with self._lock:
            if not self._files:
                self._write_none(types or {})
            with _writing(self._request.entity):
                for file in self._files:
                    file.close()
                files = [file.listed() for file in self._files]
            self._is_complete = True
        if isinstance(self._files[0], PageFile):
            return Settled(PageSource(self._request, files, types or {}), settle, bad, notes)
        return Settled(RowSource(self._request, files), settle, bad, notes)

    def abandon(self) -> None:
        """Close all files; the folder is about to be removed."""
        for file in self._files:
            file.abandon()

    def _write(self, kind: Callable[[Path, Any], SpoolFile], rows: Any) -> None:  # noqa: ANN401
        with self._lock:
            if self._is_complete:
                raise ValueError("rows cannot be added to a spool that is being read")
            with _writing(self._request.entity):
                self._append(kind, rows)
            if self.size > self._max_bytes:
                raise HomeError(
                    f"{self._request.entity} needs more than {self._max_bytes:,} bytes on disk "
                    "until its rows are published",
                    hint=self._way or None,
                )

    def _append(self, kind: Callable[[Path, Any], SpoolFile], rows: Any) -> None:  # noqa: ANN401
        last = self._files[-1] if self._files else None
        if last is None or not last.takes(rows):
            if last is not None:
                last.close()
            last = kind(self._folder / f"{len(self._files):06}", rows)
            self._files.append(last)
        last.write(rows)

    def _write_none(self, types: Mapping[str, pa.DataType]) -> None:
        import pyarrow as pa

        if not types:
            raise HomeError(
                f"{self._request.entity} has no rows, and nothing says which columns it has",
                hint="declare the types of its columns in the home's file",
            )
        schema = pa.schema(list(types.items()))
        with _writing(self._request.entity):
            self._append(RowFile, pa.RecordBatch.from_pylist([], schema))


@contextmanager
def _writing(entity: str) -> Iterator[None]:
    """Turn the system's refusals inside the `with` into `HomeError`, such as a full disk."""
    try:
        yield
    except OSError as error:
        what = f"cannot keep the rows of {entity} on disk: {explain(error)}"
        raise HomeError(what, hint=way_out(error), code="HG546") from error
