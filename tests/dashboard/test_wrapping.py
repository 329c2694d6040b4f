"""Rows are counted in cells, whatever the text is made of."""

import random

import pytest
from rich.cells import cell_len, get_character_cell_size

from captions.dashboard import wrapping
from captions.dashboard.wrapping import row_starts, rows


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


def test_every_character_of_the_short_cut_is_one_cell_wide() -> None:
    for code in range(0x3000):
        if wrapping._only_one_cell(chr(code)):
            assert get_character_cell_size(chr(code)) == 1, hex(code)


def test_no_character_is_lost_and_no_row_is_too_wide_in_any_mixture() -> None:
    dice = random.Random(7)
    for _ in range(3_000):
        text = "".join(dice.choice(["a", "b", " ", "語", "e\u0301", "👨‍👩‍👧", "я"]) for _ in range(dice.randrange(40)))
        width = dice.randrange(2, 12)
        starts = row_starts(text, width)
        assert starts == sorted(set(starts))
        assert "".join(rows(text, width)).replace(" ", "") == text.replace(" ", ""), (text, width)
        assert all(cell_len(row) <= width for row in rows(text, width)), (text, width)
