"""Cues out of entries as they come: which captions are cut together, when a cue ends, in which order cues are told."""

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from heapq import heappop, heappush
from itertools import chain

from captions.events import Entry, Final, Gap, InputChanged, Paused
from captions.plain_text import plain
from captions.transcript.cues import LONGEST, SHORTEST, Cue, Piece, cut, milliseconds, pieces_of, reading_time
from captions.transcript.line_breaks import cells

NEAR = 1000
"""Milliseconds of silence between captions that may still share a cue."""
SHORTEST_IN_A_HURRY = 300
"""Milliseconds that a cue is shown even if others begin meanwhile: those are shown later (the BBC's subtitle
guidelines ask for 0.3 s a word). It takes captions that lie on one another for that to happen."""
PATIENCE = 2000
"""Milliseconds by which a cue waits at most until one of somebody else who is speaking can have been read."""
MOST_PIECES = 400
"""After so many pieces, minutes of speech, an utterance that does not end is cut anyway."""


class OneAtATime:
    """Ends each cue when the next one begins, if not sooner. Cues come in the order of their starts.

    `patience` is for how many milliseconds the next one may be put off for the one before to be read.
    """

    def __init__(self, patience: int = 0) -> None:
        self.waiting: Cue | None = None
        """The newest cue, of which it isn't known how long it can be shown."""
        self._patience = patience

    def add(self, cue: Cue) -> Iterator[Cue]:
        """Yield the cue before this one, if there is one."""
        before, self.waiting = self.waiting, cue
        if before is None:
            return
        start = max(
            cue.start,
            min(before.end, before.readable_from, cue.start + self._patience),
            min(before.end, before.start + SHORTEST_IN_A_HURRY),
        )
        if start > cue.start:
            late = replace(cue, start=start)
            self.waiting = replace(late, end=max(late.end, late.readable_from))
        yield replace(before, end=start) if before.end > start else before


class _Track:
    """What is known of one track, and not told yet."""

    def __init__(self, name: str, label: str, mark: str) -> None:
        self._name = name
        self._label = f"{plain(label).strip()}: " if label.strip() else ""
        self._mark = mark
        self._pieces: list[Piece] = []
        self._shown = OneAtATime()
        self._reached = 0

    @property
    def earliest(self) -> int:
        """No cue that is still to come begins before this millisecond."""
        if self._shown.waiting is not None:
            return self._shown.waiting.start
        return self._pieces[0].start if self._pieces else self._reached

    def add_caption(self, caption: Final, marked: bool) -> Iterator[Cue]:
        """Take a caption, and yield the cues that can be told now."""
        pieces = pieces_of(caption, plain(caption.text), self._reached)
        if not pieces:
            self._end_utterance(caption)
            return
        if self._pieces and not self._goes_on(pieces[0]):
            yield from self.close(pieces[0].start)
        first = pieces[0]
        if marked:
            first.marked = True
            first.text = self._mark + first.text
        if not self._pieces:
            first.text = self._label + first.text
        self._pieces += pieces
        self._reached = pieces[-1].start

    def add_gap(self, gap: Gap) -> Iterator[Cue]:
        """Take a gap: what was said before it and what is said after it share no cue."""
        start = max(self._reached, milliseconds(gap.start))
        yield from self.close(start)
        text = f"{self._label}[{gap.end - gap.start:.1f} s were not heard]"
        end = max(start + reading_time(cells(text)), min(milliseconds(gap.end), start + LONGEST))
        self._reached = start
        yield from self._shown.add(Cue(self._name, start, end, (text,), gap=gap))

    def close(self, following: int | None = None) -> Iterator[Cue]:
        """Cut what is open: what comes, at `following` milliseconds if that is known, does not belong to it."""
        pieces, self._pieces = self._pieces, []
        for cue in cut(self._name, pieces, following):
            yield from self._shown.add(cue)

    def rest(self) -> Iterator[Cue]:
        """Yield what would be told if nothing came any more. Nothing changes by it."""
        track = copy.copy(self)
        track._shown = copy.copy(self._shown)
        yield from track.close()
        if track._shown.waiting is not None:
            yield track._shown.waiting

    def _goes_on(self, following: Piece) -> bool:
        """Whether a caption that begins so is cut together with what is open.

        It is if both are of one utterance, or if what is open is too short to stand alone.
        """
        begun, last = self._pieces[0], self._pieces[-1]
        if following.start - last.end > NEAR or len(self._pieces) >= MOST_PIECES:
            return False
        short = following.start - begun.start < SHORTEST or len(self._pieces) == 1
        return short or not last.ends_utterance

    def _end_utterance(self, caption: Final) -> None:
        if self._pieces and caption.end_of_utterance:
            self._pieces[-1].ends_utterance = True


class CueStream:
    """Cuts entries into cues, each of which is told as soon as it cannot change any more.

    Cues of one track never overlap; those of two may, as people do. All come in the order of their starts: that holds
    if `labels` names all tracks that will be, each with what its cues begin with when it begins to speak ("" for
    nothing). `mark` is what the first cue of a marked caption begins with.
    """

    def __init__(self, labels: Mapping[str, str], mark: str = "") -> None:
        self._mark = mark
        self._tracks = {name: _Track(name, label, mark) for name, label in labels.items()}
        self._settled: list[tuple[int, int, Cue]] = []
        self._told = 0
        self._count = 0

    def add(self, entry: Entry, marked: bool = False) -> Iterator[Cue]:
        """Take an entry, of which `marked` tells whether it is a marked caption, and yield what is settled by it."""
        match entry:
            case Final():
                self._settle(self._track(entry.track).add_caption(entry, marked))
            case Gap():
                self._settle(self._track(entry.track).add_gap(entry))
            case InputChanged() if entry.track in self._tracks:
                self._settle(self._track(entry.track).close())
            case Paused():
                self._settle(chain.from_iterable(track.close() for track in self._tracks.values()))
            case _:
                return
        settled_until = min((track.earliest for track in self._tracks.values()), default=0)
        while self._settled and (len(self._tracks) == 1 or self._settled[0][0] < settled_until):
            yield self._in_order(heappop(self._settled)[2])

    def rest(self) -> Iterator[Cue]:
        """Yield the cues that are not settled yet, as they are if nothing follows. Nothing changes by it."""
        stream = copy.copy(self)
        stream._settled = list(self._settled)
        stream._settle(chain.from_iterable(track.rest() for track in self._tracks.values()))
        while stream._settled:
            yield stream._in_order(heappop(stream._settled)[2])

    def _track(self, name: str) -> _Track:
        if name not in self._tracks:
            self._tracks[name] = _Track(name, "", self._mark)
        return self._tracks[name]

    def _settle(self, cues: Iterable[Cue]) -> None:
        for cue in cues:
            self._count += 1
            heappush(self._settled, (cue.start, self._count, cue))

    def _in_order(self, cue: Cue) -> Cue:
        """A track that nobody had named may come late: its first cue begins no sooner than what is told already."""
        if cue.start < self._told:
            late = replace(cue, start=self._told)
            cue = replace(late, end=max(late.end, late.readable_from))
        self._told = cue.start
        return cue
