"""The moves whose last run failed, by environment and options."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hygge.errors import UsageError
from hygge.journal.reports import Report
from hygge.runtime.processes import is_alive
from hygge.values.model import PLAIN, Manner
from hygge.values.plurals import plural


@dataclass(frozen=True, slots=True)
class Failed:
    """Failed moves of one environment and the same options."""

    env: str | None
    manner: Manner
    runs: dict[tuple[str, str], str] = field(default_factory=dict)
    """By flow and entity (or glob): the newest run that moved it."""

    def command(self, *, names_base: bool = False) -> str:
        """Return the command that runs these moves again."""
        return retry_command(self.env, self.manner.words(), names_base=names_base)


def retry_command(env: str | None, options: Sequence[str], *, names_base: bool = False) -> str:
    """Return `hygge go --retry-failed` for an environment.

    With `names_base` the base environment is written too: `--env ''`.
    """
    words = [*options, *(["--env", env or ""] if env or names_base else [])]
    return shlex.join(["hygge", "go", "--retry-failed", *words])


def failed_moves(reports: Iterable[Report]) -> list[Failed]:
    """Return the moves whose last run failed; `reports` are sorted newest first.

    A partial run (`--limit`, `--from`, `--to`, `--into-scratch`) does not supersede other runs. A
    run of a whole flow supersedes all its earlier runs. Moves of a live process are left out.
    """
    found: dict[tuple[str | None, Manner], Failed] = {}
    seen: set[tuple[object, ...]] = set()
    whole: set[tuple[object, ...]] = set()
    for report in reports:
        lane = (report.env, report.manner if report.manner.is_partial else None)
        is_running = report.finished_at is None and is_alive(report.process)
        pairs = report.pairs()
        for pair, is_well in pairs.items():
            if (lane, *pair) in seen or (lane, pair[0]) in whole:
                continue
            seen.add((lane, *pair))
            if not is_well and not is_running:
                key = (report.env, report.manner)
                found.setdefault(key, Failed(*key)).runs[pair] = report.run_id
        if not report.is_partial:
            whole |= {(lane, flow) for flow, _ in pairs}
    return list(found.values())


def choose(
    found: Sequence[Failed], manner: Manner, env: str | None, *, is_env_given: bool
) -> Failed | None:
    """Return the moves that `--retry-failed` runs again; None when none are left.

    Raises `UsageError` with the commands to choose from when the environment or the options are
    ambiguous.
    """
    if not found:
        return None
    here = [one for one in found if one.env == env] if is_env_given else list(found)
    if not here:
        raise _refused(
            f"no failed moves in {_named(env)}; moves failed in another environment", found
        )
    if len({one.env for one in here}) > 1:
        raise _refused("moves of several environments failed", here)
    same = [one for one in here if one.manner == manner] or here
    plain = [one for one in same if one.manner == PLAIN]
    if len(same) == 1 or (plain and manner != PLAIN):
        return (plain or same)[0]
    raise _refused("moves of runs with different options failed", here)


def _named(env: str | None) -> str:
    return "the project without an environment" if env is None else f"environment '{env}'"


def _refused(what: str, found: Sequence[Failed]) -> UsageError:
    lines = [f"  {_named(one.env)}: {_listed(one.runs)}" for one in found]
    names_base = is_ambiguous(found)
    commands = [one.command(names_base=names_base) for one in found]
    return UsageError("\n".join([what, *lines]), hint="\n".join(commands), code="HG230")


def is_ambiguous(found: Iterable[Failed]) -> bool:
    """Return whether moves of several environments failed, so that a command must name one."""
    return len({one.env for one in found}) > 1


def _listed(runs: Mapping[tuple[str, str], str]) -> str:
    flows = list(dict.fromkeys(flow for flow, _ in runs))
    shown = ", ".join(flows[:5])
    more = f" and {plural(len(flows) - 5, 'more flow')}" if len(flows) > 5 else ""
    return f"{shown}{more}"
