"""Repainting no more cells than have changed: over SSH, and for the processor, it is what a screen costs."""

from rich.cells import get_character_cell_size
from rich.console import Console
from rich.control import Control
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate
from textual.strip import Strip

_JOINING = ("\u200d", "\ufe0f")  # change the width of the character before them


def changed_columns(before: Strip, after: Strip) -> tuple[int, int] | None:
    """Return the columns from the first cell that differs to the one past the last, or None when none does."""
    if before is after or before == after:
        return None
    if any(character in strip.text for strip in (before, after) for character in _JOINING):
        return 0, max(before.cell_length, after.cell_length)
    old, new = _cells(_as_it_looks(before)), _cells(_as_it_looks(after))
    length = max(len(old), len(new))
    nothing: list[tuple[str, Style | None]] = [("", None)]
    old += nothing * (length - len(old))
    new += nothing * (length - len(new))
    different = [column for column in range(length) if old[column] != new[column]]
    return (different[0], different[-1] + 1) if different else None


def _as_it_looks(strip: Strip) -> Strip:
    """Return the strip without what its styles hold for the mouse, so that cells that look alike are written as one."""
    return Strip([Segment(text, style and style.clear_meta_and_links()) for text, style, _ in strip]).simplify()


def _cells(strip: Strip) -> list[tuple[str, Style | None]]:
    cells: list[tuple[str, Style | None]] = []
    for text, style, _ in strip:
        for character in text:
            width = get_character_cell_size(character)
            if width:
                cells.extend([(character, style)] * width)
            elif cells:
                cells[-1] = (cells[-1][0] + character, style)
    return cells


class TightUpdate(ChopsUpdate):
    """Writes the changed spans of the screen and nothing beside them.

    Textual's own begins each span at the left edge of the widget in which it lies: for a level meter, or a partial
    that grows at its end, several times the bytes. Leans on the private ChopsUpdate; its test is in test_painting.py.
    """

    def render_segments(self, console: Console) -> str:
        """Return what to write to the terminal."""
        written = []
        for y, first, last in self.spans:
            for end, (start, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                left, right = max(start, first), min(end, last)
                if strip is not None and left < right:
                    written.append(Control.move_to(left, y).segment.text)
                    written.append(_as_it_looks(strip.crop(left - start, right - start)).render(console))
        return "".join(written)
