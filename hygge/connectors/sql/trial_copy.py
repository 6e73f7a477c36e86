"""Trial of a table change on an empty copy of all definitions, before any row moves.

The catalog of a single-file database does not list what depends on a column. A copy in memory
rejects what the database would reject, and its broken views and triggers can be found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from hygge.errors import StoreError
from hygge.values.model import Mode
from hygge.values.plurals import listed

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.sql.chain import Run
    from hygge.connectors.sql.target import SqlTarget

KEEP_COLUMNS = (
    "drop the view and make it again after the move, or keep the columns as they are with  "
    "schema_contract: {drop: keep, change: keep}"
)


def create_all(run: Run, statements: Iterable[str]) -> None:
    """Run statements in an order that satisfies their dependencies; skip those without one."""
    left = list(statements)
    while left:
        failed = [sql for sql in left if not _succeeds(run, sql)]
        if len(failed) == len(left):
            return
        left = failed


def _succeeds(run: Run, sql: str) -> bool:
    try:
        run(sql)
    except StoreError:
        return False
    return True


def unusable(run: Run, questions: Iterable[tuple[str, str]]) -> list[str]:
    """Return the names of those of `questions`, name and statement, that are refused."""
    return [name for name, sql in questions if not _succeeds(run, sql)]


def try_change(
    target: SqlTarget,
    schema: pa.Schema,
    changed: Sequence[str],
    *,
    swaps: bool,
    unusable: Callable[[], Sequence[str]],
) -> None:
    """Change an empty copy of a target's table to a schema; raise HG536 for obstacles.

    The target runs its statements on the copy. `unusable` returns the broken views and triggers.
    """
    shown, columns = target.place.shown(), listed(changed)
    before = unusable()
    try:
        if swaps:
            target.run(f"DROP TABLE {target.table}")
            target.run(f"CREATE TABLE {target.table} ({', '.join(map(target.column, schema))})")
        else:
            target.evolve(schema, is_empty=target.request.mode is Mode.REPLACE)
    except StoreError as error:
        if error.code == "HG536":
            raise
        reason = error.message.partition(": ")[2] or error.message
        raise StoreError(
            f"{columns} of {shown} would change, which the database refuses: {reason}; "
            "nothing was published",
            hint="take away what depends on it, or keep the columns as they are with  "
            "schema_contract: {drop: keep, change: keep}",
            code="HG536",
        ) from error
    if lost := [name for name in unusable() if name not in before]:
        raise in_use(lost, changed, shown)


def in_use(users: Sequence[str], columns: Sequence[str], shown: str) -> StoreError:
    """Return the error for columns that change, though views or triggers need them."""
    return StoreError(
        f"{', '.join(users)} {'uses' if len(users) == 1 else 'use'} {listed(columns)} of {shown}, "
        "which would change; nothing was published",
        hint=KEEP_COLUMNS,
        code="HG536",
    )
