"""`python -m hygge` and the `hygge` script."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; `--version` answers before anything else is imported."""
    if sys.argv[1:] == ["--version"]:
        from hygge import __version__

        print(f"hygge {__version__}")
        return
    from hygge.cli.edge import leave, run

    leave(run())


if __name__ == "__main__":
    main()
