from __future__ import annotations

import json
import logging
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hygge.errors import UsageError
from hygge.runtime.logs import Format, setup
from hygge.values.log_context import bound, context
from hygge.values.redact import learn, redact

log = logging.getLogger("hygge.test")


@pytest.fixture(autouse=True)
def quiet_afterwards() -> Iterator[None]:
    yield
    logger = logging.getLogger("hygge")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    logger.propagate = True
    logger.setLevel(logging.NOTSET)


def test_every_line_says_run_flow_entity_and_attempt() -> None:
    lines: list[str] = []
    setup(lines.append)
    with context(run="r1", flow="a flow", entity="users"), context(attempt=2):
        log.warning("look at %s", "this")
    log.warning("outside")
    inside, outside = lines
    assert inside.endswith('run=r1 flow="a flow" entity=users attempt=2 look at this')
    assert outside.endswith("run=- flow=- entity=- attempt=- outside")


def test_a_bound_function_logs_with_its_makers_fields_in_any_thread() -> None:
    lines: list[str] = []
    setup(lines.append, format=Format.JSON)
    with context(run="r1", flow="users"):
        bound_thread = threading.Thread(target=bound(log.warning), args=("bound",))
        plain_thread = threading.Thread(target=log.warning, args=("plain",))
    for thread in (bound_thread, plain_thread):
        thread.start()
        thread.join()
    flows = {line["message"]: line["flow"] for line in map(json.loads, lines)}
    assert flows == {"bound": "users", "plain": None}


def test_json_lines_hold_every_field_and_the_trace() -> None:
    lines: list[str] = []
    setup(lines.append, format=Format.JSON)
    try:
        raise ValueError("password=hunter22")
    except ValueError:
        log.exception("bad\nthing")
    line = json.loads(lines[0])
    assert (line["level"], line["message"], line["attempt"]) == ("error", "bad\nthing", None)
    assert "ValueError: password=***" in line["trace"]


def test_the_terminal_gets_warnings_and_the_file_gets_more(tmp_path: Path) -> None:
    lines: list[str] = []
    path = tmp_path / "logs" / "hygge.log"
    setup(lines.append, file=path)
    log.debug("detail")
    log.info("news")
    log.warning("trouble")
    assert [line.split()[-1] for line in lines] == ["trouble"]
    assert [line.split()[-1] for line in path.read_text().splitlines()] == ["news", "trouble"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_log_file_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "hygge.log"
    for number in range(2):
        setup(lambda line: None, file=path)
        log.warning("line %d", number)
    assert len(path.read_text().splitlines()) == 2


def test_a_log_file_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write the log file"):
        setup(lambda line: None, file=tmp_path)


def test_text_from_elsewhere_cannot_forge_a_line() -> None:
    lines: list[str] = []
    setup(lines.append)
    with context(flow="x\x1b[2J\nflow=y"):
        log.warning("a\n2026-01-01 error forged \x1b]0;owned\x07")
    assert "\n" not in lines[0]
    assert "\x1b" not in lines[0]


def test_colours_are_in_the_terminal_only(tmp_path: Path) -> None:
    lines: list[str] = []
    setup(lines.append, color=True, file=tmp_path / "hygge.log")
    log.warning("trouble")
    assert "\x1b[33m" in lines[0]
    assert "\x1b" not in (tmp_path / "hygge.log").read_text()


def test_a_learnt_secret_is_masked_in_every_form() -> None:
    secret = 'S3cr3t+/=é"'
    learn(secret)
    for form in (
        secret,
        "S3cr3t%2B%2F%3D%C3%A9%22",
        "UzNjcjN0Ky89w6ki",
        json.dumps(secret),
        json.dumps(secret, ensure_ascii=False),
    ):
        assert "S3cr3t" not in redact(f"before {form} after")
        assert "UzNjcjN0" not in redact(f"before {form} after")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgres://me:pw12@db/x", "postgres://***@db/x"),
        ("postgres://me:p@w:12@db/x", "postgres://***@db/x"),
        ("host=db password=pw12 user=me", "host=db password=*** user=me"),
        ("{'password': 'a b'}", "{'password': ***}"),
        ("https://h/p?token=abc&x=1", "https://h/p?token=***&x=1"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("https://h/a:b@c", "https://h/a:b@c"),
        ("no secret: here", "no secret: ***"),
        ("12:30@noon", "12:30@noon"),
    ],
)
def test_passwords_in_the_words_of_others_are_masked(text: str, masked: str) -> None:
    assert redact(text) == masked
