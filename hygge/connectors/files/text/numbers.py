"""Formatted numbers: thousands separators, currency and percent signs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import pyarrow as pa

    Texts = TypeVar("Texts", pa.StringArray, pa.ChunkedArray)

_SPACES = " \u00a0\u202f"
_GROUPED = re.compile(r"[-+]?[0-9]{1,3}([.,' \u00a0\u202f])[0-9]{3}(?:\1[0-9]{3})*(?:[.,][0-9]+)?")
_AFFIXED = re.compile(r"([^-+0-9.,\s()]{0,4}\s*)[-+]?[0-9][0-9.,]*(\s*[^-+0-9.,\s()]{0,4})")


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """The format of numbers."""

    decimal_point: str = "."
    thousands: str | None = None
    """Thousands separator: `1,234,567.50`."""
    affixes: tuple[str, ...] = ()
    """Texts allowed before or after a number: `$`, `%`."""

    def bare(self, texts: Texts) -> Texts:
        """Return numbers without separators and affixes; other texts are unchanged."""
        import pyarrow.compute as pc

        if self.affixes:
            marks = "|".join(re.escape(mark.strip()) for mark in self.affixes)
            texts = pc.replace_substring_regex(texts, rf"^([-+]?)(?:{marks})\s*([-+]?)", r"\1\2")
            texts = pc.replace_substring_regex(texts, rf"\s*(?:{marks})$", "")
        if self.thousands is None:
            return texts
        mark = f"[{_SPACES}]" if self.thousands in _SPACES else re.escape(self.thousands)
        point = re.escape(self.decimal_point)
        grouped = rf"^[-+]?[0-9]{{1,3}}(?:{mark}[0-9]{{2,3}})*{mark}[0-9]{{3}}(?:{point}[0-9]*)?$"
        without = pc.replace_substring_regex(texts, mark, "")
        return pc.if_else(pc.match_substring_regex(texts, grouped), without, texts)

    def hint(self, text: str) -> str | None:
        """Return the options that would make `text` a number; None without any."""
        affixed = _AFFIXED.fullmatch(text.strip())
        affixes = (
            [] if affixed is None else [one.strip() for one in affixed.groups() if one.strip()]
        )
        wanted = [f"number_affixes: [{', '.join(map(_quoted, affixes))}]"] if affixes else []
        digits = text.strip()
        for one in affixes:
            digits = digits.removeprefix(one).removesuffix(one).strip()
        grouped = _GROUPED.fullmatch(digits)
        if grouped is not None and self.thousands is None:
            wanted.append(f"thousands: {_quoted(grouped[1])}")
            digits = digits.replace(grouped[1], "")
        if "," in digits and self.decimal_point == ".":
            wanted.append('decimal_point: ","')
        return f"set in the home's file  {'  and  '.join(wanted)}" if wanted else None


def _quoted(mark: str) -> str:
    return f"'{mark}'" if mark == '"' else f'"{mark}"'
