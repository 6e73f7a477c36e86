from __future__ import annotations

import pytest

from hygge.cli.arguments import globals_first


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
    ],
)
def test_global_options_may_stand_anywhere(typed: str, read: str) -> None:
    assert globals_first(typed.split()) == read.split()
