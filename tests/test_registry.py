"""Types that nobody knows by that name, and what a connector needs of the system."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest
from projects import write_project

from hygge.connector import ConnectorConfig, HomeConfig, StoreConfig
from hygge.errors import ConfigError, UsageError
from hygge.operations.connector_types import find_types
from hygge.registry import Registry, hide_numpy
from hygge.values.redact import redact


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("oracle", "odbc"),
        ("mariadb", "mysql"),
        ("pg", "postgres"),
        ("PostgreSQL", "postgres"),
        ("sqlserver", "mssql"),
        ("duck", "duckdb"),
        ("postgers", "postgres"),
    ],
)
def test_what_people_call_a_type_leads_to_its_name(called: str, name: str) -> None:
    with pytest.raises(ConfigError, match=f"did you mean '{name}'"):
        HomeConfig.create({"type": called})
    with pytest.raises(UsageError, match=f"did you mean '{name}'"):
        find_types(called)


def test_a_store_is_suggested_only_where_there_is_one() -> None:
    with pytest.raises(ConfigError, match="unknown store type 'oracle'") as raised:
        StoreConfig.create({"type": "oracle"})
    assert "odbc" not in str(raised.value)


@pytest.mark.skipif(sys.platform != "linux", reason="libraries are looked for on Linux")
def test_a_library_of_the_system_that_is_missing_is_named() -> None:
    class Needy(ConnectorConfig):
        libraries: ClassVar = {"libc.so.6": "libc6", "libnowhere.so.7": "libnowhere7"}

    assert Needy.missing_libraries() == ["libnowhere.so.7"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("give one:  password: ${DB_PASSWORD}", "give one:  password: ${DB_PASSWORD}"),
        ("password: ${file:/run/secrets/x}", "password: ${file:/run/secrets/x}"),
        ("password=${x}hunter2", "password=***"),
        ("password: hunter2", "password: ***"),
        ("password='${x}'", "password=***"),
    ],
)
def test_the_name_of_a_variable_is_no_secret(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_an_ability_that_is_new_switches_itself_on_nowhere() -> None:
    code = """
from enum import StrEnum
from hygge.values import model
model.Ability = StrEnum("Ability", {**model.Ability.__members__, "LATER": "later"})
from hygge.connector import HomeConfig
found = {name: HomeConfig.registry.find(name).can for name in HomeConfig.registry.names()}
assert {"query"} <= set(found["postgres"]), found
print([name for name, can in found.items() if "later" in can])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(("home", "is_loaded"), [("csv", False), ("mysql", True)])
def test_numpy_is_imported_only_where_a_connector_needs_it(
    tmp_path: Path, home: str, is_loaded: bool
) -> None:
    settings = {"csv": "path: in\n", "mysql": "host: 127.0.0.1\nport: 1\ndatabase: d\nuser: u\n"}
    files = {
        "hygge.yml": "name: p\n",
        "homes/src.yml": f"type: {home}\n{settings[home]}",
        "stores/out.yml": "type: parquet\npath: out\n",
        "flows/t.yml": "home: src\nstore: out\nretries: 0\n",
    }
    root = write_project(tmp_path, files)
    (root / "in").mkdir()
    (root / "in" / "t.csv").write_text("id\n1\n")
    command = [sys.executable, "-X", "importtime", "-m", "hygge", "go"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert "pyarrow.lib" in done.stderr, done.stdout
    assert ("numpy._core" in done.stderr) is is_loaded
    if home == "csv":
        assert done.returncode == 0, done.stderr


def test_a_hidden_numpy_looks_as_if_it_were_not_installed() -> None:
    # psycopg decides by sys.modules whether it must know the integers of numpy.
    code = """
import sys
from decimal import Decimal
from hygge.registry import hide_numpy
hide_numpy()
import pyarrow
from psycopg.adapt import PyFormat, Transformer
dumper = Transformer().get_dumper(Decimal(1), PyFormat.TEXT)
print("numpy" in sys.modules, bytes(dumper.dump(Decimal(1))))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False b'1'\n"


def test_a_connector_of_another_package_finds_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name, value = "other", "other:Home"

        def load(self) -> None:
            assert importlib.util.find_spec("numpy") is not None

    registry: Registry[HomeConfig] = Registry("home", "nowhere")
    monkeypatch.setattr(registry, "_entry_points", lambda: [Point()])
    monkeypatch.setattr(sys, "modules", {k: v for k, v in sys.modules.items() if k != "numpy"})
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    hide_numpy()
    with pytest.raises(ConfigError, match="defines no home"):
        registry.find("other")
