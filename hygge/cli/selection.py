"""The options of `go` and `plan` that select what to move."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hygge.engine.plan import Selection

Names = Annotated[
    list[str] | None, typer.Argument(metavar="FLOW", help="Names of flows; globs are allowed.")
]
Flow = Annotated[
    list[str] | None,
    typer.Option("--flow", "-f", help="Names of flows; a,b and globs are allowed."),
]
Tag = Annotated[list[str] | None, typer.Option("--tag", help="Only flows with this tag.")]
Exclude = Annotated[list[str] | None, typer.Option("--exclude", help="Exclude these flows.")]
Entity = Annotated[list[str] | None, typer.Option("--entity", help="Only these entities.")]
Env = Annotated[str | None, typer.Option("--env", help="Apply environments/NAME.yml.")]
FullRefresh = Annotated[
    bool, typer.Option("--full-refresh", help="Replace all rows in the stores, whatever the mode.")
]
AllowProtected = Annotated[
    bool, typer.Option("--allow-protected", help="Allow --full-refresh in a protected environment.")
]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="Move at most N rows of each entity.")
]
IntoScratch = Annotated[
    bool,
    typer.Option("--into-scratch", help="Write to NAME_scratch instead of NAME."),
]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="VALUE", help="Move again rows from this watermark value …"),
]
To = Annotated[
    str | None, typer.Option("--to", metavar="VALUE", help="… up to but without this one.")
]
Adopt = Annotated[bool, typer.Option("--adopt", help="Take over tables that hygge did not write.")]
Backfill = Annotated[bool, typer.Option("--backfill", help="Merge all rows of the home again.")]
AcceptChanges = Annotated[
    bool,
    typer.Option("--accept-changes", help="Keep rows moved before the flow changed."),
]


def selection(
    flows: Iterable[str],
    tags: Iterable[str] | None,
    exclude: Iterable[str] | None,
    entities: Iterable[str] | None,
) -> Selection:
    """Return the selection of the options."""
    from hygge.engine.plan import Selection

    return Selection(
        flows=_split(flows), tags=_split(tags), exclude=_split(exclude), entities=_split(entities)
    )


def _split(texts: Iterable[str] | None) -> tuple[str, ...]:
    """Return the names in repeatable, comma-separated options."""
    return tuple(name for text in texts or () for name in text.split(",") if name)
