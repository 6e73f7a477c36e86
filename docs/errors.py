"""Writes docs/errors.md, the text of every code: `make docs`.

It is what `hygge validate --explain CODE` prints. `--check` only says whether the page is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hygge.codes import GROUPS, Code

PAGE = Path(__file__).resolve().parent / "errors.md"
_HEAD = """<!-- Made by `make docs` from the codes themselves; changes here are lost. -->

# Codes

Every error and every warning has a code. The meaning of a code never changes. `hygge validate
--explain CODE` prints the same text as this page. A project with warnings can run; `hygge validate
--strict` treats warnings as errors.
"""


def page() -> str:
    """Return the text of the page."""
    parts = [_HEAD]
    for group, codes in GROUPS.items():
        parts.append(f"\n## {group}\n")
        parts += [_section(one) for one in codes]
    return "".join(parts)


def _section(one: Code) -> str:
    kind = " (warning)" if one.is_warning else ""
    text = f"\n### {one.code} {one.title}{kind}\n\n{one.text}\n"
    for label, lines in (("Wrong", one.wrong), ("Right", one.right)):
        text += f"\n{label}:\n\n```yaml\n{lines}```\n" if lines else ""
    return text


def main() -> None:
    """Write the page, or with `--check` say that it is stale."""
    is_stale = not PAGE.is_file() or PAGE.read_text("utf-8") != page()
    if "--check" in sys.argv:
        sys.exit("stale: errors.md; make docs" if is_stale else None)
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
