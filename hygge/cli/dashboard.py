"""`hygge dashboard`: status, history and runs as a web page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hygge.cli.global_options import Globals
    from hygge.console.output import Output
    from hygge.journal.journal import Journal
    from hygge.project import Project

_LOCAL = "127.0.0.1"
_Export = Annotated[
    Path | None,
    typer.Option("--export", metavar="FILE", help="Write everything to one HTML file and end."),
]
_Host = Annotated[
    str, typer.Option("--host", help="Address to listen on; one beyond loopback requires --token.")
]
_Port = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 takes a free one.")
]
_Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="HYGGE_DASHBOARD_TOKEN",
        help="What a browser must present; random by default.",
    ),
]


def dashboard(
    ctx: typer.Context,
    *,
    export: _Export = None,
    host: _Host = _LOCAL,
    port: _Port = 8642,
    token: _Token = None,
) -> None:
    """Show status, history and runs as a web page, on this machine only by default.

    The page reads the journal of this machine and changes nothing. Press Ctrl+C to end it.
    """
    from hygge.cli.projects import load_project, tell_elsewhere
    from hygge.console.errors import show_warning
    from hygge.console.output import standard_error
    from hygge.journal.journal import Journal

    given: Globals = ctx.obj
    project = load_project(given)
    notes = standard_error(given.color)
    tell_elsewhere(project, notes)
    with Journal.open(project.context.root, lambda text: show_warning(text, notes)) as journal:
        if export is not None:
            _write(project, journal, given, export)
        else:
            _serve(project, journal, given.env, host, port, token, notes)


def _write(project: Project, journal: Journal, given: Globals, path: Path) -> None:
    """Write the report as one file, by a rename."""
    from hygge.console.output import standard_output
    from hygge.dashboard.facts import flow_facts, one_run, overview
    from hygge.dashboard.pages import report
    from hygge.errors import UsageError

    found = overview(project, journal, given.env)
    flows = [flow_facts(project, journal, name, given.env) for name in project.flows]
    runs = [one_run(journal, run.run_id) for run in found.runs]
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.write_text(report(found, flows, runs), encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}", hint="choose another file", code="HG235"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    standard_output(given.color).line(f"wrote {path}")


def _serve(
    project: Project,
    journal: Journal,
    env: str | None,
    host: str,
    port: int,
    token: str | None,
    notes: Output,
) -> None:
    import secrets

    from hygge.errors import UsageError

    is_local = host in (_LOCAL, "localhost", "::1")
    if not is_local and not token:
        raise UsageError(
            f"--host {host} lets other machines in, so it needs --token",
            hint=f"HYGGE_DASHBOARD_TOKEN=… hygge dashboard --host {host}",
            code="HG235",
        )
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"the dashboard needs {error.name}, which is not installed",
            hint="pip install 'hygge-data[dashboard]'\n"
            "or write a file, which needs nothing more:  hygge dashboard --export report.html",
            code="HG235",
        ) from error
    from hygge.dashboard.server import Served, listen, make_app, serve

    token = token or secrets.token_urlsafe(24)
    hosts = (_LOCAL, "localhost", "[::1]") if is_local else ()
    app = make_app(Served(project, journal, env, token, hosts))
    with listen(host, port) as listening:
        address = f"http://{host}:{listening.getsockname()[1]}/?token={token}"
        notes.line(f"the dashboard of {project.name}:  {address}")
        serve(app, listening)
