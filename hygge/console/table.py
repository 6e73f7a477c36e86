"""Plain text tables, fitted to the terminal's width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len, set_cell_size

from hygge.console.output import Output
from hygge.values.redact import redact

_GAP = "  "
_NARROWEST = 12


@dataclass(frozen=True, slots=True)
class Column:
    """One column: heading, cells, and how it may be shortened."""

    title: str
    cells: Sequence[str]
    right: bool = False
    """Whether cells are right-aligned, like numbers."""
    shrinks: bool = False
    """Whether long cells may be truncated."""
    drop: int = 0
    """Priority for dropping the column when space is short: the highest first, 0 never."""
    paint: Callable[[str], tuple[str, ...]] | None = None
    """Returns the styles of a cell."""


_Fitted = tuple[Column, int]
_Styled = tuple[str, tuple[str, ...]]


def show_table(columns: Sequence[Column], output: Output, indent: str = "  ") -> None:
    """Print `columns` below their titles; cells must be cleaned before."""
    room = None if output.width is None else output.width - cell_len(indent)
    fitted = _fit([_folded(column, output) for column in columns], room)
    titles = [(column.title, ("dim",)) for column, _ in fitted]
    output.line(indent + _row(fitted, titles, output))
    ellipsis = output.fold("…")
    for number in range(len(columns[0].cells)):
        cells = [_cell(column, number, width, ellipsis) for column, width in fitted]
        output.line(indent + _row(fitted, cells, output))


def _folded(column: Column, output: Output) -> Column:
    return replace(column, cells=[output.fold(redact(cell)) for cell in column.cells])


def _fit(columns: list[Column], room: int | None) -> list[_Fitted]:
    """Return the shown columns with their widths, at most `room` in total."""
    widths = [max(map(cell_len, (column.title, *column.cells))) for column in columns]
    fitted = list(zip(columns, widths, strict=True))
    if room is None:
        return fitted
    while (excess := _total(fitted) - room) > 0:
        shrunk = _shrink(fitted, excess)
        if _total(shrunk) < _total(fitted):
            fitted = shrunk
            continue
        victim = max(columns, key=lambda column: column.drop)
        if victim.drop == 0:
            break
        columns = [column for column in columns if column is not victim]
        fitted = [(column, width) for column, width in fitted if column is not victim]
    return fitted


def _total(fitted: Sequence[_Fitted]) -> int:
    return sum(width for _, width in fitted) + len(_GAP) * (len(fitted) - 1)


def _shrink(fitted: Sequence[_Fitted], excess: int) -> list[_Fitted]:
    """Reduce shrinkable columns by up to `excess` in total, always the widest."""
    widths = [width for _, width in fitted]
    able = [number for number, (column, _) in enumerate(fitted) if column.shrinks]
    for _ in range(excess if able else 0):
        widest = max(able, key=lambda number: widths[number])
        if widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
    return [(column, width) for (column, _), width in zip(fitted, widths, strict=True)]


def _cell(column: Column, number: int, width: int, ellipsis: str) -> _Styled:
    text = column.cells[number]
    styles = column.paint(text) if column.paint else ()
    if cell_len(text) > width:
        text = set_cell_size(text, width - len(ellipsis)) + ellipsis
    return text, styles


def _row(fitted: Sequence[_Fitted], cells: Sequence[_Styled], output: Output) -> str:
    words = []
    for (column, width), (text, styles) in zip(fitted, cells, strict=True):
        space = " " * (width - cell_len(text))
        painted = output.paint(text, *styles)
        words.append(space + painted if column.right else painted + space)
    return _GAP.join(words).rstrip()
