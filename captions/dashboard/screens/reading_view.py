"""A screen for a room or a tired eye: the newest words in two or three short rows, and whether it is listening."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from captions.dashboard.entry_text import safe
from captions.dashboard.keys import shown
from captions.dashboard.painting import changed_columns
from captions.dashboard.roll_up import ROW_CELLS, RollUp, Row
from captions.dashboard.status_line import LOOKS, fitting
from captions.dashboard.wrapping import rows
from captions.events import Entry, Final, Partial, SessionState

KEPT_ENTRIES = 32
"""How many entries are laid out anew when the terminal changes its size."""
DETAIL_ROWS = 3
DETAIL_CELLS = 80
NOTHING_YET = Row("Nothing was said yet.", 21, "rule")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the rows stand: their number, the first one's row on the screen, the distance between them, the column."""

    count: int
    top: int
    step: int
    left: int
    cells: int


def place(width: int, height: int, above: int) -> Place:
    """Return where rows stand on a screen of which `above` rows are taken: in its middle, with blank rows between."""
    room = height - above
    count = 3 if room >= 5 else 2 if room >= 2 else 1
    step = 2 if room >= 2 * count - 1 else 1
    taken = (count - 1) * step + 1
    cells = max(1, min(ROW_CELLS, width - 2))
    top = max(above + (room > taken), (height - taken) // 2)
    return Place(count, top, step, max(0, (width - cells) // 2), cells)


class ReadingLines(Widget):
    """The state at the upper edge, what it has to say under it, and the rows."""

    ALLOW_SELECT: ClassVar[bool] = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "reading-view--final",
        "reading-view--tentative",
        "reading-view--rule",
        "reading-view--gap",
        "reading-view--information",
        "reading-view--warning",
        "reading-view--error",
        "reading-view--listening",
        "reading-view--waiting",
        "reading-view--paused",
        "reading-view--failed",
        "reading-view--detail",
        "reading-view--hint",
    }

    def __init__(self, entries: Iterable[Entry], partials: Iterable[Partial], state: SessionState) -> None:
        super().__init__()
        self.entries: deque[Entry] = deque(entries, maxlen=KEPT_ENTRIES)
        self.partials = {partial.track: partial for partial in partials}
        self.state = state
        self.hint = ""
        self._roll: RollUp | None = None
        self._place = place(1, 1, 1)
        self._lines: list[Strip] = []
        self._painted: list[Strip] = []

    @property
    def roll(self) -> RollUp | None:
        """The rows, once there is a size to lay them out for."""
        return self._roll

    def on_resize(self, event: events.Resize) -> None:
        """Lay everything out for the new size."""
        self._painted.clear()
        self.lay_out(anew=True)
        self.refresh()

    def lay_out(self, anew: bool = False) -> None:
        """Paint what differs; with `anew`, break the kept entries into rows again first."""
        width, height = self.size
        if not width or not height:
            return
        detail = self._detail()
        there = place(width, height, 1 + len(detail))
        if anew or self._roll is None or (there.cells, there.count) != (self._place.cells, self._place.count):
            self._roll = RollUp(there.cells, there.count)
            for entry in self.entries:
                self._roll.add(entry)
            for partial in self.partials.values():
                self._roll.show_partial(partial)
        self._place = there
        blank = Strip.blank(width, self.get_component_rich_style("reading-view--final"))
        self._lines = [self._edge(), *detail, *[blank] * height][:height]
        in_sight = self._roll.rows()
        if not any(row.text for row in in_sight):
            in_sight[-1] = NOTHING_YET
        for number, row in enumerate(in_sight):
            y = there.top + number * there.step
            if y < height:
                self._lines[y] = self._line(row)
        del self._painted[height:]
        dirty = []
        for y, before in enumerate(self._painted):
            if columns := changed_columns(before, self._lines[y]):
                dirty.append(Region(columns[0], y, columns[1] - columns[0], 1))
        if dirty:
            self.refresh(*dirty)

    def _line(self, row: Row) -> Strip:
        style = self.get_component_rich_style
        ground = style("reading-view--final")
        segments = [
            Segment(" " * self._place.left, ground),
            Segment(row.text[: row.settled], style(f"reading-view--{row.look}")),
            Segment(row.text[row.settled :], style("reading-view--tentative")),
        ]
        return Strip(segments).adjust_cell_length(self.size.width, ground).simplify()

    def _edge(self) -> Strip:
        """The state at the left with the language that is listened for, and at the right the key that leads back."""
        style = self.get_component_rich_style
        symbol, word, look = LOOKS[self.state.phase]
        chip = f" {symbol} {word} "
        hint = f"{self.hint} " if self.hint else ""
        language = f"  {safe(self.state.language)}" if self.state.language else ""
        room = self.size.width - 1 - cell_len(chip)
        left, right = fitting([language, ""], room - cell_len(hint) - 1), fitting([hint, ""], room - 1)
        gap = " " * (room - cell_len(left) - cell_len(right))
        parts = [(" ", "final"), (chip, look), (left, "hint"), (gap, "final"), (right, "hint")]
        segments = [Segment(text, style(f"reading-view--{part}")) for text, part in parts if text]
        return Strip(segments).adjust_cell_length(self.size.width, style("reading-view--final"))

    def _detail(self) -> list[Strip]:
        """What the state has to say beyond its word."""
        style = self.get_component_rich_style
        width = self.size.width
        text = safe(self.state.detail).strip()
        if not text:
            return []
        lines = rows(text, max(1, min(DETAIL_CELLS, width - 3)))
        if len(lines) > DETAIL_ROWS:
            lines[DETAIL_ROWS - 1 :] = [rows(lines[DETAIL_ROWS - 1], max(1, width - 4))[0] + "…"]
        strips = [Strip([Segment(f"  {line}", style("reading-view--detail"))]) for line in lines]
        return [strip.adjust_cell_length(width, style("reading-view--final")) for strip in strips]

    def render_line(self, y: int) -> Strip:
        """Return the strip at row `y`."""
        if y >= len(self._lines):
            return Strip.blank(self.size.width, self.get_component_rich_style("reading-view--final"))
        self._painted.extend([self._lines[y]] * (y + 1 - len(self._painted)))
        self._painted[y] = self._lines[y]
        return self._lines[y]

    def notify_style_update(self) -> None:
        """Render anew in other colours."""
        super().notify_style_update()
        self.call_later(self.lay_out)  # a widget is told before the styles of its parts are there


class ReadingView(Screen[None]):
    """Shown in place of the dashboard; the app tells it the same things.

    `entries` are the newest of the log (the last `KEPT_ENTRIES` are taken), `partials` one a track.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("z,escape,q", "dismiss", "Back", tooltip="Back to the log", id="reading.close"),
    ]

    def __init__(self, entries: Iterable[Entry], partials: Iterable[Partial], state: SessionState) -> None:
        super().__init__()
        self.lines = ReadingLines(entries, partials, state)

    def compose(self) -> ComposeResult:
        """The rows, over the whole screen."""
        yield self.lines

    def on_mount(self) -> None:
        """Name the key that leads back."""
        if key := shown(self.app, "reading.close").partition(" ")[0]:
            self.lines.hint = f"{key} back"

    def add(self, entry: Entry) -> None:
        """Add what was said, missed or changed."""
        self.lines.entries.append(entry)
        if self.lines.roll is not None:
            self.lines.roll.add(entry)
        if isinstance(entry, Final):
            self.lines.partials.pop(entry.track, None)
        self.lines.lay_out()

    def show_partial(self, partial: Partial) -> None:
        """Show what was heard since the last final; empty text takes it away."""
        self.lines.partials[partial.track] = partial
        if self.lines.roll is not None:
            self.lines.roll.show_partial(partial)
        self.lines.lay_out()

    def show_state(self, state: SessionState) -> None:
        """Show what the session is doing."""
        self.lines.state = state
        self.lines.lay_out()

    def clear(self) -> None:
        """Take all words off the screen."""
        self.lines.entries.clear()
        self.lines.partials.clear()
        self.lines.lay_out(anew=True)
