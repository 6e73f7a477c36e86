"""`protected: true`: what replaces rows against a flow's mode is asked for twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import hygge, parquet_rows, write_project


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_project(
        tmp_path,
        {
            "homes/files.yml": "type: csv\npath: in\n",
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "flows/users.yml": "home: files\nstore: lake\nmode: append\n",
            "environments/prod.yml": "protected: true\n",
            "environments/dev.yml": "protected: false\n",
            "in/users.csv": "id\n1\n2\n",
        },
    )
    assert hygge(tmp_path, "go", "--env", "prod").returncode == 0
    return tmp_path


def test_a_full_refresh_of_a_protected_environment_must_be_allowed(root: Path) -> None:
    assert hygge(root, "go", "--env", "prod").returncode == 0
    refused = hygge(root, "go", "--env", "prod", "--full-refresh")
    assert refused.returncode == 2
    assert "HG221" in refused.stderr
    assert "environment 'prod' is protected" in refused.stderr
    assert parquet_rows(root / "lake/users") == (4, 2)
    allowed = hygge(root, "go", "--env", "prod", "--full-refresh", "--allow-protected")
    assert allowed.returncode == 0
    assert parquet_rows(root / "lake/users") == (2, 2)


def test_elsewhere_nothing_changes(root: Path) -> None:
    assert hygge(root, "go", "--full-refresh").returncode == 0
    (root / "hygge.yml").write_text("name: test\nprotected: true\n")
    assert hygge(root, "go", "--full-refresh").returncode == 2
    assert hygge(root, "go", "--full-refresh", "--env", "dev").returncode == 0
