"""What the terminal shows, cell by cell, so that nothing is written that is there already.

Textual writes whole spans: all of them when the layout changes, and from a widget's left edge on when a part of it
does. Over SSH, bytes are what a screen costs. So every update is compared with what was written before, also after a
change of the layout, and what a cell's looks share with those of the cell before it is not said again.

Leans on Textual's private ChopsUpdate and LayoutUpdate; held by tests/dashboard/test_picture.py.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from rich.color import ColorSystem
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.strip import Strip

from captions.dashboard.wrapping import ONE_CELL, graphemes

BRIDGED_CELLS = 4
"""So many cells that did not change are rather written again than skipped: to move the cursor takes as many bytes."""
ATTRIBUTES = (
    ("bold", "1", "22"),
    ("dim", "2", "22"),
    ("italic", "3", "23"),
    ("underline", "4", "24"),
    ("blink", "5", "25"),
    ("reverse", "7", "27"),
    ("strike", "9", "29"),
)
"""Text styles, and the parameters of SGR (ECMA-48, 8.3.117) that turn them on and off."""
OFF = {on: off for _, on, off in ATTRIBUTES}
SHOWN_BY_BLANKS = {"4", "9"}
REVERSE = "7"
UNCERTAIN = re.compile("[\u200d\ufe0e\ufe0f\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff]").search
"""Joined emoji, emoji with a variant or a colour of skin, and flags: terminals disagree on how wide these are."""

_only_one_cell = re.compile(f"[{ONE_CELL}\u2190-\u21ff\u2500-\u25fc]*").fullmatch


class Pen(NamedTuple):
    """How a cell looks: the parameters of SGR for its text styles, its colour and its ground.

    A blank looks the same in any colour: to write one its `color` is empty, and so is what only letters show.
    """

    attributes: tuple[str, ...]
    color: str
    ground: str


Cell = tuple[str, Pen]
"""What is in a cell, and how it looks. Where a wide character goes on, the text is empty."""


def cells(strip: Strip, colors: ColorSystem) -> list[Cell]:
    """Return a strip cell by cell, as it looks in so many colours."""
    result: list[Cell] = []
    for text, style, control in strip:
        if control:
            continue
        pen, blank = _pens(style or Style.null(), colors)
        if text.isspace() and _only_one_cell(text):
            result += [(" ", blank)] * len(text)
            continue
        if _only_one_cell(text):
            result += [(character, blank if character == " " else pen) for character in text]
            continue
        for begin, end, width in graphemes(text):
            if width:
                result.append((text[begin:end], blank if text[begin:end] == " " else pen))
                result += [("", pen)] * (width - 1)
            elif result:
                result[-1] = (result[-1][0] + text[begin:end], result[-1][1])
    return result


def whole(cells: Sequence[Cell], first: int, last: int) -> tuple[int, int]:
    """Return from where to where there are those cells, and wide characters at both ends as a whole."""
    while 0 < first < len(cells) and not cells[first][0]:
        first -= 1
    while last < len(cells) and not cells[last][0]:
        last += 1
    return first, last


class Picture:
    """Turns updates of the compositor into what has to be written, in their order. All of it must be written."""

    def __init__(self, colors: ColorSystem = ColorSystem.TRUECOLOR) -> None:
        self.colors = colors
        self._rows: list[list[Cell | None]] = []
        """None where it is not known what the terminal shows."""
        self._pen: Pen | None = None
        """In the terminal's hand, if it is known."""

    def forget(self) -> None:
        """Know nothing of the terminal any more: updates are written in full."""
        self._rows = []
        self._pen = None

    def changes(self, update: ChopsUpdate | LayoutUpdate) -> str:
        """Return what makes the terminal show an update; nothing if it does already."""
        written: list[str] = []
        for y, left, changed in self._spans(update):
            self._paint(y, left, changed, written)
        return "".join(written)

    def _spans(self, update: ChopsUpdate | LayoutUpdate) -> Iterator[tuple[int, int, list[Cell]]]:
        """Yield what is updated: row, first column, and the cells from there on."""
        if isinstance(update, LayoutUpdate):
            for y, strips in enumerate(update.strips, update.region.y):
                yield y, update.region.x, [cell for strip in strips for cell in cells(strip, self.colors)]
            return
        for y, first, last in update.spans:
            for end, (start, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                if strip is not None and max(start, first) < min(end, last):
                    there = cells(strip, self.colors)
                    left, right = whole(there, max(start, first) - start, min(end, last) - start)
                    yield y, start + left, there[left:right]

    def _paint(self, y: int, left: int, new: list[Cell], written: list[str]) -> None:
        if len(self._rows) <= y:
            self._rows.extend([] for _ in range(y + 1 - len(self._rows)))
        row, right = self._rows[y], left + len(new)
        if len(row) < right:
            row.extend([None] * (right - len(row)))
        old = row[left:right]
        if old == new:
            return
        row[left:right] = new
        # Half a wide character that was written over is gone as a whole.
        if left and new[0][0] and (before := row[left - 1]) is not None and old[0] is not None and not old[0][0]:
            row[left - 1] = None if before[0] else before
        if right < len(row) and (after := row[right]) is not None and not after[0]:
            row[right] = None
        column = -1
        for first, last in _runs(old, new):
            if column < 0:
                written.append(f"\x1b[{y + 1};{left + first + 1}H")
            else:
                written.append(f"\x1b[{first - column}C")
            column = last
            for at in range(first, last):
                text, pen = new[at]
                if pen is not self._pen:
                    written.append(_change(self._pen, pen))
                    self._pen = _after(self._pen, pen)
                written.append(text)
                if not text.isascii() and UNCERTAIN(text):
                    following = next((later for later in range(at + 1, len(new)) if new[later][0]), len(new))
                    written.append(f"\x1b[{y + 1};{left + following + 1}H")


def _runs(old: list[Cell | None], new: list[Cell]) -> Iterator[tuple[int, int]]:
    """Yield from where to where cells have to be written."""
    if any(cell is not None and not cell[0].isascii() and UNCERTAIN(cell[0]) for cell in (*old, *new)):
        yield 0, len(new)
        return
    first = last = -1
    for at, (before, after) in enumerate(zip(old, new, strict=True)):
        if before == after:
            continue
        begin, end = whole(new, at, at + 1)
        if first >= 0 and _worth_bridging(new[last - 1][1], new[last:begin]):
            last = max(last, end)
        else:
            if first >= 0:
                yield first, last
            first, last = begin, end
    yield first, last


def _worth_bridging(before: Pen, cells: list[Cell]) -> bool:
    """Whether cells are to be written again: few, and none that needs another pen than the cell before them."""
    if len(cells) > BRIDGED_CELLS:
        return False
    return all(pen == before or (before.color and not _change(before, pen)) for _, pen in cells)


@lru_cache(4096)
def _pens(style: Style, colors: ColorSystem) -> tuple[Pen, Pen]:
    """Return how a style looks on letters, and on blanks."""
    codes = [
        ";".join(color.downgrade(colors).get_ansi_codes(foreground)) if color is not None else default
        for color, foreground, default in ((style.color, True, "39"), (style.bgcolor, False, "49"))
    ]
    pen = Pen(tuple(on for name, on, _ in ATTRIBUTES if getattr(style, name)), *codes)
    if REVERSE in pen.attributes:
        return pen, pen
    return pen, Pen(tuple(on for on in pen.attributes if on in SHOWN_BY_BLANKS), "", pen.ground)


@lru_cache(1024)
def _after(before: Pen | None, pen: Pen) -> Pen:
    """Return the pen in the terminal's hand after a cell was written; a blank leaves what it doesn't show."""
    if pen.color:
        return pen
    if before is None:
        return Pen(pen.attributes, "39", pen.ground)
    kept = (on for on in before.attributes if on not in SHOWN_BY_BLANKS and on != REVERSE)
    return Pen((*kept, *pen.attributes), before.color or "39", pen.ground)


@lru_cache(1024)
def _change(before: Pen | None, cell: Pen) -> str:
    """Return what changes the pen in the terminal's hand so that a cell can be written."""
    after = _after(before, cell)
    if before is None:
        return f"\x1b[{';'.join(['0', *after.attributes, after.color, after.ground])}m"
    off = dict.fromkeys(OFF[on] for on in before.attributes if on not in after.attributes)
    still_on = {on for on in before.attributes if OFF[on] not in off}
    parts = [*off, *(on for on in after.attributes if on not in still_on)]
    if before.color != after.color:
        parts.append(after.color)
    if before.ground != after.ground:
        parts.append(after.ground)
    return f"\x1b[{';'.join(parts)}m" if parts else ""
