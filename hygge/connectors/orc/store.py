"""Tables as ORC files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hygge.connectors.files.formats import BatchWriter, FileFormat, Sink, map_type
from hygge.types.unfit import UnfitError

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.files.reading.data_file import DataFile

_STRIPE_BYTES = 16 * 2**20
_WIDER = {"uint8": "int16", "uint16": "int32", "uint32": "int64", "halffloat": "float32"}


class OrcFormat(FileFormat):
    """ORC files."""

    suffix = ".orc"

    def __init__(self, compression: str) -> None:
        self.compression = compression

    def fit(self, kind: pa.DataType) -> pa.DataType:
        """Return the type that a column of `kind` is written as; see `FileFormat`."""
        return map_type(kind, _fit_leaf)

    def open(self, sink: Sink, schema: pa.Schema, buffer_bytes: int) -> BatchWriter:
        """Return the writer of one file; see `FileFormat`."""
        stripe_bytes = min(_STRIPE_BYTES, buffer_bytes)
        return _Stripes(sink, schema, self.compression, stripe_bytes)

    def count(self, file: DataFile) -> int:
        """Return the rows of a file; see `FileFormat`."""

        from pyarrow import orc

        with file.arrow_file() as raw:
            rows: int = orc.ORCFile(raw).nrows
        return rows

    def schema_of(self, file: DataFile) -> pa.Schema | None:
        """Return the schema of a file; see `FileFormat`."""

        from pyarrow import orc

        with file.arrow_file() as raw:
            return orc.ORCFile(raw).schema


class _Stripes:
    def __init__(self, sink: Sink, schema: pa.Schema, compression: str, stripe_bytes: int) -> None:
        from pyarrow import orc

        self._writer = orc.ORCWriter(sink, compression=compression, stripe_size=stripe_bytes)
        # A file without a batch would have no schema.
        self._writer.write(schema.empty_table())

    def write(self, batch: pa.RecordBatch) -> None:
        import pyarrow as pa

        self._writer.write(pa.Table.from_batches([batch]))

    def close(self) -> None:
        self._writer.close()


def _fit_leaf(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return _fit_leaf(kind.storage_type)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return _fit_leaf(kind.value_type)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("ns", None if kind.tz is None else "UTC")
    if pa.types.is_date64(kind):
        return pa.date32()
    if str(kind) in _WIDER:
        return pa.type_for_alias(_WIDER[str(kind)])
    return _fit_rare(kind)


def _fit_rare(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    if pa.types.is_uint64(kind):
        return pa.decimal128(20, 0)
    if pa.types.is_decimal(kind) and kind.precision <= 38:
        return pa.decimal128(kind.precision, kind.scale)
    if pa.types.is_string_view(kind) or pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    refused = (pa.types.is_time, pa.types.is_duration, pa.types.is_interval, pa.types.is_decimal)
    if any(check(kind) for check in refused) or pa.types.is_union(kind):
        raise UnfitError("the format does not have this type")
    return kind
