"""What a home and a store of JSON arrays say in YAML.

`hygge validate` imports this module alone, so it imports neither pyarrow nor a driver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from hygge.connector import HomeConfig, ProjectContext
from hygge.files import FileFormat, FileHomeConfig, FileStoreConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from hygge_jsonarray.home import JsonArrayHome


class JsonArrayHomeConfig(FileHomeConfig, type="jsonarray"):
    """Reads files that hold one JSON array of objects; each has to fit into memory.

    Numbers that no double holds exactly, columns of several kinds, lists and objects within a row
    arrive as their JSON text.
    """

    extensions: ClassVar[tuple[str, ...]] = (".json",)

    def home(self, context: ProjectContext) -> JsonArrayHome:
        """Return the home; touches nothing on the disk."""
        from hygge_jsonarray.home import JsonArrayHome

        return JsonArrayHome(self, context)


class JsonArrayStoreConfig(FileStoreConfig, type="jsonarray"):
    """Writes one JSON array of objects, a row in each line.

    Decimals, dates and times are strings. NaN, infinity and bytes are refused.
    """

    suffixes = (".json",)

    def as_home(self, held: pa.Schema | None = None) -> HomeConfig:
        """Return the home that reads these files; merges and `hygge verify` need it."""
        return self.read_files_by(JsonArrayHomeConfig)

    def format(self) -> FileFormat:
        """Return the format."""
        from hygge_jsonarray.store import JsonArrayFormat

        return JsonArrayFormat()
