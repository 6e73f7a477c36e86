"""What homes and stores of DuckDB say alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from hygge.connector import ProjectContext
from hygge.errors import HyggeError
from hygge.settings import Bytes
from hygge.sql.embedded import FileSettings, check_file

if TYPE_CHECKING:
    from hygge.sql.duck.faults import Rows


class DuckSettings(FileSettings):
    """What homes and stores of DuckDB say alike."""

    aliases: ClassVar = ("duck", "duck_db", "motherduck")

    memory_limit: Bytes = 256 * 10**6
    """How much memory DuckDB may use for this file, over all moves; it uses the disk for more."""

    @contextmanager
    def connected(
        self, context: ProjectContext, side: type[HyggeError], what: str, *, writes: bool
    ) -> Iterator[Rows]:
        """Yield a cursor of the file that runs statements; raises `side`."""
        from hygge.sql.duck.faults import Rows
        from hygge.sql.duck.instances import instance

        file, seconds = self.file(context), self.busy_timeout
        check_file(file, side, makes=writes)
        with instance(
            file, side, what, writes=writes, seconds=seconds, memory=self.memory_limit
        ) as cursor:
            yield Rows(cursor, side, what)
