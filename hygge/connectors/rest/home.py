"""An API as a home: the pages of an entity are fetched into a spool, then read from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from hygge.connector import (
    EntityFacts,
    Home,
    ProjectContext,
    Purpose,
    ReadRequest,
    Source,
    Split,
)
from hygge.connectors.rest.client import Call, Client
from hygge.connectors.rest.config import RestEntity, RestHomeConfig
from hygge.connectors.rest.faults import PassingError
from hygge.connectors.rest.pages import pages, placed
from hygge.connectors.rest.records import Page, lines, page_of
from hygge.connectors.rest.since import since_value
from hygge.connectors.spool.spool import spooled
from hygge.connectors.sql.table_names import nearest
from hygge.errors import HomeError
from hygge.types.type_names import arrow_type

if TYPE_CHECKING:
    import pyarrow as pa


class RestHome(Home):
    """An API whose entities are named in the home's file."""

    def __init__(self, config: RestHomeConfig, context: ProjectContext) -> None:
        self.config = config
        self.context = context

    def check(self) -> None:
        """Fetch the first page of the first entity."""
        name = next(iter(self.config.entities))
        with closing(Client(self.config, ReadRequest(name).go_on)) as client:
            self._first(client, name)

    def entities(self, pattern: str = "*") -> list[str]:
        """Return the names in the home's file that match; sends no request."""
        return sorted(name for name in self.config.entities if fnmatchcase(name, pattern))

    def survey(self, pattern: str = "*") -> list[EntityFacts]:
        """Return the columns of the first page of each entity."""
        found = []
        for name in self.entities(pattern):
            with self.open(ReadRequest(name, purpose=Purpose.PLAN)) as source:
                found.append(EntityFacts(name, source.schema, None, source.primary_key))
        return found

    @contextmanager
    def open(self, request: ReadRequest) -> Iterator[Source]:
        """Fetch all pages, or the first one for a plan."""
        name = request.entity
        entity = self._entity(name)
        types = {column: arrow_type(kind) for column, kind in entity.types.items()}
        limit = "raise  max_spool_bytes  in the home's file, or fetch less with  since  or  params"
        with spooled(
            self.context, request, max_bytes=self.config.max_spool_bytes, way=limit
        ) as spool:
            has_rows = False
            with closing(Client(self.config, request.go_on)) as client:
                for page in self._pages(client, entity, request):
                    if page.rows:
                        # New rows may lack a declared column that all rows together have.
                        lacking = types if request.after is not None and not has_rows else ()
                        spool.add_json(lines(page, entity.fields, entity.add, lacking))
                        has_rows = True
            if not has_rows and request.after is not None:
                yield Exhausted()
                return
            source = spool.source(types=types)
            source.primary_key = (entity.key,) if isinstance(entity.key, str) else entity.key or ()
            missing = [one for one in source.primary_key if one not in source.schema.names]
            if missing:
                raise HomeError(
                    f"{name} has no column '{missing[0]}', which `key` names",
                    hint=f"its columns: {', '.join(source.schema.names)}",
                )
            yield source

    def retry_after(self, error: BaseException) -> float | None:
        """Return the wait that the API asked for; 0.0 for other errors that may pass."""
        return (error.seconds or 0.0) if isinstance(error, PassingError) else None

    def _entity(self, name: str) -> RestEntity:
        entity = self.config.entities.get(name)
        if entity is None:
            raise HomeError(
                f"the home's file has no entity '{name}'{nearest(name, self.entities())}",
                hint="add it to  entities: {…}  there",
                code="HG506",
            )
        return entity

    def _pages(self, client: Client, entity: RestEntity, request: ReadRequest) -> Iterator[Page]:
        kind = entity.pages or self.config.pages
        if request.purpose is Purpose.PLAN or kind is None:
            yield self._first(client, request.entity)
            return
        call, since = self._call(entity), entity.since
        if since and request.after is not None and request.watermark == since.column:
            value = since_value(since, request.after)
            call = placed(call, since.param, since.body, value)
        records = entity.records or self.config.records
        yield from pages(
            kind, call, lambda one: page_of(client.fetch(one), records), most=self.config.max_pages
        )

    def _first(self, client: Client, name: str) -> Page:
        """Return the first page of an entity, for its columns."""
        entity = self._entity(name)
        records = entity.records or self.config.records
        kind, call = entity.pages or self.config.pages, self._call(entity)
        size = getattr(kind, "size", None) or {}
        for param, number in size.items():
            call = placed(call, param, None, number)
        return page_of(client.fetch(call), records)

    def _call(self, entity: RestEntity) -> Call:
        config = self.config
        params = {**config.params, **entity.params}
        return Call(
            entity.method,
            f"{config.url}{entity.path}",
            {name: _plain(value) for name, value in params.items()},
            {**config.headers, **entity.headers},
            entity.body,
        )


class Exhausted(Source):
    """A view without a new row; see `Source.is_exhausted`."""

    is_exhausted = True

    def __init__(self) -> None:
        import pyarrow as pa

        self.schema = pa.schema([])

    def splits(self, wanted: int) -> list[Split]:
        """Return no split."""
        return []

    def read(self, split: Split) -> AbstractContextManager[pa.RecordBatchReader]:
        """Raise: there is no split."""
        raise ValueError(f"there is no split {split.label}")


def _plain(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
