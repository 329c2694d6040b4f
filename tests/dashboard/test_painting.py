"""Only changed cells are painted, and the colours can be read."""

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip
from textual.theme import Theme

from captions.dashboard.painting import changed_columns
from captions.dashboard.themes import DARK, LIGHT


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2."""

    def luminance(color: str) -> float:
        parts = Color.parse(color).normalized
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


RED = Style.parse("red")


@pytest.mark.parametrize(
    ("before", "after", "columns"),
    [
        ("the same", "the same", None),
        ("one two", "one ten", (5, 7)),
        ("short", "shorter", (5, 7)),
        ("日本語", "日木語", (2, 4)),
        ("cafe", "cafe\u0301", (3, 4)),
        ("a👨‍👩‍👧b", "a👨‍👩‍👧c", (0, 4)),
    ],
)
def test_the_columns_that_differ_are_found(before: str, after: str, columns: tuple[int, int] | None) -> None:
    assert changed_columns(Strip([Segment(before)]), Strip([Segment(after)])) == columns


def test_a_change_of_style_alone_is_a_change() -> None:
    assert changed_columns(Strip([Segment("abc")]), Strip([Segment("a"), Segment("b", RED), Segment("c")])) == (1, 2)


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_text_has_a_contrast_of_four_and_a_half_to_one(theme: Theme) -> None:
    grounds = [theme.background, theme.surface, theme.panel]
    inks = [theme.foreground, theme.secondary, theme.accent, theme.success, theme.warning, theme.error]
    pairs = [(ink, ground) for ink in [*inks, theme.variables["muted"]] for ground in grounds[:2]]
    pairs += [(theme.foreground, theme.panel), (theme.variables["muted"], theme.panel)]
    chips = [theme.success, theme.warning, theme.secondary, theme.error, theme.primary]
    pairs += [(theme.variables["on-chip"], chip) for chip in chips]
    for ink, ground in pairs:
        assert ink is not None
        assert ground is not None
        assert contrast(ink, ground) >= 4.5, (ink, ground)


def test_what_the_mouse_finds_in_a_cell_is_no_change_of_the_cell() -> None:
    assert changed_columns(Strip([Segment("ab", RED)]), Strip([Segment("ab", RED + Style.from_meta({"a": 1}))])) is None
