"""Delimited text, with types that no late value can contradict and that change no text."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from hygge.connector import ProjectContext, ReadRequest
from hygge.datatypes import TypeName, arrow_type
from hygge.errors import HomeError, LateTypeError
from hygge.files.blocks import BlockReader
from hygge.files.decoding import COMPRESSIONS, Encoding, open_text
from hygge.files.delimited import DelimitedReader, Dialect
from hygge.files.faults import NoColumnsError
from hygge.files.home import FileHome, FileHomeConfig, FileSource
from hygge.files.inference import TEXT, Guess, TextType, candidates
from hygge.files.layout import DataFile
from hygge.files.moments import FormatText, moment_format
from hygge.files.pieces import FileFacts, Piece
from hygge.plurals import plural
from hygge.settings import Names

if TYPE_CHECKING:
    import pyarrow as pa

_SAMPLED_BYTES = 4 * 2**20
"""How much of a file is looked at before it is read."""
_SAMPLED_FILES = 8
"""Of further files only the header is looked at."""
_HEADER_BYTES = 2**16
_LEAST_BLOCK, _LARGEST_BLOCK = 2**16, 2**23
_MOST_REASONS = 5
_LONGEST_VALUE = 40
_NUMERIC = re.compile(r"[-+ $€£]*[0-9][0-9.,' ]*[-+%$€£ ]*")
"""A text that a person would take for a number."""
_TEXTUAL = ("string", "binary")
"""Types that a flow casts to of which the values are the file's own texts."""

Formats = Annotated[
    tuple[FormatText, ...],
    BeforeValidator(
        lambda value: [value] if isinstance(value, str) else value,
        json_schema_input_type=str | tuple[str, ...],
    ),
]
"""A list of formats; one may stand alone."""


class CsvHomeConfig(FileHomeConfig, type="csv"):
    """Reads delimited text: comma, tab or any other separated values."""

    extensions: ClassVar[tuple[str, ...]] = (".csv", ".tsv")
    compressions: ClassVar[tuple[str, ...]] = COMPRESSIONS

    delimiter: str | None = None
    """What stands between two values; by default a comma, in files that end in `.tsv` a tab."""
    quote: str | None = '"'
    """What stands around values that hold delimiters or line ends; null when nothing does."""
    escape: str | None = None
    """What stands before a character that is to be taken literally; nothing by default."""
    double_quote: bool = True
    """Whether two quotes inside of a quoted value stand for one."""
    header: bool | None = None
    """Whether the first line holds the names; by default it does, unless `names` are given."""
    names: Names = ()
    """The columns' names, in order; they replace those of a header."""
    skip_rows: int = Field(default=0, ge=0)
    """How many lines to pass over at the beginning of each file, before the header."""
    encoding: Encoding = "utf-8"
    """The files' encoding, e.g. utf-16, latin-1, cp1252."""
    null_values: tuple[str, ...] = ("",)
    """Texts that mean null where they stand unquoted; a quoted value is never null."""
    types: dict[str, TypeName] = Field(default_factory=dict)
    """Types of columns, by name; a value that does not fit fails the move, naming its line."""
    decimal_point: Literal[".", ","] = "."
    """What separates the whole part of a number from its decimals."""
    timestamp_formats: Formats | dict[str, Formats] = ()
    """Ways to write dates, times and timestamps besides ISO 8601, e.g. `%d/%m/%Y %H:%M`.

    A list is for every column whose texts look so. `{column: format}` is for these columns only,
    and a value of them that does not fit fails the move, naming its line. A day that does not
    exist, such as 31/02/2024, never fits.
    """
    infer: bool = True
    """Whether columns without a declared type get one from their values; else they are text."""

    @field_validator("delimiter", "quote", "escape")
    @classmethod
    def _check_mark(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if len(value) == 1 and value.isascii() and not value.isalnum() and value not in "\r\n":
            return value
        raise ValueError("one character of ASCII, no letter, digit or line end")

    @field_validator("types")
    @classmethod
    def _check_types(cls, types: dict[str, str]) -> dict[str, str]:
        for name, kind in types.items():
            if kind.startswith("list("):
                raise ValueError(f"column '{name}': text with delimiters holds no lists")
        return types

    @model_validator(mode="after")
    def _check_marks_differ(self) -> Self:
        marks = [m for m in (self.delimiter or ",", self.quote, self.escape) if m is not None]
        if len(set(marks)) < len(marks):
            raise ValueError("delimiter, quote and escape must differ from each other")
        if self.header is False and not self.names and self.types:
            raise ValueError("types need the columns' names; give them as `names`")
        return self

    @model_validator(mode="after")
    def _check_formats(self) -> Self:
        if not isinstance(self.timestamp_formats, dict):
            return self
        for name, texts in self.timestamp_formats.items():
            kinds = {moment_format(text).kind for text in texts}
            if not texts:
                raise ValueError(f"timestamp_formats: column '{name}' has no format")
            if len(kinds - {"date"}) > 1 or kinds == {"date", "time"}:
                raise ValueError(
                    f"timestamp_formats: those of column '{name}' are of several types"
                )
            declared = self.types.get(name, min(kinds))
            if not declared.startswith(("date", "time")):
                raise ValueError(f"column '{name}' has a timestamp format, but is {declared}")
        return self

    @property
    def has_header(self) -> bool:
        """Whether the first line is no data."""
        return not self.names if self.header is None else self.header

    def dialect(self, file: DataFile) -> Dialect:
        """Return how `file` is written."""
        is_tabbed = file.path.lower().removesuffix(file.compression).endswith(".tsv")
        return Dialect(
            delimiter=self.delimiter or ("\t" if is_tabbed else ","),
            quote=self.quote,
            escape=self.escape,
            has_doubled_quotes=self.double_quote,
            null_values=self.null_values,
            decimal_point=self.decimal_point,
        )

    def declared(self) -> dict[str, pa.DataType]:
        """Return the types of columns that are not to be guessed: given, or those of a format."""
        found = {name: arrow_type(kind) for name, kind in self.types.items()}
        if isinstance(self.timestamp_formats, dict):
            for name, texts in self.timestamp_formats.items():
                kinds = {moment_format(text).kind for text in texts}
                kind = kinds.pop() if len(kinds) == 1 else "timestamp"
                found.setdefault(name, arrow_type(kind))
        return found

    def formats(self, name: str) -> tuple[str, ...]:
        """Return the ways to write dates and times in a column."""
        given = self.timestamp_formats
        return given.get(name, ()) if isinstance(given, dict) else given

    def home(self, context: ProjectContext) -> CsvHome:
        """Return the home; touches nothing on the disk."""
        return CsvHome(self, context)


class CsvHome(FileHome):
    """A directory of delimited text files."""

    def __init__(self, config: CsvHomeConfig, context: ProjectContext) -> None:
        super().__init__(config, context)
        self.config = config

    def source(self, request: ReadRequest, files: Sequence[DataFile]) -> CsvSource:
        """Return the view on `files`; reads their headers and samples, or all when thorough."""
        return CsvSource(request, files, self.config)


class CsvSource(FileSource):
    """Delimited text files under one schema."""

    def __init__(
        self, request: ReadRequest, files: Sequence[DataFile], config: CsvHomeConfig
    ) -> None:
        self.config = config
        self.declared = config.declared()
        self.guesses: dict[str, Guess] = {}
        self.kinds: dict[str, TextType] = {}
        self.reasons: dict[str, str] = {}
        self.samples = 0 if request.thorough or not config.infer else _SAMPLED_FILES
        self.block_bytes = min(max(request.batch_bytes // 2, _LEAST_BLOCK), _LARGEST_BLOCK)
        super().__init__(request, files)

    def look(self, file: DataFile) -> FileFacts:
        """Read the header and learn from a sample, as long as few files were looked at."""
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
                f"{self.files[0].path} has no columns: it is empty",
                hint="give `names` in the home's file to read empty files as no rows",
            )
        self._check_declared(names)
        self._complete_guesses([name for name in names if name not in self.declared])
        for name in names:
            self.kinds[name] = self.guesses[name].type() if name in self.guesses else TEXT
        return pa.schema([(n, self.declared.get(n) or self.kinds[n].data_type()) for n in names])

    def batches(self, piece: Piece) -> Generator[pa.RecordBatch]:
        """Yield the rows block by block, their texts turned into values of the schema's types."""
        import pyarrow as pa

        with self._reader(piece.file, self.block_bytes) as reader:
            for table in reader.tables():
                for batch in table.to_batches():
                    columns = [
                        texts if name in self.declared else self._read(name, texts, piece.file)
                        for name, texts in zip(reader.names, batch.columns, strict=True)
                    ]
                    yield pa.RecordBatch.from_arrays(columns, names=list(reader.names))

    def _read(self, name: str, texts: pa.StringArray, file: DataFile) -> pa.Array:
        kind = self.kinds[name]
        values = kind.read(texts)
        if values is not None:
            return values
        odd = next(text for text in texts if kind.read(_array(text)) is None)
        what = f"{file.path}: column '{name}' is {kind.name}, but holds {odd.as_py()!r}"
        if self.request.thorough:
            raise HomeError(f"{what}: the file changed while it was read")
        raise LateTypeError(what)

    def notes(self) -> Sequence[str]:
        """Return which columns are text although some of their values could be of a type."""
        found = [name for name in self.reasons if self.kinds.get(name) is TEXT]
        found.sort(key=list(self.kinds).index)
        notes = [
            f"column '{name}' is text because of {self.reasons[name]}"
            for name in found[:_MOST_REASONS]
        ]
        if len(found) > _MOST_REASONS:
            notes.append(f"{plural(len(found) - _MOST_REASONS, 'more column')} likewise")
        return notes

    def _is_surprising(self, texts: pa.StringArray, place: int) -> bool:
        """Return whether values before were of a type, or the value itself looks like a number."""
        is_first = texts[:place].null_count == place
        return not is_first or _NUMERIC.fullmatch(texts[place].as_py()) is not None

    @contextmanager
    def _reader(self, file: DataFile, size: int) -> Iterator[DelimitedReader]:
        """Open a reader on the rows of `file`, its header already read."""
        dialect = self.config.dialect(file)
        with open_text(file, self.config.encoding) as stream:
            reader = DelimitedReader(BlockReader(stream, size, dialect.cut), dialect)
            reader.blocks.skip_lines(self.config.skip_rows)
            if self.config.has_header:
                reader.read_header(is_used=not self.config.names)
            self._name(reader, file)
            reader.types = {n: t for n, t in self.declared.items() if n in reader.names}
            reader.formats = {
                name: formats
                for name, kind in reader.types.items()
                if _is_moment(kind) and (formats := self.config.formats(name))
            }
            yield reader

    def _name(self, reader: DelimitedReader, file: DataFile) -> None:
        given = list(self.config.names)
        found = len(reader.names) or reader.count_columns()
        if given and found and len(given) != found:
            raise HomeError(
                f"{file.path} has {plural(found, 'column')}, but `names` has {len(given)}",
                hint="correct `names` or `delimiter` in the home's file",
            )
        if given or not reader.names:
            reader.names = given or [f"column_{n}" for n in range(1, found + 1)]

    def _check_declared(self, names: Sequence[str]) -> None:
        for name in self.declared:
            if name not in names:
                raise HomeError(
                    f"{self.files[0].path} has no column '{name}', whose type is declared",
                    hint=f"correct `types` in the home's file; columns: {', '.join(names)}",
                )

    def _complete_guesses(self, names: Sequence[str]) -> None:
        """Learn from every file as a whole when that is wanted, or samples do not suffice."""
        is_known = all(name in self.guesses and not self.guesses[name].is_open for name in names)
        if not self.config.infer or (is_known and not self.request.thorough):
            return
        for file in self.files:
            with self._reader(file, self.block_bytes) as reader:
                self._learn(reader)

    def _guess(self, name: str) -> Guess:
        """Return what a column can be before any text of it was seen."""
        point, given = self.config.decimal_point, self.config.timestamp_formats
        if self.request.types.get(name) in _TEXTUAL:
            return Guess([TEXT])
        formats = () if isinstance(given, dict) else given
        return Guess(candidates(point, formats, self.request.held(name)), point)

    def _learn(self, reader: DelimitedReader, limit: int | None = None) -> None:
        """Learn what texts there are in the next `limit` blocks, or in all that follow."""
        for name in set(reader.names) - self.declared.keys() - self.guesses.keys():
            self.guesses[name] = self._guess(name)
        for table in islice(reader.tables(), limit):
            for name in set(reader.names) - self.declared.keys():
                row = 0
                for texts in table.column(name).chunks:
                    place = self.guesses[name].learn(texts)
                    if place is not None and self._is_surprising(texts, place):
                        where = reader.line_of(row + place)
                        self.reasons[name] = f"{_shown(texts[place].as_py())} in {where}"
                    row += len(texts)


def _shown(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…")


def _is_moment(kind: pa.DataType) -> bool:
    import pyarrow.types as is_

    return bool(is_.is_date(kind) or is_.is_time(kind) or is_.is_timestamp(kind))


def _array(text: pa.StringScalar) -> pa.StringArray:
    import pyarrow as pa

    return pa.array([text.as_py()], pa.string())
