"""Output of `hygge verify`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from hygge.console.output import Output
from hygge.console.suggested_commands import with_options
from hygge.console.text import clean, clean_lines, count, move_name
from hygge.engine.plan import Unplanned
from hygge.operations.verify.verdict import Cell, Difference, Verdict
from hygge.values.plurals import plural
from hygge.values.redact import redact

_STYLES = {"equal": ("green",), "different": ("red", "bold"), "failed": ("red", "bold")}
_SHOWN = 60
"""Maximum characters shown of a value."""


def show_verdict(verdict: Verdict, output: Output) -> None:
    """Print a line for the entity, and its differences below it."""
    name = move_name(verdict.flow, verdict.entity)
    state = output.paint(verdict.state, *_STYLES[verdict.state])
    output.line(f"{name}: {state}{_figures(verdict)}")
    for line in _lines(verdict):
        output.line(f"  {line}")


def _figures(verdict: Verdict) -> str:
    failure = verdict.failure
    if failure is not None:
        hint = with_options(redact(failure.hint or ""))
        hint = f"\n  help: {clean_lines(hint, ' ' * 8)}" if hint else ""
        return f" [{failure.code}] {clean_lines(redact(failure.message))}{hint}"
    rows = plural(verdict.store_rows, "row")
    if verdict.home_rows != verdict.store_rows:
        rows = (
            f"{plural(verdict.home_rows, 'row')} in the home, {count(verdict.store_rows)} in the "
            "store"
        )
    columns = plural(len(verdict.columns), "column")
    return f"  {rows}, {columns} (commit {verdict.seq} of {clean(verdict.committed_at or '')[:19]})"


def _lines(verdict: Verdict) -> Iterator[str]:
    if verdict.differing:
        yield f"columns that differ: {', '.join(map(clean, verdict.differing))}"
    elif verdict.state == "different":
        yield "every column has the same values, but in different rows"
    for difference in verdict.differences:
        yield from _difference(difference)
    if verdict.more or verdict.is_more_at_least:
        least = "at least " if verdict.is_more_at_least else ""
        yield f"and {least}{plural(verdict.more, 'row')} more (--limit-differences)"
    if verdict.waiting:
        yield f"note: {plural(verdict.waiting, 'row')} of the home are not moved yet"
    yield from (f"note: {clean(redact(note))}" for note in verdict.notes)


def _difference(difference: Difference) -> Iterator[str]:
    row = _row(difference.row)
    if difference.kind == "changed":
        cells = ", ".join(_cell(cell) for cell in difference.cells)
        yield f"{row}: {cells}"
        return
    often = max(difference.home, difference.store)
    times = f", {often} times" if often > 1 else ""
    says = {
        "missing": f"not in the store{times}",
        "extra": f"only in the store{times}",
        "doubled": f"{plural(difference.store, 'time')} in the store, "
        f"{difference.home} in the home",
    }
    yield f"{row}: {says[difference.kind]}"


def _row(row: Mapping[str, str | None]) -> str:
    return ", ".join(f"{clean(name)}={_shown(value)}" for name, value in row.items())


def _cell(cell: Cell) -> str:
    start = _first_difference(cell.home, cell.store)
    home, store = _shown(cell.home, start), _shown(cell.store, start)
    return f"{clean(cell.column)} is {home} in the home and {store} in the store"


def _first_difference(one: str | None, other: str | None) -> int:
    """Return the offset at which to show two values so that their difference is visible."""
    one, other = one or "", other or ""
    same = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    place = min(len(one), len(other)) if same is None else same
    return max(place - _SHOWN // 2, 0) if place >= _SHOWN else 0


def _shown(value: str | None, start: int = 0) -> str:
    if value is None:
        return "null"
    text = clean(redact(value[start : start + _SHOWN]))
    before, after = "…" if start else "", "…" if len(value) > start + _SHOWN else ""
    return f"'{before}{text}{after}'"


def show_unplanned(unplanned: Sequence[Unplanned], output: Output) -> None:
    """Print the patterns that could not be resolved."""
    for one in unplanned:
        state = output.paint("failed", *_STYLES["failed"])
        message = clean_lines(redact(one.error.message))
        output.line(f"{move_name(one.flow, one.pattern)}: {state} [{one.error.code}] {message}")


def write_verdicts(
    verdicts: Sequence[Verdict], unplanned: Sequence[Unplanned], output: Output
) -> None:
    """Write everything as one JSON object."""
    failed = [
        {"flow": one.flow, "entity": one.pattern, "code": one.error.code,
         "message": redact(one.error.message)}
        for one in unplanned
    ]  # fmt: skip
    is_equal = not failed and all(verdict.state == "equal" for verdict in verdicts)
    fields = {
        "equal": is_equal,
        "entities": [asdict(verdict) for verdict in verdicts],
        "unplanned": failed,
    }
    output.line(json.dumps(fields, indent=1, ensure_ascii=False))
