"""A third-party connector for tests, as an installed package brings one: a home that waits.

`install` puts it where the environment it returns finds it. Its entities have three rows; reading
creates `<entity>.reading` in the project and goes on when `<entity>.go` is there.
"""

from __future__ import annotations

from pathlib import Path

_MODULE = '''
"""A home that waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pyarrow as pa

from hygge.connector import Home, HomeConfig, ProjectContext, ReadRequest, Source, Split

SCHEMA = pa.schema([("id", pa.int64())])


class StallingHomeConfig(HomeConfig, type="stalling"):
    """Reads three rows, when it is told to. This is its second sentence."""

    behaviour: Literal["waits", "is deaf", "has a bug"] = "waits"
    """Whether it listens while it waits."""

    def home(self, context: ProjectContext) -> Home:
        return StallingHome(self, context.root)


class StallingHome(Home):
    def __init__(self, config, root):
        self.config, self.root = config, root

    def check(self):
        pass

    def entities(self, pattern="*"):
        return []

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Source]:
        yield StallingSource(self, request.entity)


class StallingSource(Source):
    schema = SCHEMA

    def __init__(self, home, entity):
        self.home, self.entity = home, entity

    def splits(self, wanted):
        return [Split(0, "all")]

    @contextmanager
    def read(self, split):
        yield pa.RecordBatchReader.from_batches(SCHEMA, self.batches())

    def batches(self):
        behaviour = self.home.config.behaviour
        if behaviour == "has a bug":
            raise ZeroDivisionError("password=hunter22")
        (self.home.root / f"{self.entity}.reading").touch()
        while not (self.home.root / f"{self.entity}.go").exists():
            time.sleep(0.02)
            if behaviour == "waits":
                yield pa.record_batch({"id": pa.array([], pa.int64())}, schema=SCHEMA)
        yield pa.record_batch({"id": pa.array([1, 2, 3])}, schema=SCHEMA)
'''


def install(folder: Path) -> dict[str, str]:
    """Install the package into `folder`; return the variables that make Python see it."""
    info = folder / "stalling_connector-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: stalling-connector\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text("[hygge.homes]\nstalling = stalling_connector\n")
    (folder / "stalling_connector.py").write_text(_MODULE)
    return {"PYTHONPATH": str(folder)}
