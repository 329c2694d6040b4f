"""Rows are counted in cells, whatever the text is made of."""

import random
import time
from itertools import pairwise

import pytest
from rich.cells import cell_len, get_character_cell_size

from captions.dashboard import wrapping
from captions.dashboard.wrapping import graphemes, row_starts, rows


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("the quick brown fox", 10, ["the quick", "brown fox"]),
        ("exactly ten", 7, ["exactly", "ten"]),
        ("Донаудампфшифффарт тут", 8, ["Донаудам", "пфшифффа", "рт тут"]),
        ("日本語の字幕", 5, ["日本", "語の", "字幕"]),
        ("mixed 日本語 words", 9, ["mixed 日", "本語", "words"]),
        ("e\u0301e\u0301e\u0301e\u0301", 2, ["e\u0301e\u0301", "e\u0301e\u0301"]),
        ("👨‍👩‍👧👨‍👩‍👧", 2, ["👨‍👩‍👧", "👨‍👩‍👧"]),
        ("", 5, [""]),
        ("abc", 0, ["a", "b", "c"]),
        ("語語", 1, ["語", "語"]),
    ],
)
def test_text_is_wrapped_at_spaces_and_wide_characters_and_long_words_are_cut(
    text: str, width: int, expected: list[str]
) -> None:
    assert rows(text, width) == expected


def test_every_character_of_the_short_cuts_is_as_wide_as_they_say() -> None:
    for code in range(0x11000):
        character = chr(code)
        if wrapping._only_one_cell(character):
            assert get_character_cell_size(character) == 1, hex(code)
        elif wrapping._one_or_two_cells(character):
            assert get_character_cell_size(character) == 2, hex(code)
            assert list(graphemes(character)) == [(0, 1, 2)]


@pytest.mark.parametrize(
    "text",
    ["🇩🇪🇫🇷🇬🇧", "👨‍👩‍👧👍🏽❤️1️⃣", "e\u0301\u0302a\u0308", "שָׁלוֹם עוֹלָם", "مُحَمَّد في البيت", "नमस्ते दुनिया", "각한국어", "ก็ได้"],
)
def test_what_a_terminal_shows_as_one_character_is_never_cut(text: str) -> None:
    whole = {text[begin:end] for begin, end, _ in graphemes(text)}
    for width in range(2, 8):
        starts = row_starts(text, width)
        assert all(any(begin == start for begin, _, _ in graphemes(text)) for start in starts)
        assert all(cell_len(row) <= width for row in rows(text, width))
    assert sum(cells for _, _, cells in graphemes(text)) == cell_len(text)
    assert "".join(text[begin:end] for begin, end, _ in graphemes(text)) == text
    assert not {"\u0301", "\ufe0f", "\u200d", "🇩"} & whole


PIECES = [
    "a",
    "b",
    " ",
    "  ",
    "語",
    "、",
    "e\u0301",
    "👨‍👩‍👧",
    "я",
    "🇩🇪",
    "ש",
    "مُ",
    "\u200b",
    "❤️",
    "w" * 30,
    "\u00a0",
    "1️⃣",
]


def test_no_character_is_lost_and_no_row_is_too_wide_in_any_mixture() -> None:
    dice = random.Random(7)
    for _ in range(5_000):
        text = "".join(dice.choice(PIECES) for _ in range(dice.randrange(40)))
        width = dice.randrange(2, 12)
        starts = row_starts(text, width)
        assert starts == sorted(set(starts))
        assert starts[0] == 0
        assert not text or starts[-1] < len(text)
        assert "".join(rows(text, width)).replace(" ", "") == text.replace(" ", ""), (text, width)
        assert all(cell_len(row) <= width for row in rows(text, width)), (text, width)


def test_a_row_is_as_full_as_it_can_be_and_words_that_fit_are_not_cut() -> None:
    dice = random.Random(8)
    for _ in range(2_000):
        words = ["x" * dice.randrange(1, 8) for _ in range(dice.randrange(1, 20))]
        width = dice.randrange(8, 30)
        wrapped = rows(" ".join(words), width)
        assert [word for row in wrapped for word in row.split()] == words
        for row, after in pairwise(wrapped):
            assert len(row) + 1 + len(after.split()[0]) > width


def test_a_very_long_text_is_wrapped_quickly() -> None:
    for text in ("word " * 200_000, "x" * 1_000_000, "Слово " * 160_000):
        began = time.perf_counter()
        row_starts(text, 80)
        assert time.perf_counter() - began < 0.2
