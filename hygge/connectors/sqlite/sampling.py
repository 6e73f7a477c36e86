"""Types and row widths inferred from values, from a sample or from all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hygge.connectors.sql.table_names import quote
from hygge.connectors.sqlite.catalog import Column
from hygge.connectors.sqlite.types import Kind, stored_kind, text_kind

if TYPE_CHECKING:
    from hygge.connectors.sql.chain import Run

_SAMPLE_ROWS = 10_000
_WIDTH_ROWS = 1_000
_LARGE_FILE = 256 * 2**20
_NUMBER_BYTES = 9


class Sampling:
    """Inspects the values of a table, view or query."""

    def __init__(self, run: Run, rows: str, *, thorough: bool) -> None:
        self._run = run
        self._rows = rows
        self._thorough = thorough

    def kinds(self, columns: Sequence[Column]) -> dict[str, Kind]:
        """Return the kinds of columns without a meaningful declaration, by their values."""
        if not columns:
            return {}
        stored = ("integer", "real", "text", "blob")
        counts = ", ".join(
            f"count(*) FILTER (WHERE typeof({quote(column.name)}) = '{one}')"
            for column in columns
            for one in stored
        )
        limit = "" if self._thorough else f" LIMIT {_SAMPLE_ROWS}"
        row = self._run(f"SELECT {counts} FROM (SELECT * FROM {self._rows}{limit})")[0]
        found = {}
        for n, column in enumerate(columns):
            here = row[4 * n : 4 * n + 4]
            found[column.name] = _kind(
                {one for one, count in zip(stored, here, strict=True) if count}
            )
        return found

    def batch_rows(self, columns: Sequence[tuple[str, str]], batch_bytes: int) -> int:
        """Return the rows of a batch of about `batch_bytes` bytes; in a large file, the maximum.

        Texts and bytes count with the maximum width where that could matter for memory.
        """
        wide = [name for name, stored in columns if stored in ("text", "blob")]
        known = _NUMBER_BYTES * (len(columns) + 1)
        if not wide:
            return max(batch_bytes // known, 1)
        width = " + ".join(f"ifnull(octet_length({quote(name)}), 0)" for name in wide)
        pages = self._run("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        limit = "" if pages[0][0] > _LARGE_FILE else f" LIMIT {_WIDTH_ROWS}"
        average, most = self._run(
            f"SELECT avg(w), max(w) FROM (SELECT {width} AS w FROM {self._rows}{limit})"
        )[0]
        usual = batch_bytes // round(known + (average or 0))
        return max(min(usual, 8 * batch_bytes // round(known + (most or 0))), 1)


def _kind(stored: set[str]) -> Kind:
    """Return the kind of a column with values of these storage classes."""
    import pyarrow as pa

    if not stored:
        return Kind(pa.null(), "integer", "NULL", "0")
    if stored == {"blob"}:
        return stored_kind(pa.binary())
    if stored <= {"integer", "real"}:
        return stored_kind(pa.float64() if "real" in stored else pa.int64())
    return stored_kind(pa.string()) if stored == {"text"} else text_kind()
