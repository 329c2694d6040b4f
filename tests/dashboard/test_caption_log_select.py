"""Selecting and copying: by mouse and by keys, words only, and what a terminal can take."""

import pytest
from textual.pilot import Pilot
from textual.selection import Selection

from captions.dashboard.caption_log import CaptionLog
from captions.dashboard.clipboard import MOST_BYTES, SURE_BYTES
from captions.dashboard.log_pane import LogPane
from captions.events import Paused
from captions.transcript.transcript import Transcript
from tests.dashboard.conftest import until
from tests.dashboard.fake_engine import START, final, partial
from tests.dashboard.log_app import lines_of, open_log

WORDS = "one two three four five six seven eight nine ten eleven twelve"


async def drag(pilot: Pilot[None], start: tuple[int, int], end: tuple[int, int]) -> None:
    await pilot.mouse_down(CaptionLog, offset=start)
    await pilot.hover(CaptionLog, offset=end)
    await pilot.mouse_up(CaptionLog, offset=end)
    await pilot.pause()


def said(pilot: Pilot[None]) -> list[str]:
    return [notification.message for notification in pilot.app._notifications]


def selected_cells(log: CaptionLog, y: int) -> str:
    style = log.get_component_rich_style("caption-log--selection")
    return "".join(
        segment.text for segment in log.render_line(y) if segment.style and segment.style.bgcolor == style.bgcolor
    )


async def test_the_mouse_selects_characters_across_rows_and_captions_without_times_or_breaks_of_rows() -> None:
    async with open_log(40, 10) as (log, pilot):
        log.add([final(WORDS), final("and more", 2.0)])
        assert lines_of(log)[:3] == [
            " 12:04  one two three four five six",
            "        seven eight nine ten eleven",
            "        twelve",
        ]
        await drag(pilot, (12, 0), (12, 1))
        assert list(log.selected()) == ["two three four five six seven"]
        assert selected_cells(log, 0) == "two three four five six"
        assert selected_cells(log, 1) == "seven"
        assert all(segment.style.color != segment.style.bgcolor for segment in log.render_line(1) if segment.style)
        await drag(pilot, (10, 3), (8, 2))
        assert list(log.selected()) == ["twelve", "and"]
        await pilot.press("ctrl+c")
        assert pilot.app.clipboard == "twelve\nand"
        await until(pilot, lambda: log.text_selection is None)
        assert selected_cells(log, 2) == ""


async def test_a_drag_over_the_times_takes_whole_rows() -> None:
    async with open_log(40, 10) as (log, pilot):
        log.add([final(WORDS), final("and more", 2.0)])
        await drag(pilot, (2, 1), (3, 3))
        assert list(log.selected()) == ["seven eight nine ten eleven twelve", ""]
        await drag(pilot, (5, 0), (30, 0))
        assert list(log.selected()) == ["one two three four five"]


@pytest.mark.parametrize(
    ("text", "start", "end", "selected"),
    [
        ("日本語の字幕", 2, 4, "本語"),
        ("a👨‍👩‍👧b👍🏽c", 3, 4, "b👍🏽"),
        ("a👨‍👩‍👧b👍🏽c", 2, 6, "👨‍👩‍👧b👍🏽c"),
        ("cafe\u0301s x", 2, 3, "fe\u0301"),
        ("cafe\u0301s x", 4, 6, "s x"),
        ("שלום עולם", 0, 3, "שלום"),
        ("🇩🇪🇫🇷 x", 0, 2, "🇩🇪🇫🇷"),
    ],
)
async def test_the_mouse_finds_the_character_under_it_in_any_script(
    text: str, start: int, end: int, selected: str
) -> None:
    async with open_log(40, 10) as (log, pilot):
        log.add([final(text)])
        await drag(pilot, (8 + start, 0), (8 + end, 0))
        assert list(log.selected()) == [selected]


async def test_a_double_click_selects_the_caption_and_never_the_whole_log() -> None:
    async with open_log(40, 10) as (log, pilot):
        log.add([final(f"{number} {WORDS}", 2.0 * number) for number in range(100)])
        await pilot.double_click(CaptionLog, offset=(20, 4))
        await until(pilot, lambda: log.text_selection is not None)
        assert len(list(log.selected())) == 1
        assert "".join(log.selected()).endswith(WORDS)
        await pilot.triple_click(CaptionLog, offset=(20, 4))
        await until(pilot, lambda: log.text_selection is not None)
        assert len(list(log.selected())) == 1


async def test_a_drag_that_leaves_the_log_ends_with_what_is_in_sight() -> None:
    async with open_log(40, 10) as (log, pilot):
        log.add([final(f"caption {number}", 2.0 * number) for number in range(100)])
        log.scroll_to(y=50, animate=False)
        await pilot.pause()
        log.screen.selections = {log: Selection(None, None)}
        await until(pilot, lambda: list(log.selected()))
        assert list(log.selected()) == [f"caption {number}" for number in range(50, 60)]


async def test_words_that_are_still_to_change_are_not_selected() -> None:
    async with open_log(40, 10) as (log, pilot):
        log.add([final("settled")])
        log.show_partial(partial("not settled"))
        await drag(pilot, (8, 0), (15, 1))
        assert list(log.selected()) == ["settled"]


async def test_keys_select_captions_and_copy_them() -> None:
    async with open_log(60, 10) as (log, pilot):
        log.add([final(f"caption {number}", 2.0 * number) for number in range(30)])
        log.scroll_to(y=5, animate=False)
        await pilot.press("v", "down", "down", "up")
        await until(pilot, lambda: list(log.selected()) == ["caption 5", "caption 6"])
        prompt = pilot.app.query_one(LogPane).prompt
        await until(pilot, lambda: "2 captions selected · y copies · Esc ends" in str(prompt.note.render()))
        await pilot.press("y")
        assert pilot.app.clipboard == "caption 5\ncaption 6"
        assert said(pilot) == ["Copied 2 captions, 1 kB."]
        await until(pilot, lambda: not log.selecting and not prompt.display)


@pytest.mark.parametrize(
    ("keys", "first", "last"),
    [(["home"], 0, 10), (["end"], 10, 29), (["pageup"], 6, 10), (["pagedown", "up"], 10, 13), (["k", "k", "j"], 9, 10)],
)
async def test_every_key_that_moves_extends_the_selection(keys: list[str], first: int, last: int) -> None:
    async with open_log(60, 10) as (log, pilot):
        log.add([final(f"caption {number}", 2.0 * number) for number in range(30)])
        log.scroll_to(y=10, animate=False)
        await pilot.press("v", *keys)
        wanted = [f"caption {number}" for number in range(first, last + 1)]
        await until(pilot, lambda: list(log.selected()) == wanted)
        await pilot.press("enter")
        assert pilot.app.clipboard == "\n".join(wanted)


async def test_escape_ends_a_selection_without_copying() -> None:
    async with open_log(60, 10) as (log, pilot):
        log.add([final("caption")])
        await pilot.press("v")
        await until(pilot, lambda: list(log.selected()))
        await pilot.press("escape")
        await until(pilot, lambda: not log.selecting)
        assert log.text_selection is None
        assert pilot.app.clipboard == ""


async def test_without_a_selection_the_caption_in_sight_is_copied_and_the_last_one_for_a_follower() -> None:
    async with open_log(60, 10) as (log, pilot):
        log.add([*(final(f"caption {number}", 2.0 * number) for number in range(30)), Paused(60.0, START)])
        await pilot.press("y")
        assert pilot.app.clipboard == "caption 29"
        log.scroll_to(y=5, animate=False)
        await pilot.press("y")
        assert pilot.app.clipboard == "caption 5"


async def test_all_captions_are_copied_or_those_that_a_filter_shows() -> None:
    async with open_log(60, 10) as (log, pilot):
        log.add([*(final(f"caption {number}", 2.0 * number) for number in range(12)), Paused(60.0, START)])
        await pilot.press("Y")
        assert pilot.app.clipboard.split("\n") == [f"caption {number}" for number in range(12)]
        assert "Copied 12 captions" in said(pilot)[-1]
        await pilot.press("f", "1", "enter", "Y")
        assert pilot.app.clipboard.split("\n") == ["caption 1", "caption 10", "caption 11"]


async def test_what_is_too_much_for_a_terminal_is_not_copied_and_what_may_be_is_said() -> None:
    async with open_log(60, 10) as (log, pilot):
        log.open(Transcript([final("x" * (SURE_BYTES + 1))]))
        await pilot.press("Y")
        assert "Some terminals take less" in said(pilot)[-1]
        copied = pilot.app.clipboard
        log.open(Transcript(final("x" * 1_000) for _ in range(MOST_BYTES // 1_000)))
        await pilot.press("Y")
        assert "Not copied: that is over 500 kB" in said(pilot)[-1]
        assert pilot.app.clipboard == copied


async def test_there_is_nothing_to_copy_in_an_empty_log_and_its_keys_do_nothing() -> None:
    async with open_log(60, 10) as (log, pilot):
        await pilot.press(*"vynNfgb", "escape", "Y", "left_square_bracket", "right_curly_bracket", "pageup", "home")
        await pilot.press("slash", "x", "enter", "n", "f", "v", "escape", "escape")
        assert "Nothing was said yet." in lines_of(log)[0]
        assert pilot.app.clipboard == ""


async def test_ctrl_c_without_a_selection_is_left_to_the_app() -> None:
    async with open_log(60, 10) as (log, pilot):
        log.add([final("caption")])
        await pilot.press("ctrl+c")
        await until(pilot, lambda: said(pilot))
        assert "quit" in said(pilot)[-1].lower()


async def test_a_filter_does_not_change_what_is_selected_but_hides_what_it_hides() -> None:
    async with open_log(60, 10) as (log, pilot):
        log.add([final(f"caption {number}", 2.0 * number) for number in range(12)])
        await pilot.press("v", "home")
        await until(pilot, lambda: len(list(log.selected())) == 12)
        log.look_for("1")
        log.show_only_matches(True)
        assert list(log.selected()) == ["caption 1", "caption 10", "caption 11"]
