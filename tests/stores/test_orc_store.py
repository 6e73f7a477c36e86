from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyorc
from pyorc.converters import ORCConverter

from hygge.testing import FileStoreSuite

MISSING = "never: the format does not have this type"
YEARS = "upstream: Arrow reads ORC's timestamps in nanoseconds only, of the years 1678 to 2261"


class Nanoseconds(ORCConverter):
    """Reads timestamps as whole numbers, since Python's own lose nanoseconds."""

    @staticmethod
    def from_orc(seconds: int, nanoseconds: int, timezone: tzinfo) -> int:
        return seconds * 10**9 + nanoseconds

    @staticmethod
    def to_orc(value: int, timezone: tzinfo) -> tuple[int, int]:
        return divmod(value, 10**9)


class TestOrcStore(FileStoreSuite):
    type_name = "orc"
    exemptions: ClassVar = {
        "decimal(76,30)": MISSING,
        "duration(us)": MISSING,
        **{f"time({unit})": MISSING for unit in ("s", "ms", "us", "ns")},
        **{f"timestamp({unit})": YEARS for unit in ("s", "ms", "us")},
        **{f"timestamp({unit},UTC)": YEARS for unit in ("s", "ms", "us")},
        "timestamp(us,Europe/Oslo)": YEARS,
    }

    def read_files(self, paths: Sequence[Path], schema: pa.Schema) -> pa.Table:
        converters: dict[pyorc.TypeKind, type[ORCConverter]] = dict.fromkeys(
            (pyorc.TypeKind.TIMESTAMP, pyorc.TypeKind.TIMESTAMP_INSTANT), Nanoseconds
        )
        schema = pa.schema([_in_nanoseconds(field) for field in schema])
        rows: list[dict[str, object]] = []
        for path in paths:
            with path.open("rb") as file:
                rows += pyorc.Reader(file, struct_repr=pyorc.StructRepr.DICT, converters=converters)
        return pa.Table.from_pylist(rows, schema=schema)


def _in_nanoseconds(field: pa.Field) -> pa.Field:
    """Return a field of times as this reader and the format know them."""
    if not pa.types.is_timestamp(field.type):
        return field
    return field.with_type(pa.timestamp("ns", field.type.tz))
