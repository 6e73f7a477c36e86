"""Lines of JSON objects, with types that hold every value of every line exactly."""

from __future__ import annotations

from collections.abc import Sequence

from hygge.connector import ProjectContext, ReadRequest
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.text.decoding import UTF8
from hygge.connectors.files.text.home import TextHome
from hygge.connectors.files.text.json_lines import JsonSource
from hygge.connectors.jsonl.config import JsonlHomeConfig
from hygge.types.type_names import arrow_type


class JsonlHome(TextHome):
    """A directory of files with one JSON object in each line."""

    def __init__(self, config: JsonlHomeConfig, context: ProjectContext) -> None:
        super().__init__(config, context)
        self.config = config

    def grows(self, request: ReadRequest) -> bool:
        """Return true for uncompressed files in UTF-8."""
        return self.config.of(request.entity).encoding == UTF8 and not request.quarantines

    def source(self, request: ReadRequest, files: Sequence[DataFile]) -> JsonSource:
        """Return the view on `files`; reads samples of them, or all when thorough."""
        config = self.config.of(request.entity)
        types = {name: arrow_type(kind) for name, kind in config.types.items()}
        return JsonSource(request, files, types=types, encoding=config.encoding)
