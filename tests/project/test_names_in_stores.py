"""Names that a store cannot have are told before anything moves."""

from __future__ import annotations

from pathlib import Path

import pytest
from boxes import Write

from hygge.connector import ProjectContext, StoreConfig, WriteRequest
from hygge.errors import StoreError
from hygge.project import check
from hygge.values.model import Mode

FILES = "type: parquet\npath: out\n"


def told(root: Path) -> list[tuple[str, str, str]]:
    return [(d.code, d.where, d.message) for d in check(root).diagnostics]


@pytest.mark.parametrize(
    ("flow", "where", "name"),
    [
        ("entity: users\ninto: ../../etc\n", "2:7", "../../etc"),
        ("entity: a\ninto: _users\n", "2:7", "_users"),
        ("entity: crm/users\n", "1:9", "crm/users"),
        ("entities:\n  - b/c\n", "2:5", "b/c"),
        ("entities:\n  - name: b\n    into: .c\n", "3:11", ".c"),
    ],
)
def test_each_name_is_told_where_it_is_written(
    write: Write, flow: str, where: str, name: str
) -> None:
    root = write({"stores/lake.yml": FILES, "flows/users.yml": flow})
    ((code, place, message),) = told(root)
    assert (code, place) == ("HG225", f"flows/users.yml:{where}")
    assert message.startswith(f"'{name}' is not a valid name in store lake (parquet): it ")


@pytest.mark.parametrize(
    "flow",
    [
        "entity: crm/users\ninto: users\n",
        "entities: ['*/b']\n",
        "entity: ${NAMES}/a\n",
        "entity: users\ninto: ${THERE}\n",
    ],
)
def test_what_may_become_a_name_is_not_told(write: Write, flow: str) -> None:
    assert told(write({"stores/lake.yml": FILES, "flows/users.yml": flow})) == []


@pytest.mark.parametrize("text", ['""', '"a\\nb"', '"a\\0b"', "x" * 256])
def test_a_name_that_is_none_anywhere_is_told_once(write: Write, text: str) -> None:
    root = write({"stores/lake.yml": FILES, "flows/users.yml": f"entity: a\ninto: {text}\n"})
    assert [(code, where) for code, where, _ in told(root)] == [("HG106", "flows/users.yml:2:7")]


def test_an_environment_that_chooses_another_store_is_told(write: Write) -> None:
    root = write(
        {
            "stores/more.yml": "type: sqlite\npath: a.db\n",
            "flows/users.yml": "home: files\nstore: more\nentity: users\ninto: a/b\n",
            "environments/prod.yml": f"stores: {{more: {{{', '.join(FILES.splitlines())}}}}}\n",
        }
    )
    assert ("HG225", "flows/users.yml:4:7") in [(code, where) for code, where, _ in told(root)]


DATABASES = {
    "postgres": ("database", [("x" * 64, "63 bytes"), ("s." + "é" * 32, "63 bytes")]),
    "mysql": ("database", [("x" * 65, "64"), ("users ", "trailing spaces"), ("a😀", "U+FFFF")]),
    "mssql": ("database", [("x" * 129, "128"), ("😀" * 65, "128")]),
    "sqlite": ("path", [("sqlite_stat1", "SQLite's own"), ("SQLITE_x", "SQLite's own")]),
    "duckdb": ("path", []),
}
OWN = [("_hygge_commits", "hygge's own"), ("_HYGGE_x", "hygge's own")]


@pytest.mark.parametrize("kind", DATABASES)
def test_each_database_refuses_what_it_cannot_hold(kind: str) -> None:
    key, wrong = DATABASES[kind]
    config = StoreConfig.create({"type": kind, key: "x"})
    for name, words in [*wrong, *OWN]:
        assert words in (config.refuse_name(name) or ""), name
    for name in ("users", "sales.users", '"Odd schema"."odd.name"', "a/b", "é" * 30, ".x", "_x"):
        assert config.refuse_name(name) is None, name


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("sqlite", "sqlite_stat1"),
        ("sqlite", "_hygge_commits"),
        ("duckdb", "_hygge_commits"),
        ("duckdb", "_HYGGE_x"),
        ("parquet", "a/b"),
    ],
)
def test_the_move_refuses_the_same(tmp_path: Path, kind: str, name: str) -> None:
    config = StoreConfig.create({"type": kind, "path": "there"})
    reason = config.refuse_name(name)
    assert reason
    request = WriteRequest("flow", name, name, "run", 1, Mode.REPLACE)
    with (
        pytest.raises(StoreError) as raised,
        config.store(ProjectContext(tmp_path)).open(request),
    ):
        pass
    assert reason in str(raised.value)
    assert "into" in (raised.value.hint or "")
