"""`hygge go`: moves data."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from hygge.plan import Selection

_Names = Annotated[list[str] | None, typer.Argument(metavar="FLOW", help="Flows; globs work.")]
_Flow = Annotated[list[str] | None, typer.Option("--flow", "-f", help="Flows, also a,b and glob*.")]
_Tag = Annotated[list[str] | None, typer.Option("--tag", help="Only flows with this tag.")]
_Exclude = Annotated[list[str] | None, typer.Option("--exclude", help="Not these flows.")]
_Entity = Annotated[list[str] | None, typer.Option("--entity", help="Only these entities.")]
_Env = Annotated[str | None, typer.Option("--env", help="Overlay environments/NAME.yml.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Show the plan, move nothing.")]
_Concurrency = Annotated[
    int | None, typer.Option("--concurrency", "-j", min=1, help="Moves at once.")
]
_FailFast = Annotated[bool, typer.Option("--fail-fast", help="Stop at the first failure.")]
_RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Only what did not end well when it was last run.")
]
_FullRefresh = Annotated[
    bool, typer.Option("--full-refresh", help="Replace what the stores hold, whatever the mode.")
]
_AllowProtected = Annotated[
    bool, typer.Option("--allow-protected", help="Full refresh where that is protected, too.")
]
_Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="Move at most N rows of each entity.")
]
_From = Annotated[
    str | None,
    typer.Option("--from", metavar="VALUE", help="Move again from this watermark value on."),
]
_To = Annotated[str | None, typer.Option("--to", metavar="VALUE", help="… to before this one.")]
_Adopt = Annotated[
    bool, typer.Option("--adopt", help="Take over places with data hygge did not write.")
]
_Progress = Annotated[
    Literal["auto", "rich", "plain", "json", "none"],
    typer.Option("--progress", help="How to show the run; json prints events, and no table."),
]
_LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"] | None,
    typer.Option("--log-level", help="Least severe log line to show."),
]
_LogFile = Annotated[Path | None, typer.Option("--log-file", help="Also append logs here.")]
_LogFormat = Annotated[Literal["text", "json"], typer.Option("--log-format", help="Of log lines.")]


def go(
    ctx: typer.Context,
    names: _Names = None,
    *,
    flow: _Flow = None,
    tag: _Tag = None,
    exclude: _Exclude = None,
    entity: _Entity = None,
    env: _Env = None,
    dry_run: _DryRun = False,
    concurrency: _Concurrency = None,
    fail_fast: _FailFast = False,
    retry_failed: _RetryFailed = False,
    full_refresh: _FullRefresh = False,
    allow_protected: _AllowProtected = False,
    limit: _Limit = None,
    low: _From = None,
    high: _To = None,
    adopt: _Adopt = False,
    progress: _Progress = "auto",
    log_level: _LogLevel = None,
    log_file: _LogFile = None,
    log_format: _LogFormat = "text",
) -> None:
    """Move data: every enabled flow, or those that are named."""
    from hygge.cli.going import Failures, Going, Logs, Options
    from hygge.model import Manner

    options = Options(
        env=env or ctx.obj.env,
        concurrency=concurrency,
        manner=Manner(full_refresh, adopt, limit, low, high),
        is_allowed=allow_protected,
        failures=Failures(fail_fast, retry_failed),
        progress=progress,
        logs=Logs(log_level, log_file, log_format),
    )
    selected = _selection((*(names or ()), *(flow or ())), tag, exclude, entity)
    raise typer.Exit((Going.show if dry_run else Going.move)(Going(ctx.obj, options), selected))


def _selection(
    flows: Iterable[str],
    tags: Iterable[str] | None,
    exclude: Iterable[str] | None,
    entities: Iterable[str] | None,
) -> Selection:
    from hygge.plan import Selection

    return Selection(
        flows=_split(flows), tags=_split(tags), exclude=_split(exclude), entities=_split(entities)
    )


def _split(texts: Iterable[str] | None) -> tuple[str, ...]:
    """Return the names in options that may be repeated and may hold commas."""
    return tuple(name for text in texts or () for name in text.split(",") if name)
