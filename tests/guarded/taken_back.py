"""Undo, files that somebody changed, and the state set by hand."""

from __future__ import annotations

import pyarrow.parquet as pq
from guards import (
    ABC,
    APPEND,
    EVERYWHERE,
    SINCE,
    SQL,
    D,
    Guard,
    Scene,
    Step,
    command,
    out,
    table,
    times,
    undo,
)

from hygge.cli import go_run, state
from hygge.connectors.files.local import generation
from hygge.connectors.files.writing import target as files_target
from hygge.connectors.sql import undo_tables
from hygge.operations import state as marking


def _edit(scene: Scene) -> None:
    """Have somebody put a row into the file of the newest commit."""
    folder = scene.root / "lake" / "users"
    newest = next(path for path in folder.glob("*.parquet") if pq.read_table(path).num_rows == 1)
    newest.unlink()
    pq.write_table(table([D, (77, "mine", 7)]), newest)


KEYED = f"{APPEND}primary_key: id\n"


UNDONE = [
    Guard(
        "files that somebody changed",
        "HG511",
        "does not match its commit record",
        [Step(APPEND, [D]), Step(APPEND, [D], do=_edit)],
        Step(APPEND, ABC),
        out(generation, "check_kept"),
        caught="HG531",
    ),
    Guard(
        "files that somebody changed, and undo",
        "HG529",
        "was changed or removed since the last commit",
        [Step(APPEND, ABC), Step(APPEND, [D]), Step(APPEND, [D], do=_edit)],
        Step(APPEND, [D], do=undo),
        out(files_target.FileTarget, "_check_untouched"),
        wrong=ABC,
    ),
    *(
        Guard(
            "append of which nothing tells the rows, and undo",
            "HG529",
            "nothing records which rows",
            [Step(APPEND, ABC), Step(APPEND, [D])],
            Step(APPEND, [D], do=undo),
            out(undo_tables, "_is_told_by_run", lambda _: True),
            # SQLite takes the name of a column that is not there for a text.
            caught="HG529" if kind == "sqlite" else "HG511",
            kinds=[kind],
        )
        for kind in SQL
    ),
    Guard(
        "table that somebody changed, and undo",
        "HG529",
        "others changed it since",
        [Step(KEYED, ABC), Step(KEYED, [D])],
        Step(KEYED, [D], sql="DELETE FROM users WHERE id = 1", do=undo),
        out(undo_tables.UndoTables, "_check_untouched"),
        caught="HG529",
        kinds=SQL,
    ),
    Guard(
        "rows that undo would take with others",
        "HG529",
        "would have 2 rows, but had 3 before",
        [Step(APPEND, ABC), Step(KEYED, [(3, "again", 9)])],
        Step(KEYED, [D], do=undo),
        out(undo_tables.UndoTables, "check_rows"),
        wrong=ABC[:2],
        kinds=SQL,
    ),
]


SET = [
    Guard(
        "watermark ahead of the clock",
        "HG553",
        "more than a day in the future",
        [Step(SINCE, times((1, 1)))],
        Step(SINCE, times((1, 1)), do=command("state", "set", "users", "2999-01-01")),
        out(marking, "_check_past"),
        after=Step(SINCE, times((1, 1), (2, 2))),
        columns="id",
        wrong=[(1,)],
    ),
    Guard(
        "protected state",
        "HG221",
        "is protected, and this would change what its flows move",
        [Step(SINCE, ABC)],
        Step(
            SINCE,
            ABC,
            files={"hygge.yml": "name: p\nprotected: true\n"},
            do=command("state", "set", "users", "0"),
        ),
        out(state, "_check_protected"),
        after=Step(SINCE, ABC),
        wrong=[*ABC, *ABC],
    ),
    Guard(
        "protected rows",
        "HG221",
        "--full-refresh would replace all rows in its stores",
        [Step(APPEND, ABC)],
        Step(
            APPEND,
            [D],
            files={"hygge.yml": "name: p\nprotected: true\n"},
            do=command("go", "--full-refresh"),
        ),
        out(go_run, "check_protected"),
        wrong=[D],
        kinds=EVERYWHERE,
    ),
]
