"""Which row of which item stands where, for a list of texts wrapped at a width that changes.

Items are laid out in blocks. A change of the width leaves all blocks as they are, out of date but whole, and they are
laid out anew one by one: those in sight at once, the others when there is time. The invariant:

    The rows are those of the blocks in order, one block after the other. Each block is laid out whole, at one width.

So every row is a row of some item at all times, and whoever keeps an item and a character in it (a place) finds its
row again after any block was laid out anew.
"""

import time
from array import array
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate

from captions.dashboard.wrapping import row_starts

BLOCK = 128
"""Items in a block: laying one out takes 0.1 ms for Latin and Cyrillic captions, 3 ms for Chinese or Japanese ones."""

Place = tuple[int, int]
"""An item, and the index of a character of its text. An item past the last one counts rows from the end instead."""


class _Block:
    __slots__ = ("rows", "tops", "width")

    def __init__(self) -> None:
        self.width = 0  # not laid out yet: as if every item took one row
        self.tops = array("I")
        self.rows = 0


class RowLayout:
    """The rows of `count` items, of which `text_of` gives the text."""

    def __init__(self, text_of: Callable[[int], str], width: int, count: int = 0) -> None:
        self.width = width
        """In cells; new items are laid out at once for it, unless it is 0."""
        self.count = 0
        self._text_of = text_of
        self._blocks: list[_Block] = []
        self._firsts: list[int] | None = []
        while self.count < count:
            block = self._new_block()
            block.rows = min(BLOCK, count - self.count)
            block.tops.extend(range(block.rows))
            self.count += block.rows
        self._to_look_at = len(self._blocks)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self._first_rows()[-1] + self._blocks[-1].rows if self._blocks else 0

    @property
    def complete(self) -> bool:
        """Whether all blocks are laid out for the width."""
        return not self._to_look_at

    def append(self) -> None:
        """Take one more item."""
        if self.count == len(self._blocks) * BLOCK:
            self._new_block().width = self.width
        block = self._blocks[-1]
        if block.width != self.width:
            self._lay_out(len(self._blocks) - 1)
        block.tops.append(block.rows)
        block.rows += len(row_starts(self._text_of(self.count), self.width)) if self.width else 1
        self.count += 1

    def change_width(self, width: int) -> None:
        """Have everything laid out for another width, by and by."""
        self.width = width
        self._to_look_at = len(self._blocks)

    def item_at(self, row: int) -> tuple[int, int]:
        """Return the item that has this row, and the number of the row in it. The row is one of `rows`."""
        firsts = self._first_rows()
        number = bisect_right(firsts, row) - 1
        tops = self._blocks[number].tops
        within = bisect_right(tops, row - firsts[number]) - 1
        return number * BLOCK + within, row - firsts[number] - tops[within]

    def top_of(self, item: int) -> int:
        """Return the first row of an item."""
        return self._first_rows()[item // BLOCK] + self._blocks[item // BLOCK].tops[item % BLOCK]

    def place_at(self, row: int) -> Place:
        """Return the item at this row, and the index of the row's first character."""
        if row >= self.rows:
            return self.count, row - self.rows
        item, within = self.item_at(row)
        width = self._blocks[item // BLOCK].width
        return item, row_starts(self._text_of(item), width)[within] if within else 0

    def row_of(self, place: Place) -> int:
        """Return the row in which a place is."""
        item, character = place
        if item >= self.count:
            return self.rows + character
        width = self._blocks[item // BLOCK].width
        within = bisect_right(row_starts(self._text_of(item), width), character) - 1 if character and width else 0
        return self.top_of(item) + within

    def lay_out(self, first: int, last: int) -> bool:
        """Lay out what is not yet among the rows from `first` to before `last`. Returns whether anything was."""
        firsts = self._first_rows()
        begin = max(0, bisect_right(firsts, max(0, first)) - 1)
        stale = [
            number
            for number in range(begin, bisect_right(firsts, last - 1))
            if self._blocks[number].width != self.width
        ]
        for number in stale:
            self._lay_out(number)
        return bool(stale)

    def go_on(self, seconds: float) -> None:
        """Lay out more blocks, the newest first, for about so long."""
        until = time.perf_counter() + seconds
        while self._to_look_at and time.perf_counter() < until:
            self._to_look_at -= 1
            if self._blocks[self._to_look_at].width != self.width:
                self._lay_out(self._to_look_at)

    def _new_block(self) -> _Block:
        if self._firsts is not None:
            self._firsts.append(self.rows)
        self._blocks.append(_Block())
        return self._blocks[-1]

    def _lay_out(self, number: int) -> None:
        block, row, width, text_of = self._blocks[number], 0, self.width, self._text_of
        tops = array("I")
        for item in range(number * BLOCK, number * BLOCK + len(block.tops)):
            tops.append(row)
            row += len(row_starts(text_of(item), width))
        if row != block.rows and number < len(self._blocks) - 1:
            self._firsts = None
        block.tops, block.rows, block.width = tops, row, width

    def _first_rows(self) -> list[int]:
        """The first row of each block. Summed up anew after a change, which takes 0.2 ms for a million items."""
        if self._firsts is None:
            self._firsts = list(accumulate((block.rows for block in self._blocks[:-1]), initial=0))
        return self._firsts
