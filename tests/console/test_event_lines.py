from __future__ import annotations

import io
import json
import threading

import pytest
from events import EVENTS, RUN, USERS, finished

from hygge.console.output import Output
from hygge.console.progress.json_lines import JsonLines
from hygge.console.progress.plain import Plain
from hygge.values.model import (
    Event,
    MoveFinished,
    MoveProgress,
    MovePublishing,
    MoveRetried,
    MoveStarted,
    Notice,
    RunStarted,
)

STORY: list[Event] = [
    RunStarted(RUN, (("users", "users"), ("events", "events")), "2026-01-31T12:00:00+00:00"),
    MoveStarted(RUN, "users", "users", 1),
    MoveStarted(RUN, "events", "events", 1, 100),
    MoveProgress(RUN, "users", "users", 1, 500, 9000),
    MoveRetried(RUN, "events", "events", 1, "connection \x1b[31mreset\npassword=hunter22", 2.0),
    MoveStarted(RUN, "events", "events", 2, 100),
    Notice(RUN, "a note"),
    MoveFinished(RUN, USERS),
    MoveFinished(RUN, EVENTS),
    finished(USERS, EVENTS),
]


def test_plain_progress_has_a_line_for_each_start_retry_and_end() -> None:
    stream = io.StringIO()
    with Plain(Output(stream)) as renderer:
        for event in STORY:
            renderer.listen(event)
    assert stream.getvalue() == (
        "users: started\nevents: started\nevents: attempt 1 failed, retrying in 2.0 s: connection "
        "\\x1b[31mreset\n  password=***\nnote: a note\nusers: ok, 1,000 rows, 72 KB in 0.1 s\n"
        "events: failed [HG503]: cannot read events: permission denied for table events\n"
    )


class Waiting(io.StringIO):
    """A stream that says when a text has been written to it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.seen = threading.Event()

    def write(self, text: str) -> int:
        if self.text in text:
            self.seen.set()
        return super().write(text)


def test_a_heartbeat_tells_how_far_each_active_move_has_come() -> None:
    stream = Waiting("users: 500 rows so far")
    with Plain(Output(stream), heartbeat=0.01) as renderer:
        for event in STORY[:4]:
            renderer.listen(event)
        assert stream.seen.wait(30)


@pytest.mark.parametrize(
    ("total", "share", "words"),
    [
        (None, None, "t: 500 rows so far, "),
        (2000, 0.25, "t: 500 of 2,000 rows so far (25 %), 10.0 s, about 30.0 s left"),
        (None, 0.999, "t: 500 rows so far (99 %), 10.0 s, about 0.0 s left"),
        (None, 0.005, "t: 500 rows so far (0 %), 10.0 s"),
    ],
)
def test_a_heartbeat_tells_the_share_and_the_time_left_where_they_are_known(
    total: int | None, share: float | None, words: str
) -> None:
    renderer = Plain(Output(io.StringIO()))
    renderer.listen(MoveStarted(RUN, "t", "t", 1, total))
    renderer.listen(MoveProgress(RUN, "t", "t", 1, 500, 9000, total, share))
    renderer._active["t", "t"].started = 0.0
    (line,) = renderer.heartbeat_lines(10.0)
    assert line.startswith(words)
    assert ("left" in line) == ("left" in words)


def test_a_heartbeat_tells_that_a_commit_takes_long() -> None:
    stream = Waiting("users: 500 rows so far, publishing, ")
    with Plain(Output(stream), heartbeat=0.01) as renderer:
        for event in [*STORY[:4], MovePublishing(RUN, "users", "users", 1)]:
            renderer.listen(event)
        assert stream.seen.wait(30)


def test_json_progress_is_one_object_a_line_with_every_field() -> None:
    stream = io.StringIO()
    renderer = JsonLines(Output(stream))
    for event in STORY:
        renderer.listen(event)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == [
        "run_started",
        "move_started",
        "move_started",
        "move_progress",
        "move_retried",
        "move_started",
        "notice",
        "move_finished",
        "move_finished",
        "run_finished",
    ]
    assert {line["run_id"] for line in lines} == {RUN}
    assert lines[3]["rows"] == 500
    assert lines[4]["reason"] == "connection \x1b[31mreset\npassword=***"
    assert lines[8]["outcome"]["failure"]["code"] == "HG503"
    assert lines[9]["outcomes"][0]["mode"] == "replace"
    assert "\x1b" not in stream.getvalue()
