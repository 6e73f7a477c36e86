from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pyarrow as pa
from pyarrow import orc

from hygge.testing import FileHomeSuite

_NO_TYPE = "never: the format does not have this type"
_YEARS = "upstream: timestamps are read in nanoseconds, which the years 1 and 9999 overflow"


class TestOrcHome(FileHomeSuite):
    type_name = "orc"
    comes_back_as: ClassVar = {
        "fixed size binary": pa.binary(),
        "fixed size list": pa.list_(pa.int64()),
        "large binary": pa.binary(),
        "large list": pa.list_(pa.int64()),
        "large string": pa.string(),
    }
    exemptions: ClassVar = {
        "decimal(76,30)": "never: decimals of the format have at most 38 digits",
        **dict.fromkeys(("uint8", "uint16", "uint32", "uint64", "float16", "uuid"), _NO_TYPE),
        **dict.fromkeys(("null", "dictionary", "duration(us)"), _NO_TYPE),
        **{f"time({unit})": _NO_TYPE for unit in ("s", "ms", "us", "ns")},
        **{f"timestamp({unit})": _YEARS for unit in ("s", "ms", "us")},
        **{f"timestamp({unit},UTC)": _YEARS for unit in ("s", "ms", "us")},
        **dict.fromkeys(("timestamp(us,Europe/Oslo)", "date64"), _YEARS),
    }

    def write(self, table: pa.Table, path: Path) -> None:
        orc.write_table(table, path)
