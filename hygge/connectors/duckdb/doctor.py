"""The checks of `hygge doctor` on a DuckDB file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hygge.connector import Finding

if TYPE_CHECKING:
    from hygge.connectors.sql.chain import Run


def examine_file(run: Run, file: Path) -> Iterator[Finding]:
    """Yield findings on the file and the library."""
    version, memory = run("SELECT version(), current_setting('memory_limit')")[0]
    size = file.stat().st_size
    yield Finding(f"DuckDB {version} opens {file}, {size:,} bytes, with {memory} of memory")
    wal = file.with_name(f"{file.name}.wal")
    if wal.exists() and wal.stat().st_size > size:
        yield Finding(
            f"its write-ahead log {wal.name} is larger than the file itself",
            "warning",
            "merge it with  CHECKPOINT",
        )
