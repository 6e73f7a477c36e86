"""The pages that are made from the code say what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hygge.incremental.guarantee import promise_of
from hygge.project.models import FlowSettings

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("script", ["connectors.py", "errors.py", "flows.py", "project.py"])
def test_the_pages_that_are_made_are_fresh(script: str) -> None:
    command = [sys.executable, str(ROOT / "docs" / script), "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.stderr == ""
    assert checked.returncode == 0


def test_the_flows_that_are_shown_are_sound() -> None:
    text = (ROOT / "docs/flows.md").read_text("utf-8")
    shown = re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    several, new, sure = (FlowSettings.model_validate(yaml.safe_load(one)) for one in shown)
    assert [entity.where for entity in several.entities] == [None, None, "total > 1000"]
    assert (new.mode, new.primary_key) == ("merge", ("id",))
    assert sure.guarantee == promise_of(sure).level


def test_every_test_that_proves_a_guarantee_is_there() -> None:
    text = (ROOT / "docs/guarantees.md").read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", text)
    lines = [line for line in text.splitlines() if re.match(r"\| [A-Z]", line)]
    assert len(named) == len(lines)
    for file, test in named:
        assert f"\ndef {test}(" in (ROOT / file).read_text("utf-8"), f"{file}::{test}"
