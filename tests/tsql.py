"""T-SQL without a server: statements are written down and read by sqlglot's grammar of T-SQL."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from sqlglot import exp, parse

Answers = Mapping[str, Sequence[tuple[Any, ...]]]


class Notebook:
    """Writes statements down in place of `Rows`; no server stands behind it.

    `answers` gives rows to statements by words in them, where the code must read some to go on.
    """

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.statements: list[str] = []

    def __call__(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        assert sql.count("?") == len(values), f"as many marks as values: {sql}"
        self.statements.append(sql)
        return list(next((rows for words, rows in self.answers.items() if words in sql), []))

    def count(self, sql: str, values: Sequence[Any] = ()) -> int:
        self.statements.append(sql)
        return 0


def assert_tsql(sql: str) -> None:
    """Raise unless sqlglot reads `sql` as T-SQL, and knows what most of it is."""
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    for statement in parse(sql, dialect="tsql"):
        assert statement is not None or sql.strip().endswith(";"), sql
        if isinstance(statement, exp.Command):
            word = statement.name.upper()
            assert word in _ONLY_READ_IN_PART, f"sqlglot does not know {word}: {sql}"


_ONLY_READ_IN_PART = ("EXEC", "EXECUTE", "SET", "IF", "ALTER")
