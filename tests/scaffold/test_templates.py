"""Templates render values, and nothing a template says can leave its sandbox."""

from __future__ import annotations

import resource
import signal
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


NESTED = "".join(f"{{% for a{n} in range(99999) %}}" for n in range(4)) + "{% endfor %}" * 4
DOUBLED = (
    "{% set n = namespace(x='x') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}"
)


@pytest.mark.parametrize(
    "text",
    [
        NESTED,
        "{% for i in range(99999) %}{% if i in range(i, 99999) | list %}{% endif %}{% endfor %}",
        "{{ 'x'.ljust(10000000000) }}",
        "{{ 'x'.center(10000000000) | length }}",
        "{{ 'x' | center(10000000000) }}",
        "{{ '%10000000000d' | format(1) }}",
        "{{ '{:>10000000000}'.format(1) }}",
        "{{ '1'.zfill(10000000000) }}",
        "{{ 'x' | indent(10000000000, true) }}",
        "{{ ('\t' ~ 'x').expandtabs(2000000000) }}",
        "{{ lipsum(n=1000000) }}",
        DOUBLED,
        "{{ range(99999) | list | tojson | replace('1', 'x'.ljust(99999)) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    ],
)
def test_a_template_that_would_never_end_or_fill_the_memory_is_an_error(text: str) -> None:
    before = resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGPROF)
    with pytest.raises(ConfigError, match=r"templates/x.*cannot be rendered: \S") as refused:
        render("templates/x", text, {})
    assert refused.value.code == "HG604"
    after = resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGPROF)
    assert before == after
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


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
