from __future__ import annotations

import io

from hygge.console.diagnostics.github_annotations import show_annotations
from hygge.console.output import Output
from hygge.project import Diagnostic, Severity
from hygge.project.nodes import Span


def annotated(message: str, *help: str, file: str = "flows/users.yml") -> str:
    stream = io.StringIO()
    one = Diagnostic("HG102", Severity.ERROR, message, Span(file, 2, 3, 8), help)
    show_annotations([one], Output(stream))
    return stream.getvalue()


def test_an_annotation_names_place_code_message_and_help() -> None:
    assert annotated("it is wrong", "keys: a, b") == (
        "::error file=flows/users.yml,line=2,col=3,endColumn=8,title=HG102::"
        "it is wrong%0Akeys: a, b\n"
    )


def test_what_would_end_a_command_is_escaped() -> None:
    told = annotated("100% a: b, c", file="flows/a,b:c%.yml")
    assert told.startswith("::error file=flows/a%2Cb%3Ac%25.yml,line=2,")
    assert told.endswith("::100%25 a: b, c\n")


def test_no_data_can_begin_a_command_of_its_own() -> None:
    told = annotated("x\n::add-mask::y\r\n::error::z", "a\n::stop")
    assert told.count("\n") == 1
    assert "\r" not in told
    assert "\n::" not in told
