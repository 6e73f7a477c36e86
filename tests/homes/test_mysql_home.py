from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest
from mysql_tables import load, quoted
from servers import Mysql, schema_name

from hygge.connector import HomeConfig
from hygge.testing import HomeSuite

MISSING = "never: MySQL has no such type"
DIGITS = "never: MySQL keeps microseconds"
NO_NAN = "never: MySQL holds no NaN and no infinity"
LONGEST = f"test_an_awkward_name_is_listed_and_read[{'x' * 20}]"


class TestMysqlHome(HomeSuite):
    comes_back_as: ClassVar = {
        "null": pa.string(),
        "bool": pa.int8(),
        "large string": pa.string(),
        "large binary": pa.binary(),
        "date64": pa.date32(),
        **{f"timestamp({unit},UTC)": pa.timestamp(unit) for unit in ("s", "ms", "us")},
        "timestamp(us,Europe/Oslo)": pa.timestamp("us"),
        "dictionary": pa.string(),
    }
    exemptions: ClassVar = {
        "time(ns)": DIGITS,
        "timestamp(ns)": DIGITS,
        "timestamp(ns,UTC)": DIGITS,
        "duration(us)": "never: TIME ends at 838 hours, and is read as the time of a day",
        "float16": NO_NAN,
        "float32": NO_NAN,
        "float64": NO_NAN,
        "decimal(76,30)": "never: decimals have at most 65 digits",
        "list": MISSING,
        "large list": MISSING,
        "fixed size list": MISSING,
        "struct": MISSING,
        "map": MISSING,
        "list of struct": MISSING,
        LONGEST: "never: names have at most 64 characters",
    }

    @pytest.fixture(autouse=True)
    def clean(self, tmp_path: Path) -> Iterator[None]:
        yield
        Mysql(schema_name(tmp_path)).drop()

    def configure(self, place: Path, tables: Mapping[str, pa.Table]) -> HomeConfig:
        server = Mysql(schema_name(place))
        server.make()
        for name, table in tables.items():
            load(server, name, table)
        return HomeConfig.create(server.settings())

    def spoil(self, place: Path, entity: str) -> None:
        Mysql(schema_name(place)).run(f"DROP TABLE {quoted(entity)}")
