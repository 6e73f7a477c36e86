"""What every home of files shares: its settings, its listing, and reading its files in splits.

A format adds a config class with `extensions`, and a `FileSource` that reads a file's metadata
(`look`) and the rows of a piece (`batches`). Everything else is here: the listing, one schema over
many files, partition columns, splits, batch sizes, and the check that no file changed while it was
read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import lru_cache, partial
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

from hygge.connector import Ability, Home, HomeConfig, ProjectContext, ReadRequest, Source
from hygge.connectors.files.connection import Connection
from hygge.connectors.files.reading.data_file import DataFile
from hygge.connectors.files.reading.faults import BusyDiskError, FileChangedError, NoColumnsError
from hygge.connectors.files.reading.fitting import Fitting, add_partitions, sliced
from hygge.connectors.files.reading.listing import Layout
from hygge.connectors.files.reading.patterns import PathPattern
from hygge.connectors.files.reading.pieces import FileFacts, Piece, pack, pieces_of, reading
from hygge.connectors.files.reading.positions import Listing, NothingNew
from hygge.connectors.files.reading.schemas import Spelling, check_related, unify
from hygge.connectors.files.systems import (
    FileLocation,
    file_system,
    missing_of,
)
from hygge.errors import HomeError
from hygge.types.type_names import arrow_type
from hygge.types.value_checks import find_unsound
from hygge.values.model import EntityFacts, Finding, Split
from hygge.values.requests import no_stop, nothing_held

if TYPE_CHECKING:
    import pyarrow as pa


_MOST_CLOSED = 5


class FileHomeConfig(HomeConfig, ABC):
    """Settings of every home that reads files below a path."""

    can: ClassVar = frozenset({Ability.FILES})
    reads_elsewhere: ClassVar = True

    path: FileLocation
    """Directory of the entities, relative to the project. Entity `users` is the file `users` with
    the extension of the type, or all such files below the directory `users`. The path may also be a
    pattern with the placeholder `{entity}` and the globs `*`, `?`, `[…]` and `**`. A glob without
    `{entity}` is a single entity. `{entity}_*.csv` matches `order_items_2024.csv` for `order` and
    for `order_items`: the file belongs to the longest name in a flow of this home. If no flow has
    the longer name, the file is an error; `{entity}_[0-9]*.csv` matches it for one entity only.
    """

    connection: Connection | None = None
    """Endpoint and credentials for a `path` such as s3://bucket/folder: `endpoint`, `region`,
    `access_key_id`, `secret_access_key`, `session_token`, `profile`, `anonymous`, `path_style`,
    `allow_http`, `ca_file`. Default: the standard variables of the cloud."""

    extensions: ClassVar[tuple[str, ...]]
    """Extensions of the type's files, the usual one first; with the dot, lower case."""
    compressions: ClassVar[tuple[str, ...]] = ()
    """Further extensions of compressed files, e.g. `.gz`."""

    def missing(self) -> tuple[list[str], str | None]:
        """Return the drivers that the path needs, too; see `ConnectorConfig.missing`."""
        names, extra = super().missing()
        return (names, extra) if names else missing_of(self.path)

    def layout(self, context: ProjectContext) -> Layout:
        """Return the entities below the path; touches nothing on the disk."""
        suffixes = (*self.extensions, *(e + c for e in self.extensions for c in self.compressions))
        system, path = file_system(context.location(self.path), self.connection)
        return Layout(system, _pattern(path, suffixes), self.extensions, self.compressions)

    def places(self, context: ProjectContext, name: str) -> list[str]:
        """Return the file and the directory that may be entity `name`."""
        return self.layout(context).places(name)


@lru_cache(maxsize=16)
def _pattern(path: str, suffixes: tuple[str, ...]) -> PathPattern:
    """Return the path as a pattern; cached, because it is used for each of many entities."""
    return PathPattern(path, suffixes)


class FileHome(Home, ABC):
    """A directory of files."""

    def __init__(self, config: FileHomeConfig, context: ProjectContext) -> None:
        self.layout = config.layout(context)

    def check(self) -> None:
        """List the directory; raise `HomeError` when it is not there or may not be read."""
        self.layout.check()

    def examine(self) -> Iterator[Finding]:
        """Yield the number of entities, and unreadable files."""
        yield from self.layout.system.examine()
        names = self.entities()
        if not names:
            endings = ", ".join(self.layout.extensions)
            text = f"{self.layout} matches no entity"
            yield Finding(text, "warning", f"expected files that end in {endings}")
            return
        yield Finding(f"readable; entities: {len(names):,}")
        files = (file for name in names for file in self._find(name, names))
        closed = (file for file in files if not file.system.can_read(file.path))
        for file in islice(closed, _MOST_CLOSED):
            yield Finding(f"this user has no permission to read {file}", "error", f"ls -l {file}")

    def entities(self, pattern: str = "*") -> list[str]:
        """Return the names of files, without extension, and of directories with such files."""
        return self.layout.entities(pattern)

    def survey(self, pattern: str = "*") -> list[EntityFacts]:
        """Return columns, rows and bytes of each entity, from its files."""
        found = []
        names = self.entities()
        for name in names if pattern == "*" else self.entities(pattern):
            files = self._find(name, names)
            source = self.source(ReadRequest(name), files)
            kind = "file" if len(files) == 1 else "files"
            size = sum(file.size for file in files)
            facts = EntityFacts(name, source.schema, source.total_rows, kind=kind, bytes=size)
            found.append(facts)
        return found

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Source]:
        """List an entity's files once and read their schema; all splits use that listing.

        With `positions` only new files are read; without new files none is opened. Empty new files
        do not count until a file with columns is added.
        """
        if request.positions is None:
            yield self.source(request, self._find(request.entity, request.siblings))
            return
        found = self.layout.find(
            request.entity, may_be_gone=bool(request.positions), siblings=request.siblings
        )
        base, grows = self.layout.pattern.fixed, self.grows(request)
        listing = Listing.of(found, request.positions, base, grows=grows)
        if not listing.new and request.positions:
            yield NothingNew(request.positions)
            return
        try:
            source = self.source(
                request, listing.new or self._find(request.entity, request.siblings)
            )
        except NoColumnsError:
            if not request.positions:
                raise
            yield NothingNew(request.positions)
            return
        source.positions, source.repeats = listing.positions, listing.repeats
        yield source

    def grows(self, request: ReadRequest) -> bool:
        """Return whether a file that has grown can be read from its previous end."""
        return False

    def _find(self, entity: str, siblings: Collection[str]) -> list[DataFile]:
        files = self.layout.find(entity, siblings=siblings)
        if not files:
            raise HomeError(
                f"entity '{entity}' has no files: its directory is empty",
                hint=f"expected files that end in {', '.join(self.layout.extensions)}",
            )
        return files

    def retry_after(self, error: BaseException) -> float | None:
        """Return 0.0 for a file that changed while it was read: a new listing may succeed."""
        return 0.0 if isinstance(error, FileChangedError | BusyDiskError) else None

    @abstractmethod
    def source(self, request: ReadRequest, files: Sequence[DataFile]) -> Source:
        """Return the view on `files`, of which there is at least one."""


class FileSource(Source, ABC):
    """The files of one entity under one schema.

    A subclass reads a file's metadata (`look`) and rows (`batches`). Both may raise errors of the
    system and Arrow, which are converted to `HomeError` with the file's name.
    """

    is_proved = True
    has_proved_text: bool = True
    """Whether all text was validated as UTF-8 when it was decoded."""

    def __init__(self, request: ReadRequest, files: Sequence[DataFile]) -> None:
        self.request = request
        self.spelling = Spelling()
        self.files = tuple(files)
        self._reached: dict[str, int] = {}
        self.facts = tuple(self._look_at_all())
        self.schema = add_partitions(self.unify(), self.files)
        rows = [fact.rows for fact in self.facts]
        self.total_rows = None if None in rows else sum(row or 0 for row in rows)

    def share_read(self) -> float | None:
        """Return the share of the files' bytes that was read; compressed bytes where packed."""
        reached = sum(list(self._reached.values()))
        return reached / (sum(file.size for file in self.files) or 1) if reached else None

    def reach(self, file: DataFile, byte: int) -> None:
        """Record the offset up to which a file was read."""
        self._reached[file.path] = byte

    @abstractmethod
    def look(self, file: DataFile) -> FileFacts:
        """Return the columns and facts of a file without reading its rows."""

    @abstractmethod
    def batches(self, piece: Piece) -> Generator[pa.RecordBatch]:
        """Yield the rows of `piece` in order, in batches near `request.batch_bytes`.

        A generator that opens files in a `with`. Columns are the file's own or those of `schema`;
        differences are fitted by name. Partition columns are added by the caller.
        """

    def unify(self) -> pa.Schema:
        """Return one schema for all files, without partition columns.

        Missing columns become null and types widen only where every value stays exact; raises
        `HomeError` naming two files and the column otherwise.
        """
        schemas = list(self._spelled())
        check_related(schemas)
        declared = {name: arrow_type(kind) for name, kind in self.request.types.items()}
        return unify(schemas, declared, proves_values=True)

    def _spelled(self) -> Iterator[tuple[str, pa.Schema]]:
        """Yield each file's path and columns, in the entity's spelling."""
        import pyarrow as pa

        last: tuple[pa.Schema, pa.Schema] | None = None
        for file, facts in zip(self.files, self.facts, strict=True):
            schema = facts.schema
            if last is None or last[0] is not schema:
                names = self.spelling.of(schema.names)
                fields = [f.with_name(n) for f, n in zip(schema, names, strict=True)]
                same = names == schema.names
                last = schema, schema if same else pa.schema(fields, schema.metadata)
            yield str(file), last[1]

    def splits(self, wanted: int) -> list[Split]:
        """Return at most `wanted` splits of about equal bytes, in the order of the files."""
        self._reached.clear()  # of files of which only the metadata was read
        pairs = zip(self.files, self.facts, strict=True)
        return pack([piece for file, fact in pairs for piece in pieces_of(file, fact)], wanted)

    def __getstate__(self) -> dict[str, object]:
        """Return what reading a split takes: the split has its files, and the schema is known."""
        request = replace(
            self.request, held=nothing_held, positions=None, snapshot=None, go_on=no_stop
        )
        return {**self.__dict__, "request": request, "files": (), "facts": ()}

    @contextmanager
    def read(self, split: Split) -> Iterator[pa.RecordBatchReader]:
        """Open a reader on the pieces of `split`, one file at a time."""
        import pyarrow as pa

        rows = self._rows(split.detail)
        try:
            yield pa.RecordBatchReader.from_batches(self.schema, rows)
        finally:
            rows.close()

    def _look_at_all(self) -> Iterator[FileFacts]:
        """Read the metadata of every file; equal schemas are shared, for 100,000 files."""
        last: FileFacts | None = None
        for file in self.files:
            facts = reading(file, partial(self.look, file))
            file.check_unchanged()
            if last is not None and last.schema.equals(facts.schema, check_metadata=True):
                facts = replace(facts, schema=last.schema)
            last = facts
            yield facts

    def _rows(self, pieces: Sequence[Piece]) -> Generator[pa.RecordBatch]:
        for piece in pieces:
            piece.file.check_unchanged()
            fitting = Fitting(self.schema, piece.file)
            with closing(self.batches(piece)) as batches:
                step = partial(next, batches, None)
                row = 0
                while (batch := reading(piece.file, step)) is not None:
                    self._prove(batch, piece, row)
                    row += batch.num_rows
                    yield from sliced(fitting.fit(batch), self.request.batch_bytes)
            piece.file.check_unchanged()
            if piece.stop is None:
                self.reach(piece.file, piece.file.size)

    def _prove(self, batch: pa.RecordBatch, piece: Piece, row: int) -> None:
        found = find_unsound(batch, self.request, has_text=not self.has_proved_text)
        if found is not None:
            number = self.rows_before(piece) + row + found.row + 1
            raise found.error(f"{piece.file}, row {number:,}")

    def rows_before(self, piece: Piece) -> int:
        """Return the number of rows of a file before a piece of it."""
        return 0


class ColumnarSource(FileSource, ABC):
    """Files of a format that can read columns separately."""

    has_proved_text = False

    def narrow(self, columns: Sequence[str]) -> None:
        """Read only these columns; missing and partition columns are filled."""
        import pyarrow as pa

        chosen = frozenset(columns)
        fields = [field for field in self.schema if field.name in chosen]
        self.schema = pa.schema(fields, self.schema.metadata)

    def chosen(self, names: Sequence[str]) -> list[str]:
        """Return the columns of a file that are read, in their order."""
        known = frozenset(self.schema.names)
        spelled = zip(names, self.spelling.of(names), strict=True)
        return [name for name, entity_name in spelled if name in known or entity_name in known]
