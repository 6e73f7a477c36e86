"""Loading of the project for a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hygge.cli.global_options import Globals
    from hygge.console.output import Output
    from hygge.project import Project

_MOST_FILES = 3


def load_project(given: Globals) -> Project:
    """Return the project of the global options, in its environment."""
    from hygge.project import Project, find_root

    root = find_root(given.directory)
    return Project.load(root, env=given.env, env_file=given.env_file)


def tell_elsewhere(project: Project, notes: Output) -> None:
    """Print one line on errors in files that the command did not need."""
    from hygge.console.errors import show_note
    from hygge.values.plurals import plural

    found = project.problems_elsewhere
    if not found:
        return
    files = list(dict.fromkeys(one.file for one in found))
    more = len(files) - _MOST_FILES
    shown = ", ".join(files[:_MOST_FILES]) + (
        f" and {plural(more, 'more file')}" if more > 0 else ""
    )
    show_note(
        f"{plural(len(found), 'error')} elsewhere in the project, in {shown}: hygge validate", notes
    )
