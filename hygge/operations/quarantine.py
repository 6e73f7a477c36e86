"""Quarantined rows of flows: listing them, and moving them again.

A file contains rows as read from the home, with the flow's masks applied. They are moved again from
the home with the flow's current settings, never from the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from hygge.errors import UsageError
from hygge.runtime.private import private_folder
from hygge.settings.move import Incremental
from hygge.transform.quarantine import COLUMN, REASON, folder_names
from hygge.values.model import PLAIN, Manner, Mode

if TYPE_CHECKING:
    from hygge.engine.plan import Move
    from hygge.journal.journal import RunRow

_RETRIED = "retried"
_LINES = ".lines.parquet"


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason for quarantining rows."""

    column: str | None
    """None for lines that could not be read as rows."""
    reason: str
    rows: int


@dataclass(frozen=True, slots=True)
class PutAside:
    """The rows of one entity that one run quarantined, in one file."""

    flow: str
    entity: str
    run_id: str
    path: Path
    reasons: tuple[Reason, ...] = ()
    """The most frequent first."""
    problem: str | None = None
    """Why the file cannot be read; a killed run leaves such a file."""
    run: RunRow | None = None
    """The run in the journal; None for an unknown one."""

    @property
    def rows(self) -> int:
        """Number of rows in the file."""
        return sum(one.rows for one in self.reasons)


def put_aside(root: Path, runs: Mapping[str, RunRow], flow: str | None = None) -> list[PutAside]:
    """Return the quarantine files by flow and entity, newest run first.

    `runs` are the runs of the journal, by id.
    """
    paths = (root / ".hygge" / "quarantine").glob("*/*/*.parquet")
    found = [_of_file(path, runs) for path in paths if flow in (None, path.parts[-3])]
    found.sort(key=lambda one: one.path.name)
    found.sort(key=lambda one: one.run.started_at if one.run else "", reverse=True)
    return sorted(found, key=lambda one: (one.flow, one.entity))


def _of_file(path: Path, runs: Mapping[str, RunRow]) -> PutAside:
    run_id = path.name.partition(".")[0]
    flow, entity = path.parts[-3], unquote(path.parts[-2])
    reasons: tuple[Reason, ...] = ()
    problem = None
    try:
        reasons = tuple(_reasons(path))
    except (OSError, ValueError) as error:
        problem = str(error).partition("\n")[0]
    return PutAside(flow, entity, run_id, path, reasons, problem, runs.get(run_id))


def _reasons(path: Path) -> Iterator[Reason]:
    import pyarrow.parquet as pq

    by = [REASON] if path.name.endswith(_LINES) else [COLUMN, REASON]
    table = pq.read_table(path, columns=by).group_by(by).aggregate([([], "count_all")])
    for row in table.sort_by([("count_all", "descending"), (REASON, "ascending")]).to_pylist():
        yield Reason(row.get(COLUMN), row[REASON], row["count_all"])


def of_environment(found: Iterable[PutAside], env: str | None) -> list[PutAside]:
    """Return the files of an environment's runs and of unknown runs."""
    return [one for one in found if one.run is None or one.run.env == env]


def manner_of(moves: Sequence[Move]) -> Manner:
    """Return the options under which moves read rows below their watermark again.

    Raises `UsageError` for an append, which would add the rows of its home a second time, with
    the way in which such a flow takes corrected rows.
    """
    for move in moves:
        if move.settings.mode is Mode.APPEND:
            raise UsageError(
                f"{move.flow} ({move.entity}) has mode: append, so its quarantined rows cannot be "
                "retried: reading the home again would add rows a second time",
                hint=_way_of_append(move),
                code="HG232",
            )
    merges = [move for move in moves if move.settings.mode is Mode.MERGE]
    if all(move.settings.incremental is None for move in merges):
        return PLAIN
    if len(merges) < len(moves):
        raise UsageError(
            "some of these entities are merged and others replaced, so they cannot be retried "
            "together",
            hint=f"retry them one by one:  hygge quarantine retry {moves[0].flow} --entity "
            f"{moves[0].entity}",
            code="HG232",
        )
    return Manner(backfill=True)


def _way_of_append(move: Move) -> str:
    """Return how rows that were corrected in the home come into a flow that appends."""
    go = f"hygge go {move.flow}"
    match move.settings.incremental:
        case "files":
            corrected = f"write the corrected rows, and only these, into a new file and run  {go}"
        case "positions":
            corrected = f"publish the corrected messages, and only these, and run  {go}"
        case Incremental(column=column):
            corrected = (
                f"give the corrected rows a value of '{column}' above the watermark in the home "
                f"and run  {go}"
            )
        case _:
            return f"every run appends all rows of the home, the corrected ones too:  {go}"
    return (
        f"{corrected}; or, where a key identifies the rows, set  mode: merge  and  primary_key  "
        f"in the flow, then  hygge quarantine retry {move.flow}; or replace everything with  "
        f"{go} --full-refresh"
    )


def keep_as_retried(root: Path, files: Iterable[PutAside]) -> None:
    """Move files into the folder `retried` beside them, after their rows were moved again."""
    for one in files:
        folder = private_folder(root, "quarantine", *folder_names(one.flow, one.entity), _RETRIED)
        one.path.rename(folder / one.path.name)
