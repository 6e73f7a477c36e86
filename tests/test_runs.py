from __future__ import annotations

import json
from pathlib import Path

import pytest
from events import EVENTS, ORDERS, RUN, USERS, finished

from hygge.errors import UsageError
from hygge.journal.reports import KEPT_REPORTS, ReportWriter, load_latest, load_reports
from hygge.values.model import MoveFinished, RunStarted

PLANNED = (("users", "users"), ("orders", "public.orders"), ("events", "events"))
STARTED = RunStarted(RUN, PLANNED, "2026-01-31T12:00:00+00:00")


def write(root: Path, run_id: str = RUN) -> None:
    reports = ReportWriter(root)
    reports.listen(RunStarted(run_id, PLANNED, STARTED.started_at))
    for outcome in (USERS, ORDERS, EVENTS):
        reports.listen(MoveFinished(run_id, outcome))
    reports.listen(finished(USERS, ORDERS, EVENTS))
    assert reports.error is None


def test_a_report_is_read_back_as_it_was(tmp_path: Path) -> None:
    write(tmp_path)
    latest = load_latest(tmp_path)
    assert latest.outcomes == (USERS, ORDERS, EVENTS)
    assert (latest.planned, latest.seconds) == (PLANNED, 62.0)
    assert list(load_reports(tmp_path)) == [latest]


def test_a_report_is_plain_json_for_other_programs(tmp_path: Path) -> None:
    write(tmp_path)
    data = json.loads((tmp_path / ".hygge/runs/latest.json").read_text())
    assert (data["format"], data["state"]) == (1, "finished")
    assert [one["result"] for one in data["outcomes"]] == ["ok", "ok", "failed"]


def test_what_did_not_end_well_is_run_again(tmp_path: Path) -> None:
    write(tmp_path)
    assert load_latest(tmp_path).unfinished() == {("events", "events")}


def test_a_killed_run_leaves_everything_it_did_not_end(tmp_path: Path) -> None:
    reports = ReportWriter(tmp_path)
    reports.listen(STARTED)
    assert load_latest(tmp_path).unfinished() == set(PLANNED)


def test_a_report_takes_little_of_a_long_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("hygge.journal.reports.time", clock)
    reports = ReportWriter(tmp_path)
    reports.listen(STARTED)
    kept = []
    for _ in range(400):
        clock.now += 1.0
        reports.listen(MoveFinished(RUN, USERS))
        kept.append((tmp_path / ".hygge/runs/latest.json").read_text().count('"users"'))
    written = len(set(kept))
    assert 10 < written < 70  # half a second each, in a run of ten minutes


class Clock:
    """A clock on which half a second passes between two looks."""

    now = 0.0

    def monotonic(self) -> float:
        self.now += 0.5
        return self.now


def test_a_report_that_cannot_be_written_is_only_remembered(tmp_path: Path) -> None:
    (tmp_path / ".hygge").write_text("a file where the folder should be")
    reports = ReportWriter(tmp_path)
    reports.listen(STARTED)
    assert reports.error is not None


def test_old_reports_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / ".hygge" / "runs"
    folder.mkdir(parents=True)
    for number in range(KEPT_REPORTS + 20):
        (folder / f"old{number}.json").write_text("{}")
    write(tmp_path)
    assert len(list(folder.glob("*.json"))) == KEPT_REPORTS + 1
    assert (folder / f"{RUN}.json").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"run_id": 1}', '{"outcomes": [{}]}'])
def test_an_unreadable_report_is_a_usage_error(text: str, tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / ".hygge/runs/latest.json").write_text(text)
    with pytest.raises(UsageError, match="cannot read the report"):
        load_latest(tmp_path)


def test_no_report_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run has been recorded here"):
        load_latest(tmp_path)
