"""Output of `hygge types`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from textwrap import wrap

from hygge.console.output import Output
from hygge.console.text import clean
from hygge.operations.connector_types import ConnectorType, Option

_WIDTH = 100


def show_types(types: Sequence[ConnectorType], output: Output) -> None:
    """Print the types, a line each, homes before stores."""
    width = max((len(one.name) for one in types), default=0)
    for kind, title in (("home", "homes"), ("store", "stores")):
        output.line(output.paint(title, "bold"))
        for one in types:
            if one.kind == kind:
                name = output.paint(f"{clean(one.name):<{width}}", "cyan")
                output.line(f"  {name}  {_description(one, output)}")
    output.line("\noptions of a type:  hygge types TYPE")


def _description(one: ConnectorType, output: Output) -> str:
    text = clean(one.description)
    if one.is_broken:
        return output.paint(text, "red")
    return f"{text}  ({one.install})" if one.install else text


def show_options(types: Sequence[ConnectorType], output: Output) -> None:
    """Print each type with its options, their types, defaults and descriptions."""
    for one in types:
        title = output.paint(f"{clean(one.name)} {one.kind}", "bold")
        output.line(f"{title}  {_description(one, output)}")
        if one.can:
            output.line(f"  {'modes' if one.kind == 'store' else 'also'}: {', '.join(one.can)}")
        for option in one.options:
            _show_option(option, output)
        output.line()


def _show_option(option: Option, output: Output) -> None:
    name = output.paint(clean(option.name), "cyan")
    default = "required" if option.default is None else f"default {clean(option.default)}"
    output.line(f"  {name}  {clean(option.type)}, {default}")
    room = min(output.width or _WIDTH, _WIDTH) - 6
    for line in wrap(clean(option.description), max(room, 20)):
        output.line(f"      {line}")


def write_types(types: Sequence[ConnectorType], output: Output) -> None:
    """Write the types as JSON."""
    output.line(json.dumps([{**asdict(one), "install": one.install} for one in types], indent=1))
