"""`hygge verify`: compares what stores hold with their homes, in full."""

from __future__ import annotations

from typing import Annotated

import typer

_Names = Annotated[
    list[str] | None, typer.Argument(metavar="FLOW", help="Names of flows; globs are allowed.")
]
_Entity = Annotated[list[str] | None, typer.Option("--entity", help="Only these entities.")]
_Limit = Annotated[
    int,
    typer.Option(
        "--limit-differences", min=1, help="Show at most N differing rows of each entity."
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def verify(
    ctx: typer.Context,
    names: _Names = None,
    *,
    entity: _Entity = None,
    as_json: _Json = False,
    limit_differences: _Limit = 10,
) -> None:
    """Compare the rows of homes and stores, value by value; moves nothing.

    Exits with 0 if they are equal, and with 1 if they differ or cannot be compared.
    """
    from datetime import UTC, datetime

    from hygge.cli.projects import load_project, tell_elsewhere
    from hygge.console.output import standard_error, standard_output
    from hygge.console.verify import show_unplanned, show_verdict, write_verdicts
    from hygge.engine.plan import Selection, make_plan
    from hygge.operations.verify.compare import Verifying

    given = ctx.obj
    project = load_project(given)
    selection = Selection(flows=tuple(names or ()), entities=tuple(entity or ()))
    plan = make_plan(project, selection)
    tell_elsewhere(project, standard_error(given.color))
    output = standard_output(given.color)
    verifying = Verifying(plan.context, datetime.now(UTC), salt=plan.salt, limit=limit_differences)
    verdicts = []
    for move in plan.moves:
        verdicts.append(verifying.verify(move))
        if not as_json:
            show_verdict(verdicts[-1], output)
    if as_json:
        write_verdicts(verdicts, plan.unplanned, output)
    else:
        show_unplanned(plan.unplanned, output)
    is_well = not plan.unplanned and all(verdict.state == "equal" for verdict in verdicts)
    raise typer.Exit(0 if is_well else 1)
