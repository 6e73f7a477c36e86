"""What many tests begin with: a small project on disk, a place in a real server."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from boxes import SOUND, Write
from hypothesis import HealthCheck, settings
from servers import Mysql, Postgres, schema_name
from warm import FIRST_WAIT, LONGEST_WAIT

from hygge.console import suggested_commands

settings.register_profile(
    "no wall time", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("no wall time")


def pytest_collection_finish() -> None:
    """Keep the thousands of tests out of every later search for garbage; some tests do many."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a moment between attempts, as `warm` does, and not the minutes of a real failover."""
    monkeypatch.setattr("hygge.engine.retry.FIRST_WAIT_SECONDS", FIRST_WAIT)
    monkeypatch.setattr("hygge.engine.retry.LONGEST_WAIT_SECONDS", LONGEST_WAIT)


@pytest.fixture(autouse=True)
def plain_commands() -> Iterator[None]:
    """Forget the global options of the command line that a test runs in its own process."""
    yield
    suggested_commands.repeat([], None)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write files of a sound project, with some changed; an empty name leaves one out."""

    def make(changes: dict[str, str]) -> Path:
        for name, text in {**SOUND, **changes}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        return tmp_path

    return make


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    """Make a schema of PostgreSQL that is dropped after the test."""
    server = Postgres(schema_name(tmp_path))
    server.make()
    yield server
    server.drop()


@pytest.fixture
def mysql(tmp_path: Path) -> Iterator[Mysql]:
    """Make a database of MySQL that is dropped after the test."""
    server = Mysql(schema_name(tmp_path))
    server.make()
    yield server
    server.drop()
