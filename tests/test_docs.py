"""The pages that are made from the code say what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hygge.project.models import FlowSettings

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("script", ["connectors.py", "errors.py", "flows.py"])
def test_the_pages_that_are_made_are_fresh(script: str) -> None:
    command = [sys.executable, str(ROOT / "docs" / script), "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.stderr == ""
    assert checked.returncode == 0


def test_the_flow_that_is_shown_is_sound() -> None:
    text = (ROOT / "docs/flows.md").read_text("utf-8")
    (shown,) = re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    flow = FlowSettings.model_validate(yaml.safe_load(shown))
    assert [entity.where for entity in flow.entities] == [None, None, "total > 1000"]
