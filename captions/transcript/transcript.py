"""What was said in a session, in order: the model behind the log, the exports and the search.

Several tracks may be in one transcript. Places in it are indices of `entries`, which never change: a transcript only
grows. All lookups by time are by bisection.
"""

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from captions.events import Entry, Final, Gap, Mark, StreamEnded, Titled
from captions.plain_text import plain


def begins(entry: Entry) -> float:
    """Return where an entry begins on the session's clock, in seconds."""
    return entry.start if isinstance(entry, Final | Gap) else entry.time


def ends(entry: Entry) -> float:
    """Return where an entry ends on the session's clock, in seconds; most take no time."""
    return entry.end if isinstance(entry, Final | Gap) else entry.time


def short_code(language: str) -> str:
    """Return the code of a language without its region: "de" for "de-DE"."""
    return language.partition("-")[0].lower()


class Transcript:
    """The entries that a reader sees, which of them are marked, and which go on with what was being said.

    Marks belong to captions and are no entries of their own. That streams of the recogniser follow one another is
    nothing to a reader, so their ends are left out, and so are titles, which belong to the whole.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries: list[Entry] = []
        self.texts: list[str] = []
        """The words of each caption as plain text; of what is no caption, an empty text."""
        self.captions = 0
        """How many of the entries are captions."""
        self._ends = array("d")  # the latest end so far, so that it never falls where tracks overlap
        self._continues = bytearray()
        self._open_utterances: set[str] = set()
        self._languages: dict[str, str] = {}
        """The language that was spoken last, by track."""
        self._in_another_language: set[int] = set()
        self._marks: list[int] = []
        self._coming_marks: dict[str, list[float]] = {}
        for entry in entries:
            self.append(entry)

    def __len__(self) -> int:
        return len(self.entries)

    def append(self, entry: Entry) -> None:
        """Add what came next."""
        if isinstance(entry, StreamEnded | Titled):
            return
        if isinstance(entry, Mark):
            self._mark(entry)
            return
        text, continues = "", False
        if isinstance(entry, Final):
            track = entry.track
            text = (entry.text if entry.text.isprintable() else plain(entry.text)).strip()
            continues = track in self._open_utterances
            (self._open_utterances.discard if entry.end_of_utterance else self._open_utterances.add)(track)
            self.captions += 1
            if entry.language:
                before = self._languages.setdefault(track, entry.language)
                if short_code(before) != short_code(entry.language):
                    self._in_another_language.add(len(self.entries))
                self._languages[track] = entry.language
            if track in self._coming_marks:
                self._take_coming_marks(entry)
        else:
            self._open_utterances.clear()
        self.entries.append(entry)
        self.texts.append(text)
        self._continues.append(continues)
        end = ends(entry)
        self._ends.append(max(end, self._ends[-1]) if self._ends else end)

    def continues(self, index: int) -> bool:
        """Whether a caption goes on with the utterance of the one before it on its track."""
        return bool(self._continues[index])

    def in_another_language(self, index: int) -> bool:
        """Whether a caption is in another language than the one before it on its track, as far as languages are told.

        Regions are not told apart: recognisers go to and fro between them.
        """
        return index in self._in_another_language

    # Marks

    @property
    def marks(self) -> Sequence[int]:
        """The marked captions, in order."""
        return self._marks

    def marked(self, index: int) -> bool:
        """Whether the caption is marked."""
        place = bisect_left(self._marks, index)
        return place < len(self._marks) and self._marks[place] == index

    def mark_is_coming(self, track: str) -> bool:
        """Whether the next caption of the track, which is still being said, is marked."""
        return track in self._coming_marks

    def time_in(self, index: int) -> float:
        """Return a time by which a `Mark` finds this caption: the first of its track that ends after it."""
        caption = self.entries[index]
        assert isinstance(caption, Final)
        before = self._last_of(caption.track, index)
        return caption.start if before is None else max(caption.start, before.end)

    def time_after(self, track: str, time: float) -> float:
        """Return `time`, or where the track's last caption ends if that is later: a mark there is of the next one."""
        last = self._last_of(track, len(self.entries))
        return time if last is None else max(time, last.end)

    def _last_of(self, track: str, before: int) -> Final | None:
        for index in range(before - 1, -1, -1):
            entry = self.entries[index]
            if isinstance(entry, Final) and entry.track == track:
                return entry
        return None

    def _mark(self, mark: Mark) -> None:
        index = self._first_that_ends_after(mark.time, mark.track)
        if index is None:
            if mark.removed:
                self._coming_marks.pop(mark.track, None)
            else:
                self._coming_marks.setdefault(mark.track, []).append(mark.time)
        elif mark.removed and self.marked(index):
            self._marks.remove(index)
        elif not mark.removed and not self.marked(index):
            insort(self._marks, index)

    def _first_that_ends_after(self, time: float, track: str) -> int | None:
        for index in range(bisect_right(self._ends, time), len(self.entries)):
            entry = self.entries[index]
            if isinstance(entry, Final) and entry.track == track and entry.end > time:
                return index
        return None

    def _take_coming_marks(self, caption: Final) -> None:
        coming = self._coming_marks.pop(caption.track)
        later = [time for time in coming if time >= caption.end]
        if len(later) < len(coming):
            self._marks.append(len(self.entries))
        if later:
            self._coming_marks[caption.track] = later

    # Times

    @property
    def length(self) -> float:
        """How long the session is so far, in seconds: where the last of the entries ends."""
        return self._ends[-1] if self._ends else 0.0

    def at(self, time: float) -> int:
        """Return what is said at `time` seconds of the session, or else next; at its end, the last. Never empty."""
        return min(bisect_right(self._ends, time), len(self.entries) - 1)

    def at_time_of_day(self, when: datetime) -> int:
        """Return what is said at a time of day, or else next; at the end, the last. The transcript isn't empty."""

        def ended(entry: Entry) -> datetime:
            return entry.wall + timedelta(seconds=ends(entry) - begins(entry))

        return min(bisect_right(self.entries, when, key=ended), len(self.entries) - 1)
