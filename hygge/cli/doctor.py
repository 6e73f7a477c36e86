"""`hygge doctor [NAME…]`: looks for what would keep a run from going well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hygge.console.output import Output
    from hygge.project import Project

_Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="Names of homes and stores; all by default."),
]
_Timeout = Annotated[
    float, typer.Option("--timeout", min=0.1, help="Maximum seconds for each home or store.")
]
_Notify = Annotated[
    bool,
    typer.Option("--notify", help="Send a test message to each receiver of `notify` instead."),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def doctor(
    ctx: typer.Context,
    names: _Names = None,
    *,
    timeout: _Timeout = 30.0,
    notify: _Notify = False,
    as_json: _Json = False,
) -> None:
    """Connect to homes and stores, and report problems and how to fix them."""
    from hygge.cli.projects import load_project, tell_elsewhere
    from hygge.console.doctor import (
        counted,
        show_examined,
        show_findings,
        show_verdict,
        write_health,
    )
    from hygge.console.output import standard_error, standard_output
    from hygge.operations.doctor import examine, examine_project

    given = ctx.obj
    project = load_project(given)
    output = standard_output(given.color)
    if notify:
        raise typer.Exit(0 if _send_test(project, output) else 1)
    examined = examine(project, names or (), seconds=timeout)
    own = [] if names else list(examine_project(project.root))
    if as_json:
        everything = list(examined)
        write_health(own, everything, output)
        found = [*own, *(finding for one in everything for finding in one.findings)]
    else:
        if own:
            show_findings("project", own, output)
        found = list(own)
        for one in examined:
            show_examined(one, output)
            found += one.findings
        show_verdict(found, output)
    tell_elsewhere(project, standard_error(given.color))
    output.raise_if_lost()
    raise typer.Exit(1 if counted(found)[0] else 0)


def _send_test(project: Project, output: Output) -> bool:
    """Send a test message to each receiver; return whether all were delivered."""
    from hygge.operations.notify import Message, send

    message = Message(project.name, project.env, ())
    if not project.notify:
        output.line("hygge.yml has no  notify:  so nobody is notified")
    is_well = True
    for receiver in project.notify:
        problems = send([(receiver, message)], project.root)
        is_well = is_well and not problems
        for line in problems or [f"sent a test message: {receiver.shown}"]:
            output.line(line)
    return is_well
