"""The `hygge` command: global options, and the list of commands."""

from __future__ import annotations

import gc
from copy import copy
from pathlib import Path
from typing import Annotated, Literal

import typer

from hygge import __version__
from hygge.cli.completion import completion
from hygge.cli.dashboard import dashboard
from hygge.cli.destroy import destroy
from hygge.cli.discover import discover
from hygge.cli.doctor import doctor
from hygge.cli.global_options import Globals
from hygge.cli.go import go
from hygge.cli.help_pages import HELP_FLAGS, HelpfulGroup, arrange
from hygge.cli.history import history
from hygge.cli.init import init
from hygge.cli.listing import listing
from hygge.cli.new import new
from hygge.cli.plan import plan
from hygge.cli.quarantine import quarantine
from hygge.cli.rename import rename
from hygge.cli.schema import schema
from hygge.cli.show import show
from hygge.cli.state import state
from hygge.cli.status import status
from hygge.cli.types import types
from hygge.cli.undo import undo
from hygge.cli.validate import validate
from hygge.cli.verify import verify
from hygge.console import suggested_commands

app = typer.Typer(
    name="hygge",
    cls=HelpfulGroup,
    context_settings=HELP_FLAGS,
    help="Move tables from where they live (homes) to where they rest (stores).",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hygge {__version__}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    *,
    directory: Annotated[
        Path, typer.Option("-C", help="Run as if hygge was started in this directory.")
    ] = Path(),
    env: Annotated[str | None, typer.Option(help="Apply environments/NAME.yml.")] = None,
    env_file: Annotated[
        Path | None, typer.Option(help="Read variables from this env file.")
    ] = None,
    color: Annotated[
        Literal["auto", "always", "never"], typer.Option(help="Colour the output.")
    ] = "auto",
    no_input: Annotated[bool, typer.Option("--no-input", help="Never prompt.")] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Show no progress; print only moves that failed."),
    ] = False,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            show_default=False,
            help="Log each step; -vv logs more detail.",
        ),
    ] = 0,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Move tables from where they live (homes) to where they rest (stores)."""
    gc.enable()
    level = -1 if quiet else verbose
    chosen = Globals(
        directory, env or None, env_file, color, no_input, level, is_env_given=env is not None
    )
    suggested_commands.repeat(_place(chosen), chosen.env)
    if isinstance(ctx.obj, list):
        ctx.obj.append(chosen)
    ctx.obj = chosen


def _place(chosen: Globals) -> list[str]:
    """Return the global options that determined the project and the variables."""
    words = [] if chosen.directory == Path() else ["-C", str(chosen.directory)]
    return [*words, *(["--env-file", str(chosen.env_file)] if chosen.env_file else [])]


app.command()(init)
app.add_typer(new, name="new")
app.command()(dashboard)
app.command()(destroy)
app.command()(rename)
app.command()(discover)
app.command()(doctor)
app.command()(go)
app.command()(history)
app.command()(plan)
app.add_typer(schema, name="schema")
app.command()(completion)
app.command()(types)
app.command()(undo)
app.command()(validate)
app.command()(verify)
app.command("list")(listing)
app.command()(show)
app.command()(status)
app.add_typer(state, name="state")
app.add_typer(quarantine, name="quarantine")
arrange(app)


def app_of(command: str | None) -> typer.Typer:
    """Return the app with a single command, or the whole app for an unknown one.

    typer builds every registered command on each call; measured, a thirtieth of `hygge validate`
    with 200 flows.
    """
    one = copy(app)
    one.registered_commands = [
        info
        for info in app.registered_commands
        if command == (info.name or getattr(info.callback, "__name__", None))
    ]
    one.registered_groups = [info for info in app.registered_groups if command == info.name]
    return one if one.registered_commands or one.registered_groups else app
