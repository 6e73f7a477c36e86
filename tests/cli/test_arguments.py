from __future__ import annotations

import pytest

from hygge.cli.arguments import apart


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("go users", "go users"),
        ("go -q users", "-q go users"),
        ("go users -C some/dir -vv", "-C some/dir -vv go users"),
        ("go --env=prod --color never", "--env=prod --color never go"),
        ("-C . validate", "-C . validate"),
        ("new home x -- -q", "new home x -- -q"),
        ("go --env", "--env go"),
        ("--help", "--help"),
        ("-q", "-q"),
    ],
)
def test_global_options_may_stand_anywhere(typed: str, read: str) -> None:
    options, words = apart(typed.split())
    assert [*options, *words] == read.split()
    assert words == [] or words[0] in ("go", "validate", "new", "--help")
