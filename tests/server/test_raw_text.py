"""Raw text, and words one by one."""

import pytest

from captions.events import Word
from captions.server.raw_text import one_by_one, raw_text


@pytest.mark.parametrize(
    ("written", "raw"),
    [
        ("It was the best of times, it was...", "it was the best of times it was"),
        ("“Who's there?” — «Я, ё-моё!»", "who's there я ё-моё"),
        ("At 3.5% of $5,000, o'clock (well-known).", "at 3.5% of $5,000 o'clock well-known"),
        ("¿Qué? ¡No!", "qué no"),
        ("... - !", ""),
        ("", ""),
    ],
)
def test_raw_text_has_neither_capitals_nor_punctuation_around_words(written: str, raw: str) -> None:
    assert raw_text(written) == raw


def test_the_words_of_a_piece_share_its_time_by_their_letters() -> None:
    assert one_by_one([Word("It was", 1.0, 2.0), Word("a", 3.0, 3.5), Word("", 4.0, 5.0)]) == [
        Word("It", 1.0, 1.4),
        Word("was", 1.4, 2.0),
        Word("a", 3.0, 3.5),
    ]
