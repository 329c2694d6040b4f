"""What is happening, to whom, for how long, and where in a file: a symbol, a word and a colour, to see at a glance.

Under it, when they are wanted, the figures: how late words are, stage by stage, and what the screen costs.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from captions.dashboard.entry_text import duration, safe
from captions.dashboard.figures import Figures
from captions.dashboard.painting import changed_columns
from captions.dashboard.wrapping import rows
from captions.events import Backlog, Phase, Progress, SessionState

LOOKS = {
    Phase.STARTING: ("◌", "STARTING", "waiting"),
    Phase.CONNECTING: ("◌", "CONNECTING", "waiting"),
    Phase.LISTENING: ("●", "LISTENING", "listening"),
    Phase.PAUSED: ("‖", "PAUSED", "paused"),
    Phase.RECONNECTING: ("↻", "RECONNECTING", "waiting"),
    Phase.WAITING: ("◌", "WAITING", "waiting"),
    Phase.ENDED: ("■", "END OF FILE", "paused"),
    Phase.NO_INPUT: ("○", "NO INPUT", "waiting"),
    Phase.FAILED: ("✕", "STOPPED", "failed"),
}
"""Symbol, word and component style of each phase."""
TO_THE_SECOND = {Phase.STARTING, Phase.CONNECTING, Phase.LISTENING, Phase.RECONNECTING, Phase.WAITING}
"""Phases in which time matters to the second; in the others to the minute, so that a screen at rest costs nothing."""
DOT = "  ·  "
TO = " / "
DETAIL_ROWS = 3
DETAIL_BESIDE_FROM = 80
"""From this width on what is being opened or loaded is told beside the state."""
FIGURE_ROWS_OF = 4
"""Figures take one of so many rows of the terminal at most."""
LEAST_CUT = 8
"""Less of a text than this is as good as nothing."""
BAR_CELLS = 24
COARSE_SECONDS = 10
"""To how many seconds time matters over a slow link."""
LIVE_SECONDS = 1.0
"""Audio that waits for less than this is live."""


def short_name(name: str) -> str:
    """Return a recogniser's name without where it is."""
    return name.partition(" at ")[0].partition(" on ")[0]


def fitting(texts: Sequence[str], room: int) -> str:
    """Return the first of the texts that fits, else as much of the last as does, if that says anything."""
    for text in texts:
        if cell_len(text) <= room:
            return text
    return set_cell_size(texts[-1], room - 1).rstrip() + "…" if texts and room >= LEAST_CUT else ""


class StatusLine(Widget):
    """One row, a few more with the figures, and up to three more when the session's state has more to say."""

    ALLOW_SELECT: ClassVar[bool] = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "status-line--listening",
        "status-line--waiting",
        "status-line--paused",
        "status-line--failed",
        "status-line--text",
        "status-line--quiet",
        "status-line--bar",
        "status-line--detail",
    }

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(id="status")
        self._clock = clock
        self._state = SessionState(Phase.STARTING, "", "", clock())
        self._progress: Progress | None = None
        self._backlog = Backlog(0.0, 0)
        self._billed = 0
        self._finishing = False
        self._figures = Figures()
        self._figures_shown = False
        self._figure_rows = 0
        self._painted: list[Strip] = []
        self.low_bandwidth = False
        """Whether to count to ten seconds only."""

    def on_mount(self) -> None:
        """Count the seconds."""
        self.set_interval(1.0, self._repaint)

    def on_resize(self, event: events.Resize) -> None:
        """Give figures and detail the rows that they need at this width."""
        self._figure_rows = 0
        self._painted.clear()
        self._fit()
        self.refresh()

    def show_state(self, state: SessionState) -> None:
        """Show what the session is doing."""
        self._state = state
        self._fit()
        self.refresh()

    def show_progress(self, progress: Progress | None) -> None:
        """Show where a file is being played; None when nothing is played."""
        self._progress = progress
        self._repaint()

    def show_backlog(self, backlog: Backlog) -> None:
        """Show how far behind live the session is, and how often it failed in a row."""
        self._backlog = backlog
        self._repaint()

    def show_billed(self, units: int) -> None:
        """Show how many units the service has billed so far; none where nothing is billed."""
        self._billed = units
        self._repaint()

    def show_figures(self, figures: Figures) -> None:
        """Have other figures to show."""
        self._figures = figures
        self._fit()
        self._repaint()

    def toggle_figures(self) -> bool:
        """Show the figures or hide them, and return whether they are shown now."""
        self._figures_shown = not self._figures_shown
        self._figure_rows = 0
        self._fit()
        self.refresh()
        return self._figures_shown

    def show_finishing(self) -> None:
        """Show that the program waits for the last words before it ends."""
        self._finishing = True
        self.refresh()

    @property
    def state(self) -> SessionState:
        """What the session is doing."""
        return self._state

    @property
    def now(self) -> float:
        """What the clock says, in seconds."""
        return self._clock()

    @property
    def detail(self) -> str:
        """What the state has to say beyond its word."""
        return "" if self._finishing else safe(self._state.detail).strip()

    @property
    def _has_detail_beside(self) -> bool:
        """Whether the detail is beside the state: of what passes by itself, so that nothing moves for it."""
        return self._state.phase in (Phase.STARTING, Phase.CONNECTING) and self.size.width >= DETAIL_BESIDE_FROM

    def _detail_rows(self) -> list[str]:
        width = max(1, self.size.width - 3)
        if not self.detail or self._has_detail_beside:
            return []
        lines = rows(self.detail, width)
        if len(lines) > DETAIL_ROWS:
            lines[DETAIL_ROWS - 1 :] = [set_cell_size(lines[DETAIL_ROWS - 1], width - 1).rstrip() + "…"]
        return lines

    def _figures_in_rows(self) -> list[str]:
        """The figures, each whole, in the rows that they take at this width, while there is room for these."""
        lines: list[str] = []
        for part in self._figures.parts() if self._figures_shown else []:
            line = f"{lines[-1]}{DOT}{part}" if lines else ""
            if line and cell_len(line) <= self.size.width - 4:
                lines[-1] = line
            else:
                lines.append(part)
        return lines[: max(1, self.app.size.height // FIGURE_ROWS_OF)]

    def _fit(self) -> None:
        # They never take fewer rows than before, so that nothing under them moves back and forth.
        self._figure_rows = max(self._figure_rows, len(self._figures_in_rows())) if self._figures_shown else 0
        height = 1 + self._figure_rows + len(self._detail_rows())
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height

    def _repaint(self) -> None:
        changed = []
        for y, before in enumerate(self._painted):
            if columns := changed_columns(before, self._line_at(y)):
                changed.append(Region(columns[0], y, columns[1] - columns[0], 1))
        if changed:
            self.refresh(*changed)

    def _since(self) -> str:
        seconds = max(0.0, self._clock() - self._state.since)
        if self._state.phase in TO_THE_SECOND:
            return duration(self._coarse(seconds))
        return f"{int(seconds // 60)} min" if seconds >= 60 else "just now"

    def _coarse(self, seconds: float) -> float:
        return seconds // COARSE_SECONDS * COARSE_SECONDS if self.low_bandwidth else seconds

    def _line(self) -> Strip:
        """The state's chip and what fits beside it: how long, who listens, and where in the file at the right."""
        style = self.get_component_rich_style
        symbol, word, look = LOOKS[self._state.phase]
        since, who = self._since(), self._tails()
        if self._finishing:
            symbol, word, look, since, who = "◌", "FINISHING", "waiting", "the last words …", []
        chip = f" {symbol} {word} "
        room = self.size.width - cell_len(chip) - 1
        place, bar = self._place()
        if place and room < cell_len(place) + len(since) + 2 + min(map(cell_len, who), default=0):
            # Who listens matters more than for how long, and than how long the file is.
            since, place, bar = place.partition(TO)[0], "", ""
        right = cell_len(place) + 1 if place and room >= cell_len(place) + len(since) + 3 else 0
        with_bar = bool(bar) and room - right > BAR_CELLS + 1 + len(since) + cell_len(who[0] if who else "")
        right = right + BAR_CELLS + 1 if with_bar else right
        left = room - right
        text = f" {since}" if left > len(since) else ""
        tail = fitting(who, left - len(text))
        segments = [
            Segment(chip, style(f"status-line--{look}")),
            Segment(" " + text, style("status-line--text")),
            Segment(set_cell_size(tail, left - cell_len(text)), style("status-line--quiet")),
        ]
        if with_bar:
            segments.append(Segment(bar.rstrip("─"), style("status-line--bar")))
            segments.append(Segment("─" * (BAR_CELLS - len(bar.rstrip("─"))) + " ", style("status-line--quiet")))
        if right:
            segments.append(Segment(place + " ", style("status-line--text")))
        return Strip(segments).adjust_cell_length(self.size.width, style("status-line--text"))

    def _tails(self) -> list[str]:
        """What stands behind the time, from all that there is to what there is room for on the narrowest screen."""
        whole, language = safe(self._state.recognizer), safe(self._state.language)
        name = short_name(whole)
        region = ", ".join(dict.fromkeys(code.partition("-")[0] for code in language.split(", ")))
        heads = [f"{whole}, {language}", f"{name}, {language}", f"{name} {region}"] if language else [whole, name]
        parts = self._parts()
        tails = [DOT.join([head, *parts[:many]]) for many in range(len(parts), -1, -1) for head in heads]
        return [DOT + tail for tail in tails] + [f"  {head}" for head in (*heads, name)] if whole else []

    def _parts(self) -> list[str]:
        """What gets ready, how late words are, how far behind, after how many failures, and for how many units."""
        parts = [self.detail if self._has_detail_beside else ""]
        if self._state.phase is Phase.LISTENING:
            parts.append(self._figures.delay)
        if self._backlog.seconds >= LIVE_SECONDS:
            parts.append(f"{self._backlog.seconds:.0f} s behind")
        if self._backlog.failures and self._state.phase is not Phase.FAILED:
            parts.append(f"try {self._backlog.failures + 1}")
        if self._billed:
            parts.append(f"{self._billed} units billed")
        return [part for part in parts if part]

    def _place(self) -> tuple[str, str]:
        """Where in the file, in words and as a bar; the bar only where the file says how long it is."""
        if self._progress is None:
            return "", ""
        elapsed, total = self._coarse(self._progress.elapsed), self._progress.total
        if not total:
            return duration(elapsed), ""
        done = round(min(1.0, elapsed / total) * BAR_CELLS)
        return f"{duration(elapsed)}{TO}{duration(total)}", "━" * done + "─" * (BAR_CELLS - done)

    def render_line(self, y: int) -> Strip:
        """The state, then the figures, then the state's detail."""
        strip = self._line_at(y)
        self._painted.extend([strip] * (y + 1 - len(self._painted)))
        self._painted[y] = strip
        return strip

    def _line_at(self, y: int) -> Strip:
        if y == 0:
            return self._line()
        figures = self._figures_in_rows()
        figures += [""] * (self._figure_rows - len(figures))
        texts = [*figures, *self._detail_rows()]
        style = self.get_component_rich_style(f"status-line--{'quiet' if y <= self._figure_rows else 'detail'}")
        text = texts[y - 1] if y <= len(texts) else ""
        return Strip([Segment(f"   {text}", style)]).adjust_cell_length(self.size.width, style)

    def notify_style_update(self) -> None:
        """Render anew in other colours."""
        super().notify_style_update()
        self.refresh()
