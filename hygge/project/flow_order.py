"""Check of `after:`: every name is a flow, and there are no dependency cycles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from hygge.project.assembly import Draft
from hygge.project.diagnostics import GUESSES, Diagnostic, diagnostic, near
from hygge.project.nodes import Node, Span
from hygge.project.variables import is_marked

_Waits = dict[str, list[str]]
"""By flow: the flows that it waits for."""
_MOST_NAMES = 40
"""Maximum names of a cycle in a message; a longer one is shortened."""


def check_order(drafts: Sequence[Draft], known: Mapping[str, object]) -> Iterator[Diagnostic]:
    """Yield every `after:` with an unknown flow, and dependency cycles."""
    for draft in drafts:
        nodes = [node for node in _after_nodes(draft) if node.text not in known]
        for number, node in enumerate(n for n in nodes if not is_marked(n.text)):
            guess = near(node.text or "", known) if number < GUESSES else None
            message = f"there is no flow '{node.text}'"
            message += f"; did you mean '{guess}'?" if guess else ""
            hint = f"after: {guess}" if guess else f"flows: {', '.join(sorted(known)[:10])}"
            yield diagnostic("HG205", message, node.span, hint)
    yield from _circles({draft.name: draft for draft in drafts})


def _after_nodes(draft: Draft) -> list[Node]:
    node = draft.node.entries.get("after")
    return [item for item in (node, *node.items) if item.text is not None] if node else []


def _circles(drafts: Mapping[str, Draft]) -> Iterator[Diagnostic]:
    """Yield cycles until each `after:` on a cycle is reported with one of them."""
    waits = {name: [a for a in drafts[name].after if a in drafts] for name in sorted(drafts)}
    for name, others in waits.items():
        if name in others:
            place = _where_it_waits(drafts[name], name)
            yield diagnostic("HG206", f"flow '{name}' depends on itself", place, "remove it")
    between = {name: [a for a in others if a != name] for name, others in waits.items()}
    for way in _cover(_turned(_endless(_turned(_endless(between))))):
        place = _where_it_waits(drafts[way[0]], way[1])
        message = f"dependency cycle: {' → '.join(_shortened(way))}"
        yield diagnostic("HG206", message, place, "remove one `after:` from the cycle")


def _where_it_waits(draft: Draft, other: str) -> Span:
    return next(node.span for node in _after_nodes(draft) if node.text == other)


def _shortened(way: list[str]) -> list[str]:
    left_out = len(way) - _MOST_NAMES
    half = _MOST_NAMES // 2
    return [*way[:half], f"({left_out} more)", *way[-half:]] if left_out > 0 else way


def _cover(waits: _Waits) -> Iterator[list[str]]:
    """Yield short cycles that together contain every edge of all cycles.

    The number of all cycles may be exponential; these are at most as many as edges.
    """
    reported: set[tuple[str, str]] = set()
    before = _turned(waits)
    for start, others in waits.items():
        back: dict[str, str] = {}
        for other in others:
            if (start, other) not in reported:
                back = back or _ways_to(start, before)
                way = [start, *_along(back, other)]
                reported.update(pairwise(way))
                yield from [way] if len(way) > 1 else []


def _along(steps: Mapping[str, str], name: str) -> Iterator[str]:
    """Yield the flows of a path to its end; nothing when no path begins here."""
    while name in steps:
        yield name
        if steps[name] == name:
            break
        name = steps[name]


def _ways_to(end: str, before: _Waits) -> dict[str, str]:
    """Return the next step of the shortest path to a flow, from each flow with one."""
    step = {end: end}
    reached = [end]
    for name in reached:
        for earlier in before[name]:
            if earlier not in step:
                step[earlier] = name
                reached.append(earlier)
    return step


def _turned(waits: _Waits) -> _Waits:
    """Return the reversed edges, flows in order."""
    turned: _Waits = {name: [] for name in waits}
    for name, others in waits.items():
        for other in others:
            turned[other].append(name)
    return turned


def _endless(waits: _Waits) -> _Waits:
    """Return the flows that lie on or lead to cycles, and the edges among them."""
    before = _turned(waits)
    left = {name: len(others) for name, others in waits.items()}
    ended = [name for name, count in left.items() if not count]
    for name in ended:
        for earlier in before[name]:
            left[earlier] -= 1
            if not left[earlier]:
                ended.append(earlier)
    out = set(ended)
    kept = (name for name in waits if name not in out)
    return {name: [other for other in waits[name] if other not in out] for name in kept}
