"""Settings of JSON Lines homes and stores."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator

from hygge.connector import HomeConfig, ProjectContext
from hygge.connectors.files.formats import FileFormat
from hygge.connectors.files.text.decoding import Encoding
from hygge.connectors.files.text.home import TextHomeConfig
from hygge.connectors.files.text.values import (
    Compression,
)
from hygge.connectors.files.writing.store import FileStoreConfig
from hygge.types.type_names import TypeName

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge.connectors.jsonl.home import JsonlHome


class JsonlHomeConfig(TextHomeConfig, type="jsonl"):
    """Reads files of JSON objects: one in each line, all in an array, or pretty-printed.

    Numbers that neither a 64-bit integer nor a double can represent exactly, and columns with
    values of several types, are read as text; objects and lists as nested columns. NaN, Infinity
    and -Infinity are numbers.
    """

    extensions: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson", ".json")

    encoding: Encoding = "utf-8"
    """Encoding of the files, such as utf-16."""
    types: dict[str, TypeName] = Field(default_factory=dict)
    """Types of columns, by name. A value that does not fit fails the move with its line."""

    @field_validator("types")
    @classmethod
    def _check_types(cls, types: dict[str, str]) -> dict[str, str]:
        for name, kind in types.items():
            if re.search(r"list\(time\b", kind):
                raise ValueError(
                    f"column '{name}': times in lists can only be read as list(string)"
                )
        return types

    def home(self, context: ProjectContext) -> JsonlHome:
        """Return the home; touches nothing on the disk."""
        from hygge.connectors.jsonl.home import JsonlHome

        return JsonlHome(self, context)


class JsonlStoreConfig(FileStoreConfig, type="jsonl"):
    """Writes JSON lines in UTF-8: one object a row, with every column, null as `null`.

    Integers keep all digits. Decimals are strings, because most readers read a JSON number as a
    float. Dates and times are ISO 8601 strings, timestamps with a time zone in UTC. A map is a list
    of objects with `key` and `value`. JSON does not support NaN, infinity and bytes: they are
    errors.
    """

    suffixes = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".jsonl.zst", ".json.gz", ".ndjson.gz")

    compression: Compression = "none"
    """Compression of files: none, gzip (`.jsonl.gz`) or zstd (`.jsonl.zst`)."""

    def as_home(self, held: pa.Schema | None = None) -> HomeConfig:
        """Return the home that reads these files."""
        return self.read_files_by(JsonlHomeConfig)

    def format(self) -> FileFormat:
        """Return the format."""
        from hygge.connectors.jsonl.store import JsonlFormat

        return JsonlFormat(self.compression)
