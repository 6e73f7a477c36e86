"""Delimited text, with inferred types that keep every text exactly."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from hygge.connector import ProjectContext, ReadRequest
from hygge.connectors.csv.config import CsvHomeConfig
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.reading.faults import NoColumnsError
from hygge.connectors.files.reading.home import FileSource
from hygge.connectors.files.reading.pieces import FileFacts, Piece
from hygge.connectors.files.text.blocks import BlockReader
from hygge.connectors.files.text.decoding import UTF8, open_text
from hygge.connectors.files.text.delimited import DelimitedReader
from hygge.connectors.files.text.home import TextHome
from hygge.connectors.files.text.inference import TEXT, Guess, TextType, candidates
from hygge.connectors.files.text.numbers import NumberFormat
from hygge.connectors.files.text.remarks import Remarks
from hygge.errors import HomeError, LateTypeError
from hygge.types.type_names import arrow_type
from hygge.values.plurals import plural

if TYPE_CHECKING:
    import pyarrow as pa

_SAMPLED_BYTES = 4 * 2**20
"""Bytes of a file that are sampled."""
_SAMPLED_FILES = 8
"""Maximum files that are sampled; of others only the header is read."""
_HEADER_BYTES = 2**16
_LEAST_BLOCK, _LARGEST_BLOCK = 2**16, 2**23
_MOST_REASONS = 5
_LONGEST_VALUE = 40
_NUMERIC = re.compile(r"[-+ $€£]*[0-9][0-9.,' ]*[-+%$€£ ]*")
_CODE = re.compile(r"0[0-9]+")
"""A text that looks like a number."""
_TEXTUAL = ("string", "binary")
"""Types of a flow's cast for which the file's own texts are read."""


class CsvHome(TextHome):
    """A directory of delimited text files."""

    def __init__(self, config: CsvHomeConfig, context: ProjectContext) -> None:
        super().__init__(config, context)
        self.config = config

    def grows(self, request: ReadRequest) -> bool:
        """Return true for uncompressed UTF-8 files without a footer."""
        config = self.config.of(request.entity)
        footer = config.skip_footer if isinstance(config.skip_footer, int) else 0
        return config.encoding == UTF8 and not footer and not request.quarantines

    def source(self, request: ReadRequest, files: Sequence[DataFile]) -> CsvSource:
        """Return the view on `files`; reads their headers and samples, or all when thorough."""
        return CsvSource(request, files, self.config.of(request.entity))


class CsvSource(FileSource):
    """Delimited text files under one schema."""

    def __init__(
        self, request: ReadRequest, files: Sequence[DataFile], config: CsvHomeConfig
    ) -> None:
        self.config = config
        self.declared = {**_read_by_home(request, config), **config.declared()}
        self.guesses: dict[str, Guess] = {}
        self.kinds: dict[str, TextType] = {}
        self.reasons: dict[str, str] = {}
        self._remarks = Remarks()
        self._numbers = config.numbers()
        self.samples = 0 if request.thorough or not config.infer else _SAMPLED_FILES
        self.block_bytes = min(max(request.batch_bytes // 2, _LEAST_BLOCK), _LARGEST_BLOCK)
        super().__init__(request, files)

    def look(self, file: DataFile) -> FileFacts:
        """Read the header, and a sample of the first files."""
        import pyarrow as pa

        size = _SAMPLED_BYTES if self.samples > 0 else _HEADER_BYTES
        with self._reader(file, size) as reader:
            if self.samples > 0:
                self.samples -= 1
                self._learn(reader, limit=1)
            return FileFacts(pa.schema([(name, pa.string()) for name in reader.names]))

    def unify(self) -> pa.Schema:
        """Return the columns of all files by name, with the types their texts have."""
        import pyarrow as pa

        names = super().unify().names
        if not names:
            raise NoColumnsError(
                f"{self.files[0]} has no columns: it is empty",
                hint="set `names` in the home to read empty files as tables without rows",
            )
        self._check_declared(names)
        self._complete_guesses([name for name in names if name not in self.declared])
        for name in names:
            self.kinds[name] = self.guesses[name].type() if name in self.guesses else TEXT
        return pa.schema([(n, self.declared.get(n) or self.kinds[n].data_type()) for n in names])

    def batches(self, piece: Piece) -> Generator[pa.RecordBatch]:
        """Yield the rows block by block, with texts converted to the schema's types."""
        import pyarrow as pa

        with self._reader(piece.file, self.block_bytes, self._remarks) as reader:
            reader.blocks.skip_to(piece.file.start)
            for table in reader.tables():
                for batch in table.to_batches():
                    columns = [
                        texts if name in self.declared else self._read(name, texts, piece.file)
                        for name, texts in zip(reader.names, batch.columns, strict=True)
                    ]
                    yield pa.RecordBatch.from_arrays(columns, names=list(reader.names))

    def _read(self, name: str, texts: pa.StringArray, file: DataFile) -> pa.Array:
        kind = self.kinds[name]
        texts = texts if kind is TEXT else self._numbers.bare(texts)
        values = kind.read(texts)
        if values is not None:
            return values
        odd = next(text for text in texts if kind.read(_array(text)) is None)
        what = f"{file}: column '{name}' is {kind.name}, but contains {odd.as_py()!r}"
        if self.request.thorough:
            raise HomeError(f"{what}: the file changed while it was read")
        raise LateTypeError(what)

    @contextmanager
    def _reader(
        self, file: DataFile, size: int, remarks: Remarks | None = None
    ) -> Iterator[DelimitedReader]:
        """Open a reader on the rows of `file`, its header already read.

        With `remarks` the rows are read for a move, else for inference.
        """
        config, dialect = self.config, self.config.dialect(file)
        footer = config.skip_footer if isinstance(config.skip_footer, int) else 0
        with open_text(file, config.encoding, remarks, self.reach) as stream:
            reader = DelimitedReader(
                BlockReader(
                    stream,
                    size,
                    dialect.cut,
                    footer=footer,
                    largest=self.request.max_value_bytes,
                ),
                dialect,
                rules=config.rules(),
                numbers=config.numbers(),
                remarks=remarks or Remarks(),
                put_aside=self._put_aside(is_moved=remarks is not None),
            )
            has_separator = reader.read_separator(config.delimiter)
            reader.blocks.skip_lines(max(config.skip_rows - has_separator, 0))
            reader.begin(
                has_header=config.has_header,
                names=config.names,
                guards=config.check_delimiter,
                is_sure=has_separator or config.delimiter is not None,
            )
            reader.names = self.spelling.of(reader.names)
            reader.types = {n: t for n, t in self.declared.items() if n in reader.names}
            reader.formats = {
                name: formats
                for name, kind in reader.types.items()
                if _is_moment(kind) and (formats := self.config.formats(name))
            }
            yield reader

    def _put_aside(self, *, is_moved: bool) -> Callable[[str, bytes, str], None] | None:
        if not self.request.quarantines:
            return None
        return self.put_aside if is_moved and self.put_aside is not None else _ignore

    def notes(self) -> Sequence[str]:
        """Return notes on omitted lines, and on columns that are text because of a few values."""
        found = [name for name in self.reasons if self.kinds.get(name) is TEXT]
        found.sort(key=list(self.kinds).index)
        notes = [
            f"column '{name}' is text because of {self.reasons[name]}"
            for name in found[:_MOST_REASONS]
        ]
        if len(found) > _MOST_REASONS:
            notes.append(f"{plural(len(found) - _MOST_REASONS, 'more column')} for similar reasons")
        return [*self._remarks.sentences(), *notes]

    def _is_surprising(self, texts: pa.StringArray, place: int) -> bool:
        """Return whether earlier values had a type, or the value itself looks like a number.

        Digits with a leading zero are a code, not an unexpected text.
        """
        text = texts[place].as_py()
        if _CODE.fullmatch(text):
            return False
        is_first = texts[:place].null_count == place
        return not is_first or _NUMERIC.fullmatch(text) is not None

    def _check_declared(self, names: Sequence[str]) -> None:
        for name in self.config.declared():
            if name not in names:
                raise HomeError(
                    f"{self.files[0]} has no column '{name}', whose type is declared",
                    hint=f"fix `types` in the home; columns: {', '.join(names)}",
                )

    def _complete_guesses(self, names: Sequence[str]) -> None:
        """Learn from whole files when requested, or where samples do not suffice."""
        is_known = all(name in self.guesses and not self.guesses[name].is_open for name in names)
        if not self.config.infer or (is_known and not self.request.thorough):
            return
        for file in self.files:
            with self._reader(file, self.block_bytes) as reader:
                self._learn(reader)

    def _guess(self, name: str) -> Guess:
        """Return the candidates of a column before any text was seen."""
        point, given = self.config.decimal_point, self.config.timestamp_formats
        if self.request.types.get(name) in _TEXTUAL:
            return Guess([TEXT])
        formats = () if isinstance(given, dict) else given
        return Guess(candidates(point, formats, self.request.held(name)), point)

    def _learn(self, reader: DelimitedReader, limit: int | None = None) -> None:
        """Learn from the texts of the next `limit` blocks, or of all remaining ones."""
        for name in set(reader.names) - self.declared.keys() - self.guesses.keys():
            self.guesses[name] = self._guess(name)
        for table in islice(reader.tables(), limit):
            for name in set(reader.names) - self.declared.keys():
                row = 0
                for texts in table.column(name).chunks:
                    place = self.guesses[name].learn(self._numbers.bare(texts))
                    if place is not None and self._is_surprising(texts, place):
                        where = reader.line_of(row + place)
                        self.reasons[name] = f"{_shown(texts[place].as_py())} in {where}"
                    row += len(texts)


def _read_by_home(request: ReadRequest, config: CsvHomeConfig) -> dict[str, pa.DataType]:
    """Return the flow's types for columns whose format only the home knows.

    A cast does not support decimal commas, other boolean words or date formats.
    """
    import pyarrow.types as is_

    def is_read(kind: pa.DataType) -> bool:
        if is_.is_integer(kind) or is_.is_floating(kind) or is_.is_decimal(kind):
            return config.numbers() != NumberFormat()
        return bool(is_.is_boolean(kind) or (_is_moment(kind) and config.timestamp_formats))

    kinds = {name: arrow_type(kind) for name, kind in request.types.items()}
    return {name: kind for name, kind in kinds.items() if is_read(kind)}


def _shown(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…")


def _is_moment(kind: pa.DataType) -> bool:
    import pyarrow.types as is_

    return bool(is_.is_date(kind) or is_.is_time(kind) or is_.is_timestamp(kind))


def _ignore(where: str, line: bytes, reason: str) -> None:
    """Ignore a line that will be quarantined when it is moved."""


def _array(text: pa.StringScalar) -> pa.StringArray:
    import pyarrow as pa

    return pa.array([text.as_py()], pa.string())
