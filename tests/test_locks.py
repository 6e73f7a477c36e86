from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from hygge.errors import FlowError
from hygge.runtime.locks import move_lock


def test_a_second_run_is_told_who_holds_the_move(tmp_path: Path) -> None:
    with move_lock(tmp_path, "/lake/users", "users (users)", "run1"):
        with (
            pytest.raises(FlowError, match=f"process {os.getpid()}, run run1"),
            move_lock(tmp_path, "/lake/users", "users (users)", "run2"),
        ):
            pass
        with move_lock(tmp_path, "/prod/users", "users (users)", "run2"):
            pass
    with move_lock(tmp_path, "/lake/users", "users (users)", "run3"):
        pass


@pytest.mark.parametrize("entity", ["public.users", "a/../b", "naïve ☕", "x" * 500, "..", "n\nl"])
def test_any_entity_name_makes_a_lock_inside_the_folder(tmp_path: Path, entity: str) -> None:
    with move_lock(tmp_path, f"/lake/{entity}", "flow", "run"):
        pass
    assert len(list((tmp_path / ".hygge" / "locks").iterdir())) == 1


def test_locks_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with move_lock(tmp_path, "/lake/entity", "flow", "run"):
            pass
    finally:
        os.umask(before)
    paths = [tmp_path / ".hygge", *(tmp_path / ".hygge").rglob("*")]
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in paths)
