"""Partials that are calm to read: what a recogniser sends is held back a moment, and what has settled stays.

A recogniser revises what it has said, most often the last word. Three ways to show it (settings.stability):

- raw: every partial as it comes.
- steady: a word is shown once another follows it, or another partial says it again, or it has waited for
  `HELD_SECONDS`. What is shown gives way only to words that have been said twice. (Cf. Baumann, Atterer and Schlangen,
  NAACL 2009, where 320 ms take spurious edits from 90 % to 10 %; MeetDot, EMNLP 2021, holds words back by number.)
- calm: only words that are committed.

In steady and calm, words are committed: they are the beginning of all that is shown of the caption from then on, in
the same characters, whatever the recogniser sends. Only the final, which always wins, can differ, so the rule is
strict. It was found on what the recogniser on this machine says of real speech, which it hears anew for every partial:
a word that is later taken back has most often changed before, if only in its comma, or is a number ("4242", "four two
four two"). So a word is committed after `SETTLED_SECONDS` and `SETTLED_PARTIALS` in the very same characters, with
`SETTLED_FOLLOWERS` words behind it, if it has no digits, and neither its place nor one before it ever held anything
else. `tests/benchmarks/stability.py` measures both rules.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

from captions.events import Final, Partial, Word
from captions.recognition.seam import words_of

REPEATED_SECONDS = 0.3
"""Of two partials so far apart the second confirms the first; of a faster recogniser it takes more of them."""
HELD_SECONDS = 0.6
"""A word is held back no longer than this, also when no partial follows."""
SETTLED_SECONDS = 2.4
SETTLED_PARTIALS = 5
SETTLED_FOLLOWERS = 3
MOST_SHIFTED = 3
"""By how many words a revision may shift what follows committed words, to be found again."""


class Measured(Protocol):
    """Is told of each word that is shown for the first time."""

    def __call__(self, held: float, end: float | None) -> None:
        """It was held back for `held` seconds; in the sound it ended at `end` on the session's clock, where known."""
        ...


@dataclass(slots=True)
class _Word:
    key: str
    """As words are compared: without case and punctuation."""
    form: str
    """As it is written, with what stands between it and the word before."""
    heard: float
    """When a partial first had it here."""
    end: float | None = None
    """Where it ended in the sound."""
    partials: int = 1
    """How many partials in a row have had it here."""
    kept: float = 0.0
    """Since when it has been written like this."""
    kept_partials: int = 1
    shown: bool = False


class Stabilizer:
    """Turns one track's partials into what is shown of them. `now` is in seconds, on any clock that runs evenly.

    Each method returns the partial to show, or None where nothing changes. What a call costs is linear in the text.
    """

    def __init__(self, mode: str, measured: Measured | None = None) -> None:
        self._mode = mode
        self._measured = measured if measured is not None else _unmeasured
        self._latest: Partial | None = None
        """The newest partial of the recogniser."""
        self._told: Partial | None = None
        """What is on the screen."""
        self._clear()

    def _clear(self) -> None:
        """Begin another caption."""
        self._committed = ""
        self._committed_keys: list[str] = []
        self._words: list[_Word] = []
        """The newest partial's words after the committed ones."""
        self._shown: list[_Word] = []
        """What is shown after the committed words."""
        self._changed_from: int | None = None
        """The first place whose word has changed; nothing is committed from there on."""
        self._shorter_since: float | None = None
        self._replayed = False
        self._heard_until: float | None = None
        """Where the audio ends of which the partial before this one was."""
        self._due: float | None = None

    def hypothesis(self, partial: Partial, now: float) -> Partial | None:
        """Take the recogniser's newest partial."""
        if self._mode == "raw":
            self._measure_raw(partial)
            self._latest = self._told = partial if partial.text else None
            return partial
        if not partial.text:
            self._latest = None
            self._clear()
            return self._tell(partial)
        if partial.unconfirmed:
            # The text of a stream that broke: nothing was heard anew.
            self._replayed = True
        else:
            self._compare(partial, now)
        self._latest = partial
        return self._show(now)

    def final(self, final: Final, now: float) -> None:
        """Take a final, which takes the place of what is shown.

        Where it covers only the beginning of the last partial, the words after that are remembered: the next partial
        begins with them, and they need not wait again.
        """
        keys = words_of(final.text)
        words = self._words
        rest = len(keys) - len(self._committed_keys)
        is_rest = 0 < rest < len(words) and words[rest - 1].key == keys[-1]
        for word, key in zip(words, keys[len(self._committed_keys) :], strict=False):
            if self._latest is not None and not word.shown and word.key == key:
                self._measured(now - word.heard, word.end)
        changed_from = self._changed_from
        self._clear()
        if is_rest:
            self._words = words[rest:]
            self._changed_from = max(0, changed_from - len(keys)) if changed_from is not None else None
        self._latest = self._told = None

    def due(self) -> float | None:
        """Return when `tick` has something to do."""
        return self._due

    def tick(self, now: float) -> Partial | None:
        """Show what has waited for long enough."""
        return self._show(now) if self._latest is not None and self._mode != "raw" else None

    def change(self, mode: str, now: float) -> Partial | None:
        """Show the current partial in another mode: only then can committed words be taken back."""
        if mode == self._mode:
            return None
        before, self._mode = self._mode, mode
        latest = self._latest
        if latest is None:
            self._clear()
            return None
        if mode == "raw":
            self._clear()
            return self._tell(latest)
        if before == "raw":
            self._compare(latest, now)
            for word in self._words:
                word.shown = True
            self._shown = list(self._words)
        return self._show(now)

    # What the recogniser says

    def _compare(self, partial: Partial, now: float) -> None:
        """Set the newest words against those before."""
        words = list(_split(partial.text, now))
        self._place_in_time(words, partial.words)
        words = words[self._after_committed(words) :]
        alike = 0
        for old, new in zip(self._words, words, strict=False):
            if old.key != new.key:
                break
            alike += 1
            new.heard, new.end, new.partials, new.shown = old.heard, old.end, old.partials + 1, old.shown
            if old.form.strip() == new.form.strip():
                new.kept, new.kept_partials = old.kept, old.kept_partials + 1
        revised = self._words[alike:]
        # The last word of a partial is a guess until it is said again, and may change without being doubtful.
        if not self._replayed and (len(revised) > 1 or any(word.partials > 1 for word in revised)):
            self._doubt(len(self._committed_keys) + alike)
        self._words = words

    def _place_in_time(self, words: list[_Word], timed: tuple[Word, ...]) -> None:
        """Note where words ended in the sound.

        A recogniser that times whole phrases says only how far the audio went that it had heard. A word that was not
        there before ended after what the partial before had heard, as far as can be told, and that is what is noted.
        """
        if len(timed) > 1 and len(timed) == len(words):
            for word, place in zip(words, timed, strict=True):
                word.end = place.end
        elif timed:
            for word in words:
                word.end = self._heard_until
        self._heard_until = timed[-1].end if timed else None

    def _after_committed(self, words: list[_Word]) -> int:
        """Return how many of a partial's first words stand for the committed ones, whatever they have become."""
        committed = self._committed_keys
        count = len(committed)
        if [word.key for word in words[:count]] == committed[: len(words)]:
            return min(count, len(words))
        self._doubt(count)
        for shift in sorted(range(-MOST_SHIFTED, MOST_SHIFTED + 1), key=abs):
            place = count + shift
            if 0 < place <= len(words) and words[place - 1].key == committed[-1]:
                return place
        return min(count, len(words))

    def _doubt(self, place: int) -> None:
        self._changed_from = place if self._changed_from is None else min(place, self._changed_from)

    # What is shown

    def _show(self, now: float) -> Partial | None:
        latest = self._latest
        assert latest is not None
        if self._mode == "steady":
            self._show_what_held(now)
        else:
            self._shown = []
        if not latest.unconfirmed:
            self._commit(now)
            if self._words and len(self._shown) <= len(self._words):
                self._replayed = False
        text = self._committed + "".join(word.form for word in self._shown)
        return self._tell(
            replace(
                latest,
                text=text,
                unconfirmed=latest.unconfirmed or self._replayed,
                committed=len(self._committed),
                words=(),
            )
        )

    def _show_what_held(self, now: float) -> None:
        """Show the newest words as far as they may be, or leave what is shown while that is calmer."""
        words = self._words
        count = next((n for n, _ in enumerate(words) if not self._may_be_shown(n, now)), len(words))
        alike = 0
        for old, new in zip(self._shown, words[:count], strict=False):
            if old.key != new.key:
                break
            alike += 1
        if self._keeps(alike, count, now):
            held = [word.heard + HELD_SECONDS for word in words[alike:] if not word.shown]
            if self._shorter_since is not None and not self._replayed:
                held.append(self._shorter_since + HELD_SECONDS)
        else:
            self._shorter_since = None
            for word in words[:count]:
                if not word.shown:
                    word.shown = True
                    self._measured(now - word.heard, word.end)
            self._shown = words[:count]
            held = [word.heard + HELD_SECONDS for word in words[count:]]
        self._due = min((time for time in held if time > now), default=None)

    def _may_be_shown(self, place: int, now: float) -> bool:
        word = self._words[place]
        return word.shown or place + 1 < len(self._words) or self._has_held(word, now)

    def _has_held(self, word: _Word, now: float) -> bool:
        # Added, not subtracted: the same sum as in `due`, so that a tick at that time finds it over.
        return now >= word.heard + HELD_SECONDS or (word.partials > 1 and now >= word.heard + REPEATED_SECONDS)

    def _keeps(self, alike: int, count: int, now: float) -> bool:
        """Whether what is shown stays as it is, though the newest words are others, or fewer."""
        if alike == len(self._shown):
            return False
        words = self._words
        if alike < len(words):
            return not self._has_held(words[alike], now)
        # The partial ends within what is shown. While audio is heard again that is no revision.
        if self._shorter_since is None:
            self._shorter_since = now
        return self._replayed or now < self._shorter_since + HELD_SECONDS

    def _commit(self, now: float) -> None:
        words = self._words
        count = 0
        for word in words[: len(words) - SETTLED_FOLLOWERS]:
            is_shown = self._mode == "calm" or (count < len(self._shown) and self._shown[count].key == word.key)
            if (
                not is_shown
                or len(self._committed_keys) == self._changed_from
                or now - word.kept < SETTLED_SECONDS
                or word.kept_partials < SETTLED_PARTIALS
                or any(character.isdigit() for character in word.form)
            ):
                break
            if not word.shown:
                word.shown = True
                self._measured(now - word.heard, word.end)
            self._committed += word.form
            self._committed_keys.append(word.key)
            count += 1
        del words[:count]
        del self._shown[:count]

    def _tell(self, partial: Partial) -> Partial | None:
        before = self._told
        if before is None:
            unchanged = not partial.text
        else:
            unchanged = (before.text, before.unconfirmed, before.committed) == (
                partial.text,
                partial.unconfirmed,
                partial.committed,
            )
        self._told = partial if partial.text else None
        return None if unchanged else partial

    def _measure_raw(self, partial: Partial) -> None:
        """Nothing is held back; of what is told at once only the newest word counts."""
        if partial.words:
            phrase = len(partial.words) == 1
            end = self._heard_until if phrase else partial.words[-1].end
            if end is not None:
                self._measured(0.0, end)
            self._heard_until = partial.words[-1].end


@lru_cache(maxsize=4096)
def _key(form: str) -> str:
    return "".join(words_of(form))


def _split(text: str, now: float) -> Iterator[_Word]:
    """Yield a text's words with what stands before each; a mark that is no word belongs to the word before it."""
    word: _Word | None = None
    for match in re.finditer(r"\s*\S+", text):
        form = match.group()
        key = _key(form)
        if word is not None and not key:
            word.form += form
            continue
        if word is not None:
            yield word
        word = _Word(key or form.strip(), form, now, kept=now)
    if word is not None:
        yield word


def _unmeasured(held: float, end: float | None) -> None:
    pass
