"""A small project on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from boxes import SOUND, Write


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write files of a sound project, with some changed; an empty name leaves one out."""

    def make(changes: dict[str, str]) -> Path:
        for name, text in {**SOUND, **changes}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        return tmp_path

    return make
