"""What hooks and workflows call is there, passes a sound project and stops a wrong one."""

from __future__ import annotations

from pathlib import Path

import yaml
from typer.testing import CliRunner

from hygge.cli.app import app

ROOT = Path(__file__).resolve().parent.parent
RUNNER = CliRunner()


def commands(project: Path) -> set[str]:
    ours = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    hooks = yaml.safe_load((project / ".pre-commit-config.yaml").read_text("utf-8"))
    workflow = yaml.safe_load((project / ".github/workflows/hygge.yml").read_text("utf-8"))
    lines = [hook["entry"] for hook in ours + hooks["repos"][0]["hooks"]]
    lines += [step.get("run", "") for step in workflow["jobs"]["validate"]["steps"]]
    return {line for line in lines if line.startswith("hygge ")}


def test_hooks_pass_a_sound_project_and_stop_a_wrong_one(tmp_path: Path) -> None:
    words = ["-C", str(tmp_path), "init", "demo", "--pre-commit", "--ci", "github"]
    assert RUNNER.invoke(app, words).exit_code == 0
    project = tmp_path / "demo"
    found = commands(project)
    assert found
    for command in found:
        assert RUNNER.invoke(app, ["-C", str(project), *command.split()[1:]]).exit_code == 0
    (project / "flows" / "users.yml").write_text("stroe: lake\n")
    for command in found:
        assert RUNNER.invoke(app, ["-C", str(project), *command.split()[1:]]).exit_code == 1
