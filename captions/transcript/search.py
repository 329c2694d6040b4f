"""Looking for words in a transcript, a little at a time, so that whoever looks can do other things meanwhile."""

import re
import time
from array import array
from bisect import bisect_left

from captions.transcript.transcript import Transcript

LOOK_AT_CLOCK = 64
"""After so many captions a search looks whether its time is over: some 30 µs of work."""


class Search:
    """The captions of a transcript that have these words in them.

    The words are taken literally. Capitals count if there is one among the words (smart case).
    """

    def __init__(self, words: str, transcript: Transcript) -> None:
        self.words = words
        self.matches = array("L")
        """Indices of entries, in order."""
        capitals = any(character.isupper() for character in words)
        self._pattern = re.compile(re.escape(words), 0 if capitals else re.IGNORECASE)
        self._transcript = transcript
        self._looked_at = 0

    @property
    def done(self) -> bool:
        """Whether all that is in the transcript now was looked at."""
        return self._looked_at == len(self._transcript)

    def go_on(self, seconds: float) -> bool:
        """Look at more of the transcript, for about so long. Returns whether it is `done`."""
        until = time.perf_counter() + seconds
        texts, found, look = self._transcript.texts, self.matches, self._pattern.search
        while not self.done:
            first = self._looked_at
            self._looked_at = min(first + LOOK_AT_CLOCK, len(texts))
            for index in range(first, self._looked_at):
                if look(texts[index]):
                    found.append(index)
            if time.perf_counter() >= until:
                break
        return self.done

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return where in `text` the words are, as (first, one past the last) character."""
        return [match.span() for match in self._pattern.finditer(text)]

    def __contains__(self, index: int) -> bool:
        return self.rank(index) < len(self.matches) and self.matches[self.rank(index)] == index

    def rank(self, index: int) -> int:
        """Return how many matches there are before the entry `index`."""
        return bisect_left(self.matches, index)

    def nearest(self, index: int) -> int | None:
        """Return the match that has the fewest entries between itself and `index`, or None if there is none."""
        rank = self.rank(index)
        return min(self.matches[max(0, rank - 1) : rank + 1], key=lambda match: abs(match - index), default=None)
