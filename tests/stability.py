"""How steady captions are while they are being said: the field's measures, each with the source of its definition.

What is measured is a list of captions; a caption is the texts that stood on the screen one after another, the last of
them its final. Words are compared without case and punctuation. Words that a recogniser takes from the end of one
caption and says again in the next were gone from the screen, and count as such.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import jiwer

from captions.recognition.seam import words_of


@dataclass(frozen=True, slots=True)
class Shown:
    """A text on the screen from `time` on, in seconds; its first `committed` characters are promised to stay."""

    time: float
    text: str
    committed: int = 0
    end_of_utterance: bool = True


Caption = Sequence[Shown]
"""What was shown of a caption, in order; the last is its final."""


def normalized_erasure(captions: Sequence[Caption]) -> float:
    """Return NE: words erased, over words of the finals.

    Arivazhagan et al. 2020, arXiv:2004.03643: with each update all words after the longest common beginning of the old
    and the new text are erased, of which some may come again. Below 0.2 is their band of low revision.
    """
    erased = sum(len(old) - _common(old, new) for old, new in _updates(captions))
    return erased / _final_words(captions)


def unstable_partial_word_ratio(captions: Sequence[Caption]) -> float:
    """Return UPWR: words that were shown and then replaced or dropped, over words of the finals.

    Shangguan et al. 2020, arXiv:2006.01416. What was replaced or dropped with an update is what a minimal alignment
    (Levenshtein's) of the old words with the new does not keep; words that only moved are kept.
    """
    unstable = sum(len(old) - len(_kept(old, new)) for old, new in _updates(captions))
    return unstable / _final_words(captions)


def edit_overhead(captions: Sequence[Caption]) -> float:
    """Return the part of all edits that was in vain.

    Baumann, Atterer and Schlangen, NAACL 2009: a word added or taken away is an edit, a replaced word two; needed is
    one for each word of the final.
    """
    edits = 0
    for old, new in _updates(captions):
        common = len(_kept(old, new))
        edits += len(old) + len(new) - 2 * common
    return (edits - _final_words(captions)) / edits


def first_correct(caption: Caption) -> list[float]:
    """Return when each word of the final was first shown as it is there (Baumann et al. 2009: word first correct)."""
    return [times[0] for times in _correct(caption)]


def first_final(caption: Caption) -> list[float]:
    """Return from when on each word of the final was shown without a break (Baumann et al. 2009: word first final)."""
    return [times[-1] for times in _correct(caption)]


@dataclass(frozen=True, slots=True)
class Commitment:
    """What became of committed text."""

    words: int
    """Words that were committed."""
    changed_while_partial: int
    """Updates of a caption that did not begin with what was committed before, character by character."""
    not_in_final: int
    """Committed words that the final does not have."""
    characters_not_in_final: int
    """Committed words that the final does not have in the same characters; a comma is enough."""


def commitment(captions: Sequence[Caption]) -> Commitment:
    """Count what was committed, and what of it did not stay.

    Where a final that does not end its utterance covers less than was committed, the rest is looked for in the next.
    """
    words = changed = differ = differ_exactly = 0
    for number, caption in enumerate(captions):
        partials, final = caption[:-1], caption[-1]
        changed += sum(
            new.text[: old.committed] != old.text[: old.committed] or new.committed < old.committed
            for old, new in pairwise(partials)
        )
        if not partials:
            continue
        committed = partials[-1].text[: partials[-1].committed]
        texts = [final.text]
        if not final.end_of_utterance and number + 1 < len(captions):
            texts.append(captions[number + 1][-1].text)
        keys, exact = words_of(committed), committed.split()
        words += len(keys)
        differ += len(keys) - len(_kept(keys, words_of(" ".join(texts))))
        differ_exactly += len(exact) - len(_kept(exact, " ".join(texts).split()))
    return Commitment(words, changed, differ, differ_exactly)


def _updates(captions: Iterable[Caption]) -> Iterable[tuple[list[str], list[str]]]:
    for caption in captions:
        old: list[str] = []
        for shown in caption:
            new = words_of(shown.text)
            yield old, new
            old = new


def _final_words(captions: Iterable[Caption]) -> int:
    return sum(len(words_of(caption[-1].text)) for caption in captions)


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    return next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))


def _kept(old: Sequence[str], new: Sequence[str]) -> list[int]:
    """Return the places in `new` of the words that are kept from `old`."""
    if not old or not new:
        return []
    (chunks,) = jiwer.process_words(" ".join(old), " ".join(new)).alignments
    return [n for chunk in chunks if chunk.type == "equal" for n in range(chunk.hyp_start_idx, chunk.hyp_end_idx)]


def _correct(caption: Caption) -> list[list[float]]:
    """Return for each word of the final when it became right; the last of these is when it stayed so."""
    final = words_of(caption[-1].text)
    times: list[list[float]] = [[] for _ in final]
    right: set[int] = set()
    for shown in caption:
        now = set(_kept(words_of(shown.text), final))
        for place in now - right:
            times[place].append(shown.time)
        right = now
    return times
