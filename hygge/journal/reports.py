"""The report of each run in `.hygge/runs/`, for `--retry-failed`, for CI and for the journal."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hygge.errors import UsageError
from hygge.runtime.private import private_folder, write_private
from hygge.runtime.processes import identity
from hygge.values.model import (
    PLAIN,
    Event,
    Failure,
    Manner,
    Mode,
    MoveFinished,
    Outcome,
    Result,
    RunFinished,
    RunStarted,
)
from hygge.values.receipts import without_receipts
from hygge.values.redact import redact_values

FORMAT = 1
KEPT_REPORTS = 100
_PAUSE = 1.0
"""Minimum seconds between two reports of one run."""
_SHARE = 0.05
"""Maximum share of a run's time for writing its report."""
_SAFE_NAME = re.compile(r"[\w.-]{1,120}")
_WELL = (Result.OK, Result.KEPT)


@dataclass(frozen=True, slots=True)
class Report:
    """The report of one run; `finished_at` is None while it runs, or when it was killed."""

    run_id: str
    started_at: str
    planned: tuple[tuple[str, str], ...]
    """Flow and entity of every move, in order."""
    outcomes: tuple[Outcome, ...] = ()
    """Outcomes of ended moves, in order of their end."""
    finished_at: str | None = None
    seconds: float = 0.0
    process: str | None = None
    """Id of the process that ran it (see `hygge.runtime.processes`)."""
    env: str | None = None
    """The environment that it worked in."""
    manner: Manner = PLAIN
    """The options that changed what it moved."""
    is_partial: bool = False
    """Whether entities of its flows were left out on purpose."""

    def pairs(self) -> dict[tuple[str, str], bool]:
        """Return each pair of flow and entity, and whether it succeeded."""
        bad = self.unfinished()
        known = (*self.planned, *((o.flow, o.entity) for o in self.outcomes))
        return {pair: pair not in bad for pair in known}

    def unfinished(self) -> frozenset[tuple[str, str]]:
        """Return the pairs of flow and entity that failed or did not end."""
        well = {(o.flow, o.entity) for o in self.outcomes if o.result in _WELL}
        known = set(self.planned) | {(o.flow, o.entity) for o in self.outcomes}
        return frozenset(known - well)


@dataclass(slots=True)
class ReportWriter:
    """Keeps `<run>.json` and `latest.json` up to date during a run.

    A report that cannot be written never stops the run; `error` keeps the reason. Receipts are left
    out, because they contain values of rows.
    """

    root: Path
    error: OSError | None = None
    _report: Report | None = None
    _due: float = 0.0

    def listen(self, event: Event) -> None:
        """Record an event; files are written at the start, at the end and when moves ended.

        Files are written at most once a second, and a large report as rarely as `_SHARE` demands.
        """
        event = without_receipts(event)
        match event:
            case RunStarted():
                self._report = Report(
                    event.run_id,
                    event.started_at,
                    event.moves,
                    process=identity(),
                    env=event.env,
                    manner=event.manner,
                    is_partial=event.is_partial,
                )
                self._write()
            case MoveFinished(outcome=outcome) if self._report is not None:
                outcomes = (*self._report.outcomes, outcome)
                self._report = replace(self._report, outcomes=outcomes)
                if time.monotonic() > self._due:
                    self._write()
            case RunFinished() if self._report is not None:
                self._report = replace(
                    self._report,
                    outcomes=event.outcomes,
                    finished_at=event.finished_at,
                    seconds=event.seconds,
                )
                self._write()
                self._prune()

    def _write(self) -> None:
        if self._report is None:
            return
        began = time.monotonic()
        text = _text_of(self._report)
        try:
            folder = private_folder(self.root, "runs")
            write_private(folder / _file_name(self._report.run_id), text)
            write_private(folder / "latest.json", text)
        except OSError as error:
            self.error = error
        ended = time.monotonic()
        self._due = ended + max(_PAUSE, (ended - began) / _SHARE)

    def _prune(self) -> None:
        with suppress(OSError):
            for path in _files(self.root)[KEPT_REPORTS:]:
                path.unlink()


def _text_of(report: Report) -> str:
    return json.dumps(to_json(report), ensure_ascii=False, separators=(",", ":")) + "\n"


def _file_name(run_id: str) -> str:
    if not _SAFE_NAME.fullmatch(run_id) or run_id == "latest":
        raise ValueError(f"invalid run id {run_id!r}")
    return f"{run_id}.json"


def _files(root: Path) -> list[Path]:
    """Return the existing reports, newest first."""
    paths = [p for p in (root / ".hygge" / "runs").glob("*.json") if p.name[0] != "."]
    dated = [(path.stat().st_mtime_ns, path) for path in paths if path.name != "latest.json"]
    return [path for _, path in sorted(dated, reverse=True)]


def to_json(report: Report) -> dict[str, object]:
    """Return a report as JSON values, with secrets masked."""
    state = "running" if report.finished_at is None else "finished"
    fields = {"format": FORMAT, "state": state, **asdict(report)}
    return {name: redact_values(value) for name, value in fields.items()}


def from_json(data: Mapping[str, Any]) -> Report:
    """Return the report of `to_json`; raises `ValueError` for an invalid one."""
    try:
        return Report(
            run_id=data["run_id"],
            started_at=data["started_at"],
            planned=tuple((flow, entity) for flow, entity in data["planned"]),
            outcomes=tuple(_outcome(item) for item in data["outcomes"]),
            finished_at=data["finished_at"],
            seconds=data["seconds"],
            process=data["process"],
            env=data.get("env"),
            manner=Manner(**data.get("manner", {})),
            is_partial=bool(data.get("is_partial")),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a report of a run: {error!r}") from error


def _outcome(data: Mapping[str, Any]) -> Outcome:
    failure = Failure(**data["failure"]) if data["failure"] is not None else None
    result, mode = Result(data["result"]), Mode(data["mode"])
    plain = {k: v for k, v in data.items() if k not in ("failure", "result", "mode", "notes")}
    return Outcome(**plain, failure=failure, result=result, mode=mode, notes=tuple(data["notes"]))


def load_latest(root: Path) -> Report:
    """Return the newest run's report.

    Raises `UsageError` when there is none or it cannot be read.
    """
    path = root / ".hygge" / "runs" / "latest.json"
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UsageError("no run has been recorded here", hint="hygge go") from None
    except (OSError, ValueError) as error:
        raise UsageError(
            f"cannot read the report of the last run, {path}: {error}",
            hint="name the flows to run; to see them:  hygge list",
        ) from error


def recent_reports(root: Path) -> list[Report]:
    """Return the reports of runs by the start of the run, newest first; raises as `load_latest`."""
    latest = load_latest(root)
    others = (report for report in load_reports(root) if report.run_id != latest.run_id)
    return sorted([latest, *others], key=lambda report: report.started_at, reverse=True)


def rename_reports(root: Path, old: str, new: str) -> None:
    """Write a flow's new name into the reports of runs; one that cannot be read is left out."""
    for path in [*_files(root), root / ".hygge" / "runs" / "latest.json"]:
        with suppress(OSError, ValueError):
            stat = path.stat()
            report = from_json(json.loads(path.read_text(encoding="utf-8")))
            renamed = replace(
                report,
                planned=tuple((new if f == old else f, entity) for f, entity in report.planned),
                outcomes=tuple(
                    replace(one, flow=new) if one.flow == old else one for one in report.outcomes
                ),
            )
            if renamed != report:
                write_private(path, _text_of(renamed))
                os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def load_reports(root: Path) -> Iterator[Report]:
    """Yield the reports that are still there, newest first; unreadable ones are left out."""
    for path in _files(root):
        with suppress(OSError, ValueError):
            yield from_json(json.loads(path.read_text(encoding="utf-8")))
