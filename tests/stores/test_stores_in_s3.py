"""Stores of files in a bucket of S3; the server of these tests is moto."""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree

import obstore
import s3
import test_parquet_store

from hygge.connector import StoreConfig


class InS3:
    """Runs a suite of a store of files in S3; stands before the suite among the bases."""

    test_a_type_comes_back_exactly = None
    test_a_type_is_held_or_refused_by_name = None

    def configure(self, place: Path, **settings: object) -> StoreConfig:
        return super().configure(place, connection=s3.connection(), **settings)  # type: ignore[misc,no-any-return]

    def location(self, place: Path) -> str:
        return f"s3://{s3.BUCKET}/{s3.prefix(place)}/lake"

    def change_a_row(self, place: Path, entity: str) -> None:
        folder = f"{s3.prefix(place)}/lake/{entity}"
        obstore.delete(s3.client(), f"{folder}/{s3.visible(folder)[-1]}")

    def files(self, place: Path, name: str = "things") -> list[Path]:
        """Return copies on the disk of the files that readers see."""
        prefix, folder = f"{s3.prefix(place)}/lake/{name}", place / "lake" / name
        rmtree(folder, ignore_errors=True)
        paths = []
        for key in s3.visible(prefix):
            paths.append(folder / key)
            paths[-1].parent.mkdir(parents=True, exist_ok=True)
            paths[-1].write_bytes(s3.get(f"{prefix}/{key}"))
        return paths


class TestParquetInS3(InS3, test_parquet_store.TestParquetStore):  # type: ignore[misc]
    pass
