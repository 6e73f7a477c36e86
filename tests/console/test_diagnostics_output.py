from __future__ import annotations

import io
import json

from hygge.console.diagnostics.report import show_concise, show_full, show_json, show_verdict
from hygge.console.output import Output
from hygge.project import Diagnostic, Report, Severity
from hygge.project.nodes import Span


def found(
    excerpt: str | None, column: int = 1, end: int = 6, line: int = 2, message: str = "it is wrong"
) -> Diagnostic:
    span = Span("flows/users.yml", line, column, end)
    return Diagnostic("HG102", Severity.ERROR, message, span, ("keys: a, b",), excerpt)


def full(one: Diagnostic) -> list[str]:
    stream = io.StringIO()
    show_full([one], Output(stream))
    return stream.getvalue().splitlines()


def test_a_diagnostic_is_shown_with_a_caret_below_the_place() -> None:
    assert full(found("stroe: lake")) == [
        "flows/users.yml:2:1: error[HG102]: it is wrong",
        "  |",
        "2 | stroe: lake",
        "  | ^^^^^",
        "  = keys: a, b",
    ]


def test_the_bar_follows_the_width_of_the_number() -> None:
    lines = full(found("  stroe: lake", column=3, end=8, line=120))
    assert lines[1:4] == ["    |", "120 |   stroe: lake", "    |   ^^^^^"]


def test_carets_stand_below_wide_characters_and_escapes() -> None:
    lines = full(found("a: {日本: x, \x1b]0;b: y}", column=12, end=17))
    assert lines[2].index("\\x1b") == lines[3].index("^") - 2
    assert "\x1b" not in "".join(lines)


def test_a_long_line_is_cut_around_the_place() -> None:
    lines = full(found("x" * 5000 + "HERE" + "y" * 5000, column=5001, end=5005))
    start = lines[3].index("^")
    assert lines[2][start : start + 4] == "HERE"
    assert max(map(len, lines)) < 200


def test_without_a_line_only_the_message_is_shown() -> None:
    assert full(found(None)) == ["flows/users.yml:2:1: error[HG102]: it is wrong", "  = keys: a, b"]


def test_markup_is_printed_as_it_is() -> None:
    message = "unknown key '[bold]x[/bold] :smile:'"
    assert full(found("[red]x[/red]", message=message))[0].endswith(message)
    assert full(found("[red]x[/red]"))[2] == "2 | [red]x[/red]"


def test_concise_is_one_line_each() -> None:
    stream = io.StringIO()
    show_concise([found("a"), found("b")], Output(stream))
    assert stream.getvalue() == "flows/users.yml:2:1: error[HG102]: it is wrong\n" * 2


def test_the_verdict_counts_what_was_checked() -> None:
    stream = io.StringIO()
    report = Report((found("a"),), homes=3, stores=1, flows=14, environments=2)
    show_verdict([report], 0.2, Output(stream))
    expected = "Checked 3 homes, 1 store, 14 flows, 2 environments in 0.2 s: 1 error\n"
    assert stream.getvalue() == expected


def test_json_holds_every_field() -> None:
    stream = io.StringIO()
    show_json([Report((found("a"),), homes=1, stores=2, flows=3)], Output(stream))
    assert json.loads(stream.getvalue()) == {
        "diagnostics": [
            {
                "code": "HG102",
                "severity": "error",
                "message": "it is wrong",
                "file": "flows/users.yml",
                "line": 2,
                "column": 1,
                "end_column": 6,
                "help": ["keys: a, b"],
            }
        ],
        "errors": 1,
        "warnings": 0,
        "checked": {"homes": 1, "stores": 2, "flows": 3, "environments": 0},
    }
