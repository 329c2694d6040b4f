"""Repainting no more cells than have changed: for the processor, it is what a screen costs."""

from itertools import zip_longest

from rich.color import ColorSystem
from textual.strip import Strip

from captions.dashboard.picture import UNCERTAIN, cells, whole


def changed_columns(before: Strip, after: Strip) -> tuple[int, int] | None:
    """Return the columns from the first cell that looks different to the one past the last, or None when none does."""
    if before is after or before == after:
        return None
    if UNCERTAIN(before.text) or UNCERTAIN(after.text):
        return 0, max(before.cell_length, after.cell_length)
    old, new = cells(before, ColorSystem.TRUECOLOR), cells(after, ColorSystem.TRUECOLOR)
    different = [column for column, (one, other) in enumerate(zip_longest(old, new)) if one != other]
    if not different:
        return None
    one, other = whole(old, different[0], different[-1] + 1), whole(new, different[0], different[-1] + 1)
    return min(one[0], other[0]), max(one[1], other[1])
