"""Lines of JSON objects, with types that hold every value of every line exactly."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hygge.connector import ReadRequest
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.reading.faults import NoColumnsError
from hygge.connectors.files.reading.home import FileSource
from hygge.connectors.files.reading.pieces import FileFacts, Piece
from hygge.connectors.files.text.decoding import UTF8, open_text
from hygge.connectors.files.text.json_blocks import JsonReader
from hygge.connectors.files.text.json_documents import JsonDocuments
from hygge.connectors.files.text.json_kinds import ContradictionError, Kind
from hygge.errors import HomeError, LateTypeError

if TYPE_CHECKING:
    import pyarrow as pa

_SAMPLED_BYTES = 2 * 2**20
_SAMPLED_FILES = 8
_LEAST_BLOCK, _LARGEST_BLOCK = 2**16, 2**23


class JsonSource(FileSource):
    """Files with one JSON object in each line, under one schema."""

    def __init__(
        self,
        request: ReadRequest,
        files: Sequence[DataFile],
        *,
        types: Mapping[str, pa.DataType],
        encoding: str = UTF8,
        thorough: bool = False,
    ) -> None:
        self.encoding = encoding
        self.thorough = thorough or request.thorough
        self.declared = types
        self.types = dict(types)
        """Those that are declared, here or by the flow."""
        self.kind = Kind()
        self.samples = _SAMPLED_FILES
        self.block_bytes = min(max(request.batch_bytes // 2, _LEAST_BLOCK), _LARGEST_BLOCK)
        super().__init__(request, files)

    def look(self, file: DataFile) -> FileFacts:
        """Learn from the whole file when that is wanted, else from a sample of the first files."""
        import pyarrow as pa

        self.samples -= 1
        if self.thorough:
            self._learn_all(file)
        elif self.samples >= 0:
            with self._reader(file, _SAMPLED_BYTES) as reader:
                reader.learn(limit=1)
        return FileFacts(pa.schema([]))

    def unify(self) -> pa.Schema:
        """Return the columns of all lines that were looked at."""
        import pyarrow as pa

        self.check_declared()
        for name, kind in self.kind.fields.items():
            if name not in self.declared and self.request.types.get(name) == "string":
                self.types[name] = pa.string()
            elif name not in self.declared and (held := self.request.held(name)) is not None:
                kind.join(held)
        found = {name: kind.data_type() for name, kind in self.kind.fields.items()} | self.types
        if not found:
            raise NoColumnsError(
                f"{self.files[0]} has no columns: no line contains a value",
                hint="set `types` in the home to read empty files as tables without rows",
            )
        return pa.schema(list(found.items()))

    def batches(self, piece: Piece) -> Generator[pa.RecordBatch]:
        """Yield the rows block by block."""
        with self._reader(piece.file, self.block_bytes, piece.file.start) as reader:
            tables = reader.tables()
            while (table := self._next(tables, piece.file)) is not None:
                yield from table.to_batches()

    def _learn_all(self, file: DataFile) -> None:
        with self._reader(file, self.block_bytes) as reader:
            reader.learn()

    def check_declared(self) -> None:
        """Raise `HomeError` for a declared column that no line has, unless there are no lines."""
        missing = self.declared.keys() - self.kind.fields.keys()
        if missing and self.kind.fields and not self.thorough:
            for file in self.files:
                self._learn_all(file)
            missing = self.declared.keys() - self.kind.fields.keys()
        if missing and self.kind.fields:
            raise HomeError(
                f"{self.files[0]} has no column '{min(missing)}', whose type is declared",
                hint=f"fix `types` in the home; columns: {', '.join(self.kind.fields)}",
            )

    def _next(self, tables: Iterator[pa.Table], file: DataFile) -> pa.Table | None:
        try:
            return next(tables, None)
        except ContradictionError as error:
            what = f"{file}: a value of another type than before: {error}"
            if self.thorough:
                raise HomeError(f"{what}: the file changed while it was read") from error
            raise LateTypeError(what) from error

    @contextmanager
    def _reader(self, file: DataFile, size: int, start: int = 0) -> Iterator[JsonReader]:
        with open_text(file, self.encoding, reach=self.reach) as stream:
            documents = JsonDocuments(stream, size, self.request.max_value_bytes)
            documents.skip_to(start)
            yield JsonReader(documents, self.kind, self.types)
