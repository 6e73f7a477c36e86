"""Three days of an issue tracker into DuckDB, compared with what its API has: `python run.py`."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
from server import issues, serving

HERE = Path(__file__).resolve().parent


def main() -> None:
    with serving(port=0) as tracker:
        url = f"http://127.0.0.1:{tracker.server_port}"
        environment = {**os.environ, "TRACKER_URL": url, "TRACKER_TOKEN": "example-token"}
        for day in (1, 2, 3):
            tracker.day, tracker.requests = day, 0
            done = subprocess.run(
                [sys.executable, "-m", "hygge", "go"], cwd=HERE, env=environment, check=False
            )
            if done.returncode:
                sys.exit(done.returncode)
            with duckdb.connect(str(HERE / "data/warehouse.duckdb"), read_only=True) as warehouse:
                found = warehouse.execute(
                    "SELECT number, state, user_login, hours::double FROM issues ORDER BY number"
                ).fetchall()
            expected = sorted(
                (one["number"], one["state"], one["user"]["login"], one["hours"])  # type: ignore[index]
                for one in issues(day)
            )
            what = "same as the API" if found == expected else "different from the API"
            print(
                f"day {day}: {len(found)} issues, {tracker.requests} requests, {what}", flush=True
            )
            if found != expected:
                sys.exit(1)


if __name__ == "__main__":
    main()
