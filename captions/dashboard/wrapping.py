"""Where a caption's rows begin, counted in terminal cells.

100,000 captions are wrapped again at each resize, so the common cases (every character one cell wide, or every one by
itself one or two) are decided by a regular expression, and only other texts are cut into graphemes by their table.
"""

import re
from collections.abc import Iterator

from rich.cells import get_character_cell_size, split_graphemes

ONE_CELL = (
    r"\x20-\x7e\xa0-\xac\xae-\u02ff"  # Latin, without the soft hyphen
    r"\u0370-\u0377\u037a-\u037f\u0384-\u038a\u038c\u038e-\u03a1\u03a3-\u0482\u048a-\u052f"  # Greek, Cyrillic
    r"\u05d0-\u05ea\u0620-\u064a\u0660-\u066d\u0671-\u06d3"  # Hebrew and Arabic letters, without marks
    r"\u2010-\u2027\u2030-\u205e"  # dashes, quotation marks, ellipsis
)
TWO_CELLS = (
    r"\u3001-\u3029\u3030-\u303e\u3041-\u3096\u309b-\u30ff"  # punctuation, kana
    r"\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60"  # Han, Hangul, full-width forms
)
_only_one_cell = re.compile(f"[{ONE_CELL}]*").fullmatch
_one_or_two_cells = re.compile(f"[{ONE_CELL}{TWO_CELLS}]*").fullmatch


def row_starts(text: str, width: int) -> list[int]:
    """Return the index in `text` at which each row begins when no row is wider than `width` cells.

    Rows break at spaces, which hang at the end of a row, and beside wide characters; a word longer than a row is cut.
    A width under 1 counts as 1. An empty text has one row.
    """
    width = max(1, width)
    if _only_one_cell(text) is None:
        return _grapheme_row_starts(text, width)
    starts = [0]
    start = 0
    while len(text) - start > width:
        space = text.rfind(" ", start + 1, start + width + 1)
        start = start + width if space < 0 else space + 1
        if start >= len(text):
            break
        starts.append(start)
    return starts


def graphemes(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield what a terminal shows as one character: (first, one past the last) character of `text`, and its cells."""
    if _one_or_two_cells(text) is not None:
        for begin, character in enumerate(text):
            yield begin, begin + 1, 2 if character > "\u3000" else 1
        return
    spans = split_graphemes(text)[0]
    number = 0
    while number < len(spans):
        begin, end, cells = spans[number]
        number += 1
        if number < len(spans) and _is_half_a_flag(text[begin]) and _is_half_a_flag(text[spans[number][0]]):
            end, cells = spans[number][1], cells + spans[number][2]
            number += 1
        yield begin, end, cells


def has_clusters(text: str) -> bool:
    """Whether some of what a terminal shows as one character is several, such as a letter with an accent of its own."""
    return _one_or_two_cells(text) is None and any(
        get_character_cell_size(character) == 0 or _is_half_a_flag(character) for character in text
    )


def _is_half_a_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _grapheme_row_starts(text: str, width: int) -> list[int]:
    starts = [0]
    column = 0
    breakable = column_there = 0
    for begin, end, cells in graphemes(text):
        space = text[begin:end] == " "
        while column + cells > width and begin > starts[-1] and not space:
            if breakable > starts[-1] and cells < 2:
                starts.append(breakable)
                column -= column_there
            else:
                starts.append(begin)
                column = 0
            column_there = 0
        column += cells
        if space or cells == 2:
            breakable, column_there = end, column
    return starts


def rows(text: str, width: int) -> list[str]:
    """Return `text` cut into rows of at most `width` cells, without the spaces at their ends."""
    starts = row_starts(text, width)
    return [text[start:end].rstrip(" ") for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
