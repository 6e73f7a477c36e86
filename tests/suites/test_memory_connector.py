"""The plainest connector keeps every promise; the other tests here break them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
from memory_connector import MemoryHomeConfig, MemoryStoreConfig, Place, shelf

from hygge.connector import HomeConfig, StoreConfig
from hygge.testing import HomeSuite, StoreSuite


class TestMemoryHome(HomeSuite):
    def configure(self, place: Path, tables: Mapping[str, pa.Table]) -> HomeConfig:
        for name, table in tables.items():
            shelf(str(place))[name] = Place([table])
        return MemoryHomeConfig(type="shelf", shelf=str(place))

    def spoil(self, place: Path, entity: str) -> None:
        shelf(str(place))[entity].is_broken = True

    def append(self, place: Path, entity: str, table: pa.Table) -> None:
        shelf(str(place)).setdefault(entity, Place()).pieces.append(table)

    @contextmanager
    def uncommitted(self, place: Path, entity: str, table: pa.Table) -> Iterator[None]:
        shelf(str(place))[entity].coming = table
        yield
        shelf(str(place))[entity].coming = None


class TestMemoryStore(StoreSuite):
    exemptions: ClassVar = {"map": "never: maps are refused, to have something that is"}

    def configure(self, place: Path) -> StoreConfig:
        return MemoryStoreConfig(type="shelf", shelf=str(place))

    def read(self, place: Path, name: str, schema: pa.Schema) -> pa.Table:
        pieces = shelf(str(place))[name].pieces
        return pa.concat_tables(pieces) if pieces else schema.empty_table()

    def change_a_row(self, place: Path, entity: str) -> None:
        pieces = shelf(str(place))[entity].pieces
        pieces[:] = [pa.concat_tables(pieces).slice(1)]
