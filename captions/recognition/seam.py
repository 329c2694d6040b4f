"""Words that were heard twice around a break are told once.

When a stream breaks, all audio that is not known to be covered is sent again to the next. Where the recogniser gives
no times, what is covered is known only to a few seconds, on the safe side: so the next stream may begin with words
that were told already. `Seam` takes them away by comparing words, without case and punctuation.

The words told since the replayed audio began are T, those that come are H, final by final:

- H begins like some end of T, t[j:]: that beginning is left out. The longest such end is taken.
- H is shorter than t[j:] and all of it fits there: all of it is left out, and the rest of t[j:] is expected next.
- H begins like no end of T: nothing was heard twice, and all of it is told. That ends the seam: what follows is new.
- Two hearings of the same audio may differ in some words: a stretch fits when at least `ALIKE` of it is equal, and its
  last word is, so that the cut falls between words that both have. A single word must be equal.
- A speaker who says the same words again just at the break loses one of the two: the audio cannot tell them apart
  without times. With word times nothing is compared, since the replay begins after the last word that was told.
"""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

ALIKE = 0.7
"""The part of a stretch's words that must be equal for it to be taken for the same."""


def words_of(text: str) -> list[str]:
    """Return a text's words as they are compared: without case, punctuation and apostrophes."""
    return [word for part in text.split() if (word := re.sub(r"[\W_]+", "", part).casefold())]


class Seam:
    """The words that may come again after a break: `told`, as texts of finals in order."""

    def __init__(self, told: Sequence[str]) -> None:
        self._expected = [word for text in told for word in words_of(text)]

    def unsaid(self, text: str, *, for_good: bool = True) -> str:
        """Return what of a text, heard after the break, was not told before.

        `for_good` is for finals: the words that come again are then no longer expected.
        """
        heard = words_of(text)
        if not self._expected or not heard:
            return text
        expected: list[str] = []
        again = 0
        for first in range(len(self._expected)):
            length = min(len(self._expected) - first, len(heard))
            if _alike(self._expected[first : first + length], heard[:length]):
                expected, again = self._expected[first + length :], length
                break
        if for_good:
            self._expected = expected
        return _without(text, again)


def _alike(before: list[str], after: list[str]) -> bool:
    if before == after:
        return True
    if len(before) < 2 or before[-1] != after[-1]:
        return False
    equal = sum(block.size for block in SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks())
    return equal / len(before) >= ALIKE


def _without(text: str, count: int) -> str:
    """Return a text after its first `count` words; punctuation on its own is no word."""
    if not count:
        return text
    parts = text.split()
    while count and parts:
        count -= bool(words_of(parts.pop(0)))
    return " ".join(parts)
