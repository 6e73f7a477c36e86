"""Delimited text, with types that no late value can contradict and that change no text."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from hygge.connector import ProjectContext, ReadRequest
from hygge.datatypes import TypeName, arrow_type
from hygge.errors import HomeError, LateTypeError
from hygge.files.blocks import BlockReader
from hygge.files.decoding import Encoding, open_text
from hygge.files.delimited import DelimitedReader
from hygge.files.dialects import FALSE_VALUES, TRUE_VALUES, Dialect
from hygge.files.faults import NoColumnsError
from hygge.files.home import FileSource
from hygge.files.inference import TEXT, Guess, TextType, candidates
from hygge.files.layout import DataFile
from hygge.files.moments import FormatText, moment_format
from hygge.files.numbers import NumberFormat
from hygge.files.pieces import FileFacts, Piece
from hygge.files.remarks import Remarks
from hygge.files.text_home import TextHome, TextHomeConfig
from hygge.files.tidying import AUTO, Rules
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


class CsvHomeConfig(TextHomeConfig, type="csv"):
    """Reads delimited text: comma, tab or any other separated values."""

    extensions: ClassVar[tuple[str, ...]] = (".csv", ".tsv")

    delimiter: Annotated[str, Field(min_length=1, max_length=8)] | None = None
    """What stands between two values, one character or several.

    By default a comma, a tab in files that end in `.tsv`, or what a first line `sep=;` says.
    """
    check_delimiter: bool = True
    """Refuse a file whose lines would all be split alike, into more values, at another delimiter.

    With a declared `delimiter` only a file of one column whose header another one would split.
    """
    quote: str | None = '"'
    """What stands around values that hold delimiters or line ends; `none` when nothing does."""
    escape: str | None = None
    """What stands before a character that is to be taken literally; nothing by default."""
    double_quote: bool = True
    """Whether two quotes inside of a quoted value stand for one."""
    stray_quotes: Literal["fail", "keep"] = "fail"
    """A value with text after its closing quote: fail, or keep it to the letter, with quotes."""
    spaces_around_quotes: Literal["skip", "keep"] = "skip"
    """Whether spaces between a delimiter and a quoted value are left out, or part of the value."""
    header: bool | None = None
    """Whether the first line holds the names; by default it does, unless `names` are given."""
    names: Names = ()
    """The columns' names, in order; they replace those of a header."""
    skip_rows: int = Field(default=0, ge=0)
    """How many lines to pass over at the beginning of each file, before the header."""
    skip_footer: Annotated[int, Field(ge=0)] | Literal["auto"] = AUTO
    """How many lines to leave out at the end of each file.

    By default (`auto`) last lines such as `Total: 2 rows`, where they hold no delimiter, the file
    has several columns and the line cannot be a row that is cut off.
    """
    comment: Annotated[str, Field(min_length=1, max_length=8)] | None = AUTO
    """What lines begin with that are left out, such as `#`; `none` when no line is a comment.

    By default (`auto`) `#`, where the line holds no delimiter and the file has several columns.
    """
    short_rows: Literal["fail", "pad"] = "fail"
    """Rows that lack their last values: fail, or fill them with nulls."""
    trailing_delimiters: Literal["auto", "drop", "fail"] = AUTO
    """Empty values after the last column: leave them out if each row has them (`auto`), leave them
    out wherever they are (`drop`), or fail."""
    encoding: Encoding = "utf-8"
    """The files' encoding, e.g. utf-16, latin-1, cp1252."""
    null_values: tuple[str, ...] = ("",)
    """Texts that mean null where they stand unquoted; a quoted value is never null.

    Quotes around nothing are null in columns that are declared as another type than text.
    """
    true_values: tuple[str, ...] = ()
    """Words that mean true, in place of true, yes, y, t, on and 1 in columns declared as bool."""
    false_values: tuple[str, ...] = ()
    """Words that mean false, in place of false, no, n, f, off and 0."""
    types: dict[str, TypeName] = Field(default_factory=dict)
    """Types of columns, by name; a value that does not fit fails the move, naming its line."""
    decimal_point: Literal[".", ","] = "."
    """What separates the whole part of a number from its decimals."""
    thousands: Literal[",", ".", " ", "'", "_"] | None = None
    """What groups the digits of numbers, such as the commas of `1,234,567.50`."""
    number_affixes: tuple[Annotated[str, Field(pattern=r"^[^-+0-9.,()]+$")], ...] = ()
    """What stands before or after numbers and is left out, such as `$` or `%` (`45%` is 45)."""
    timestamp_formats: Formats | dict[str, Formats] = ()
    """Ways to write dates, times and timestamps besides ISO 8601, e.g. `%d/%m/%Y %H:%M`.

    A list is for every column whose texts look so. `{column: format}` is for these columns only,
    and a value of them that does not fit fails the move, naming its line. A day that does not
    exist, such as 31/02/2024, never fits.
    """
    infer: bool = True
    """Whether columns without a declared type get one from their values; else they are text."""

    @field_validator("delimiter", mode="before")
    @classmethod
    def _read_tab(cls, value: object) -> object:
        return "\t" if value in ("tab", "\\t") else value

    @field_validator("quote", "comment", mode="before")
    @classmethod
    def _read_none(cls, value: object) -> object:
        return None if value == "none" else value

    @field_validator("delimiter")
    @classmethod
    def _check_delimiter(cls, value: str | None) -> str | None:
        if value is not None and any(mark.isalnum() or mark in "\r\n" for mark in value):
            raise ValueError("one character or several, no letter, digit or line end")
        return value

    @field_validator("quote", "escape")
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
        if self.thousands == self.decimal_point:
            raise ValueError("thousands and decimal_point must differ from each other")
        if set(self.true_values) & set(self.false_values):
            raise ValueError("no word can stand in true_values and in false_values")
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
            skips_spaces=self.spaces_around_quotes == "skip",
            keeps_stray_quotes=self.stray_quotes == "keep",
            null_values=self.null_values,
            decimal_point=self.decimal_point,
            true_values=self.true_values or TRUE_VALUES,
            false_values=self.false_values or FALSE_VALUES,
        )

    def rules(self) -> Rules:
        """Return what may stand in a file beside its records."""
        return Rules(
            self.comment, self.skip_footer == AUTO, self.short_rows, self.trailing_delimiters
        )

    def numbers(self) -> NumberFormat:
        """Return how numbers are written."""
        return NumberFormat(self.decimal_point, self.thousands, self.number_affixes)

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


class CsvHome(TextHome):
    """A directory of delimited text files."""

    def __init__(self, config: CsvHomeConfig, context: ProjectContext) -> None:
        super().__init__(config, context)
        self.config = config

    def source(self, request: ReadRequest, files: Sequence[DataFile]) -> CsvSource:
        """Return the view on `files`; reads their headers and samples, or all when thorough."""
        return CsvSource(request, files, self.config.of(request.entity))


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
        self._remarks = Remarks()
        self._numbers = config.numbers()
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

        with self._reader(piece.file, self.block_bytes, self._remarks) as reader:
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
        what = f"{file.path}: column '{name}' is {kind.name}, but holds {odd.as_py()!r}"
        if self.request.thorough:
            raise HomeError(f"{what}: the file changed while it was read")
        raise LateTypeError(what)

    @contextmanager
    def _reader(
        self, file: DataFile, size: int, remarks: Remarks | None = None
    ) -> Iterator[DelimitedReader]:
        """Open a reader on the rows of `file`, its header already read.

        With `remarks` the rows are read to be moved, else only looked at.
        """
        config, dialect = self.config, self.config.dialect(file)
        footer = config.skip_footer if isinstance(config.skip_footer, int) else 0
        with open_text(file, config.encoding, remarks) as stream:
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
        """Return what was left out of the files, and which columns are text for a few values."""
        found = [name for name in self.reasons if self.kinds.get(name) is TEXT]
        found.sort(key=list(self.kinds).index)
        notes = [
            f"column '{name}' is text because of {self.reasons[name]}"
            for name in found[:_MOST_REASONS]
        ]
        if len(found) > _MOST_REASONS:
            notes.append(f"{plural(len(found) - _MOST_REASONS, 'more column')} likewise")
        return [*self._remarks.sentences(), *notes]

    def _is_surprising(self, texts: pa.StringArray, place: int) -> bool:
        """Return whether values before were of a type, or the value itself looks like a number."""
        is_first = texts[:place].null_count == place
        return not is_first or _NUMERIC.fullmatch(texts[place].as_py()) is not None

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
                    place = self.guesses[name].learn(self._numbers.bare(texts))
                    if place is not None and self._is_surprising(texts, place):
                        where = reader.line_of(row + place)
                        self.reasons[name] = f"{_shown(texts[place].as_py())} in {where}"
                    row += len(texts)


def _shown(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…")


def _is_moment(kind: pa.DataType) -> bool:
    import pyarrow.types as is_

    return bool(is_.is_date(kind) or is_.is_time(kind) or is_.is_timestamp(kind))


def _ignore(where: str, line: bytes, reason: str) -> None:
    """Leave out a line that is put aside when it is moved."""


def _array(text: pa.StringScalar) -> pa.StringArray:
    import pyarrow as pa

    return pa.array([text.as_py()], pa.string())
