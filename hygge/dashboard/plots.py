"""Plots as SVG that is part of a page: no script, no image, colors by the page's style."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

_HEIGHT = 60.0
_STEP = 12.0
_BAR = 9.0


@dataclass(frozen=True, slots=True)
class Column:
    """One bar of a bar plot."""

    x: float
    y: float
    height: float
    label: str
    state: str


@dataclass(frozen=True, slots=True)
class BarPlot:
    """Figures of consecutive runs as bars, the oldest first."""

    title: str
    width: float
    height: float
    bar: float
    columns: tuple[Column, ...]
    most: str
    """The largest figure, as shown."""
    newest: str
    summary: str
    """What the plot says, for those who do not see it."""


def bar_plot(
    title: str,
    figures: Sequence[tuple[float | None, str, str]],
    show: Callable[[float], str],
) -> BarPlot:
    """Return a plot of figures, oldest first: (value or None, what it belongs to, state)."""
    known = [value for value, _, _ in figures if value is not None]
    most = max(known, default=0)
    columns = []
    for number, (value, name, state) in enumerate(figures):
        height = 2.0 if not most or not value else max(_HEIGHT * value / most, 2.0)
        shown = "–" if value is None else show(value)
        columns.append(Column(number * _STEP, _HEIGHT - height, height, f"{name}: {shown}", state))
    newest = "–" if not known else show(known[-1])
    largest = show(most) if known else "–"
    summary = f"{title} of {len(figures)} runs: newest {newest}, largest {largest}"
    width = max(len(figures), 10) * _STEP
    return BarPlot(title, width, _HEIGHT, _BAR, tuple(columns), largest, newest, summary)
