"""Searching the log as in less, showing only what matches, and going to a time."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from textual.pilot import Pilot

from captions.dashboard import log_pane
from captions.dashboard.caption_log import CaptionLog
from captions.dashboard.log_pane import LogPane
from captions.events import Final
from captions.transcript.places import entry_at
from captions.transcript.transcript import Transcript
from tests.dashboard.conftest import until
from tests.dashboard.fake_engine import START, final, partial
from tests.dashboard.log_app import lines_of, open_log


def said(count: int = 340, every: int = 20) -> list[Final]:
    return [
        final(f"{number} about the {'Budget' if number % every == 7 else 'weather'} of today", 3.0 * number)
        for number in range(count)
    ]


def prompt_of(pilot: Pilot[None]) -> str:
    prompt = pilot.app.query_one(LogPane).prompt
    if not prompt.display:
        return ""
    return str(prompt.note.render()) if prompt.note.render() else prompt.input.placeholder


async def shows(pilot: Pilot[None], text: str) -> None:
    await until(pilot, lambda: text in prompt_of(pilot))


async def test_the_view_goes_to_the_nearest_match_while_words_are_typed() -> None:
    async with open_log() as (log, pilot):
        log.add(said())
        await pilot.press("slash", *"budg")
        await shows(pilot, "17 of 17")
        assert log.cursor == 327
        assert any("327 about the Budget" in line for line in lines_of(log))
        assert not log.following
        await pilot.press("enter")
        await until(pilot, lambda: log.has_focus)
        assert log.search is not None
        await pilot.press("N", "N")
        await shows(pilot, "15 of 17")
        await pilot.press("n")
        await shows(pilot, "16 of 17")


async def test_going_past_the_last_match_goes_round_and_says_so() -> None:
    async with open_log() as (log, pilot):
        log.add(said())
        await pilot.press("slash", *"budget", "enter", "n")
        await shows(pilot, "1 of 17, from the start")
        assert log.cursor == 7
        await pilot.press("N")
        await shows(pilot, "17 of 17, from the end")
        await pilot.press("N")
        await shows(pilot, "16 of 17 ")


async def test_escape_returns_to_the_place_before() -> None:
    async with open_log() as (log, pilot):
        log.add(said())
        log.scroll_to(y=100, animate=False)
        before = lines_of(log)
        await pilot.press("slash", *"budget")
        await until(pilot, lambda: lines_of(log)[:9] != before[:9])
        await pilot.press("escape")
        await until(pilot, lambda: lines_of(log) == before)
        assert log.search is None
        assert prompt_of(pilot) == ""
        await pilot.press("end", "slash", *"budget", "escape")
        await until(pilot, lambda: log.following)
        assert "339" in lines_of(log)[-1]


async def test_taking_all_the_words_back_returns_to_the_place_before_too() -> None:
    async with open_log() as (log, pilot):
        log.add(said())
        await pilot.press("slash", "7", "backspace")
        await until(pilot, lambda: log.following and log.search is None)


async def test_capitals_count_once_one_is_typed() -> None:
    async with open_log() as (log, pilot):
        log.add([final("budget"), final("Budget", 2.0)])
        await pilot.press("slash", "B")
        await shows(pilot, "1 of 1")
        assert log.cursor == 1
        await pilot.press("backspace", "b")
        await shows(pilot, "of 2")


async def test_what_is_not_there_is_said_and_nothing_moves() -> None:
    async with open_log() as (log, pilot):
        log.add(said())
        before = lines_of(log)
        await pilot.press("slash", *"zzz", "enter")
        await shows(pilot, "not found")
        assert log.following
        assert lines_of(log)[-1] == before[-1]


async def test_words_are_text_neither_markup_nor_a_pattern() -> None:
    async with open_log() as (log, pilot):
        log.add([final("[bold]a.c[/bold] (x"), final("abc", 2.0)])
        await pilot.press("slash", "left_square_bracket", *"bold", "right_square_bracket", "enter")
        await shows(pilot, "'[bold]' 1 of 1")
        await pilot.press("slash", *"a.c", "enter")
        await shows(pilot, "'a.c' 1 of 1")


async def test_matches_are_set_off_by_an_attribute_and_the_current_one_more() -> None:
    async with open_log() as (log, pilot):
        log.add([final("a word"), final("a word too", 2.0)])
        log.show_partial(partial("Word by word", 4.0))
        await pilot.press("slash", *"word", "enter")
        await until(pilot, lambda: log.cursor == 1)
        looks = [
            [
                (segment.text, bool(segment.style.underline), bool(segment.style.bold), segment.style.bgcolor)
                for segment in log.render_line(y)
                if segment.style is not None and segment.text.lower() == "word"
            ]
            for y in range(3)
        ]
        assert [[look[:3] for look in row] for row in looks] == [
            [("word", True, False)],
            [("word", True, True)],
            [("Word", True, False), ("word", True, False)],
        ]
        assert looks[0][0][3] != looks[1][0][3]


async def test_new_captions_are_searched_as_they_come() -> None:
    async with open_log() as (log, pilot):
        log.add([final("a word")])
        await pilot.press("slash", *"word", "enter")
        await shows(pilot, "1 of 1")
        log.add([final("another word", 2.0)])
        await shows(pilot, "1 of 2")


async def test_a_filter_shows_only_what_matches_says_so_and_is_taken_away_again() -> None:
    async with open_log(90, 10) as (log, pilot):
        log.add(said())
        log.scroll_to(y=100, animate=False)
        before = lines_of(log)
        await pilot.press("f", *"budget", "enter")
        await shows(pilot, "17 of 340 captions match 'budget' · Esc shows all")
        assert all("Budget" in line for line in lines_of(log))
        assert any("107 about" in line for line in lines_of(log))
        log.add([final("one more budget", 2_000.0), final("and weather", 2_002.0)])
        await shows(pilot, "18 of 342 captions")
        assert log.unseen >= 1
        await pilot.press("end")
        assert "one more budget" in lines_of(log)[-1]
        await pilot.press("f")
        await shows(pilot, "filters")
        assert "and weather" in lines_of(log)[-1]
        await pilot.press("f")
        await shows(pilot, "shows all")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: prompt_of(pilot) == "")
        assert log.search is None
        assert not log.filtered
        log.scroll_to(y=100, animate=False)
        assert lines_of(log) == before


async def test_a_filter_without_a_match_says_that_and_shows_what_comes() -> None:
    async with open_log(90, 10) as (log, pilot):
        log.add(said(5))
        await pilot.press("f", *"zebra", "enter")
        await shows(pilot, "0 of 5 captions match")
        assert "No caption matches." in lines_of(log)[0]
        log.show_partial(partial("no such", 20.0))
        assert "no such" not in "".join(lines_of(log))
        log.show_partial(partial("a zebra", 20.0))
        assert "a zebra" in lines_of(log)[0]
        log.add([final("A zebra!", 20.0)])
        assert "A zebra!" in lines_of(log)[0]


async def test_the_readers_caption_stays_in_sight_when_the_filter_comes_and_goes() -> None:
    async with open_log(60, 10) as (log, pilot):
        log.add(said(400, every=8))
        await pilot.press("slash", *"budget", "enter", "N", "N", "N")
        assert log.cursor == 375
        for _ in range(2):
            await pilot.press("f")
            await pilot.pause()
            assert any("375 about" in line for line in lines_of(log))


async def test_a_search_does_not_hold_up_the_loop_and_the_view_goes_there_once_it_is_done() -> None:
    async with open_log() as (log, pilot):
        log.open(Transcript(final(f"{number} Съешь ещё этих мягких булок") for number in range(200_000)))
        await pilot.press("slash")
        began = time.perf_counter()
        log.look_for("199999 ")
        assert time.perf_counter() - began < 0.05
        assert not log.settled
        await until(pilot, lambda: log.settled)
        assert log.search is not None
        assert list(log.search.matches) == [199_999]


@pytest.mark.parametrize(
    ("typed", "first"),
    [("12:24", 390), ("12:24:36", 402), ("10", 200), ("0", 0), ("-5", 899), ("+1", 999), ("-500", 0)],
)
async def test_a_time_is_gone_to(typed: str, first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return START + timedelta(hours=3)

    monkeypatch.setattr(log_pane, "datetime", Clock)
    async with open_log() as (log, pilot):
        log.add([final(f"caption {number}", 3.0 * number) for number in range(1_000)])
        await pilot.press("g", *("plus" if character == "+" else character for character in typed), "enter")
        await until(pilot, lambda: log.cursor is not None)
        assert log.cursor == first
        assert any("▸12" in line and f"caption {log.cursor}" in line for line in lines_of(log))
        assert not log.following


async def test_what_is_no_time_is_said_in_the_prompt_and_can_be_typed_anew() -> None:
    async with open_log() as (log, pilot):
        log.add(said(20))
        prompt = pilot.app.query_one(LogPane).prompt
        for typed, sentence in (
            ("soon", "No time. Try 14:05, -5 or 30."),
            ("25:00", "There is no 25:00 on a clock."),
            ("90", "The session is only 0:00:59 long."),
        ):
            await pilot.press("g" if not prompt.asking else "backspace", *typed, "enter")
            await until(pilot, lambda sentence=sentence: prompt.input.placeholder == sentence)  # type: ignore[misc]
        assert log.following
        await pilot.press("escape")
        await until(pilot, lambda: log.has_focus and not prompt.display)


def test_a_time_of_day_that_is_still_to_come_was_yesterday() -> None:
    transcript = Transcript([final("late", -3_600.0), final("early", 0.0), final("now", 3_600.0)])
    now = (START + timedelta(hours=2)).astimezone(UTC)
    assert entry_at("12:10", transcript, 0, now) == 2
    assert entry_at("23:00", transcript, 0, now) == 0


async def test_braces_go_by_a_minute_and_at_least_by_a_caption() -> None:
    async with open_log() as (log, pilot):
        log.add([final(f"{number}", 10.0 * number) for number in range(100)] + [final("after a pause", 5_000.0)])
        for key, there in (
            ("left_curly_bracket", 99), ("left_curly_bracket", 93), ("left_curly_bracket", 87),
            ("right_curly_bracket", 93), ("right_curly_bracket", 99), ("right_curly_bracket", 100),
            ("right_curly_bracket", 100),
        ):  # fmt: skip
            await pilot.press(key)
            assert log.cursor == there, key


async def test_after_scrolling_by_hand_the_next_match_is_searched_from_what_is_in_sight() -> None:
    async with open_log() as (log, pilot):
        log.add(said())
        await pilot.press("slash", *"budget", "enter")
        log.scroll_to(y=100, animate=False)
        await pilot.pause()
        assert log.cursor is None
        await pilot.press("n")
        assert log.cursor == 107
        assert isinstance(log, CaptionLog)
