"""Text from outside is text."""

import unicodedata

import pytest

from captions.plain_text import plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Привет, мир! 你好 🙂 café", "Привет, мир! 你好 🙂 café"),
        ("[bold]not markup[/bold]", "[bold]not markup[/bold]"),
        ("one\ntwo\r\nthree\tfour\x85five\u2028six\u2029seven", "one two  three four five six seven"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07", "[31mred[0m ]0;title"),
        ("\x9b31m \x9d0;t\x9c", "31m 0;t"),
        ("\x00\x08\x7f", ""),
        ("safe\u202egnp.exe\u202c \u2066x\u2069", "safegnp.exe x"),
        ("\u200eleft\u200f \u0645\u06cc\u200c\u062e\u0648", "\u200eleft\u200f \u0645\u06cc\u200c\u062e\u0648"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("\ufeffname", "name"),
        ("caf\udce9.wav", "caf\ufffd.wav"),
    ],
)  # fmt: skip
def test_text_is_shown_and_not_obeyed(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_no_character_that_controls_survives() -> None:
    everything = "".join(map(chr, range(0x110000)))
    assert {unicodedata.category(character) for character in plain(everything)}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    plain(everything).encode()
