"""The lock file of a flow as text: sorted, one column per line for reviews."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from hygge.errors import FlowError
from hygge.project.files import LOCK_ENDING
from hygge.project.yaml_parser import MAX_NODES
from hygge.scaffold.changes import Wanted
from hygge.scaffold.quoting import quoted

_HEAD = """\
# Written by:  hygge schema lock {flow}
# The columns that the home offers. A move stops, before anything is staged, when they are others;
# run the command again to take over what the home offers now, and look at the difference.
"""


def lock_file(flow: str, file: str, entities: Mapping[str, Mapping[str, str]]) -> Wanted:
    """Return the lock beside the file of a flow. Raises `FlowError` when it would be too long."""
    if sum(len(columns) + 1 for columns in entities.values()) >= MAX_NODES:
        raise FlowError(
            f"{flow} has more than {MAX_NODES:,} columns, too many for one lock file",
            hint="lock flows of fewer entities",
        )
    lines = ["entities:" if entities else "entities: {}"]
    for name, columns in sorted(entities.items()):
        lines.append(f"  {quoted(name)}:" + ("" if columns else " {}"))
        lines += [f"    {quoted(column)}: {quoted(kind)}" for column, kind in columns.items()]
    path = PurePosixPath(file)
    text = _HEAD.format(flow=flow) + "\n".join(lines) + "\n"
    return Wanted(str(path.with_name(path.stem + LOCK_ENDING)), text, is_generated=True)
