"""One row of the log as segments: the gutter with time and sign, the words in their styles, and for the mouse where
in which caption each cell is.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Offset
from textual.strip import Strip

from captions.dashboard.wrapping import graphemes, has_clusters

LONG_TIME_FROM = 60
SHORT_TIME_FROM = 36
"""Widths from which times are shown as HH:MM:SS and as HH:MM; below, there are none."""
MEASURE = 96
"""No row of text is longer, in cells: longer ones are hard to read on from."""
MARK = "◆"
CURSOR = "▸"

Look = tuple[int, int, Style]
"""A style, and the characters of the text that it is for: the first, and one past the last."""

_GUTTER = 16
"""More than any gutter has cells: see `in_gutter`."""


def gutter_cells(width: int) -> int:
    """Return how many cells stand before the words in a log of this width: the sign, the time, two spaces."""
    return 1 + (10 if width >= LONG_TIME_FROM else 7 if width >= SHORT_TIME_FROM else 0)


def text_cells(width: int) -> int:
    """Return how many cells of a row of the log are for words."""
    return max(1, min(MEASURE, width - gutter_cells(width)))


def place_meta(character: int, entry: int) -> Style:
    """Return the style by which Textual knows what the mouse is on: Offset(character of the text, entry)."""
    return Style.from_meta({"offset": (character, entry)})


def in_gutter(character: int, entry: int) -> Style:
    """Return the same for the gutter beside a row that begins with this character.

    Textual adds the distance from the segment's first cell to what it finds; of a number that is under 0 by multiples
    of `_GUTTER`, that can be taken away again (`place_of`).
    """
    return place_meta(-_GUTTER * (character + 1), entry)


def place_of(offset: Offset) -> tuple[int, int]:
    """Return what Textual found under the mouse, as (entry, character)."""
    character, entry = offset
    return entry, character if character >= 0 else (-character - 1) // _GUTTER


@dataclass(slots=True)
class ShownText:
    """An entry or a partial as it is shown: its text, where its rows start, its styles, and what stands beside it.

    `looks` are the styles of the text, one after the other; those of `over` are laid over them, later ones on top. To
    the mouse all of it is the character `only` of the entry, if that is given.
    """

    entry: int
    text: str
    starts: list[int]
    looks: Sequence[Look]
    over: Sequence[Look]
    time: str
    sign: str
    only: int | None = None

    def strip(self, row: int, width: int, style_of: Callable[[str], Style]) -> Strip:
        """Return one of its rows, as wide as the log."""
        first = self.starts[row]
        last = self.starts[row + 1] if row + 1 < len(self.starts) else len(self.text)
        while last > first and self.text[last - 1] == " ":
            last -= 1
        sign, time = (self.sign, self.time) if row == 0 else ("", "")
        cells = gutter_cells(width)
        beside = f"{time:>{cells - 3}}  " if cells > 1 else ""
        meta = in_gutter(first, self.entry) if self.only is None else place_meta(self.only, self.entry)
        segments = [
            *([Segment(sign, style_of("sign") + meta)] if sign else []),
            Segment(beside if sign else " " + beside, style_of("time") + meta),
            *self._words(first, last),
        ]
        return Strip(segments).simplify().adjust_cell_length(width, style_of("final"))

    def _words(self, first: int, last: int) -> Iterator[Segment]:
        """Yield the text from the character `first` to before `last`."""
        over = [look for look in self.over if look[0] < last and look[1] > first]
        cuts = {first, last}
        for begin, end, _ in (*self.looks, *over):
            cuts.update(cut for cut in (begin, end) if first < cut < last)
        if has_clusters(self.text[first:last]):  # Textual finds the character under the mouse by adding up cells
            cuts.update(first + begin for begin, _, _ in graphemes(self.text[first:last]))
        for begin, end in pairwise(sorted(cuts)):
            style = next(style for look_begin, look_end, style in self.looks if look_begin <= begin < look_end)
            for over_begin, over_end, over_style in over:
                if over_begin <= begin < over_end:
                    style += over_style
            place = begin if self.only is None else self.only
            yield Segment(self.text[begin:end], style + place_meta(place, self.entry))
