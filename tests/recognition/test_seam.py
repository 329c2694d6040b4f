"""Words heard twice around a break are told once, and no word that is new is lost."""

import random
from itertools import pairwise

import pytest

from captions.recognition.seam import Seam


@pytest.mark.parametrize(
    ("told", "heard", "new"),
    [
        (["it was the best of times"], "it was the worst", "it was the worst"),
        (["it was the best"], "the best of times", "of times"),
        (["It was the best."], "It was the best of times,", "of times,"),
        (["one two", "three four"], "three four five", "five"),
        (["one two three"], "one two three", ""),
        (["one two three"], "four five", "four five"),
        ([], "one two", "one two"),
        (["Don’t you — mean it?"], "mean it? Yes.", "Yes."),
        (["she sells sea shells by the shore"], "she sells she shells by the shore today", "today"),
        (["привет, мир"], "Мир! Как дела", "Как дела"),
    ],
)
def test_only_what_is_new_is_told(told: list[str], heard: str, new: str) -> None:
    assert Seam(told).unsaid(heard) == new


def test_a_replay_may_come_in_shorter_finals_than_before() -> None:
    seam = Seam(["one two three four five"])
    assert [seam.unsaid(text) for text in ("two three", "four", "five six", "six seven")] == [
        "",
        "",
        "six",
        "six seven",
    ]


def test_words_that_merely_come_again_later_are_told() -> None:
    seam = Seam(["yes", "no"])
    assert seam.unsaid("no maybe") == "maybe"
    assert seam.unsaid("no maybe") == "no maybe"


def test_every_word_is_told_once_wherever_the_stream_breaks_and_however_finals_are_cut() -> None:
    chance = random.Random(2026)
    for _ in range(300):
        words = [str(number) for number in range(chance.randint(1, 40))]
        broken = chance.randint(0, len(words))
        again = chance.randint(0, broken)
        told = pieces(words[:broken], chance)
        seam = Seam(told)
        told += [seam.unsaid(text) for text in pieces(words[again:], chance)]
        assert " ".join(text for text in told if text).split() == words


def pieces(words: list[str], chance: random.Random) -> list[str]:
    cut = sorted({0, len(words), *(chance.randint(0, len(words)) for _ in range(4))})
    return [" ".join(words[start:end]) for start, end in pairwise(cut) if start < end]
