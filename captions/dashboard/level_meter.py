"""How loud it is, on a scale from -60 to 0 dBFS, in cells, in numbers and in a word."""

from typing import ClassVar

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from captions.dashboard.painting import changed_columns
from captions.events import Level

FLOOR = -60.0
LOUD = -6.0
WORDS = ((-50.0, "silent"), (-32.0, "quiet"), (-3.0, "good"), (1.0, "loud"))
"""Up to which peak, in dBFS, a level is called what."""
CLIP_SECONDS = 2.0
"""How long clipping stays on the screen, in seconds of audio."""
COARSE_STEP = 6
"""Decibels between two levels that are told apart over a slow link."""
READING_CELLS = 17
MOST_CELLS = 60
"""One cell for one decibel."""
FULL, EMPTY, HOLD = "█", "·", "│"


class LevelMeter(Widget):
    """A bar for the RMS, a mark for the peak hold, then the RMS in dBFS and a word for the peak hold."""

    ALLOW_SELECT: ClassVar[bool] = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "level-meter--bar",
        "level-meter--loud",
        "level-meter--empty",
        "level-meter--hold",
        "level-meter--reading",
        "level-meter--clip",
    }

    def __init__(self) -> None:
        super().__init__(id="meter")
        self.low_bandwidth = False
        """Whether small changes are left out."""
        self._level: Level | None = None
        self._clipped_at = float("-inf")
        self._painted: Strip | None = None

    def show(self, level: Level | None) -> None:
        """Show a level, or with None that nothing is heard. Repaints only the cells that change."""
        self._level = level
        if level is None:
            self._clipped_at = float("-inf")
        elif level.clipped:
            self._clipped_at = level.time
        if self._painted is None:
            return
        if columns := changed_columns(self._painted, self._line()):
            self.refresh(Region(columns[0], 0, columns[1] - columns[0], 1))

    @property
    def word(self) -> str:
        """What the level is called."""
        if self._level is None:
            return "off"
        if self._level.time - self._clipped_at < CLIP_SECONDS:
            return "CLIP"
        return next((word for limit, word in WORDS if self._level.peak_hold < limit), WORDS[-1][1])

    def _bar_cells(self) -> int:
        return max(4, min(MOST_CELLS, self.size.width - READING_CELLS - 2))

    def _line(self) -> Strip:
        cells, level, word = self._bar_cells(), self._level, self.word
        step = COARSE_STEP if self.low_bandwidth else 1
        rms, held = (step * round(dbfs / step) for dbfs in (level.rms, level.peak_hold)) if level else (FLOOR, FLOOR)

        def column(dbfs: float) -> int:
            return round(min(1.0, max(0.0, 1 - dbfs / FLOOR)) * cells)

        filled = column(rms) if level else 0
        hold = column(held) - 1 if level else -1
        style = self.get_component_rich_style
        empty = EMPTY * cells
        bar = [
            (FULL * min(filled, column(LOUD)), "bar"),
            (FULL * (filled - column(LOUD)), "loud"),
        ]
        if hold >= filled:
            bar += [(empty[filled:hold], "empty"), (HOLD, "hold"), (empty[hold + 1 :], "empty")]
        else:
            bar.append((empty[filled:], "empty"))
        segments = [Segment(" ", style("level-meter--reading"))]
        segments += [Segment(text, style(f"level-meter--{look}")) for text, look in bar if text]
        reading = f" {max(FLOOR, rms):4.0f} dB  " if level else "   – dB  "
        segments.append(Segment(reading.replace("-", "−"), style("level-meter--reading")))
        segments.append(Segment(f"{word:<7}", style(f"level-meter--{'clip' if word == 'CLIP' else 'reading'}")))
        return Strip(segments).adjust_cell_length(self.size.width, style("level-meter--reading"))

    def _scale(self) -> Strip:
        cells = self._bar_cells()
        scale = [" "] * (cells + 2)
        for dbfs in (-60, -50, -40, -30, -20, -10, 0) if cells >= 50 else (-60, -40, -20, 0):
            label = f"{dbfs}".replace("-", "−")
            start = min(round((1 - dbfs / FLOOR) * cells) + 1, cells + 1 - len(label))
            scale[start : start + len(label)] = label
        style = self.get_component_rich_style("level-meter--empty")
        return Strip([Segment("".join(scale), style)]).adjust_cell_length(self.size.width, style)

    def render_line(self, y: int) -> Strip:
        """The bar, and where there is room the scale under it."""
        if y:
            return self._scale()
        self._painted = self._line()
        return self._painted

    def notify_style_update(self) -> None:
        """Render anew in other colours."""
        super().notify_style_update()
        self.refresh()
