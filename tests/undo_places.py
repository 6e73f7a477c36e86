"""Places in stores of each kind, read back by another tool than the one that writes them."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.ipc as ipc
import yaml
from pyarrow import orc
from servers import Mysql, Postgres, postgres_url, schema_name

Rows = list[tuple[Any, ...]]
KINDS = ["parquet", "csv", "jsonl", "arrow", "orc", "sqlite", "duckdb", "postgres", "mysql"]


@dataclass(frozen=True)
class Place:
    """Where the entity `users` comes to rest."""

    root: Path
    yaml: str
    """The store."""
    ask: Callable[[str], Rows]
    """Runs SQL on it; `users` is the table."""
    leftovers: Callable[[], list[str]]
    """Names of what is kept for undo."""
    meddle: Callable[[], object]
    """Takes a row away behind hygge's back."""
    change: Callable[[], object] | None = None
    """Changes the row of id 4 in place, where a store can tell such a change."""

    def rows(self, columns: str = "*") -> Rows:
        return sorted(tuple(row) for row in self.ask(f"select {columns} from users"))


@contextmanager
def open_place(kind: str, root: Path) -> Iterator[Place]:
    maker = {"sqlite": _sqlite, "duckdb": _duckdb, "postgres": _postgres, "mysql": _mysql}
    with maker[kind](root) if kind in maker else _files(kind, root) as place:
        yield place


@contextmanager
def _files(kind: str, root: Path) -> Iterator[Place]:
    folder = root / "lake" / "users"
    db = duckdb.connect(config={"threads": 1})  # without threads, for processes that fork

    def ask(sql: str) -> Rows:
        files = sorted(path for path in folder.iterdir() if path.name[0] not in "._")
        if kind in ("arrow", "orc"):
            read = orc.read_table if kind == "orc" else lambda path: ipc.open_file(path).read_all()
            import pyarrow as pa

            table = pa.concat_tables([read(path) for path in files], promote_options="default")
            db.register("users", table)
        else:
            reader = {"parquet": "read_parquet", "csv": "read_csv", "jsonl": "read_json"}[kind]
            rows = f"from {reader}({[*map(str, files)]}, union_by_name=true)"
            db.execute(f"create or replace view users as {rows}")
        return db.execute(sql).fetchall()

    def leftovers() -> list[str]:
        return [path.name for path in (root / "lake" / ".hygge" / "users").glob("previous-*")]

    def meddle() -> None:
        data = max(path for path in folder.iterdir() if path.name[0] not in "._")
        copy = data.with_name("x")
        shutil.copy(data, copy)
        with copy.open("ab") as file:
            file.write(b"\n")
        copy.replace(data)

    def change() -> None:
        """Flip one bit, keep the size."""
        data = max(path for path in folder.iterdir() if path.name[0] not in "._")
        content = bytearray(data.read_bytes())
        content[len(content) // 2] ^= 1
        data.write_bytes(content)

    place = {"type": kind, "path": "lake"}
    with db:
        yield Place(root, yaml.safe_dump(place), ask, leftovers, meddle, change)


@contextmanager
def _sqlite(root: Path) -> Iterator[Place]:
    def ask(sql: str) -> Rows:
        with closing(sqlite3.connect(root / "lake.db")) as db, db:
            return db.execute(sql).fetchall()

    def leftovers() -> list[str]:
        sql = "select name from sqlite_schema where name like '\\_hygge\\_undo%' escape '\\'"
        return [name for (name,) in ask(sql)]

    yaml_text = yaml.safe_dump({"type": "sqlite", "path": "lake.db"})
    yield Place(root, yaml_text, ask, leftovers, lambda: ask("delete from users where id = 1"))


@contextmanager
def _duckdb(root: Path) -> Iterator[Place]:
    def ask(sql: str) -> Rows:
        with duckdb.connect(root / "lake.duckdb") as db:
            return db.execute(sql).fetchall()

    def leftovers() -> list[str]:
        found = ask(
            "select table_name from duckdb_tables() where starts_with(table_name, '_hygge_undo')"
        )
        return [name for (name,) in found]

    yaml_text = yaml.safe_dump({"type": "duckdb", "path": "lake.duckdb"})
    yield Place(root, yaml_text, ask, leftovers, lambda: ask("delete from users where id = 1"))


@contextmanager
def _postgres(root: Path) -> Iterator[Place]:
    postgres_url()
    server = Postgres(schema_name(root))
    server.make()

    def leftovers() -> list[str]:
        found = server.run(
            f"select tablename from pg_tables where schemaname = '{server.schema}' "
            "and starts_with(tablename, '_hygge_undo')"
        )
        return [name for (name,) in found]

    yaml_text = yaml.safe_dump(server.settings())
    try:
        yield Place(
            root,
            yaml_text,
            server.run,
            leftovers,
            lambda: server.run("delete from users where id = 1"),
            lambda: server.run("update users set name = 'mended' where id = 4"),
        )
    finally:
        server.drop()


@contextmanager
def _mysql(root: Path) -> Iterator[Place]:
    server = Mysql(schema_name(root))
    server.make()

    def leftovers() -> list[str]:
        found = server.run(
            "select table_name from information_schema.tables "
            f"where table_schema = '{server.database}' and left(table_name, 11) = '_hygge_undo'"
        )
        return [name for (name,) in found]

    def meddle() -> None:
        with server.connect(server.database) as connection, connection.cursor() as cursor:
            cursor.execute("delete from users where id = 1")
            connection.commit()

    # With `prefer` the driver reads all certificates of this machine for each connection.
    said = yaml.safe_dump(server.settings(ssl="disable"))
    try:
        yield Place(root, said, server.run, leftovers, meddle)
    finally:
        server.drop()
