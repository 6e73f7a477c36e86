"""Tables as delimited text."""

from __future__ import annotations

from re import escape
from typing import TYPE_CHECKING

from hygge.connectors.csv.config import CsvStoreConfig
from hygge.connectors.files.formats import BatchWriter, FileFormat, Sink
from hygge.connectors.files.text.values import (
    COMPRESSED_SUFFIX,
    TextWriter,
    count_outside_quotes,
    fit_text,
    line_bytes,
    pieces,
    read_blocks,
    texts,
)
from hygge.errors import StoreError
from hygge.types.unfit import UnfitError

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.files.reading.data_file import DataFile

_LINE_ENDS = {"lf": "\n", "crlf": "\r\n"}


class CsvFormat(FileFormat):
    """Delimited text, written exactly."""

    def __init__(self, config: CsvStoreConfig) -> None:
        self.config = config
        self.suffix = ".csv" + COMPRESSED_SUFFIX[config.compression]

    def fit(self, kind: pa.DataType) -> pa.DataType:
        """Return the type that a column of `kind` is written as; see `FileFormat`."""

        import pyarrow as pa

        if pa.types.is_nested(kind) and not pa.types.is_run_end_encoded(kind):
            raise UnfitError("delimited text does not support lists or structs")
        return fit_text(kind)

    def open(self, sink: Sink, schema: pa.Schema, buffer_bytes: int) -> BatchWriter:
        """Return the writer of one file; see `FileFormat`."""
        return _Lines(self.config, sink, schema)

    def count(self, file: DataFile) -> int:
        """Return the rows of a file; see `FileFormat`."""
        config = self.config
        blocks = read_blocks(file, config.compression)
        lines = count_outside_quotes(blocks, config.quote, _LINE_ENDS[config.line_end])
        return lines - config.header


class _Lines:
    """Formats batches as lines, a column at a time."""

    def __init__(self, config: CsvStoreConfig, sink: Sink, schema: pa.Schema) -> None:
        self._config = config
        self._end = _LINE_ENDS[config.line_end]
        self._special = f"[{escape(config.delimiter + config.quote)}\r\n]"
        self._out = TextWriter(sink, config.compression)
        if config.header:
            import pyarrow as pa

            names = self._quoted(pa.array(schema.names, pa.string())).to_pylist()
            self._out.write((config.delimiter.join(names) + self._end).encode())

    def write(self, batch: pa.RecordBatch) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        for piece in pieces(batch):
            columns = [
                self._column(name, values)
                for name, values in zip(piece.schema.names, piece.columns, strict=True)
            ]
            if len(columns) == 1 and not self._config.null_text:
                self._refuse_blank_lines(piece.schema.names[0], piece.column(0))
            rows = pc.binary_join_element_wise(*columns, self._config.delimiter)
            ends = pa.scalar(self._end)
            self._out.write(line_bytes(pc.binary_join_element_wise(rows, ends, "")))

    def _column(self, name: str, values: pa.Array) -> pa.Array:
        import pyarrow.compute as pc

        text = texts(name, values)
        if _can_hold_marks(values.type) or self._config.null_text:
            text = self._quoted(text)
        return pc.fill_null(text, self._config.null_text)

    def _quoted(self, text: pa.Array) -> pa.Array:
        import pyarrow.compute as pc

        quote = self._config.quote
        needs = pc.or_(
            pc.match_substring_regex(text, self._special),
            pc.or_(pc.equal(text, ""), pc.equal(text, self._config.null_text)),
        )
        if not pc.any(needs).as_py():
            return text
        doubled = pc.replace_substring(text, quote, quote * 2)
        return pc.if_else(needs, pc.binary_join_element_wise(quote, doubled, quote, ""), text)

    def _refuse_blank_lines(self, name: str, values: pa.Array) -> None:
        if values.null_count:
            raise StoreError(
                f"column '{name}' is the only one and contains nulls: each would be an empty "
                "line, which readers skip",
                hint="set  null_text: NULL  in the store",
            )

    def close(self) -> None:
        self._out.close()


def _can_hold_marks(kind: pa.DataType) -> bool:
    import pyarrow as pa

    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return not (is_number or pa.types.is_boolean(kind) or pa.types.is_temporal(kind))
