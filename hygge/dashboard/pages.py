"""The pages as HTML: rendered from the files in `templates/`, with every value escaped.

Each takes the nonce of its style and script; with None it is only what the page shows, without
head, style and script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

from hygge.console.text import count, duration, size
from hygge.dashboard.facts import FlowFacts, Overview, timeline
from hygge.dashboard.plots import BarPlot, bar_plot
from hygge.journal.journal import WELL, RunRow
from hygge.values.plurals import plural

_FOLDER = Path(__file__).parent / "templates"


def overview_page(facts: Overview, nonce: str | None) -> str:
    """Return the page of all flows."""
    return _render("overview.html", nonce, facts=facts, live=True)


def flow_page(facts: FlowFacts, project: str, nonce: str | None) -> str:
    """Return the page of one flow: its plots and its commits."""
    plots = flow_plots(facts)
    return _render("flow.html", nonce, flow=facts, plots=plots, project=project, live=True)


def run_page(run: RunRow, project: str, nonce: str | None) -> str:
    """Return the page of one run: its timeline, and what failed."""
    now = datetime.now(UTC)
    return _render("run.html", nonce, run=run, bars=timeline(run, now), project=project, live=True)


def missing_page(what: str, project: str, nonce: str | None) -> str:
    """Return the page for an address that leads nowhere."""
    return _render("missing.html", nonce, what=what, project=project, live=False)


def report(facts: Overview, flows: Sequence[FlowFacts], runs: Sequence[RunRow]) -> str:
    """Return everything as one file without links to other files or addresses."""
    now = datetime.now(UTC)
    return _render(
        "report.html",
        "",
        facts=facts,
        flows=[(flow, flow_plots(flow)) for flow in flows],
        runs=[(run, timeline(run, now)) for run in runs],
        shown={run.run_id for run in runs},
        live=False,
    )


def flow_plots(facts: FlowFacts) -> list[BarPlot]:
    """Return rows, seconds and bytes of the flow's runs as plots; none without a run."""
    runs = facts.runs[::-1]
    if not runs:
        return []
    kinds = (
        ("rows", "rows", lambda value: count(int(value))),
        ("seconds", "time", duration),
        ("bytes", "size", size),
    )
    return [
        bar_plot(title, [_figure(run, field) for run in runs], show) for field, title, show in kinds
    ]


def _figure(run: RunRow, field: str) -> tuple[float | None, str, str]:
    values = [getattr(move, field) for move in run.moves]
    known = [value for value in values if value is not None]
    state = "ok" if all(move.state in WELL for move in run.moves) else "failed"
    return sum(known) if known else None, moment(run.started_at), state


def moment(text: str | None) -> str:
    """Return a time of the journal to the minute, in UTC."""
    return "–" if text is None else f"{text[:16].replace('T', ' ')}Z"


def age(seconds: float | None) -> str:
    """Return a length of time in one unit."""
    if seconds is None:
        return "–"
    for unit, length, most in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48)):
        if seconds < length * most:
            return f"{max(seconds, 0) / length:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"


def _or_dash(value: float | None, show: Any) -> str:  # noqa: ANN401
    return "–" if value is None else show(value)


def _render(name: str, nonce: str | None, **values: Any) -> str:  # noqa: ANN401
    return str(_templates().get_template(name).render(nonce=nonce, **values))


@cache
def _templates() -> Any:  # noqa: ANN401
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    found = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: Mapping[str, Any] = {
        "moment": moment,
        "age": age,
        "count": partial(_or_dash, show=lambda value: count(int(value))),
        "duration": partial(_or_dash, show=duration),
        "plural": plural,
        "size": partial(_or_dash, show=size),
    }
    found.filters.update(filters)
    return found
