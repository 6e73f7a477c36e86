"""Streams of a real Redis: the suite, positions, gaps, bad messages and runs that die."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow as pa
import pytest
import redis
from dying import STEPS, die
from projects import write_project
from servers import redis_url

from hygge.connector import HomeConfig, ProjectContext, Purpose, ReadRequest
from hygge.engine.coordinator import Stop, run
from hygge.engine.plan import Selection, make_plan
from hygge.errors import HomeError
from hygge.project import Project
from hygge.testing import HomeSuite
from hygge.testing.reading import read_all, read_entity
from hygge.values.model import Outcome

_OTHER = "never: JSON has no such type and its text does not say so"


@pytest.fixture
def client() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url()) as client:
        yield client


@pytest.fixture
def prefix(tmp_path: Path, client: redis.Redis) -> Iterator[str]:
    """The beginning of the keys of one test, which are removed afterwards."""
    prefix = f"{tmp_path}/"
    yield prefix
    for key in client.scan_iter(f"{prefix}*"):
        client.delete(key)


def test_a_queue_is_appended_although_the_project_replaces(events: Events) -> None:
    (events.root / "hygge.yml").write_text("defaults: {mode: replace}\n")
    for number in (1, 2):
        publish(events.client, events.key, numbered(number))
        assert events.move().failure is None
        events.client.xtrim(events.key, maxlen=0, approximate=False)
    assert sorted(events.moved("id")) == [1, 2]


class TestRedisHome(HomeSuite):
    exemptions: ClassVar = {
        **dict.fromkeys(("binary", "large binary", "fixed size binary", "uuid"), _OTHER),
        **dict.fromkeys(("uint64", "float16", "float32", "map"), _OTHER),
        **{f"decimal({size})": _OTHER for size in ("9,2", "38,0", "38,18", "76,30")},
        **{f"time({unit})": _OTHER for unit in ("s", "ms", "us", "ns")},
        **{f"timestamp({unit})": _OTHER for unit in ("s", "ms", "us", "ns")},
        **{f"timestamp({unit},UTC)": _OTHER for unit in ("s", "ms", "us", "ns")},
        **dict.fromkeys(("timestamp(us,Europe/Oslo)", "duration(us)", "date", "date64"), _OTHER),
        "list of struct": _OTHER,
        "test_zero_rows_keep_the_schema": "never: a stream without entries has no columns",
    }
    comes_back_as: ClassVar = {
        **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16", "uint32"), pa.int64()),
        **dict.fromkeys(("large string", "dictionary"), pa.string()),
        **dict.fromkeys(("large list", "fixed size list"), pa.list_(pa.int64())),
    }

    @pytest.fixture(autouse=True)
    def _streams(self, prefix: str) -> None:
        self.prefix = prefix

    def configure(self, place: Path, tables: Mapping[str, pa.Table]) -> HomeConfig:
        with redis.Redis.from_url(redis_url()) as client:
            for name, table in tables.items():
                publish(client, f"{self.prefix}{name}", table.to_pylist())
        return config(self.prefix, metadata=())

    def spoil(self, place: Path, entity: str) -> None:
        """Add a message that is no JSON, and damage what was read before."""
        with redis.Redis.from_url(redis_url()) as client:
            client.xadd(f"{self.prefix}{entity}", {"data": "{"})
        for file in (place / ".hygge/spool").glob("*/*"):
            content = file.read_bytes()
            file.write_bytes(content[: len(content) // 2])


def config(prefix: str, **more: object) -> HomeConfig:
    data = {"type": "redis", "url": redis_url(), "prefix": prefix, "field": "data", **more}
    return HomeConfig.create(data)


def publish(client: redis.Redis, key: str, rows: list[dict[str, Any]]) -> list[str]:
    with client.pipeline(transaction=False) as pipe:
        for row in rows:
            pipe.xadd(key, {"data": json.dumps(row, default=str)})
        return [id_.decode() for id_ in pipe.execute()]


def numbered(*numbers: int) -> list[dict[str, Any]]:
    return [{"id": number} for number in numbers]


class Events:
    """A project that moves one stream into DuckDB."""

    def __init__(self, root: Path, client: redis.Redis, prefix: str) -> None:
        self.root, self.client, self.key = root, client, f"{prefix}events"
        self.home = f"type: redis\nurl: {redis_url()}\nprefix: '{prefix}'\nfield: data\n"
        files = {
            "homes/queue.yml": self.home,
            "stores/lake.yml": "type: duckdb\npath: lake.duckdb\n",
            "flows/events.yml": "home: queue\nstore: lake\n",
        }
        write_project(root, files)

    def publish(self, *numbers: int) -> list[str]:
        return publish(self.client, self.key, numbered(*numbers))

    def set(self, line: str) -> None:
        (self.root / "homes/queue.yml").write_text(self.home + line + "\n")

    def move(self) -> Outcome:
        plan = make_plan(Project.load(self.root), Selection())
        (outcome,) = run(plan, stop=Stop(), listen=lambda _: None).outcomes
        return outcome

    def moved(self, column: str = "id") -> list[Any]:
        with duckdb.connect(str(self.root / "lake.duckdb"), read_only=True) as lake:
            rows = lake.execute(f"select {column} from events order by _message_id").fetchall()
        return [row[0] for row in rows]


@pytest.fixture
def events(tmp_path: Path, client: redis.Redis, prefix: str) -> Events:
    return Events(tmp_path, client, prefix)


def test_each_move_takes_what_is_new(events: Events) -> None:
    events.publish(1, 2)
    assert events.move().rows == 2
    assert events.move().notes == ("nothing new",)
    ids = events.publish(3)
    events.client.xtrim(events.key, maxlen=1, approximate=False)
    assert events.move().rows == 1
    assert events.moved() == [1, 2, 3]
    assert events.moved("_message_id")[-1] == ids[0]


@pytest.mark.parametrize("group", ["", "group: loader"])
def test_a_run_that_dies_at_any_step_moves_each_message_once(events: Events, group: str) -> None:
    events.set(group)
    number = 0
    for step in STEPS:
        events.publish(number, number + 1)
        die(events.root, step)
        events.publish(number + 2)
        number += 3
    assert not (failure := events.move().failure), failure
    assert events.moved() == list(range(number))
    if group:
        (one,) = events.client.xinfo_groups(events.key)
        assert (one["name"], one["lag"]) == (b"loader", 0)


def test_at_most_so_many_messages_are_moved_at_once(events: Events) -> None:
    events.publish(*range(5))
    events.set("max_messages: 2")
    assert [events.move().rows for _ in range(4)] == [2, 2, 1, 0]
    assert events.moved() == [0, 1, 2, 3, 4]


def lose_by_trimming(events: Events) -> None:
    events.publish(3, 4, 5)
    events.client.xtrim(events.key, maxlen=1, approximate=False)


def lose_one(events: Events) -> None:
    ids = events.publish(3, 5)
    events.client.xdel(events.key, ids[0])


def make_anew(events: Events) -> None:
    events.client.delete(events.key)
    events.publish(3, 4, 5)


@pytest.mark.parametrize(
    ("lose", "words", "left"),
    [
        (lose_by_trimming, "2 messages were deleted before they were moved", [1, 2, 5]),
        (lose_one, "1 message was deleted before it was moved", [1, 2, 5]),
        (make_anew, "the stream was created again after entry", [1, 2, 3, 4, 5]),
    ],
)
def test_lost_messages_stop_the_move_until_a_person_chooses(
    events: Events, lose: Callable[[Events], None], words: str, left: list[int]
) -> None:
    events.publish(1, 2)
    events.move()
    lose(events)
    failure = events.move().failure
    assert failure is not None
    assert (failure.code, words in failure.message) == ("HG556", True), failure.message
    assert "on_gap: continue" in (failure.hint or "")
    assert events.moved() == [1, 2]
    events.set("on_gap: continue")
    assert any(words in note for note in events.move().notes)
    assert events.moved() == left


def test_a_deleted_stream_is_reported(events: Events) -> None:
    events.publish(1)
    events.move()
    events.client.delete(events.key)
    failure = events.move().failure
    assert failure is not None
    assert "was deleted after entry" in failure.message


BAD = [b'{"id": 1', b"[1]", b"", b'{"id": 1, "id": 2}', b'{"id": "\xff"}', b"{} {}", b"{,}"]


def test_bad_messages_are_quarantined_and_the_others_moved(events: Events) -> None:
    for value in BAD:
        events.client.xadd(events.key, {"data": value})
    events.client.xadd(events.key, {"other": "field"})
    (good,) = events.publish(7)
    failure = events.move().failure
    assert failure is not None
    assert "no field 'data'" in failure.message
    flow = "home: queue\nstore: lake\nmode: append\non_bad_row: quarantine\n"
    (events.root / "flows/events.yml").write_text(flow)
    outcome = events.move()
    assert (outcome.rows, outcome.failure) == (1, None)
    assert events.moved("_message_id") == [good]
    (kept,) = events.root.glob(".hygge/quarantine/events/events/*.lines.parquet")
    lines = duckdb.connect().execute(f"select * from read_parquet('{kept}')").fetchall()
    assert len(lines) == len(BAD) + 1
    assert {line[0].split()[0] for line in lines} == {"message"}
    assert events.move().notes == ("nothing new",)


def test_fields_are_columns_of_text(prefix: str, client: redis.Redis, tmp_path: Path) -> None:
    client.xadd(f"{prefix}t", {"id": 1, "name": "ann"}, id="1700000000000-0")
    client.xadd(f"{prefix}t", {"id": 2, "size": "3"}, id="1700000000001-5")
    settings = config(prefix, field=None, metadata=["time", "id"])
    table = read_entity(settings.home(ProjectContext(tmp_path)), "t")
    assert table.to_pylist()[1]["_message_id"] == "1700000000001-5"
    assert str(table["_message_time"][1]) == "2023-11-14 22:13:20.001000+00:00"
    assert table.select(["id", "name", "size"]).to_pylist() == [
        {"id": "1", "name": "ann", "size": None},
        {"id": "2", "name": None, "size": "3"},
    ]


@pytest.mark.parametrize(("values", "kind"), [("text", pa.string()), ("bytes", pa.binary())])
def test_values_as_they_are(
    prefix: str, client: redis.Redis, tmp_path: Path, values: str, kind: pa.DataType
) -> None:
    client.xadd(f"{prefix}t", {"data": "a\nb"})
    home = config(prefix, values=values, metadata=["key"]).home(ProjectContext(tmp_path))
    table = read_entity(home, "t")
    assert table.schema == pa.schema([("_message_key", pa.string()), ("value", kind)])
    assert table.column("value").cast(pa.string()).to_pylist() == ["a\nb"]
    client.xadd(f"{prefix}t", {"data": b"\xff"})
    if values == "text":
        with pytest.raises(HomeError, match="invalid UTF-8"):
            read_entity(home, "t")


def test_a_plan_reads_a_sample_and_counts_what_is_new(
    prefix: str, client: redis.Redis, tmp_path: Path
) -> None:
    publish(client, f"{prefix}t", numbered(*range(2500)))
    home = config(prefix).home(ProjectContext(tmp_path))
    with home.open(ReadRequest("t", Purpose.PLAN, positions={})) as source:
        assert source.total_rows == 2500
        assert read_all(source).num_rows == 1000


def test_what_is_wrong_is_said_without_a_password(tmp_path: Path) -> None:
    closed = HomeConfig.create({"type": "redis", "url": "redis://:s3cret@127.0.0.1:1/0"})
    home = closed.home(ProjectContext(tmp_path))
    with pytest.raises(HomeError, match=r"cannot read t \(redis://127.0.0.1:1/0\)") as raised:
        read_entity(home, "t")
    assert home.retry_after(raised.value.__cause__ or raised.value) == 0.0
    assert "s3cret" not in str(raised.value)
    with pytest.raises(ValueError, match="no metadata 'headers'"):
        config("x", metadata=["headers"])
