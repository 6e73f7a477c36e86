"""Templates render values, and nothing a template says can leave its sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from hygge.errors import ConfigError, UsageError
from hygge.scaffold.templates import built_in_kinds, built_in_text, find_template, render


def test_values_are_quoted_by_the_yaml_filter() -> None:
    assert render("t", "a: {{ x | yaml }}\n", {"x": "no"}) == 'a: "no"\n'


@pytest.mark.parametrize(
    "text",
    [
        "{{ nobody }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ ().__class__.__bases__[0].__subclasses__() }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 'x' * 1000000000 }}",
        "{% for i in range(999999999) %}{{ i }}{% endfor %}",
        "{% for i in range(90000) %}{{ 'x' ~ i }}more than a megabyte{% endfor %}",
        "{% include 'other' %}",
        "{{ 1 / 0 }}",
        "{% if %}",
    ],
)
def test_what_a_template_may_not_do_is_an_error_that_names_it(text: str) -> None:
    with pytest.raises(ConfigError, match="templates/x"):
        render("templates/x", text, {})


def test_the_line_of_a_broken_template_is_named() -> None:
    with pytest.raises(ConfigError, match=r"t\.j2:2"):
        render("t.j2", "a: 1\n{% if %}\n", {})


def test_a_template_of_the_project_wins(tmp_path: Path) -> None:
    assert find_template("flow", None, tmp_path) == ("flow.yml.j2", built_in_text("flow"))
    own = tmp_path / "templates" / "flow.yml.j2"
    own.parent.mkdir()
    own.write_text("home: mine\n")
    assert find_template("flow", None, tmp_path) == ("templates/flow.yml.j2", "home: mine\n")


def test_a_type_without_a_template_takes_the_one_for_any() -> None:
    name, text = find_template("home/nowhere", "home/any", Path("/nowhere"))
    assert name == "home/any.yml.j2"
    assert "option(" in text


def test_an_unknown_template_lists_those_there_are() -> None:
    with pytest.raises(UsageError) as refused:
        built_in_text("flwo")
    assert "flow" in (refused.value.hint or "")
    assert {"flow", "home/any", "store/any"} <= set(built_in_kinds())
