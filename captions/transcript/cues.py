"""Captions cut to size: what SubRip and WebVTT show at once.

A cue has at most two lines (`line_breaks` says how long), is shown for 1 to 7 s, and for a twentieth of a second per
cell at least where what follows leaves it the time (Netflix Timed Text Style Guide: 7 s, 20 characters a second for
adults; 1 s is a little above its 5/6 s). It begins with its first word and is not cut short before its last one ends,
so a limit gives way where it cannot be met: a word that is longer than a line stands alone on a line of its own, a word
said for more than 7 s leaves after 7 s, and speech faster than can be read is shown as fast as it was said.

Times are whole milliseconds, as both formats count them, so that rounding cannot make two cues overlap.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from captions.events import Final, Gap
from captions.transcript.line_breaks import GOOD, break_cost, cells, cells_per_line, unbreakable, words_of

SHORTEST = 1000
LONGEST = 7000
PER_CELL = 50
"""Milliseconds that reading takes: 20 cells a second."""
LINES = 2

_CUE_COST = 10.0
_EMPTINESS_COST = 20.0
_HURRY_COST = 300.0
_FLASH_COST = 500.0
_ORPHAN_COST = 1000.0
_LONELY_WORD_COST = 100.0


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown from `start` until `end`, in milliseconds on the session's clock.

    `gap` is what the cue tells of where it holds no caption; `marked` whether a marked caption begins in it.
    """

    track: str
    start: int
    end: int
    lines: tuple[str, ...]
    marked: bool = False
    gap: Gap | None = None

    @property
    def text(self) -> str:
        """All lines as one."""
        return " ".join(self.lines)

    @property
    def readable_from(self) -> int:
        """The millisecond from which on it may end: it can have been read, and was shown for the least time."""
        return self.start + reading_time(sum(map(cells, self.lines)))


@dataclass(slots=True)
class Piece:
    """A part of a caption in which no line may end: a word, or a character of Chinese or Japanese.

    Times are milliseconds. `spaced` says whether a space parts it from the piece before.
    """

    text: str
    start: int
    end: int
    spaced: bool
    marked: bool = False
    ends_utterance: bool = False


def reading_time(width: int) -> int:
    """Return for how many milliseconds so many cells have to be shown."""
    return min(LONGEST, max(SHORTEST, width * PER_CELL))


def milliseconds(seconds: float) -> int:
    """Return whole milliseconds of the session's clock, which begins at 0."""
    return max(0, round(seconds * 1000))


def pieces_of(caption: Final, text: str, earliest: int = 0) -> list[Piece]:
    """Return the pieces of a caption, whose plain text is `text`, with their places in time.

    Where the recogniser told words, a piece has the times of its word: the one with the same number or, where the text
    has more or fewer (it writes numbers in digits, say), the one that is said as far into the caption as the piece
    stands in the text. Without words, time is shared out by cells. No piece begins before `earliest`, in
    milliseconds, or before the piece ahead of it.
    """
    words = words_of(text)
    pieces = [Piece(part, 0, 0, spaced=place == 0) for word in words for place, part in enumerate(unbreakable(word))]
    if not pieces:
        return []
    # Spaces count: they are the moments between words.
    ends = list(accumulate(cells(piece.text) + piece.spaced for piece in pieces))
    starts = [0, *ends[:-1]]
    first, last = milliseconds(caption.start), milliseconds(max(caption.start, caption.end))
    total = max(1, ends[-1])
    if not caption.words:
        for piece, start, end in zip(pieces, starts, ends, strict=True):
            piece.start = first + (last - first) * start // total
            piece.end = first + (last - first) * end // total
    elif len(caption.words) == len(words) == len(pieces):
        for piece, said in zip(pieces, caption.words, strict=True):
            piece.start, piece.end = milliseconds(said.start), milliseconds(said.end)
    else:
        said_until = list(accumulate(len(said.text) + 1 for said in caption.words))
        for piece, start, end in zip(pieces, starts, ends, strict=True):
            begun = bisect_right(said_until, start * said_until[-1] / total)
            done = bisect_right(said_until, (end - 1) * said_until[-1] / total)
            piece.start = milliseconds(caption.words[min(begun, len(said_until) - 1)].start)
            piece.end = milliseconds(caption.words[min(done, len(said_until) - 1)].end)
    for piece in pieces:
        piece.start = earliest = max(earliest, first, min(piece.start, last))
        piece.end = max(piece.start, min(piece.end, last))
    pieces[-1].ends_utterance = caption.end_of_utterance
    return pieces


def cut(track: str, pieces: Sequence[Piece], following: int | None = None) -> Iterator[Cue]:
    """Cut pieces that belong together into cues. A cue's `end` is when it would like to: what follows may end it.

    `following` is the millisecond at which something else follows, None where that isn't known.
    """
    if not pieces:
        return
    layout = _Layout(pieces)
    ends = [len(pieces)] if layout.is_one_line() else _best_ends(pieces, layout, following)
    first = 0
    while first < len(pieces):
        end = ends[first]
        said = pieces[first:end]
        start = said[0].start
        until = max(said[-1].end, start + reading_time(layout.width(first, end)))
        lines = tuple(map(joined, _lines(said, first, layout)))
        yield Cue(track, start, min(until, start + LONGEST), lines, any(piece.marked for piece in said))
        first = end


def joined(pieces: Sequence[Piece]) -> str:
    """Return the text of pieces on one line."""
    return "".join(f" {piece.text}" if piece.spaced else piece.text for piece in pieces).removeprefix(" ")


class _Layout:
    """Where pieces would stand were they all on one line, in cells, and what it costs to end a line after each."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.room = cells_per_line("".join(piece.text for piece in pieces))
        self.costs = [GOOD, *map(_cost_between, pieces, pieces[1:]), GOOD]
        """What it costs that a line begins with each piece; the last is that of none following."""
        self._pieces = pieces
        self._begins: list[int] = []
        self._ends: list[int] = []
        place = 0
        for piece in pieces:
            self._begins.append(place + piece.spaced)
            place = self._begins[-1] + cells(piece.text)
            self._ends.append(place)
        # One past the last piece of a line that begins with each piece; the piece itself where it is too long for one.
        self._line_ends = [bisect_right(self._ends, begin + self.room, at) for at, begin in enumerate(self._begins)]

    def width(self, first: int, end: int) -> int:
        """Return how many cells the pieces from `first` up to `end` take on one line."""
        return self._ends[end - 1] - self._begins[first]

    def is_one_line(self) -> bool:
        """Whether all pieces fit on one line, and are said quickly enough for one cue: most are, and need no search."""
        count = len(self._pieces)
        return self.width(0, count) <= self.room and self.is_one_cue(0, count)

    def is_one_cue(self, first: int, end: int) -> bool:
        """Whether these pieces are few enough for two lines, and said quickly enough for one cue."""
        second = self._line_ends[first]
        return (end <= second or (second > first and self.width(second, end) <= self.room)) and (
            self._pieces[end - 1].end - self._pieces[first].start <= LONGEST
        )

    def line_breaks(self, first: int, end: int) -> range:
        """Return the pieces with which the second line of the cue may begin; none where all are on one line."""
        if self.width(first, end) <= self.room:
            return range(0)
        earliest = bisect_left(self._begins, self._ends[end - 1] - self.room, first + 1)
        return range(earliest, min(end, self._line_ends[first] + 1))


def _cost_between(before: Piece, after: Piece) -> float:
    return GOOD if before.ends_utterance else break_cost(before.text, after.text)


def _best_ends(pieces: Sequence[Piece], layout: _Layout, following: int | None) -> list[int]:
    """Return, for each piece, one past the last piece of the cue that begins with it in the best way on from there.

    The best way costs least: words that stand alone are dearest, then cues that cannot be read in their time, then
    breaks that part what belongs together, then many cues and uneven ones. It is found from the end, as the lines of a
    paragraph are (Knuth and Plass, Breaking Paragraphs into Lines, 1981).
    """
    count = len(pieces)
    until = [*(piece.start for piece in pieces), float("inf") if following is None else following]
    best = [0.0] * (count + 1)
    ends = [count] * count
    for first in range(count - 1, -1, -1):
        best[first] = float("inf")
        start = pieces[first].start
        for end in range(first + 1, count + 1):
            alone = end == first + 1
            if not alone and not layout.is_one_cue(first, end):
                break
            width = layout.width(first, end)
            emptiness = max(0.0, 1 - width / (LINES * layout.room))
            cost = _CUE_COST + 2 * layout.costs[end] + best[end] + _EMPTINESS_COST * emptiness * emptiness
            if alone:
                cost += _ORPHAN_COST
            elif breaks := layout.line_breaks(first, end):
                cost += min(layout.costs[breaks.start : breaks.stop])
            shown, needed = until[end] - start, reading_time(width)
            if shown < needed:
                cost += _HURRY_COST * (1 - shown / needed) + _FLASH_COST * (shown < SHORTEST)
            if cost < best[first]:
                best[first], ends[first] = cost, end
    return ends


def _lines(pieces: Sequence[Piece], first: int, layout: _Layout) -> list[Sequence[Piece]]:
    """Return the pieces of a cue, of which the first has the number `first`, on one line if they fit, else on two."""
    last = first + len(pieces)
    breaks = layout.line_breaks(first, last)
    if len(pieces) == 1 or not breaks:
        return [pieces]

    def cost(second: int) -> float:
        above, below = layout.width(first, second), layout.width(second, last)
        lonely = (second == first + 1) + (second == last - 1)
        # Even lines, the lower one rather the longer one.
        uneven = above - below if above > below else (below - above) / 2
        return layout.costs[second] + uneven + _LONELY_WORD_COST * lonely

    second = min(breaks, key=cost) - first
    return [pieces[:second], pieces[second:]]
