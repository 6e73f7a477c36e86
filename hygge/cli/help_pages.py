"""Help pages: commands grouped by purpose, options formatted as in argparse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

if TYPE_CHECKING:
    import typer

HELP_FLAGS = {"help_option_names": ["-h", "--help"]}
"""Value of `context_settings`; commands of a group inherit it."""

PANELS = {
    "Start": ("init", "new", "destroy", "schema", "completion"),
    "Check": ("validate", "doctor", "discover", "plan"),
    "Run": ("go",),
    "Inspect": ("status", "dashboard", "history", "list", "show", "types", "verify"),
    "Repair": ("undo", "state", "quarantine", "rename"),
}
"""The commands of each panel, in the order of use."""


class HelpfulCommand(TyperCommand):
    """A command whose help shows value names of options, but not of flags."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401
        """Return the parameters with their metavars set for the help page."""
        return [_named(parameter) for parameter in super().get_params(ctx)]


class HelpfulGroup(TyperGroup):
    """A group of commands, in the order of `PANELS`."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401
        """Return the parameters with their metavars set for the help page."""
        return [_named(parameter) for parameter in super().get_params(ctx)]

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401
        """Return the names of the commands in the order in which help pages show them."""
        return sorted(super().list_commands(ctx), key=lambda name: _ORDER.get(name, 0))


_PANEL_OF = {name: panel for panel, names in PANELS.items() for name in names}
_ORDER = {name: number for number, name in enumerate(_PANEL_OF)}


def _named(parameter: Any) -> Any:  # noqa: ANN401
    """Set a metavar by meaning, not by Python type; a choice shows its values."""
    if parameter.metavar is not None or parameter.type_descriptor.is_choice:
        word = parameter.metavar
    elif isinstance(parameter, TyperOption):
        word = "" if parameter.is_flag or parameter.count else _word(parameter)
    else:
        word = str(parameter.name).upper()
    parameter.metavar = word
    if isinstance(parameter, TyperArgument) and word:
        parameter.display_type_rich = _no_type  # type: ignore[method-assign]
    return parameter


def _word(option: TyperOption) -> str:
    if option.type_descriptor.annotation is int:
        return "N"
    longest = max(option.opts, key=len)
    return longest.lstrip("-").replace("-", "_").upper() if len(longest) > 2 else "DIR"


def _no_type(ctx: Any) -> None:  # noqa: ANN401
    """Show no type behind the name of an argument."""


def arrange(app: typer.Typer) -> None:
    """Assign each command of `app` its panel and its help class."""
    for command in app.registered_commands:
        command.cls, command.rich_help_panel = HelpfulCommand, _PANEL_OF[_name(command)]
    for group in app.registered_groups:
        group.cls, group.rich_help_panel = HelpfulGroup, _PANEL_OF[_name(group)]
        for command in group.typer_instance.registered_commands if group.typer_instance else ():
            command.cls = HelpfulCommand


def _name(info: Any) -> str:  # noqa: ANN401
    return str(info.name or info.callback.__name__)
