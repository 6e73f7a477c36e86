"""The shared part of commands that write files: flags, questions, output."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hygge.cli.global_options import Globals
    from hygge.console.output import Output
    from hygge.scaffold.changes import Change, Choice

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", "-n", "--pretend", "-p", help="Show what would be written and write nothing."
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite existing files that differ.")]
Skip = Annotated[bool, typer.Option("--skip", help="Keep existing files that differ.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

_COLOURS = {
    "create": "green",
    "append": "green",
    "identical": "cyan",
    "skip": "yellow",
    "overwrite": "yellow",
    "remove": "red",
    "conflict": "red",
}


@dataclass(frozen=True, slots=True)
class Writing:
    """The flags of a command that writes files."""

    dry_run: bool = False
    force: bool = False
    skip: bool = False
    json: bool = False

    @property
    def always(self) -> Choice | None:
        """The answer to every conflict, if a flag gives one."""
        if self.force and self.skip:
            raise typer.BadParameter("--force and --skip cannot be combined")
        return "overwrite" if self.force else "skip" if self.skip else None


def write(settings: Globals, root: Path, changes: Sequence[Change], writing: Writing) -> None:
    """Resolve conflicts, make the changes and print a line for each.

    Raises `HyggeError` when a conflict has no answer; nothing is written then. A dry run asks no
    questions and ends like the command without a terminal.
    """
    from hygge.console.output import standard_output
    from hygge.errors import HyggeError
    from hygge.scaffold.changes import apply, settle

    output = standard_output(settings.color)
    ask = None if writing.json or writing.dry_run else _asker(settings)
    try:
        settled = settle(changes, writing.always, ask)
    except HyggeError:
        is_shown = writing.dry_run and (writing.json or settings.verbosity >= 0)
        left = [change for change in changes if is_shown or change.status == "conflict"]
        _answer_with(output, root, left, writing, written=False)
        raise
    if not writing.dry_run:
        apply(root, settled)
    if writing.json or settings.verbosity >= 0:
        _answer_with(output, root, settled, writing, written=not writing.dry_run)


def _answer_with(
    output: Output, root: Path, changes: Sequence[Change], writing: Writing, *, written: bool
) -> None:
    """Print the outcome for the files, or the planned one."""
    if writing.json:
        files = [{"status": str(change.status), "path": change.path} for change in changes]
        output.line(json.dumps({"root": str(root), "written": written, "files": files}))
    else:
        _show(output, changes)


def _show(output: Output, changes: Sequence[Change]) -> None:
    from hygge.console.text import clean

    for change in changes:
        word = output.paint(f"{change.status:>12}", _COLOURS[change.status])
        output.line(f"{word}  {clean(change.path)}")


def _asker(settings: Globals) -> Callable[[Change], Choice | None] | None:
    """Return a function that asks about a conflict; None without a terminal."""
    if settings.no_input or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    for_all: list[Choice] = []

    def ask(change: Change) -> Choice | None:
        if not for_all:
            answer, is_for_all = _answer(change)
            if answer is None or not is_for_all:
                return answer
            for_all.append(answer)
        return for_all[0]

    return ask


def _answer(change: Change) -> tuple[Choice | None, bool]:
    """Ask until there is a valid answer; the end of the input means stop."""
    from hygge.values.redact import redact

    while True:
        sys.stderr.write(f"{change.path} differs. Overwrite? y(es) N(o) a(ll) d(iff) q(uit) ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        word = line.strip().lower() or "n"
        if not line.endswith("\n") or word in (
            "q",
            "quit",
        ):  # a "y" without a line end is no answer
            return None, False
        if word in ("y", "yes", "a", "all"):
            return "overwrite", word[0] == "a"
        if word in ("n", "no"):
            return "skip", False
        if word in ("d", "diff"):
            sys.stderr.write(redact(change.diff()))
