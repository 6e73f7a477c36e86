"""`hygge go`: moves data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from hygge.cli.selection import (
    AcceptChanges,
    Adopt,
    AllowProtected,
    Backfill,
    Entity,
    Env,
    Exclude,
    Flow,
    From,
    FullRefresh,
    IntoScratch,
    Limit,
    Names,
    Tag,
    To,
    selection,
)

_DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Show the plan and move nothing.")]
_Concurrency = Annotated[
    int | None, typer.Option("--concurrency", "-j", min=1, help="Number of concurrent moves.")
]
_FailFast = Annotated[bool, typer.Option("--fail-fast", help="Stop at the first failure.")]
_RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Run only what failed last time.")
]
_Progress = Annotated[
    Literal["auto", "rich", "plain", "json", "none"],
    typer.Option("--progress", help="How to show progress; json prints events, one a line."),
]
_Json = Annotated[bool, typer.Option("--json", help="The same as --progress json.")]
_LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"] | None,
    typer.Option("--log-level", help="Minimum severity of log lines."),
]
_LogFile = Annotated[
    Path | None, typer.Option("--log-file", help="Also append log lines to this file.")
]
_LogFormat = Annotated[
    Literal["text", "json"], typer.Option("--log-format", help="Format of log lines.")
]


def go(
    ctx: typer.Context,
    names: Names = None,
    *,
    flow: Flow = None,
    tag: Tag = None,
    exclude: Exclude = None,
    entity: Entity = None,
    env: Env = None,
    dry_run: _DryRun = False,
    concurrency: _Concurrency = None,
    fail_fast: _FailFast = False,
    retry_failed: _RetryFailed = False,
    full_refresh: FullRefresh = False,
    allow_protected: AllowProtected = False,
    backfill: Backfill = False,
    accept_changes: AcceptChanges = False,
    limit: Limit = None,
    into_scratch: IntoScratch = False,
    low: From = None,
    high: To = None,
    adopt: Adopt = False,
    progress: _Progress = "auto",
    as_json: _Json = False,
    log_level: _LogLevel = None,
    log_file: _LogFile = None,
    log_format: _LogFormat = "text",
) -> None:
    """Move data: all enabled flows, or those that are named."""
    from hygge.cli.go_run import Failures, GoRun, Logs, Options
    from hygge.values.model import Manner

    options = Options(
        env=env or ctx.obj.env,
        concurrency=concurrency,
        manner=Manner(
            full_refresh,
            adopt,
            limit,
            low,
            high,
            into_scratch,
            backfill=backfill,
            accept_changes=accept_changes,
        ),
        is_allowed=allow_protected,
        failures=Failures(fail_fast, retry_failed),
        progress="json" if as_json else progress,
        logs=Logs(log_level, log_file, log_format),
    )
    selected = selection((*(names or ()), *(flow or ())), tag, exclude, entity)
    raise typer.Exit((GoRun.show if dry_run else GoRun.move)(GoRun(ctx.obj, options), selected))
