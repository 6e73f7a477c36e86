"""Values as exact text for text formats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from hygge.connectors.files.formats import Sink
from hygge.errors import StoreError
from hygge.types.unfit import UnfitError

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.files.reading.data_file import DataFile

Compression = Literal["none", "gzip", "zstd"]
COMPRESSED_SUFFIX = {"none": "", "gzip": ".gz", "zstd": ".zst"}
_SLICE_BYTES = 16 * 2**20
_SLICE_ROWS = 65536
_IS_ISO = r"^\d{4}-"
_IS_FRACTION = "[.en]"


class TextWriter:
    """Writes lines of text, optionally compressed, in pieces of bounded size."""

    def __init__(self, sink: Sink, compression: Compression) -> None:
        import pyarrow as pa

        file = pa.PythonFile(sink, "w")
        plain = compression == "none"
        self._out = file if plain else pa.CompressedOutputStream(file, compression)

    def write(self, data: bytes | pa.Buffer) -> None:
        """Append bytes."""
        self._out.write(data)

    def close(self) -> None:
        """Finish the compressed stream."""
        self._out.close()


def pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yield a batch in slices with a bounded text size, at least one row each."""
    share = max(batch.nbytes // _SLICE_BYTES, 1)
    rows = max(min(batch.num_rows // share, _SLICE_ROWS), 1)
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def line_bytes(lines: pa.Array) -> pa.Buffer:
    """Return the concatenated bytes of new strings without copying."""
    import pyarrow.compute as pc

    size = pc.sum(pc.binary_length(lines)).as_py() or 0
    return lines.buffers()[2].slice(0, size)


def read_blocks(file: DataFile, compression: Compression) -> Iterator[bytes]:
    """Yield the content of a file in blocks, decompressed."""
    import pyarrow as pa

    if compression == "none":
        with file.open() as raw:
            yield from iter(lambda: raw.read(2**20), b"")
        return
    with file.arrow_file() as packed, pa.CompressedInputStream(packed, compression) as stream:
        yield from iter(lambda: stream.read(2**20), b"")


def texts(column: str, values: pa.Array) -> pa.Array:
    """Return plain values as strings, nulls kept.

    Floats are the shortest text that reads back as the same number, always with a point or an
    exponent; decimals have all their digits and never an exponent; dates and times are ISO 8601,
    with a zone as that instant in UTC, `Z`. Raises `StoreError` for years outside 0 to 9999.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_dictionary(kind):
        return texts(column, values.dictionary_decode())
    if isinstance(kind, pa.BaseExtensionType):
        return texts(column, values.storage)
    if pa.types.is_floating(kind):
        return _floats(values)
    if pa.types.is_decimal(kind):
        return _decimals(values)
    if pa.types.is_timestamp(kind):
        # Without the zone, whose rules Arrow would look up for each value.
        text = _checked(column, values.cast(pa.timestamp(kind.unit)).cast(pa.string()))
        text = pc.replace_substring(text, " ", "T", max_replacements=1)
        return text if kind.tz is None else pc.binary_join_element_wise(text, "Z", "")
    if pa.types.is_date(kind):
        return _checked(column, values.cast(pa.string()))
    text = values.cast(pa.string())
    if pa.types.is_time(kind):
        _check_clock(column, values, text)
    return text


def _check_clock(column: str, values: pa.Array, text: pa.Array) -> None:
    """Raise `StoreError` for an invalid time of day, which Arrow prints as out of range."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wrong = pc.starts_with(text, "<")
    if pc.any(wrong).as_py():
        number = values.view(pa.int32() if values.type.bit_width == 32 else pa.int64())
        raise StoreError(
            f"column '{column}' contains an invalid time of day: {number.filter(wrong)[0]} "
            f"{values.type.unit} after midnight",
            hint=f'fix it in the home, or exclude it with  select: ["-{column}"]',
        )


def _floats(values: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    text = values.cast(pa.string())
    with_point = pc.binary_join_element_wise(text, ".0", "")
    return pc.if_else(pc.match_substring_regex(text, _IS_FRACTION), text, with_point)


def _decimals(values: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    scale = values.type.scale
    if pa.types.is_decimal32(values.type) or pa.types.is_decimal64(values.type):
        values = values.cast(pa.decimal128(38, scale))
    make = pa.decimal256 if pa.types.is_decimal256(values.type) else pa.decimal128
    whole = make(values.type.precision, 0)
    # The same bits as an integer, whose text has every digit and no exponent.
    units = pa.Array.from_buffers(whole, len(values), values.buffers(), offset=values.offset).cast(
        pa.string()
    )
    if scale <= 0:
        zeros = pc.binary_join_element_wise(units, "0" * -scale, "")
        return pc.if_else(pc.equal(units, "0"), units, zeros) if scale else units
    sign = pc.if_else(pc.starts_with(units, "-"), "-", "")
    digits = pc.utf8_lpad(pc.utf8_ltrim(units, "-"), scale + 1, "0")
    before = pc.utf8_slice_codeunits(digits, 0, -scale)
    after = pc.utf8_slice_codeunits(digits, -scale)
    return pc.binary_join_element_wise(pc.binary_join_element_wise(sign, before, ""), after, ".")


def _checked(column: str, text: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    if pc.all(pc.match_substring_regex(text, _IS_ISO)).as_py() is False:
        wrong = text.filter(pc.invert(pc.match_substring_regex(text, _IS_ISO)))
        raise StoreError(
            f"column '{column}' contains a date outside of the years 0 to 9999, which not every "
            f"reader of text understands: {wrong[0]}",
            hint=f'fix it in the home, or exclude it with  select: ["-{column}"]',
        )
    return text


def fit_text(kind: pa.DataType) -> pa.DataType:
    """Return `kind` when its values have an exact text; see `texts`."""
    import pyarrow as pa

    if kind == pa.uuid():
        return pa.string()
    if isinstance(kind, pa.BaseExtensionType):
        fit_text(kind.storage_type)
        return kind
    if pa.types.is_dictionary(kind):
        fit_text(kind.value_type)
        return kind
    if pa.types.is_run_end_encoded(kind):
        return fit_text(kind.value_type)
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    is_moment = pa.types.is_date(kind) or pa.types.is_time(kind) or pa.types.is_timestamp(kind)
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    is_text = is_text or pa.types.is_string_view(kind) or pa.types.is_null(kind)
    if is_number or is_moment or is_text or pa.types.is_boolean(kind) or pa.types.is_decimal(kind):
        return kind
    raise UnfitError("it has no text form that every reader understands")


def count_outside_quotes(blocks: Iterable[bytes], quote: str, line_end: str) -> int:
    """Return the number of line ends in a text outside of quotes."""
    mark, end = quote.encode(), line_end.encode()
    others = bytes(set(range(256)) - set(mark) - set(end))
    lines, inside, rest = 0, False, b""
    for block in blocks:
        # A line end of two bytes may be cut by the end of a block.
        block = rest + block
        rest = block[-1:] if len(end) > 1 and block[-1:] == end[:1] else b""
        # Two adjacent quotes cancel out.
        marks = block[: len(block) - len(rest)].translate(None, others).replace(mark * 2, b"")
        outside = marks.split(mark)
        lines += sum(piece.count(end) for piece in outside[int(inside) :: 2])
        inside ^= len(outside) % 2 == 0
    return lines


def count_lines(blocks: Iterable[bytes]) -> int:
    """Return the number of line ends in a text."""
    return sum(block.count(b"\n") for block in blocks)
