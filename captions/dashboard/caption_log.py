"""The captions on the screen: one line-rendering widget over a transcript.

The partial is the log's tail: words stay where they were first read when they become final, and a final that takes
as many rows as the partial it replaces moves nothing. While one utterance grows, its rows never become fewer, so a
partial that is revised back and forth does not make the lines above it jump.

Either the live end is followed, or the reader's place is kept: the first row in sight stays the row of the same
character of the same entry, whatever is added below, filtered or laid out anew. `_update` sees to it after every
change. What takes long (laying out after a resize, searching) is done a little at a time between events.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from captions.dashboard.entry_text import safe
from captions.dashboard.log_rows import LogRows
from captions.dashboard.log_selection import Point, ends_of, selection_of, words_of
from captions.dashboard.painting import changed_columns
from captions.dashboard.row_layout import Place
from captions.events import Entry, Final, Partial
from captions.transcript.search import Search
from captions.transcript.transcript import Transcript

SLICE_SECONDS = 0.004
"""For how long work that is done a little at a time holds up the event loop."""
RESIZE_REST_SECONDS = 0.05
"""How long the size has to stay the same before what is out of sight is laid out for it."""


@dataclass(frozen=True, slots=True)
class Where:
    """What a log shows, to go back to."""

    following: bool
    first: Point
    cursor: int | None
    search: Search | None
    filtered: bool


class CaptionLog(ScrollView, inherit_bindings=False, can_focus=True):
    """All entries with their times, and the partials under them."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "caption-log--time",
        "caption-log--final",
        "caption-log--partial",
        "caption-log--rule",
        "caption-log--gap",
        "caption-log--information",
        "caption-log--warning",
        "caption-log--error",
        "caption-log--sign",
        "caption-log--match",
        "caption-log--match-current",
        "caption-log--selection",
    }
    following: reactive[bool] = reactive(True, repaint=False)
    """Whether the live end is kept in sight."""
    unseen: reactive[int] = reactive(0, repaint=False)
    """Captions that were added since the reader left the live end."""

    class Moved(Message):
        """`following` or `unseen` changed."""

    class Changed(Message):
        """What is searched, found, filtered, selected or under the cursor changed."""

    class MarkWanted(Message):
        """The person wants the caption of `track` that is said at `time` marked, or its mark taken away.

        The log shows it once it is given the `Mark`.
        """

        def __init__(self, track: str, time: float, removed: bool) -> None:
            super().__init__()
            self.track = track
            self.time = time
            self.removed = removed

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.low_bandwidth = False
        """Whether to scroll by half of what is in sight when the live end leaves it: most updates then paint a row."""
        self.filtered = False
        """Whether only captions with the words that are searched for are shown."""
        self._rows = LogRows(self._style)
        self._partials: dict[str, Partial] = {}
        self._selected_from: int | None = None
        self._live_top: int | None = None
        self._thumb = 0
        self._kept: tuple[int, Place] | None = None
        self._placing = False
        self._painted: list[Strip] = []
        self._styles: dict[str, Style] = {}
        self._catching_up = False
        self._rest_until = 0.0

    # What is shown

    @property
    def transcript(self) -> Transcript:
        """All entries, also those that a filter hides."""
        return self._rows.transcript

    @property
    def entries(self) -> list[Entry]:
        """The entries of the transcript."""
        return self.transcript.entries

    @property
    def partials(self) -> Iterable[Partial]:
        """What is being said, one a track."""
        return self._partials.values()

    @property
    def cursor(self) -> int | None:
        """The entry that was gone to last, until the reader scrolls."""
        return self._rows.cursor

    @property
    def search(self) -> Search | None:
        """What is searched for."""
        return self._rows.search

    def open(self, transcript: Transcript) -> None:
        """Show another transcript, from its end. It may have been made in a thread: nothing here takes long."""
        self._rows.open(transcript)
        self._partials.clear()
        self._rows.cursor = None
        self.stop_selecting()
        if self.search is not None:
            self._rows.search = Search(self.search.words, transcript)
        self._kept = None
        self._show_partials(same_utterance=False)
        self.follow()
        self._go_on_searching()

    def clear(self) -> None:
        """Take everything off the screen."""
        self.open(Transcript())

    def add(self, entries: Iterable[Entry]) -> None:
        """Add entries at the end. A final takes the place of its track's partial; a mark shows beside its caption."""
        before, marks, said = len(self._rows.shown), list(self.transcript.marks), False
        for entry in entries:
            self.transcript.append(entry)
            if isinstance(entry, Final):
                self._partials.pop(entry.track, None)
                said = True
        self._go_on_searching()
        self._rows.shown.take_new()
        if not self.following:
            new = map(self._rows.shown.entry_at, range(before, len(self._rows.shown)))
            self.unseen += sum(isinstance(self.entries[entry], Final) for entry in new)
        if marks != self.transcript.marks:
            self._rows.forget()
        self._show_partials(same_utterance=not said)
        self._update()

    def show_partial(self, partial: Partial) -> None:
        """Show what was heard since the last final; empty text takes the partial away."""
        if safe(partial.text).strip():
            self._partials[partial.track] = partial
        else:
            self._partials.pop(partial.track, None)
        self._show_partials()
        self._update()

    def follow(self) -> None:
        """Go to the live end and stay there."""
        self._rows.cursor = None
        self.following = True
        self.unseen = 0
        self._live_top = None
        self._rows.forget()
        self._update()
        self.post_message(self.Changed())

    def _show_partials(self, same_utterance: bool = True) -> None:
        self._rows.show_partials(self._partials.values(), same_utterance)

    # Rows

    def render_line(self, y: int) -> Strip:
        """Return the strip at row `y` of what is in sight."""
        if not self._rows.width:
            return Strip.blank(self.size.width, self.rich_style)
        strip = self._strip_at(y)
        self._painted.extend([strip] * (y + 1 - len(self._painted)))
        self._painted[y] = strip
        return strip

    def _strip_at(self, y: int) -> Strip:
        return self._rows.strip_at(self.scroll_offset.y + y)

    def _style(self, name: str) -> Style:
        if name not in self._styles:
            self._styles[name] = self.get_component_rich_style(f"caption-log--{name}")
        return self._styles[name]

    def notify_style_update(self) -> None:
        """Render anew in other colours."""
        super().notify_style_update()
        self.call_later(self._restyle)  # a widget is told before the styles of its parts are there

    def _restyle(self) -> None:
        self._styles.clear()
        self._rows.forget()
        self._show_partials()
        self._update()

    # Keeping the live end, or the reader's place

    def _update(self, place: Place | None = None) -> None:
        """Lay out what is in sight and around it, have the live end or the place in sight, and repaint what differs."""
        if not self._rows.width:
            return
        layout, height = self._rows.shown.layout, max(1, self.size.height)
        if self.following:
            while layout.lay_out(layout.rows - 2 * height, layout.rows):
                pass
            top = self._live_top = self._top_of_live_end(self._rows.count, height)
        else:
            place = place or self._place()
            # A screen more on both sides, so that one can page into it by exactly as many rows.
            while layout.lay_out(layout.row_of(place) - height, layout.row_of(place) + 2 * height):
                pass
            top = layout.row_of(place)
        length = max(self._rows.count, (self._live_top or 0) + height)
        self._placing = True
        # Set past the reactive, which would lay out the whole screen and paint all of it again.
        self.set_reactive(ScrollView.virtual_size, Size(self._rows.width, length))
        if top != self.scroll_offset.y or top > self.max_scroll_y:
            self.scroll_to(y=top, animate=False, force=True)
        self._placing = False
        self._kept = None if place is None else (self.scroll_offset.y, place)
        self._repaint()
        self._move_scrollbar()
        if not layout.complete:
            self._catch_up_soon()

    def _top_of_live_end(self, rows: int, height: int) -> int:
        last = max(0, rows - height)
        if not self.low_bandwidth or self._live_top is None or self._live_top >= rows:
            return last
        return self._live_top if last <= self._live_top else max(last, self._live_top + height // 2)

    def _place(self) -> Place:
        """The place at the top of what is in sight. It stays the same through several resizes, so none adds to it."""
        row = self.scroll_offset.y
        if self._kept is not None and self._kept[0] == row:
            return self._kept[1]
        return self._rows.shown.layout.place_at(row)

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

    def on_resize(self, event: events.Resize) -> None:
        """Lay out anew when the width changed, with the row that the reader sees first staying first."""
        width = self.scrollable_content_region.width
        del self._painted[self.size.height :]
        self._live_top = None
        place = None if self.following else self._place()
        if width != self._rows.width:
            self._rows.width = width
            self._painted.clear()
            self._rows.forget()
            if self._rows.fit():
                self._rest_until = time.monotonic() + RESIZE_REST_SECONDS
            self._show_partials()
            self.refresh()
        self._update(place)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Stop following when the reader goes up, follow again at the end.

        In place of ScrollView's, which paints every cell.
        """
        if self._placing or not self._rows.width:
            return
        if round(old_value) <= self.max_scroll_y:  # else it is Textual, because there are fewer rows now
            self._kept = None
            if self._selected_from is None and self.cursor is not None:
                self._rows.cursor = None
                self._rows.forget()
                self.post_message(self.Changed())
            self.following = round(new_value) >= self.max_scroll_y
            if self.following:
                self.unseen = 0
        self._update()

    def watch_following(self) -> None:
        """Tell the pane."""
        self.post_message(self.Moved())

    def watch_unseen(self) -> None:
        """Tell the pane."""
        self.post_message(self.Moved())

    # Work that is done a little at a time

    @property
    def settled(self) -> bool:
        """Whether everything is searched and laid out."""
        return self._rows.shown.layout.complete and (self.search is None or self.search.done)

    def _catch_up_soon(self) -> None:
        if not self._catching_up and self.is_attached:
            self._catching_up = True
            self.run_worker(self._catch_up(), group="log")

    async def _catch_up(self) -> None:
        """Search and lay out until all is done, leaving the loop to others after each slice."""
        try:
            while not self.settled:
                await asyncio.sleep(max(0.0, self._rest_until - time.monotonic()))
                if self.search is not None and not self.search.done:
                    self._go_on_searching()
                else:
                    place = None if self.following else self._place()
                    self._rows.shown.layout.go_on(SLICE_SECONDS)
                    self._update(place)
        finally:
            self._catching_up = False

    def _go_on_searching(self) -> None:
        if self.search is None:
            return
        if self.search.go_on(SLICE_SECONDS):
            if self.filtered and self._rows.shown.only is not self.search:
                self.go_back_to(self.where())
            self._rows.shown.take_new()
            self.post_message(self.Changed())
        else:
            self._catch_up_soon()

    # Searching

    def look_for(self, words: str) -> None:
        """Search for words, and show where they are; no words end it. `Changed` tells when something is found."""
        self._rows.search = Search(words, self.transcript) if words else None
        self._rows.cursor = None
        self._rows.forget()
        self._show_partials()
        self._go_on_searching()
        self._update()
        if self.search is None:
            self.show_only_matches(False)

    def show_only_matches(self, only: bool) -> None:
        """Hide all but the captions with the words that are searched for, or show everything again."""
        self.filtered = only and self.search is not None
        if self.search is None or self.search.done:
            self.go_back_to(self.where())

    def where(self) -> Where:
        """Return what is shown now."""
        item, character = self._place()
        point = self._rows.shown.entry_at(item), character
        return Where(self.following, point, self.cursor, self.search, self.filtered)

    def go_back_to(self, where: Where) -> None:
        """Show what was shown before, from the same character on, or from the next entry that is not hidden."""
        self._rows.search, self._rows.cursor, self.filtered = where.search, where.cursor, where.filtered
        self._rows.filter(self.search if self.filtered else None)
        self._rows.forget()
        self._kept = self._live_top = None
        self._show_partials()
        self.following = where.following
        entry, character = where.first
        item = self._rows.shown.item_of(entry)
        same = self._rows.shown.entry_at(item) == entry
        self._update(None if self.following else (item, character if same else 0))
        self._go_on_searching()
        self.post_message(self.Changed())

    # Going to an entry

    def here(self) -> int | None:
        """The entry from which the reader goes on: the one gone to last, or else the first wholly in sight."""
        if self.cursor is not None:
            return self.cursor
        shown = self._rows.shown
        if not len(shown) or not self._rows.width:
            return None
        if self.following:
            return shown.entry_at(len(shown) - 1)
        item, within = shown.layout.item_at(min(self.scroll_offset.y, shown.layout.rows - 1))
        return shown.entry_at(min(item + bool(within), len(shown) - 1))

    def caption_here(self) -> int | None:
        """The same, but never what is no caption: for a follower the last caption, for a reader the next."""
        here, step = self.here(), -1 if self.following else 1
        while here is not None and not isinstance(self.entries[here], Final):
            here = here + step if 0 <= here + step < len(self.entries) else None
        return here

    def go_to(self, entry: int) -> None:
        """Bring an entry into sight, or the next if it is hidden, and stay there. A selection goes on to it."""
        shown, layout, height = self._rows.shown, self._rows.shown.layout, max(1, self.size.height)
        if not len(shown) or not self._rows.width:
            return
        item = min(shown.item_of(entry), len(shown) - 1)
        self._rows.cursor = shown.entry_at(item)
        place = self._place()
        self.following = False
        while layout.lay_out(layout.top_of(item) - height, layout.top_of(item) + 2 * height):
            pass
        top, first = layout.row_of(place), layout.top_of(item)
        past_last = layout.top_of(item + 1) if item + 1 < len(shown) else layout.rows
        if not top <= first < past_last <= top + height:
            place = layout.place_at(max(0, min(first - height // 3, layout.rows - height)))
        self._rows.forget()
        self._update(place)
        if self._selected_from is not None:
            self._select(*sorted((self._selected_from, shown.entry_at(item))))
        self.post_message(self.Changed())

    def scroll_by(self, rows: int) -> None:
        """Scroll down by so many rows, or up if it is under 0. At the end the live end is followed."""
        self.scroll_to(y=self.scroll_offset.y + rows, animate=False, force=True)
        if rows > 0 and not self.following and self.scroll_offset.y >= self.max_scroll_y:
            self.follow()

    def step(self, count: int) -> None:
        """Go on by so many of the entries that are shown, back if it is under 0."""
        if (here := self.here()) is not None:
            item = max(0, min(self._rows.shown.item_of(here) + count, len(self._rows.shown) - 1))
            self.go_to(self._rows.shown.entry_at(item))

    def mark(self) -> None:
        """Ask for a mark, or for its end: on what is being said for a follower, else on the caption gone on from."""
        if self.following and self._partials:
            partial = max(self._partials.values(), key=lambda partial: partial.end)
            said = self.transcript.time_after(partial.track, partial.start)
            removed = self.transcript.mark_is_coming(partial.track)
            self.post_message(self.MarkWanted(partial.track, said, removed))
            return
        if (here := self.caption_here()) is not None:
            caption, removed = self.entries[here], self.transcript.marked(here)
            assert isinstance(caption, Final)
            self.post_message(self.MarkWanted(caption.track, self.transcript.time_in(here), removed))

    # Selecting

    @property
    def selecting(self) -> bool:
        """Whether captions are being selected with keys."""
        return self._selected_from is not None

    def select_here(self) -> None:
        """Begin a selection with the caption that is gone on from; `step` and the keys that move extend it."""
        if (here := self.here()) is not None:
            self._selected_from = here
            self.go_to(here)

    def _select(self, first: int, last: int) -> None:
        selection = selection_of(self._rows.shown, first, last)
        self.screen.selections = {self: selection}
        self.selection_updated(selection)

    def stop_selecting(self) -> None:
        """Select nothing any more."""
        self._selected_from = self._rows.selected = None
        if self.is_attached:
            self.screen.clear_selection()

    def selected(self) -> Iterator[str]:
        """Yield the words that are selected, entry by entry, without times and without the breaks of rows."""
        if self._rows.selected is not None:
            yield from words_of(self._rows.shown, self._rows.selected)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the words that are selected; Textual asks when the focus is elsewhere."""
        return "\n".join(self.selected()), "\n"

    def _in_sight(self) -> tuple[Point, Point]:
        """The first character of an entry that is in sight, and the one past the last."""
        shown, first = self._rows.shown, self.scroll_offset.y
        if not len(shown):
            return (0, 0), (0, 0)
        last = shown.layout.rows - 1
        item, character = shown.layout.place_at(min(first, last))
        end = shown.entry_at(shown.layout.item_at(min(first + self.size.height - 1, last))[0])
        return (shown.entry_at(item), character), (end, len(shown.text(end)))

    def selection_updated(self, selection: Selection | None) -> None:
        """Show what is selected now; Textual tells each change a little later."""
        selected = self.text_selection
        if selected is None:
            self._selected_from = None
        self._rows.selected = None if selected is None else ends_of(selected, *self._in_sight())
        self._rows.forget()
        if self._rows.width:
            self._repaint()
        self.post_message(self.Changed())

    def on_click(self, event: events.Click) -> None:
        """Select the caption by a double click, in place of Textual's, which selects the whole log."""
        if event.chain > 1:
            event.prevent_default()
            offset = event.style.meta.get("offset")
            if offset is not None and offset[1] < len(self.transcript):
                self._select(offset[1], offset[1])
