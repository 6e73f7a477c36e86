"""What homes and stores of csv files say in YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from hygge.connector import HomeConfig, ProjectContext
from hygge.connectors.files.formats import FileFormat
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.text.decoding import Encoding
from hygge.connectors.files.text.dialects import FALSE_VALUES, TRUE_VALUES, Dialect
from hygge.connectors.files.text.home import TextHomeConfig
from hygge.connectors.files.text.moments import FormatText, moment_format
from hygge.connectors.files.text.numbers import NumberFormat
from hygge.connectors.files.text.tidying import AUTO, Rules
from hygge.connectors.files.text.values import (
    Compression,
)
from hygge.connectors.files.writing.store import FileStoreConfig
from hygge.settings.move import Names
from hygge.types.type_names import TypeName, arrow_type

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.csv.home import CsvHome

_Marks = Annotated[str, Field(min_length=1, max_length=8)]
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

    delimiter: _Marks | None = None
    """The delimiter, one or more characters. The default is a comma, a tab in `.tsv` files, or the
    delimiter of a first line such as `sep=;`.
    """
    check_delimiter: bool = True
    """Fail if another delimiter would split all lines into the same, larger number of values. With
    a declared `delimiter`, only if the file has one column and another delimiter would split its
    header.
    """
    quote: str | None = '"'
    """The quote character around values that contain delimiters or line breaks; `none` disables
    quoting."""
    escape: str | None = None
    """Character that makes the next character literal; by default there is none."""
    double_quote: bool = True
    """Whether two quotes inside a quoted value mean one quote."""
    stray_quotes: Literal["fail", "keep"] = "fail"
    """A value with text after its closing quote: `fail`, or `keep` it literally, including
    quotes."""
    spaces_around_quotes: Literal["skip", "keep"] = "skip"
    """Whether spaces between a delimiter and a quoted value are ignored or part of the value."""
    header: bool | None = None
    """Whether the first line has the column names. The default is true, or false with `names`."""
    names: Names = ()
    """Column names, in order; they replace those of a header."""
    skip_rows: int = Field(default=0, ge=0)
    """Number of lines to skip at the beginning of each file, before the header."""
    skip_footer: Annotated[int, Field(ge=0)] | Literal["auto"] = AUTO
    """Number of lines to skip at the end of each file. `auto` skips last lines such as `Total: 2
    rows` if they contain no delimiter, the file has several columns and the line cannot be a
    truncated row.
    """
    comment: _Marks | None = AUTO
    """Prefix of comment lines, which are skipped, such as `#`; `none` if there are no comments.
    `auto` is `#`, if the line contains no delimiter and the file has several columns.
    """
    short_rows: Literal["fail", "pad"] = "fail"
    """Rows without their last values: `fail`, or fill them with nulls (`pad`)."""
    trailing_delimiters: Literal["auto", "drop", "fail"] = AUTO
    """Empty values after the last column: ignore them if all rows have them (`auto`), always ignore
    them (`drop`), or `fail`."""
    encoding: Encoding = "utf-8"
    """Encoding of the files, such as utf-16, latin-1 or cp1252."""
    null_values: tuple[str, ...] = ("",)
    """Unquoted texts that mean null. A quoted value is never null, except an empty one in a column
    declared with a type other than text.
    """
    true_values: tuple[str, ...] = ()
    """Words for true in bool columns, instead of true, yes, y, t, on and 1."""
    false_values: tuple[str, ...] = ()
    """Words for false in bool columns, instead of false, no, n, f, off and 0."""
    types: dict[str, TypeName] = Field(default_factory=dict)
    """Types of columns, by name. A value that does not fit fails the move with its line."""
    decimal_point: Literal[".", ","] = "."
    """The decimal separator of numbers."""
    thousands: Literal[",", ".", " ", "'", "_"] | None = None
    """The thousands separator of numbers, such as the comma in `1,234,567.50`."""
    number_affixes: tuple[Annotated[str, Field(pattern=r"^[^-+0-9.,()]+$")], ...] = ()
    """Prefixes and suffixes of numbers to ignore, such as `$` or `%` (`45%` is 45)."""
    timestamp_formats: Formats | dict[str, Formats] = ()
    """Formats of dates, times and timestamps other than ISO 8601, such as `%d/%m/%Y %H:%M`. A list
    applies to every column whose values match. `{column: format}` applies to these columns, and a
    value that does not match fails the move with its line. Invalid dates such as 31/02/2024 never
    match.
    """
    infer: bool = True
    """Whether to infer the types of columns that have no declared type; otherwise they are text."""

    @field_validator("delimiter", mode="before", json_schema_input_type=_Marks | None)
    @classmethod
    def _read_tab(cls, value: object) -> object:
        return "\t" if value in ("tab", "\\t") else value

    @field_validator("quote", "comment", mode="before", json_schema_input_type=_Marks | None)
    @classmethod
    def _read_none(cls, value: object) -> object:
        return None if value == "none" else value

    @field_validator("delimiter")
    @classmethod
    def _check_delimiter(cls, value: str | None) -> str | None:
        if value is not None and any(mark.isalnum() or mark in "\r\n" for mark in value):
            raise ValueError(
                "must be one or more characters, without letters, digits and line breaks"
            )
        return value

    @field_validator("quote", "escape")
    @classmethod
    def _check_mark(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if len(value) == 1 and value.isascii() and not value.isalnum() and value not in "\r\n":
            return value
        raise ValueError("must be one ASCII character, not a letter, digit or line break")

    @field_validator("types")
    @classmethod
    def _check_types(cls, types: dict[str, str]) -> dict[str, str]:
        for name, kind in types.items():
            if kind.startswith("list("):
                raise ValueError(f"column '{name}': delimited text cannot contain lists")
        return types

    @model_validator(mode="after")
    def _check_marks_differ(self) -> Self:
        marks = [m for m in (self.delimiter or ",", self.quote, self.escape) if m is not None]
        if len(set(marks)) < len(marks):
            raise ValueError("delimiter, quote and escape must differ from each other")
        if self.thousands == self.decimal_point:
            raise ValueError("thousands and decimal_point must differ from each other")
        if set(self.true_values) & set(self.false_values):
            raise ValueError("true_values and false_values must not have a word in common")
        if self.header is False and not self.names and self.types:
            raise ValueError("types need the names of the columns; set `names`")
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
                    f"timestamp_formats: the formats of column '{name}' have different types"
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
        is_tabbed = file.name.lower().removesuffix(file.compression).endswith(".tsv")
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
        from hygge.connectors.csv.home import CsvHome

        return CsvHome(self, context)


class CsvStoreConfig(FileStoreConfig, type="csv"):
    """Writes CSV in UTF-8. Null is an empty value, an empty text is two quotes.

    Floats are written as the shortest text for the same number, decimals with all digits, dates and
    times in ISO 8601, and timestamps with a time zone in UTC.
    """

    suffixes = (".csv", ".tsv", ".csv.gz", ".csv.zst", ".tsv.gz", ".tsv.zst")

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """The delimiter: one character, such as `;` or a tab."""
    quote: Annotated[str, Field(min_length=1, max_length=1)] = '"'
    """The quote character around values with a delimiter, a quote or a line break; doubled
    inside."""
    header: bool = True
    """Whether every file begins with the column names."""
    null_text: str = ""
    """The unquoted text for null; an equal text value is written in quotes."""
    line_end: Literal["lf", "crlf"] = "lf"
    """The line break."""
    compression: Compression = "none"
    """Compression of files: none, gzip (`.csv.gz`) or zstd (`.csv.zst`)."""

    @model_validator(mode="after")
    def _are_distinct(self) -> Self:
        reserved = set("\r\n\0")
        marks = self.delimiter + self.quote
        if self.delimiter == self.quote or reserved & set(marks + self.null_text):
            raise ValueError("delimiter and quote must differ, and neither can be a line break")
        if any(mark.isalnum() or mark in "+-.:_" or not mark.isascii() for mark in marks):
            raise ValueError("delimiter and quote cannot be characters that numbers or dates use")
        if set(marks) & set(self.null_text):
            raise ValueError("null_text cannot contain the delimiter or the quote")
        return self

    def as_home(self, held: pa.Schema | None = None) -> HomeConfig:
        """Return the home that reads these files."""
        inside = [] if held is None else [n for n in held.names if n not in self.partition_by]
        names = [] if self.header else inside
        return self.read_files_by(
            CsvHomeConfig,
            names=names,
            infer=False,
            null_values=[self.null_text],
            check_delimiter=False,
            comment=None,
            skip_footer=0,
            trailing_delimiters="fail",
            spaces_around_quotes="keep",
        )

    def format(self) -> FileFormat:
        """Return the format."""
        from hygge.connectors.csv.store import CsvFormat

        return CsvFormat(self)
