"""Removal of a project file, unless another one refers to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hygge.errors import HyggeError, UsageError
from hygge.project.diagnostics import did_you_mean
from hygge.project.files import Files, read_files
from hygge.project.nodes import Node
from hygge.scaffold.changes import Change, removal


def removals(project: Path, kind: str, name: str, *, force: bool = False) -> list[Change]:
    """Return the change that removes the file of a home, store, flow or template.

    Raises `UsageError` when there is none, and `HyggeError` with file and line of references to it,
    unless `force` is set.
    """
    if kind == "template":
        return [_template(project, name)]
    files = read_files(project)
    known = files.folders[f"{kind}s"]
    way, _, last = name.rpartition("/")
    if way and last in known and known[last].file.startswith(f"{kind}s/{name}."):
        name = last  # like `new`: with the folder it lies in
    if name not in known:
        raise UsageError(
            f"the project has no {kind} '{name}'{did_you_mean(name, known)}", hint="hygge list"
        )
    used = list(_references(files, kind, name))
    if used and not force:
        raise HyggeError(
            f"{known[name].file} is still used:\n" + "\n".join(f"  {use}" for use in used),
            hint="remove or change these first, or use --force",
            code="HG601",
        )
    lock = files.locks.get(name) if kind == "flow" else None
    return [removal(project, one.file) for one in (known[name], lock) if one is not None]


def _template(project: Path, name: str) -> Change:
    change = removal(project, f"templates/{name}.yml.j2")
    if change.before is None:
        raise UsageError(
            f"the project has no template of its own for '{name}'", hint="ls templates"
        )
    return change


def _references(files: Files, kind: str, name: str) -> Iterator[str]:
    """Yield `file:line  reason` for each place that refers to a home, store or flow."""
    for flow, found in files.folders["flows"].items():
        node = found.parsed.node
        if node is None or (kind == "flow" and flow == name):
            continue
        yield from _in_flow(node, kind, name, is_only=len(files.folders[f"{kind}s"]) == 1)
    for found in files.folders["environments"].values():
        node = found.parsed.node
        if node is not None:
            yield from _in_overlay(node, kind, name)


def _in_overlay(overlay: Node, kind: str, name: str) -> Iterator[str]:
    for folder, changed in overlay.entries.items():
        if folder == "flows":
            for flow in changed.entries.values():
                yield from _in_flow(flow, kind, name, is_only=False)
        if folder == f"{kind}s" and name in changed.entries:
            yield _place(changed.entries[name], f"changes {kind} '{name}'")


def _in_flow(flow: Node, kind: str, name: str, *, is_only: bool) -> Iterator[str]:
    if kind == "flow":
        waits = flow.entries.get("after")
        named = [] if waits is None else [waits, *waits.items]
        yield from (
            _place(node, f"runs after flow '{name}'") for node in named if node.text == name
        )
    elif kind in flow.entries:
        if flow.entries[kind].text == name:
            yield _place(flow.entries[kind], f"{kind}: {name}")
    elif is_only:
        yield _place(flow, f"uses '{name}' as the only {kind}")


def _place(node: Node, reason: str) -> str:
    return f"{node.anchor.file}:{node.anchor.line}  {reason}"
