"""What is written makes the terminal show exactly what the compositor has, and nothing is written twice."""

import random
import re
from collections.abc import Iterable

import pyte
import pytest
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from captions.dashboard.painting import changed_columns
from captions.dashboard.picture import Picture

COLUMNS, LINES = 40, 8
STYLES = [
    Style.parse(style)
    for style in (
        "#e8e6e1 on #14171c",
        "#e8e6e1 on #1b1f26",
        "bold #14171c on #8ccf8c",
        "italic #a3b1c6 on #14171c",
        "underline #98a2b0 on #14171c",
        "reverse #39414d on #14171c",
        "bold strike red on default",
        "none",
    )
]
WORDS = ["so", "the first", "thing  that", "          ", "─━█·│", "что", "日本", "語", "été", "😀", "a", " "]


def row(chance: random.Random, length: int) -> Strip:
    strip = Strip([])
    while strip.cell_length < length:
        strip = Strip([*strip, Segment(chance.choice(WORDS), chance.choice(STYLES))])
    return strip.adjust_cell_length(length, STYLES[0])


def full(rows: Iterable[Strip]) -> LayoutUpdate:
    return LayoutUpdate([[strip] for strip in rows], Region(0, 0, COLUMNS, LINES))


def part(y: int, strip: Strip, first: int, last: int) -> ChopsUpdate:
    """Cells of one row, as the compositor tells them: the whole row, and what of it is to be painted."""
    return ChopsUpdate([{0: strip} for _ in range(y + 1)], [(y, first, last)], [[COLUMNS] for _ in range(y + 1)])


class Shown:
    """A terminal."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(COLUMNS, LINES)
        self.stream = pyte.Stream(self.screen)
        self.stream.feed("\x1b[?7l")  # as the driver does: a row that is too long does not go on in the next

    def cells(self) -> list[list[object]]:
        """How every cell looks; of a blank one, what can be seen of its looks."""
        return [[_look(self.screen.buffer[y][x]) for x in range(COLUMNS)] for y in range(LINES)]


def _look(cell: pyte.screens.Char) -> object:
    if cell.data == " " and not cell.reverse:
        return " ", cell.bg, cell.underscore, cell.strikethrough
    return cell


@pytest.mark.parametrize("colors", [ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT, ColorSystem.STANDARD])
@pytest.mark.parametrize("seed", range(20))
def test_after_any_updates_the_terminal_shows_what_a_full_paint_would(seed: int, colors: ColorSystem) -> None:
    chance = random.Random(seed)
    picture, shown, rows = Picture(colors), Shown(), [row(chance, COLUMNS) for _ in range(LINES)]
    shown.stream.feed(picture.changes(full(rows)))
    for _ in range(60):
        happens = chance.random()
        if happens < 0.2:  # the log scrolls by one row
            rows = [*rows[1:], row(chance, COLUMNS)]
            update: LayoutUpdate | ChopsUpdate = full(rows)
        elif happens < 0.25:  # what was on the screen is not known any more
            shown.stream.feed("\x1b[2J\x1b[0m")
            picture.forget()
            update = full(rows)
        else:  # a part of a row changes
            y, first = chance.randrange(LINES), chance.randrange(COLUMNS - 1)
            last = chance.randrange(first + 1, COLUMNS + 1)
            before = rows[y]
            rows[y] = Strip.join([before.crop(0, first), row(chance, last - first), before.crop(last)])
            update = part(y, rows[y], *(changed_columns(before, rows[y]) or (0, COLUMNS)))
        shown.stream.feed(picture.changes(update))
        fresh = Shown()
        fresh.stream.feed(Picture(colors).changes(full(rows)))
        assert shown.screen.display == fresh.screen.display
        assert shown.cells() == fresh.cells()


def test_what_is_shown_already_is_not_written() -> None:
    picture, rows = Picture(), [row(random.Random(1), COLUMNS) for _ in range(LINES)]
    picture.changes(full(rows))
    assert picture.changes(full(rows)) == ""
    assert picture.changes(part(3, rows[3], 5, 20)) == ""


def painted(before: str, after: str, style: str = "#e8e6e1 on #14171c") -> str:
    """What is written when a row changes."""
    picture, look = Picture(), Style.parse(style)
    picture.changes(part(0, Strip([Segment(before.ljust(COLUMNS), look)]), 0, COLUMNS))
    return picture.changes(part(0, Strip([Segment(after.ljust(COLUMNS), look)]), 0, COLUMNS))


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        ("one two three", "one ten three", "\x1b[1;6Hen"),
        ("0:10 and then a gap 1", "0:11 and then a gap 2", "\x1b[1;4H1\x1b[16C2"),
        ("a1b2c3", "a4b5c6", "\x1b[1;2H4b5c6"),
        ("日本語", "日木語", "\x1b[1;3H木"),
        ("日本語", "日a 語", "\x1b[1;3Ha "),
        ("cafe", "cafe\u0301", "\x1b[1;4He\u0301"),
        ("word …", "word more …", "\x1b[1;6Hmore …"),
    ],
)
def test_only_changed_cells_are_written_and_colours_that_hold_are_not_said_again(
    before: str, after: str, written: str
) -> None:
    assert painted(before, after) == written


def test_after_a_character_of_which_terminals_disagree_how_wide_it_is_the_place_is_said() -> None:
    assert "👨‍👩‍👧\x1b[1;4Hb" in painted("a👨‍👩‍👧b", "a👨‍👩‍👧bc")


def test_a_change_of_style_says_what_differs() -> None:
    picture = Picture()
    picture.changes(part(0, Strip([Segment("a" * COLUMNS, STYLES[0])]), 0, COLUMNS))
    italic = Strip([Segment("a" * COLUMNS, Style.parse("italic #e8e6e1 on #14171c"))])
    assert picture.changes(part(0, italic, 0, 2)) == "\x1b[1;1H\x1b[3maa"
    plain = Strip([Segment("b" * COLUMNS, STYLES[0])])
    assert picture.changes(part(0, plain, 0, 2)) == "\x1b[1;1H\x1b[23mbb"


def test_what_the_mouse_finds_in_a_cell_does_not_change_how_it_looks() -> None:
    picture = Picture()
    picture.changes(part(0, Strip([Segment("a" * COLUMNS, STYLES[0])]), 0, COLUMNS))
    clickable = STYLES[0] + Style.from_meta({"@click": "app.quit"})
    assert picture.changes(part(0, Strip([Segment("a" * COLUMNS, clickable)]), 0, COLUMNS)) == ""


def test_sixteen_colours_are_said_in_few_bytes() -> None:
    written = Picture(ColorSystem.STANDARD).changes(part(0, Strip([Segment("a" * COLUMNS, STYLES[0])]), 0, COLUMNS))
    assert re.fullmatch(r"\x1b\[1;1H\x1b\[0;\d\d;\d\dma+", written)
