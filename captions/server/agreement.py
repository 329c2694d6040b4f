"""What a partial shows of a model that reads the same speech anew each time: that in which two readings agree.

The end of what has been spoken so far is cut off in the middle of a word, and a model that never leaves a gap makes one
up. The next reading, with more to go by, puts something else there; so a word is shown when two readings in a row have
it and all before it (LocalAgreement-2: Liu, Spanakis and Niehues, Interspeech 2020). What is shown gives way only to
other words in which two readings agree; a single reading that says less or something else takes nothing away.
"""

import re


class Agreement:
    """The readings of one stretch."""

    def __init__(self) -> None:
        self._before: list[str] = []
        self._shown: list[str] = []

    def heard(self, text: str) -> str:
        """Take the newest reading; return what to show."""
        words = text.split()
        agreed = []
        for word, before in zip(words, self._before, strict=False):
            if _key(word) != _key(before):
                break
            agreed.append(word)
        if agreed and words[len(agreed) - 1] != self._before[len(agreed) - 1]:
            agreed[-1] = agreed[-1].rstrip(".,!?…;:") or agreed[-1]  # that a sentence ends here is not agreed
        self._before = words
        if [_key(word) for word in self._shown[: len(agreed)]] != [_key(word) for word in agreed]:
            self._shown = agreed
        return " ".join(self._shown)

    def agreed(self, text: str) -> None:
        """Take a reading that is sure, for its speech was not cut off: it agrees with itself."""
        self._before = self._shown = text.split()


def _key(word: str) -> str:
    return re.sub(r"\W+", "", word.casefold())
