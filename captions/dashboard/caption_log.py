"""The captions on the screen: one line-rendering widget over the entries themselves.

The partial is the log's tail: words stay where they were first read when they become final, and a final that takes
as many rows as the partial it replaces moves nothing. While one utterance grows, its rows never become fewer, so a
partial that is revised back and forth does not make the lines above it jump.

Only the tail ever changes, so `_tops` (the first row of each entry at the present width) only grows, and the entry at
a row is found by bisection. A reader who scrolls up stops following; entries are added below and nothing moves.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from itertools import islice
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from captions.dashboard.entry_text import entry_style, entry_text, safe, time_of_day
from captions.dashboard.painting import changed_columns
from captions.dashboard.wrapping import row_starts, rows
from captions.events import Entry, Final, Partial

MEASURE = 96
"""No row of text is longer, in cells: longer ones are hard to read on from."""
LONG_TIME_FROM = 60
SHORT_TIME_FROM = 36
"""Widths from which times are shown as HH:MM:SS and as HH:MM; below, there are none."""
NOW = "now"
MORE = "\u00a0…"
"""Ends a partial; the space keeps it on the row of the last word."""
UNCONFIRMED = "\u00a0… (not confirmed yet)"
EMPTY = "Nothing was said yet."
CACHED_ENTRIES = 512


def _partial_text(partial: Partial) -> str:
    return safe(partial.text).strip() + (UNCONFIRMED if partial.unconfirmed else MORE)


class CaptionLog(ScrollView, inherit_bindings=False, can_focus=True):
    """All entries with their times, and the partial under them."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "caption-log--time",
        "caption-log--final",
        "caption-log--partial",
        "caption-log--rule",
        "caption-log--gap",
        "caption-log--information",
        "caption-log--warning",
        "caption-log--error",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "line_up", "Up a line", show=False, id="log.up"),
        Binding("down,j", "line_down", "Down a line", show=False, id="log.down"),
        Binding("pageup", "screen_up", "Up a screen", show=False, id="log.page-up"),
        Binding("pagedown", "screen_down", "Down a screen", show=False, id="log.page-down"),
        Binding("home", "first", "To the beginning", show=False, id="log.home"),
        Binding("end", "live_end", "Follow the live end", show=False, id="log.end"),
    ]

    following: reactive[bool] = reactive(True, repaint=False)
    """Whether the live end is kept in sight."""
    unseen: reactive[int] = reactive(0, repaint=False)
    """Captions that were added since the reader left the live end."""

    class Moved(Message):
        """`following` or `unseen` changed."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.entries: list[Entry] = []
        self._texts: list[str] = []
        self._continues = bytearray()
        self._open_utterances: set[str] = set()
        self._tops = array("L")
        self._rows = 0
        self._partials: dict[str, Partial] = {}
        self._tail: list[Strip] = []
        self._tail_rows = 0
        self._width = 0
        self._thumb = 0
        self._kept_place: tuple[int, tuple[int, int]] | None = None
        self._painted: list[Strip] = []
        self._strips: LRUCache[int, list[Strip]] = LRUCache(CACHED_ENTRIES)
        self._styles: dict[str, Style] = {}

    # What is shown

    def add(self, entries: Iterable[Entry]) -> None:
        """Add entries at the end. A final takes the place of its track's partial."""
        first = len(self.entries)
        for entry in entries:
            self._append(entry)
        if not self.following:
            self.unseen += sum(isinstance(entry, Final) for entry in islice(self.entries, first, None))
        self._tail_rows = 0
        self._lay_out_tail()

    def show_partial(self, partial: Partial) -> None:
        """Show what was heard since the last final; empty text takes the partial away."""
        if safe(partial.text).strip():
            self._partials[partial.track] = partial
        else:
            self._partials.pop(partial.track, None)
        self._lay_out_tail()

    def clear(self) -> None:
        """Take everything off the screen."""
        self.entries.clear()
        self._texts.clear()
        self._continues.clear()
        self._open_utterances.clear()
        self._partials.clear()
        self._kept_place = None
        self._wrap_all()
        self._lay_out_tail()
        self.follow()

    def follow(self) -> None:
        """Go to the live end and stay there."""
        self.following = True
        self.unseen = 0
        self._to_end()

    # Rows

    @property
    def _time_cells(self) -> int:
        return 10 if self._width >= LONG_TIME_FROM else 7 if self._width >= SHORT_TIME_FROM else 0

    @property
    def _text_cells(self) -> int:
        return max(1, min(MEASURE, self._width - self._time_cells - 1))

    def _append(self, entry: Entry) -> None:
        text = entry_text(entry)
        continues = False
        if isinstance(entry, Final):
            continues = entry.track in self._open_utterances
            (self._open_utterances.discard if entry.end_of_utterance else self._open_utterances.add)(entry.track)
            self._partials.pop(entry.track, None)
        else:
            self._open_utterances.clear()
        self.entries.append(entry)
        self._texts.append(text)
        self._continues.append(continues)
        if self._width:
            self._tops.append(self._rows)
            self._rows += len(row_starts(text, self._text_cells))

    def _wrap_all(self) -> None:
        width = self._text_cells
        self._strips.clear()
        self._tops = array("L")
        self._rows = 0
        for text in self._texts:
            self._tops.append(self._rows)
            self._rows += len(row_starts(text, width))

    def _lay_out_tail(self) -> None:
        """Make the tail's strips anew, keep the live end in sight, and repaint the cells that differ."""
        if not self._width:
            return
        self._tail = [
            strip
            for partial in self._partials.values()
            for strip in self._render_rows(NOW, _partial_text(partial), "partial")
        ]
        self._tail_rows = max(self._tail_rows, len(self._tail)) if self._tail else 0
        # Set past the reactive, which would lay out the whole screen and paint all of it again.
        self.set_reactive(ScrollView.virtual_size, Size(self._width, self._rows + self._tail_rows))
        if self.following:
            self._to_end()
        else:
            self.scroll_y = self.validate_scroll_y(self.scroll_y)
        self._repaint()
        self._move_scrollbar()

    def _repaint(self) -> None:
        """Have those cells painted that are not what they were when they were last painted."""
        dirty = []
        for y, before in enumerate(self._painted):
            if columns := changed_columns(before, self._strip_at(y)):
                dirty.append(Region(columns[0], y, columns[1] - columns[0], 1))
        if dirty:
            self.refresh(*dirty)

    def _move_scrollbar(self) -> None:
        """Bring the scrollbar up to date: for a follower, only when it would look different.

        At the live end it stands at the bottom and becomes shorter ever more slowly; painting it costs as much as
        several rows of text.
        """
        length, height = max(1, self.virtual_size.height), self.size.height
        thumb = min(height, round(height * height / length))
        if not self.following or thumb != self._thumb:
            self._thumb = thumb
            self.vertical_scrollbar.window_virtual_size = length
            self.vertical_scrollbar.window_size = height
            self.vertical_scrollbar.position = self.scroll_y

    def _render_rows(self, time: str, text: str, style: str) -> list[Strip]:
        """Return the strips of one entry: the time beside the first row, then the text, as wide as the log."""
        gutter = self._time_cells
        body = self._style(style)
        strips = []
        for number, row in enumerate(rows(text, self._text_cells)):
            strip = Strip([Segment(" " * (1 + gutter) + row, body)])
            if number == 0 and time and gutter:
                strip = Strip([Segment(f" {time:>{gutter - 2}}  ", self._style("time")), Segment(row, body)])
            strips.append(strip.adjust_cell_length(self._width, body).simplify())
        return strips

    def _entry_strips(self, index: int) -> list[Strip]:
        strips = self._strips.get(index)
        if strips is None:
            entry = self.entries[index]
            time = "" if self._continues[index] else self._time_of(entry)
            strips = self._render_rows(time, self._texts[index], entry_style(entry))
            self._strips[index] = strips
        return strips

    def _time_of(self, entry: Entry) -> str:
        return time_of_day(entry.wall, seconds=self._width >= LONG_TIME_FROM)

    def _style(self, name: str) -> Style:
        if name not in self._styles:
            self._styles[name] = self.get_component_rich_style(f"caption-log--{name}")
        return self._styles[name]

    def render_line(self, y: int) -> Strip:
        """Return the strip at row `y` of what is in sight."""
        if not self._width:
            return Strip.blank(self.size.width, self.rich_style)
        strip = self._strip_at(y)
        self._painted.extend([strip] * (y + 1 - len(self._painted)))
        self._painted[y] = strip
        return strip

    def _strip_at(self, y: int) -> Strip:
        row = self.scroll_offset.y + y
        if row < self._rows:
            index = bisect_right(self._tops, row) - 1
            return self._entry_strips(index)[row - self._tops[index]]
        if row - self._rows < len(self._tail):
            return self._tail[row - self._rows]
        if not self.entries and not self._tail and y == 0:
            return self._render_rows("", EMPTY, "rule")[0]
        return Strip.blank(self._width, self._style("final"))

    # Sizes and styles

    def on_resize(self, event: events.Resize) -> None:
        """Wrap again when the width changed, with the row that the reader sees first staying first."""
        width = self.scrollable_content_region.width
        del self._painted[self.size.height :]
        if width == self._width:
            if self.following:
                self._to_end()
            return
        place = self._reading_place()
        self._width = width
        self._painted.clear()
        self._wrap_all()
        self._lay_out_tail()
        if not self.following and place is not None:
            index, character = place
            starts = row_starts(self._texts[index], self._text_cells)
            row = self._tops[index] + bisect_right(starts, character) - 1
            self.scroll_to(y=row, animate=False, force=True)
            self._kept_place = self.scroll_offset.y, place
        self.refresh()

    def _reading_place(self) -> tuple[int, int] | None:
        """The entry at the top of what is in sight, and the index of the first character of it there.

        It stays the same through several resizes, so that the place does not drift with each.
        """
        row = self.scroll_offset.y
        if self._kept_place is not None and self._kept_place[0] == row:
            return self._kept_place[1]
        if not self._width or not 0 <= row < self._rows:
            return None
        index = bisect_right(self._tops, row) - 1
        return index, row_starts(self._texts[index], self._text_cells)[row - self._tops[index]]

    def notify_style_update(self) -> None:
        """Render anew in other colours."""
        super().notify_style_update()
        self._styles.clear()
        self._strips.clear()
        if self._width:
            self._lay_out_tail()

    # Reading

    def _to_end(self) -> None:
        self.scroll_to(y=self.max_scroll_y, animate=False, force=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Stop following when the reader goes up, follow again at the end.

        In place of ScrollView's, which paints every cell.
        """
        self._repaint()
        self.following = round(new_value) >= self.max_scroll_y
        if self.following:
            self.unseen = 0
        self._move_scrollbar()

    def watch_following(self) -> None:
        """Tell the pane."""
        self.post_message(self.Moved())

    def watch_unseen(self) -> None:
        """Tell the pane."""
        self.post_message(self.Moved())

    def _scroll_by(self, count: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + count, animate=False, force=True)

    def action_line_up(self) -> None:
        """Go up a row."""
        self._scroll_by(-1)

    def action_line_down(self) -> None:
        """Go down a row."""
        self._scroll_by(1)

    def action_screen_up(self) -> None:
        """Go up by what is in sight, less one row to read on from."""
        self._scroll_by(1 - max(2, self.size.height))

    def action_screen_down(self) -> None:
        """Go down by what is in sight, less one row to read on from."""
        self._scroll_by(max(2, self.size.height) - 1)

    def action_first(self) -> None:
        """Go to the first entry."""
        self.scroll_to(y=0, animate=False, force=True)

    def action_live_end(self) -> None:
        """Go to the live end and stay there."""
        self.follow()
