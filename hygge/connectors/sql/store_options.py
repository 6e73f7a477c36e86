"""Options that all stores of tables share."""

from __future__ import annotations

from typing import Literal

ReplaceMethod = Literal["auto", "keep", "swap"]
"""How a replace treats an existing table: `swap` replaces the table, `keep` only its rows.

`auto` swaps where nothing of the table would be lost.
"""
