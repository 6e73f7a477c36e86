from __future__ import annotations

import io
from dataclasses import replace

import pytest
from events import EVENTS, ORDERS, USERS, finished
from rich.cells import cell_len

from hygge.console.output import Output
from hygge.console.summary import show_summary
from hygge.values.model import Failure, Outcome, Result


def summary(*outcomes: Outcome, encoding: str = "utf-8", color: str = "never") -> str:
    buffer = io.BytesIO()
    output = Output(io.TextIOWrapper(buffer, encoding=encoding), color=color)
    show_summary(finished(*outcomes), output)
    return buffer.getvalue().decode(encoding)


@pytest.fixture(autouse=True)
def no_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def test_the_summary_says_what_moved_what_failed_and_what_to_type_next() -> None:
    assert summary(USERS, replace(ORDERS, entity="orders"), EVENTS) == (
        "  flow    from          to         mode          rows    size    time  result\n"
        "  users   sample_files  lake       replace      1,000   72 KB   0.1 s  ok\n"
        "  orders  app_db        warehouse  merge    2,481,220  355 MB  51.2 s  ok\n"
        "  events  app_db        warehouse  append           0       –   3.4 s  failed\n"
        "\n"
        "events failed [HG503]: cannot read events: permission denied for table events\n"
        "  flows/events.yml:1   home app_db   store warehouse\n"
        "  help: grant SELECT on events to user 'loader'\n"
        "\n"
        "2 ok, 1 failed · 2,482,220 rows · 355 MB · 1m 02s\n"
        "re-run what failed:  hygge go --retry-failed\n"
    )


def test_the_entity_is_shown_where_it_is_not_the_flows_name() -> None:
    text = summary(ORDERS)
    assert "public.orders" in text
    assert "entity" in text.splitlines()[0]


def test_nothing_is_offered_again_when_all_went_well() -> None:
    assert "--retry-failed" not in summary(USERS)


def test_notes_are_printed() -> None:
    kept = replace(USERS, result=Result.KEPT, notes=("the home has no rows",))
    assert "users: the home has no rows\n" in summary(kept)


@pytest.mark.parametrize("width", [30, 60, 80])
def test_the_table_fits_the_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    long = replace(USERS, flow="a_very_long_name_" * 4, entity="数据" * 20)
    table = summary(long, ORDERS).split("\n\n")[0].splitlines()
    assert all(cell_len(line) <= max(width, 50) for line in table)
    assert "rows" in table[0]
    assert "result" in table[0]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_every_encoding_can_show_it(encoding: str) -> None:
    text = summary(EVENTS, replace(USERS, flow="数据"), encoding=encoding)
    assert "1 ok, 1 failed" in text


def test_names_and_messages_cannot_command_the_terminal() -> None:
    failure = Failure("HG501", "bad \x1b]0;owned\x07 [red]name[/red]")
    text = summary(replace(EVENTS, flow="e\x1b[2J", failure=failure))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[red]name[/red]" in text


def test_passwords_in_messages_are_masked() -> None:
    failure = Failure("HG501", "cannot reach postgres://me:hunter22@db/x?password=hunter22")
    assert "hunter22" not in summary(replace(EVENTS, failure=failure))


def test_colours_are_there_only_when_asked_for() -> None:
    assert "\x1b[32mok\x1b[0m" in summary(USERS, color="always")
    assert "\x1b" not in summary(USERS, color="auto")
