from __future__ import annotations

from pathlib import Path

import pytest

from hygge.connector import ProjectContext
from hygge.errors import ConfigError
from hygge.values.locations import RemotePathError, local_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("data/in", "data/in"),
        ("/data/{entity}.csv", "/data/{entity}.csv"),
        ("~/lake", "~/lake"),
        ("data:2024/in", "data:2024/in"),
        ("file:///data/a%20b/{entity}", "/data/a b/{entity}"),
        ("FILE:/data", "/data"),
        ("file://localhost/data/*.csv", "/data/*.csv"),
    ],
)
def test_a_path_is_local(text: str, path: str) -> None:
    assert local_path(text) == path


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("s3://bucket/lake", "s3://"),
        ("S3:/bucket", "s3://"),
        ("https://example.org/t.csv", "https://"),
        ("abfss://c@account.dfs.core.windows.net/x", "abfss://"),
        ("nonsense+x://y", "nonsense+x://"),
        (" gs://bucket", "gs://"),
        ("file://elsewhere/data", "the host 'elsewhere'"),
        ("C:\\data", "drive of Windows"),
        ("d:/data", "drive of Windows"),
    ],
)
def test_a_scheme_is_never_a_folder(text: str, named: str, tmp_path: Path) -> None:
    with pytest.raises(RemotePathError) as raised:
        local_path(text)
    assert named in str(raised.value)
    with pytest.raises(ConfigError) as refused:
        ProjectContext(tmp_path).path(text)
    assert refused.value.code == "HG106"


def test_a_scheme_below_a_folder_is_no_folder_either() -> None:
    with pytest.raises(ValueError, match="a URL is not a folder"):
        local_path("data/s3://bucket")
