"""Finals of SpeechKit v3, held until nothing can be added to them.

The service tells a final, then its refinement (its text with digits, capitals and without profanity, where
normalization is on) and then, in an event of its own, that the utterance has ended. A caption has all three, so a final
is held until they are there, and is meanwhile the beginning of the partials: no word leaves the screen.

- A final is complete when it was refined, or no refinement is to come, and it is known whether it ends its utterance:
  an end of utterance says yes, words or another final after it say no. It is told then, after those before it.
- What does not come is not waited for for ever. The clock is the service's own: how much audio it has received.
- A refinement names the number of its final. Where that number is of no final, or of several, words decide.
- Text that the last partial had and its final has not is kept, and so is text that an end of utterance leaves without a
  final: some words are told in partials only.
"""

import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from captions.events import Word
from captions.recognition.recognizer import Hypothesis
from captions.recognition.seam import ALIKE, words_of

LATE_MS = 1_000
"""Milliseconds of audio that a refinement may come after the end of its utterance, or this end after its final."""
UNREFINED_MS = 3_000
"""Milliseconds of audio for which a refinement is waited for while the utterance has not ended."""
MOST_HELD = 8
"""More finals than that are not held: the oldest is told as it is."""
REMEMBERED = 8
"""How many finals that were told are remembered, to know refinements of theirs."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Said:
    """What one event says. Texts are plain. `until_ms` is up to where the service has told all, None if unknown."""

    text: str = ""
    words: tuple[Word, ...] = ()
    language: str = ""
    until_ms: int | None = None

    def before(self, time_ms: int | None) -> "Said":
        """Return what of it begins before a time; all of it where words have no times."""
        if time_ms is None or not self.words:
            return self
        return self._of([word for word in self.words if word.start * 1000 < time_ms])

    def after(self, time_ms: int | None) -> "Said":
        """Return what of it begins at a time or later; nothing where words have no times."""
        if time_ms is None or not self.words:
            return Said()
        return self._of([word for word in self.words if word.start * 1000 >= time_ms])

    def unless_ends(self, text: str) -> "Said":
        """Return it, or nothing if a text ends with these words: two hearings place a word a little apart."""
        words, said = words_of(self.text), words_of(text)
        return Said() if words == said[len(said) - len(words) :] else self

    def _of(self, words: list[Word]) -> "Said":
        if len(words) == len(self.words):
            return self
        return replace(self, text=" ".join(word.text for word in words), words=tuple(words))


@dataclass(slots=True, eq=False)
class _Final:
    said: Said
    index: int
    since: int
    """What had been received when something was last told of it, in milliseconds."""
    unsure: bool = False
    """Whether it was made from a partial: its true final may still come."""
    ends: bool | None = None
    """Whether it ends its utterance, if that is known."""
    refined: str | None = None

    @property
    def text(self) -> str:
        return self.said.text if self.refined is None else self.refined


class HeldFinals:
    """The finals of one stream that are not told yet. Every method returns what is to be told now, in order."""

    def __init__(self, *, refines: bool, partials: bool, may_be_emptied: bool) -> None:
        """Whether refinements are to come, partials are wanted, and a refinement may leave nothing of a final."""
        self._refines = refines
        self._partials = partials
        self._may_be_emptied = may_be_emptied
        self._held: list[_Final] = []
        self._told: deque[_Final] = deque(maxlen=REMEMBERED)
        self._partial = Said()
        """The newest partial, as far as no final has its words."""
        self._received = 0
        self._final_until = 0
        """Up to where finals have come, held or not."""
        self._covered: int | None = None
        """Up to where all was told for good."""
        self._is_open = False
        """Whether text was told since the last end of utterance."""

    def received(self, milliseconds: int) -> None:
        """Note how much audio the service has received, before what its event says is taken."""
        self._received = max(self._received, milliseconds)

    def waited_for(self) -> list[Hypothesis]:
        """Tell what has been held for too long: after each event that is no partial."""
        told = self._tell(self._overdue())
        return told + self._again() if told else []

    def _overdue(self) -> int:
        late = [
            number
            for number, final in enumerate(self._held, 1)
            if self._received - final.since >= (LATE_MS if final.ends or not self._waits(final) else UNREFINED_MS)
        ]
        return late[-1] if late else 0

    def partial(self, said: Said) -> list[Hypothesis]:
        """Take a partial; `until_ms` is what it says of finals."""
        if said.words and said.words[-1].end * 1000 <= self._final_until:
            said = Said(until_ms=said.until_ms)  # it is of a final that has come
        if said.text:
            self._goes_on()
        told = self._tell(max(self._overdue(), self._complete()))
        # What was on the screen and in no final is not covered, whatever the cursor says: its final is on the way.
        if said.until_ms is not None and not self._held and not self._partial.text:
            first = round(said.words[0].start * 1000) if said.words else said.until_ms
            self._covered = max(self._covered or 0, min(said.until_ms, first))
        self._partial = said
        return told + self._shown()

    def final(self, said: Said, index: int) -> list[Hypothesis]:
        """Take a final."""
        last = self._held[-1] if self._held else None
        made_up = last or (self._told[-1] if self._told else None)
        if made_up is not None and made_up.unsure and self._is_of(said, made_up.said):
            if last is not None:
                return self._put_right(last, said, index)
            said = said.after(made_up.said.until_ms)
            if not said.text:
                _log.debug("final %d came too late", index)
                return []
        if not said.text:
            lost = self._partial.before(said.until_ms)
            said = replace(lost, until_ms=said.until_ms, language=said.language or lost.language)
        self._partial = self._partial.after(said.until_ms).unless_ends(said.text)
        self._final_until = max(self._final_until, said.until_ms or 0)
        if not said.text and last is not None:
            last.said = replace(last.said, until_ms=max(last.said.until_ms or 0, said.until_ms or 0) or None)
            return self._settled()
        self._goes_on()
        self._held.append(_Final(said, index, self._received, ends=None if said.text else False))
        return self._tell(max(0, len(self._held) - MOST_HELD)) + self._settled()

    def _put_right(self, made_up: _Final, said: Said, index: int) -> list[Hypothesis]:
        """Take the true final of what was made from a partial."""
        made_up.index, made_up.unsure, made_up.since = index, False, self._received
        until_ms = max(made_up.said.until_ms or 0, said.until_ms or 0)
        self._final_until = max(self._final_until, until_ms)
        made_up.said = replace(said if said.text else made_up.said, until_ms=until_ms or None)
        return self._settled()

    def refined(self, text: str, language: str, index: int) -> list[Hypothesis]:
        """Take the normalized text of a final."""
        final = self._meant(text, index)
        if final is None or final not in self._held:
            _log.debug("a refinement of final %d came too late", index)
            return []
        if text or self._may_be_emptied:
            final.refined = text
        elif final.refined is None:
            final.refined = final.said.text
        final.said = replace(final.said, language=language or final.said.language)
        final.since = self._received
        return self._settled()

    def utterance_ended(self, time_ms: int) -> list[Hypothesis]:
        """Take the end of an utterance; `time_ms` is 0 where that is not known."""
        left = self._left_without_final(time_ms)
        if left.text:
            self._goes_on()
            self._held.append(_Final(left, -1, self._received, unsure=True))
            self._partial = self._partial.after(time_ms or None)
            self._final_until = max(self._final_until, time_ms)
        if self._held:
            last = next((final for final in reversed(self._held) if final.text), self._held[-1])
            last.ends, last.since = True, self._received
            return self._settled()
        if self._is_open:
            self._is_open = False
            return [Hypothesis("", True, True, covered=self._seconds(self._covered)), *self._again()]
        return []

    def ended(self) -> list[Hypothesis]:
        """Take the end of the stream, well or not: what is held is told, and so is text that is in no final."""
        told = self._tell(len(self._held))
        if self._partial.text and (told or not self._partials):
            told.append(self._as_partial())
        return told

    # What is told

    def _settled(self) -> list[Hypothesis]:
        return self._tell(self._complete()) + self._shown()

    def _complete(self) -> int:
        """How many finals can be told: up to the last complete one, for those before it have waited long enough."""
        complete = [
            number
            for number, final in enumerate(self._held, 1)
            if final.ends is not None and not final.unsure and not self._waits(final)
        ]
        return complete[-1] if complete else 0

    def _waits(self, final: _Final) -> bool:
        """Whether a final may still be refined."""
        return self._refines and final.refined is None and bool(final.text)

    def _tell(self, count: int) -> list[Hypothesis]:
        told: list[Hypothesis] = []
        for final in self._held[:count]:
            if final.said.until_ms is not None:
                self._covered = max(self._covered or 0, final.said.until_ms)
            covered = None if final.said.until_ms is None else self._seconds(self._covered)
            ends = bool(final.ends)
            told.append(Hypothesis(final.text, True, ends, final.said.words, covered, final.said.language))
            self._is_open = not ends and (self._is_open or bool(final.text))
            self._told.append(final)
        del self._held[:count]
        return told

    def _again(self) -> list[Hypothesis]:
        """Show once more what a final that was told before it has taken off the screen."""
        return self._shown() if self._partial.text or self._held else []

    def _shown(self) -> list[Hypothesis]:
        return [self._as_partial()] if self._partials else []

    def _as_partial(self) -> Hypothesis:
        """Return all that is not told for good: what is held, and the newest partial."""
        parts = [Said(final.text, final.said.words, final.said.language) for final in self._held] + [self._partial]
        parts = [part for part in parts if part.text]
        words: Iterable[Word] = ()
        if all(part.words for part in parts):
            words = (word for part in parts for word in part.words)
        language = parts[-1].language if parts else ""
        text = " ".join(part.text for part in parts)
        return Hypothesis(text, False, False, tuple(words), self._seconds(self._covered), language)

    @staticmethod
    def _seconds(milliseconds: int | None) -> float | None:
        return None if milliseconds is None else milliseconds / 1000

    # What an event means

    def _is_of(self, final: Said, made_up: Said) -> bool:
        """Whether a final is the true one of text that was made final without it: by its place, else by its words."""
        if made_up.until_ms is not None and final.words:
            return final.words[0].start * 1000 < made_up.until_ms
        if made_up.until_ms is not None and final.until_ms is not None:
            return final.until_ms <= made_up.until_ms
        if not final.text:
            return not self._partial.text
        return _likeness(final.text, made_up.text) >= ALIKE

    def _goes_on(self) -> None:
        """Say of the last final that more of its utterance has come after it."""
        if self._held and self._held[-1].ends is None:
            self._held[-1].ends = False

    def _left_without_final(self, time_ms: int) -> Said:
        """Return the words of the newest partial that an end of utterance leaves without a final.

        Where finals have come to that time, the partial is of the next utterance.
        """
        if time_ms and time_ms <= self._final_until:
            return Said()
        if not time_ms and (self._held or self._is_open):
            return Said()
        return replace(self._partial.before(time_ms or None), until_ms=time_ms or None)

    def _meant(self, text: str, index: int) -> _Final | None:
        """Return the final that a refinement is of, told already or not; None where it is of none."""
        finals = [*self._held, *self._told]
        named = [final for final in finals if final.index == index]
        alike = {final: max(_likeness(final.said.text, text), _likeness(final.text, text)) for final in finals}
        best = max(alike.values(), default=0.0)
        # A number is believed, unless the words are another final's.
        if len(named) == 1 and (alike[named[0]] == best or best < ALIKE):
            return named[0]
        waiting = [final for final in self._held if final.refined is None]
        if best > 0:
            likeliest = [final for final in finals if alike[final] == best]
            return next((final for final in waiting if final in likeliest), likeliest[0])
        # Not a word in common, as of numbers and their digits: refinements come in the order of their finals.
        return waiting[0] if waiting else None


def _likeness(one: str, other: str) -> float:
    """How much of the words of two texts is the same, from 0 to 1."""
    return SequenceMatcher(None, words_of(one), words_of(other), autojunk=False).ratio()
