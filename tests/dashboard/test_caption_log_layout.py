"""Rows of many texts at a width that changes: always whole, and a place in them is found again."""

import random

import pytest

from captions.dashboard.row_layout import BLOCK, RowLayout
from captions.dashboard.wrapping import row_starts, rows


def texts_of(dice: random.Random, count: int) -> list[str]:
    words = ["слово", "word", "字幕", "a", "longer-than-others", ""]
    return [" ".join(dice.choices(words, k=dice.randrange(20))) for _ in range(count)]


def shown_rows(layout: RowLayout, texts: list[str], first: int, last: int) -> list[str]:
    shown = []
    for row in range(first, last):
        item, within = layout.item_at(row)
        shown.append(rows(texts[item], layout.width)[within])
    return shown


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_changes_leaves_the_rows_of_the_texts_at_the_width_and_keeps_the_place(seed: int) -> None:
    dice = random.Random(seed)
    texts = texts_of(dice, dice.choice([0, 1, BLOCK, BLOCK + 1, 900]))
    layout = RowLayout(texts.__getitem__, dice.choice([0, 20]), len(texts))
    for _ in range(150):
        place = layout.place_at(dice.randrange(layout.rows)) if layout.rows else None
        match dice.randrange(4):
            case 0:
                texts += texts_of(dice, 1)
                layout.append()
            case 1:
                layout.change_width(dice.randrange(1, 60))
            case 2:
                first = dice.randrange(layout.rows + 1)
                while layout.lay_out(first, first + 30):
                    pass
                last = min(first + 30, layout.rows)
                if layout.width and first < last:
                    item, within = layout.item_at(first)
                    below = [row for text in texts[item:] for row in rows(text, layout.width)]
                    assert shown_rows(layout, texts, first, last) == below[within:][: last - first]
            case 3:
                layout.go_on(0.0002)
        if place is not None:
            item, within = layout.item_at(layout.row_of(place))
            assert item == place[0]
            assert layout.top_of(item) + within == layout.row_of(place)
    layout.change_width(25)
    while not layout.complete:
        layout.go_on(0.01)
    everything = [row for text in texts for row in rows(text, 25)]
    assert layout.rows == len(everything)
    assert shown_rows(layout, texts, 0, layout.rows) == everything


def test_a_place_is_the_row_that_has_its_character() -> None:
    text = "one two three four five six seven eight nine ten"
    layout = RowLayout([text, text].__getitem__, 10, 2)
    while layout.lay_out(0, layout.rows):
        pass
    place = layout.place_at(layout.top_of(1) + 2)
    assert place == (1, row_starts(text, 10)[2])
    layout.change_width(20)
    while layout.lay_out(0, layout.rows):
        pass
    item, within = layout.item_at(layout.row_of(place))
    starts = [*row_starts(text, 20), len(text)]
    assert item == 1
    assert starts[within] <= place[1] < starts[within + 1]


def test_only_blocks_among_the_rows_asked_for_are_laid_out() -> None:
    read = set()

    def text_of(item: int) -> str:
        read.add(item // BLOCK)
        return "a caption"

    layout = RowLayout(text_of, 20, 100 * BLOCK)
    assert not read
    assert layout.lay_out(50 * BLOCK - 5, 50 * BLOCK + 5)
    assert read == {49, 50}
    assert not layout.lay_out(50 * BLOCK - 5, 50 * BLOCK + 5)


def test_past_the_end_rows_are_counted_from_there() -> None:
    layout = RowLayout(["a"].__getitem__, 10, 1)
    assert layout.place_at(3) == (1, 2)
    assert layout.row_of((1, 2)) == 3
    assert RowLayout([].__getitem__, 10).rows == 0
