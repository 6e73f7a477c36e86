"""The suite that every store of files passes, beyond what every store does.

class TestLedgerFileStore(FileStoreSuite):
    type_name = "ledger"

    def read_files(self, paths, schema):
        ...return the rows of these files as another tool reads them...
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from hashlib import sha512
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pyarrow as pa

from hygge.connector import Mode, ProjectContext, Store, StoreConfig
from hygge.testing.cases import assert_same, plain_table
from hygge.testing.moving import write, write_request
from hygge.testing.stores import StoreSuite


class FileStoreSuite(StoreSuite, is_base=True):
    """What a store of files promises beyond that. Fill `type_name` and `read_files`."""

    type_name: ClassVar[str]
    """The store's type in YAML."""
    settings: ClassVar[Mapping[str, Any]] = {}
    """Further settings of the store."""

    @abstractmethod
    def read_files(self, paths: Sequence[Path], schema: pa.Schema) -> pa.Table:
        """Return the rows of these files, one after the other, read with another tool."""

    def location(self, place: Path) -> str:
        """Return the store's `path`, where everything is kept below `place`."""
        return "lake"

    def configure(self, place: Path, **settings: object) -> StoreConfig:
        """Return the config of the store in `place`, with settings of its own."""
        path = self.location(place)
        data = {"type": self.type_name, "path": path, **self.settings, **settings}
        return StoreConfig.create(data)

    def make_store(self, place: Path, **settings: object) -> Store:
        """Return the store in `place`, with settings of its own."""
        return self.configure(place, **settings).store(ProjectContext(place))

    def files(self, place: Path, name: str = "things") -> list[Path]:
        """Return the data files of an entity that readers see, in the order of their names."""
        folder = place / "lake" / name
        seen = [path for path in folder.rglob("*") if path.name[0] not in "._" and path.is_file()]
        return sorted(seen)

    def change_a_row(self, place: Path, entity: str) -> None:
        """Remove a data file."""
        self.files(place, entity)[-1].unlink()

    def read(self, place: Path, name: str, schema: pa.Schema) -> pa.Table:
        """Read the visible files under plain names, since many tools take a path for a glob."""
        plain = place / f"seen-{uuid4().hex}"
        plain.mkdir(parents=True)
        paths = []
        for number, path in enumerate(self.files(place, name)):
            paths.append(plain / f"{number:05d}-{path.name}")
            paths[-1].hardlink_to(path)
        return self.read_files(paths, schema)

    def test_files_roll_after_a_number_of_rows(self, tmp_path: Path) -> None:
        store = self.make_store(tmp_path, file_max_rows=30)
        write(store, [plain_table(100)], write_request(), rows=7)
        assert len(self.files(tmp_path)) == 4
        assert_same(self.rows(tmp_path), plain_table(100))

    def test_files_roll_near_a_number_of_bytes(self, tmp_path: Path) -> None:
        store = self.make_store(tmp_path, file_max_bytes=100_000)
        texts = [sha512(str(n).encode()).hexdigest() for n in range(8000)]
        table = pa.table({"id": range(8000), "name": texts})
        write(store, [table], write_request(), rows=500)
        sizes = [path.stat().st_size for path in self.files(tmp_path)]
        assert len(sizes) > 2
        assert max(sizes) < 300_000
        assert_same(self.rows(tmp_path), table)

    def test_values_become_directories(self, tmp_path: Path) -> None:
        store = self.make_store(tmp_path, partition_by=["land", "ok"])
        land = ["NO", None, "a/b=c %", "NO", ".."] * 20
        table = plain_table(100).append_column("land", pa.array(land))
        table = table.append_column("ok", pa.array([True, None] * 50))
        write(store, [table.slice(0, 60), table.slice(60)], write_request(), rows=9)
        folders = {str(path.parent.relative_to(tmp_path)) for path in self.files(tmp_path)}
        null = "__HIVE_DEFAULT_PARTITION__"
        names = ("NO", null, "a%2Fb%3Dc %25", "%2E%2E")
        assert folders == {f"lake/things/land={n}/ok={ok}" for n in names for ok in ("true", null)}
        rows = self.rows(tmp_path).sort_by("id")
        assert_same(rows, plain_table(100))

    def test_zero_rows_are_one_file(self, tmp_path: Path, store: Store) -> None:
        write(store, [plain_table(0), plain_table(0)], write_request())
        assert len(self.files(tmp_path)) == 1
        write(store, [plain_table(0), plain_table(3)], write_request(Mode.APPEND))
        assert len(self.files(tmp_path)) == 1
        assert_same(self.rows(tmp_path), plain_table(3))
