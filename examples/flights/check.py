"""Compares what hygge wrote with the originals: `python check.py`, after `hygge go`.

DuckDB reads all three: the csv as text, the Parquet and the JSON lines as they are. For each
column it counts values, adds up numbers exactly, and adds up a hash of every text.
"""

import sys
from pathlib import Path

import duckdb

TABLES = ("airlines", "airports", "flights", "planes", "weather")
TIMES = {"time_hour"}


def sources(root: Path, table: str) -> dict[str, str]:
    return {
        "csv": f"read_csv('{root}/data/raw/{table}.csv', all_varchar = true, nullstr = 'NA')",
        "parquet": f"read_parquet('{root}/data/lake/{table}/*.parquet')",
        "jsonl": f"read_json('{root}/data/exports/{table}/*.jsonl', format = 'newline_delimited',"
        " sample_size = -1)",
    }


def figures(source: str) -> dict[str, tuple[object, ...]]:
    """Return values, exact sum of numbers and sum of hashes, by column, and the rows."""
    columns = [row[0] for row in duckdb.execute(f"describe from {source}").fetchall()]
    sums = ", ".join(aggregates(column) for column in columns)
    first, *others = duckdb.execute(f"select count(*), {sums} from {source}").fetchall()[0]
    found = {column: tuple(others[3 * n : 3 * n + 3]) for n, column in enumerate(columns)}
    return {"rows": (first,), **found}


def aggregates(column: str) -> str:
    text = f'"{column}"::varchar'
    if column in TIMES:
        text = f'epoch("{column}"::timestamptz)::bigint::varchar'
    number = f"try_cast({text} as decimal(38, 9))"
    word = f"case when {number} is null then hash({text}) % 1000000007 end"
    return f'count("{column}"), sum({number}), sum({word})'


def check(root: Path) -> list[str]:
    """Return a line for each difference; print one for each table."""
    duckdb.execute("set timezone = 'UTC'")
    wrong = []
    for table in TABLES:
        found = {name: figures(source) for name, source in sources(root, table).items()}
        original = found.pop("csv")
        different = [
            f"{table}.{column}: csv {original[column]}, {name} {copy.get(column)}"
            for name, copy in found.items()
            for column in original
            if copy.get(column) != original[column]
        ]
        rows = original["rows"][0]
        print(f"{table:<10} {rows:>9,} rows  {'differs' if different else 'same in all three'}")
        wrong += different
    return wrong


if __name__ == "__main__":
    differences = check(Path(__file__).resolve().parent)
    sys.exit("\n".join(differences) or None)
