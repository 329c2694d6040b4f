"""The rows of the log: those of the entries that are shown, then those of the partials, as strips."""

from collections.abc import Callable, Iterable

from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.strip import Strip

from captions.dashboard.caption_rows import (
    CURSOR,
    LONG_TIME_FROM,
    MARK,
    Look,
    ShownText,
    gutter_cells,
    place_meta,
    text_cells,
)
from captions.dashboard.entry_text import entry_style, safe, time_of_day
from captions.dashboard.log_selection import Point, part_of
from captions.dashboard.shown_entries import ShownEntries
from captions.dashboard.wrapping import row_starts
from captions.events import Final, Partial
from captions.transcript.search import Search
from captions.transcript.transcript import Transcript, short_code

NOW = "now"
MORE = "\u00a0…"
"""Ends a partial; the space keeps it on the row of the last word."""
UNCONFIRMED = "\u00a0… (not confirmed yet)"
EMPTY = "Nothing was said yet."
NO_MATCH = "No caption matches."
CACHED_ROWS = 512
CACHED_ENTRIES = 256


class LogRows:
    """Makes strips for rows as they come in sight. After a change of its attributes it has to `forget` those made."""

    def __init__(self, style_of: Callable[[str], Style]) -> None:
        self.width = 0
        """Of the log, in cells; 0 until it is known."""
        self.transcript = Transcript()
        self.search: Search | None = None
        """What it finds is set off."""
        self.cursor: int | None = None
        """The entry that was gone to."""
        self.selected: tuple[Point, Point] | None = None
        """The first character that is selected, and the one past the last."""
        self.shown = self._all = ShownEntries(self.transcript, 0)
        self.tail_rows = 0
        self._style_of = style_of
        self._tail: list[ShownText] = []
        self._tail_strips: dict[int, Strip] = {}
        self._strips: LRUCache[tuple[int, int], Strip] = LRUCache(CACHED_ROWS)
        self._texts: LRUCache[int, ShownText] = LRUCache(CACHED_ENTRIES)

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self.shown.layout.rows + self.tail_rows

    def forget(self) -> None:
        """Make all strips anew."""
        self._strips.clear()
        self._texts.clear()
        self._tail_strips.clear()

    def open(self, transcript: Transcript) -> None:
        """Show all entries of another transcript."""
        self.transcript = transcript
        self.shown = self._all = ShownEntries(transcript, self._text_cells)
        self.forget()

    def filter(self, only: Search | None) -> None:
        """Show only what a search found, which must be done, or all entries again."""
        if only is self.shown.only:
            return
        if only is None:
            self.shown = self._all
            self.shown.take_new()
            self.fit()
        else:
            self.shown = ShownEntries(self.transcript, self._text_cells, only)
        self.forget()

    def fit(self) -> bool:
        """Have the entries laid out for the present width, by and by. Returns whether that has to be."""
        if self.shown.layout.width == self._text_cells:
            return False
        self.shown.layout.change_width(self._text_cells)
        return True

    @property
    def _text_cells(self) -> int:
        return text_cells(self.width) if self.width else 0

    def show_partials(self, partials: Iterable[Partial], same_utterance: bool) -> None:
        """Show these under the entries. While an utterance goes on, they never take fewer rows than before."""
        self._tail = []
        self._tail_strips.clear()
        if not self.width:
            return
        for partial in partials:
            text = safe(partial.text).strip()
            if self.shown.only is not None and not self.shown.only.spans(text):
                continue
            settled = len(safe(partial.text[: partial.committed]).lstrip())
            whole = text + (UNCONFIRMED if partial.unconfirmed else MORE)
            looks = [(0, settled, self._style_of("final")), (settled, len(whole), self._style_of("partial"))]
            sign = MARK if self.transcript.mark_is_coming(partial.track) else ""
            starts = row_starts(whole, self._text_cells)
            # Selecting words that are still to change makes no sense: for the mouse they are the last caption's end.
            entry, end = self._end()
            self._tail.append(ShownText(entry, whole, starts, looks, self._matches_in(text), NOW, sign, end))
        rows = sum(len(shown.starts) for shown in self._tail)
        self.tail_rows = max(self.tail_rows, rows) if rows and same_utterance else rows

    def strip_at(self, row: int) -> Strip:
        """Return the strip of a row; past the last one, a blank one."""
        if row < self.shown.layout.rows:
            item, within = self.shown.layout.item_at(row)
            key = self.shown.entry_at(item), within
            strip = self._strips.get(key)
            if strip is None:
                strip = self._strips[key] = self._text_of(key[0]).strip(within, self.width, self._style_of)
            return strip
        row -= self.shown.layout.rows
        if row not in self._tail_strips:
            self._tail_strips[row] = self._tail_strip(row)
        return self._tail_strips[row]

    def _text_of(self, index: int) -> ShownText:
        shown = self._texts.get(index)
        if shown is None:
            entry, text = self.transcript.entries[index], self.shown.text(index)
            over = self._matches_in(text, index == self.cursor) if isinstance(entry, Final) else []
            if self.selected is not None:
                over.append((*part_of(index, text, self.selected), self._style_of("selection")))
            shown = self._texts[index] = ShownText(
                index,
                text,
                row_starts(text, self._text_cells),
                [(0, len(text), self._style_of(entry_style(entry)))],
                over,
                self._beside(index),
                MARK if self.transcript.marked(index) else CURSOR if index == self.cursor else "",
            )
        return shown

    def _beside(self, index: int) -> str:
        """What stands beside an entry: its time, and its language where that is another than before."""
        entry, wide = self.transcript.entries[index], self.width >= LONG_TIME_FROM
        continues = self.shown.only is None and self.transcript.continues(index)
        if not (isinstance(entry, Final) and self.transcript.in_another_language(index)):
            return "" if continues else time_of_day(entry.wall, seconds=wide)
        # In the cells of the seconds, or of the time: the entries around it have theirs.
        code = f"{safe(short_code(entry.language))[:3]:>3}"
        return code if continues or not wide else time_of_day(entry.wall, seconds=False) + code

    def _matches_in(self, text: str, current: bool = False) -> list[Look]:
        if self.search is None:
            return []
        style = self._style_of("match-current" if current else "match")
        return [(begin, end, style) for begin, end in self.search.spans(text)]

    def _tail_strip(self, row: int) -> Strip:
        nothing = row == 0 and not self._tail and not len(self.shown)
        for shown in self._tail:
            if row < len(shown.starts):
                return shown.strip(row, self.width, self._style_of)
            row -= len(shown.starts)
        style = self._style_of("rule" if nothing else "final")
        entry, end = self._end()
        text = ""
        if nothing:
            text = " " * gutter_cells(self.width) + (EMPTY if self.shown.only is None else NO_MATCH)
        if self.transcript.entries:
            style += place_meta(end, entry)
        return Strip([Segment(text[: self.width], style)]).adjust_cell_length(self.width, style)

    def _end(self) -> Point:
        """Where the last entry ends."""
        last = len(self.transcript) - 1
        return (last, len(self.shown.text(last))) if last >= 0 else (0, 0)
