"""The global options, as commands receive them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Globals:
    """The global options; stored in `ctx.obj`."""

    directory: Path
    env: str | None
    """None without `--env`, and with `--env ''`."""
    env_file: Path | None
    color: str
    no_input: bool
    verbosity: int
    """-1 with `-q`, 0 by default, 1 or more with `-v`."""
    is_env_given: bool = False
    """Whether `--env` was given, also an empty one."""
