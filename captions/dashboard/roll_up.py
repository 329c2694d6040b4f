"""Captions as broadcasters show them: two or three short rows, where words are added to the lowest.

When that row is full, all roll up by one. A row that stands is never broken anew, so the eye finds every word where it
left it. A new utterance begins a row of its own.
"""

from collections import deque
from dataclasses import dataclass, replace

from captions.dashboard.entry_text import entry_style, entry_text, safe
from captions.dashboard.wrapping import row_starts
from captions.events import Entry, Final, Partial

ROW_CELLS = 42
CYRILLIC_ROW_CELLS = 39
"""The widest row of subtitles, and of Russian ones, in cells (Netflix' timed text style guides)."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row, how many of its first characters are settled, and a style of `entry_style`."""

    text: str
    settled: int
    look: str = "final"


BLANK = Row("", 0)


def widest(text: str, cells: int) -> int:
    """Return how wide the rows of a text may be where there is room for `cells`. Its first letter decides.

    What is added to a text later therefore doesn't change how its first rows are broken.
    """
    letter = next(filter(str.isalpha, text), "")
    return min(cells, CYRILLIC_ROW_CELLS if "\u0400" <= letter <= "\u052f" else ROW_CELLS)


def spaced(text: str) -> str:
    """Return the text with one space between words and none around them, as in print."""
    return " ".join(filter(None, text.split(" ")))


def broken(text: str, settled: int, cells: int) -> list[Row]:
    """Return the text as rows of at most `cells` cells; its first `settled` characters are settled."""
    starts = row_starts(text, cells)
    ends = [*starts[1:], len(text)]
    pieces = [(start, text[start:end].rstrip(" ")) for start, end in zip(starts, ends, strict=True)]
    return [Row(piece, min(max(0, settled - start), len(piece))) for start, piece in pieces]


class RollUp:
    """The rows that are in sight: `count` of them, each at most `cells` cells wide."""

    def __init__(self, cells: int, count: int) -> None:
        self._cells = cells
        self._count = count
        self._done: deque[Row] = deque(maxlen=count)
        self._done_ever = 0
        self._first = 0
        """The number of the row at the top. It never becomes less: what has rolled up doesn't come down again."""
        self._line = ""
        """The settled beginning of a row that is not full, in an utterance that goes on, of `_track`."""
        self._track = ""
        self._line_cells = cells
        self._partials: dict[str, Partial] = {}

    def add(self, entry: Entry) -> None:
        """Add an entry: a final's words where its track's partial stood, anything else on rows of its own."""
        text = spaced(entry_text(entry))
        if not isinstance(entry, Final):
            if text:
                self._end_line()
                for row in broken(text, len(text), widest(text, self._cells)):
                    self._finish(replace(row, look=entry_style(entry)))
            return
        self._partials.pop(entry.track, None)
        if entry.track != self._track:
            self._end_line()
            self._track = entry.track
        if text:
            beginning, cells = self._beginning(entry.track, text)
            *full, last = broken(beginning + text, len(beginning + text), cells)
            for row in full:
                self._finish(row)
            self._line, self._line_cells = last.text, cells
        if entry.end_of_utterance:
            self._end_line()

    def show_partial(self, partial: Partial) -> None:
        """Show what was heard since the last final; empty text takes the partial away."""
        if safe(partial.text).strip():
            self._partials[partial.track] = partial
        else:
            self._partials.pop(partial.track, None)

    def rows(self) -> list[Row]:
        """Return the rows in sight, from the top; those that hold nothing yet are blank."""
        rows = [*self._done]
        if self._line and self._track not in self._partials:
            rows.append(Row(self._line, len(self._line)))
        for track in sorted(self._partials, key=lambda track: track != self._track):
            rows += self._partial_rows(self._partials[track])
        oldest = self._done_ever - len(self._done)
        self._first = max(self._first, oldest + len(rows) - self._count)
        in_sight = rows[self._first - oldest :]
        return in_sight + [BLANK] * (self._count - len(in_sight))

    def _partial_rows(self, partial: Partial) -> list[Row]:
        text = spaced(safe(partial.text))
        beginning, cells = self._beginning(partial.track, text)
        settled = spaced(safe(partial.text[: partial.committed]))
        return broken(beginning + text, len(beginning) + len(settled), cells)

    def _beginning(self, track: str, text: str) -> tuple[str, int]:
        """What stands on the row before a text that comes now, and how wide its rows may be."""
        if self._line and track == self._track:
            return self._line + " ", self._line_cells
        return "", widest(text, self._cells)

    def _end_line(self) -> None:
        if self._line:
            self._finish(Row(self._line, len(self._line)))
            self._line = ""

    def _finish(self, row: Row) -> None:
        self._done.append(row)
        self._done_ever += 1
