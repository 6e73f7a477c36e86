"""Places with data that hygge did not write: refused, or adopted with `adopt`."""

from __future__ import annotations

from hygge.connector import WriteRequest
from hygge.connectors.files.formats import FileFormat, checksum
from hygge.connectors.files.generations import Generation
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.records import PartFile
from hygge.errors import StoreError
from hygge.values.plurals import listed


def check_adoption(generation: Generation, request: WriteRequest) -> None:
    """Raise `StoreError` when the place has data of another flow, or of none.

    Does nothing when the request adopts it.
    """
    if request.adopt:
        return
    record = generation.live
    names = list(generation.foreign())
    if names:
        raise StoreError(
            f"{generation} contains data that hygge did not write: {listed(names, 3)}",
            hint=f"take it over with  hygge go {request.flow} --adopt  (append keeps it, replace "
            "moves it aside), or choose another name with  into: <name>",
            code="HG534",
        )
    if record is not None and record.commit.flow != request.flow:
        raise StoreError(
            f"{generation} was written by flow '{record.commit.flow}', not by '{request.flow}'",
            hint="choose another name with  into: <name>, or, if the flow was renamed, take it "
            f"over with  hygge go {request.flow} --adopt",
            code="HG534",
        )


def adopted_parts(generation: Generation, file_format: FileFormat) -> list[PartFile]:
    """Return the foreign files as parts, counted from the files.

    Raises `StoreError` for a link and for a file of another format.
    """
    return [
        _adopted(generation, name, file, file_format) for name, file in generation.foreign().items()
    ]


def _adopted(
    generation: Generation, name: str, file: DataFile | None, file_format: FileFormat
) -> PartFile:
    if file is None or not name.endswith(file_format.suffix):
        raise StoreError(
            f"{generation.shown(name)} cannot be taken over: it is not a plain "
            f"*{file_format.suffix} file",
            hint="move it away, or change the settings of the store to match it",
        )
    return PartFile(name, file_format.count(file), file.size, checksum(file))
