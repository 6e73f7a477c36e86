"""How a replace meets a table that is there."""

from __future__ import annotations

from typing import Literal

ReplaceMethod = Literal["auto", "keep", "swap"]
"""`swap` puts a new table in its place, `keep` its rows only.

`auto` swaps where nothing would be lost.
"""
