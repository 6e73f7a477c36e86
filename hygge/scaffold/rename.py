"""Renaming of a flow: its files, and every reference to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from hygge.errors import UsageError
from hygge.project.diagnostics import did_you_mean
from hygge.project.files import LOCK_ENDING, Files, Found, read_files
from hygge.project.name_rules import why_refused
from hygge.project.nodes import Node, Span
from hygge.scaffold.changes import Change, Status, removal


def renamed_flow(project: Path, old: str, new: str) -> list[Change]:
    """Return the changes of files that give flow `old` the name `new`.

    A flow without `entity` moves the entity of its own name, so `entity` is added. Raises
    `UsageError` for an unknown flow or an invalid new name.
    """
    files = read_files(project)
    flows = files.folders["flows"]
    _check_names(flows, old, new)
    flow, lock = flows[old], files.locks.get(old)
    others = _referring(files, old)
    texts = {file: _edited(files.texts[file], spans, new) for file, spans in others.items()}
    text = _with_entity(texts.pop(flow.file, files.texts[flow.file]), flow, old)
    changes = [_created(_beside(flow.file, new, PurePosixPath(flow.file).suffix), text)]
    gone = [flow.file]
    if lock is not None:
        changes.append(_created(_beside(lock.file, new, LOCK_ENDING), files.texts[lock.file]))
        gone.append(lock.file)
    for file, edited in texts.items():
        changes.append(Change(file, Status.OVERWRITE, files.texts[file], edited))
    return [*changes, *(removal(project, file) for file in gone)]


def _check_names(flows: dict[str, Found], old: str, new: str) -> None:
    if old not in flows:
        raise UsageError(
            f"the project has no flow '{old}'{did_you_mean(old, flows)}",
            hint=f"flows: {', '.join(sorted(flows)) or 'none yet'}   (hygge list)",
            code="HG217",
        )
    if new in flows:
        raise UsageError(
            f"flow '{new}' already exists, in {flows[new].file}", hint="choose another name"
        )
    reason = why_refused(new)
    if reason is not None:
        raise UsageError(reason, hint="choose another name")
    if flows[old].parsed.node is None:
        raise UsageError(f"{flows[old].file} cannot be read", hint="hygge validate")


def _created(path: str, text: str) -> Change:
    return Change(path, Status.CREATE, None, text)


def _beside(file: str, name: str, ending: str) -> str:
    return PurePosixPath(file).with_name(f"{name}{ending}").as_posix()


def _with_entity(text: str, flow: Found, old: str) -> str:
    """Return a flow's text with `entity` added."""
    node = flow.parsed.node
    entries = node.entries if node is not None else {}
    if {"entity", "entities"} & entries.keys():
        return text
    if text.lstrip().startswith("{"):
        raise UsageError(
            f"{flow.file} moves the entity of its own name, '{old}', and would move another one",
            hint=f"write  entity: {old}  into it first",
        )
    joint = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{joint}entity: {old}\n"


def _referring(files: Files, old: str) -> dict[str, list[Span]]:
    """Return the references to a flow, by file."""
    found: dict[str, list[Span]] = {}
    for span in _references(files, old):
        found.setdefault(span.file, []).append(span)
    return found


def _references(files: Files, old: str) -> Iterator[Span]:
    for flow in files.folders["flows"].values():
        if flow.parsed.node is not None:
            yield from _waits(flow.parsed.node, old)
    for overlay in files.folders["environments"].values():
        node = overlay.parsed.node
        changed = node.entries.get("flows") if node is not None else None
        for name, flow_node in changed.entries.items() if changed is not None else ():
            if name == old and flow_node.key is not None:
                yield flow_node.key
            yield from _waits(flow_node, old)


def _waits(flow: Node, old: str) -> Iterator[Span]:
    after = flow.entries.get("after")
    for node in (after, *after.items) if after is not None else ():
        if node.text == old:
            yield node.span


def _edited(text: str, spans: list[Span], new: str) -> str:
    """Return a text with each of `spans` replaced by a name."""
    lines = text.split("\n")
    for span in sorted(spans, key=lambda one: (one.line, one.column), reverse=True):
        line = lines[span.line - 1]
        lines[span.line - 1] = line[: span.column - 1] + new + line[span.end_column - 1 :]
    return "\n".join(lines)
