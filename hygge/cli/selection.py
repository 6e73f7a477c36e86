"""The options of `go` and `plan` that select what to move."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hygge.engine.plan import Selection

Names = Annotated[list[str] | None, typer.Argument(metavar="FLOW", help="Flows; globs work.")]
Flow = Annotated[list[str] | None, typer.Option("--flow", "-f", help="Flows, also a,b and glob*.")]
Tag = Annotated[list[str] | None, typer.Option("--tag", help="Only flows with this tag.")]
Exclude = Annotated[list[str] | None, typer.Option("--exclude", help="Not these flows.")]
Entity = Annotated[list[str] | None, typer.Option("--entity", help="Only these entities.")]
Env = Annotated[str | None, typer.Option("--env", help="Overlay environments/NAME.yml.")]
FullRefresh = Annotated[
    bool, typer.Option("--full-refresh", help="Replace what the stores hold, whatever the mode.")
]
AllowProtected = Annotated[
    bool, typer.Option("--allow-protected", help="Full refresh where that is protected, too.")
]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="Move at most N rows of each entity.")
]
IntoScratch = Annotated[
    bool,
    typer.Option("--into-scratch", help="Into NAME_scratch beside the place of each entity."),
]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="VALUE", help="Move again from this watermark value on."),
]
To = Annotated[str | None, typer.Option("--to", metavar="VALUE", help="… to before this one.")]
Adopt = Annotated[
    bool, typer.Option("--adopt", help="Take over places with data hygge did not write.")
]
Backfill = Annotated[
    bool, typer.Option("--backfill", help="Merge every row of the home again, in place.")
]
AcceptChanges = Annotated[
    bool,
    typer.Option("--accept-changes", help="Leave rows moved in another shape as they are."),
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
