"""The guards of moves, merges, contracts, checks, undo and state, and the harm each keeps away.

Not here, for nothing of theirs reaches rows: the order of flows (HG205, HG206), locks of moves,
which save work only (HG543), comparisons (HG552), and a warning (HG215).
"""

from __future__ import annotations

from guarded.going_on import GOING_ON, NEW_ROWS
from guarded.published import COUNTED, MERGED, PLACED
from guarded.shaped import CHECKED, SHAPED, TOGETHER
from guarded.taken_back import SET, UNDONE

GUARDS = [
    *NEW_ROWS,
    *GOING_ON,
    *CHECKED,
    *COUNTED,
    *SHAPED,
    *TOGETHER,
    *MERGED,
    *PLACED,
    *UNDONE,
    *SET,
]
