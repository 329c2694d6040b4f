"""How the log reads: wrapped, followed, left alone by what is new, and safe from what it is given."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from textual.pilot import Pilot

from captions.dashboard import caption_log
from captions.dashboard.caption_log import CaptionLog
from captions.dashboard.log_pane import Pill
from captions.dashboard.wrapping import row_starts
from captions.events import Gap, Mark, Notice, Partial, Paused, Resumed, Severity
from captions.transcript.transcript import Transcript
from tests.dashboard.conftest import until
from tests.dashboard.fake_engine import START, final, microphone, partial
from tests.dashboard.log_app import LogApp, lines_of, open_log

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"


async def test_captions_stand_beside_the_time_at_which_they_were_said() -> None:
    async with open_log() as (log, _):
        log.add([final("Hello there.", 3.0)])
        assert lines_of(log)[0] == " 12:04:34  Hello there."


async def test_finals_of_one_utterance_go_on_without_a_time() -> None:
    async with open_log() as (log, _):
        log.add([final("One.", end_of_utterance=False), final("Two.", 2.0), final("Three.", 4.0)])
        assert lines_of(log)[:3] == [" 12:04:31  One.", "           Two.", " 12:04:35  Three."]


@pytest.mark.parametrize(
    ("columns", "beside"),
    [
        (80, [" 12:04:31  ", " 12:04:33  ", " 12:04 de  ", "           ", "       en  ", " 12:04:41  "]),
        (50, [" 12:04  ", " 12:04  ", "    de  ", "        ", "    en  ", " 12:04  "]),
        (30, [" "] * 6),
    ],
)
async def test_where_another_language_is_spoken_its_code_stands_beside_the_caption(
    columns: int, beside: list[str]
) -> None:
    spoken = ["", "en-US", "de-DE", "de-DE", "en-US", "en-GB"]
    ends = [True, True, False, False, True, True]
    async with open_log(columns) as (log, _):
        log.add(
            replace(final(f"Word {number}.", 2.0 * number, end_of_utterance=ended), language=language)
            for number, (language, ended) in enumerate(zip(spoken, ends, strict=True))
        )
        assert lines_of(log)[:6] == [f"{before}Word {number}." for number, before in enumerate(beside)]


async def test_a_language_from_outside_is_plain_text_and_never_wider_than_its_place() -> None:
    async with open_log() as (log, _):
        log.add([replace(final("One."), language="en"), replace(final("Two."), language="\x1b[31mxyzzy")])
        assert lines_of(log)[1] == " 12:04[31  Two."


async def test_a_partial_reads_as_one_without_colour_and_becomes_final_where_it_stands() -> None:
    async with open_log() as (log, _):
        log.show_partial(partial("hello th"))
        assert lines_of(log)[0] == "      now  hello th\u00a0…"
        style = list(log.render_line(0))[1].style
        assert style is not None
        assert style.italic
        log.add([final("Hello there.")])
        assert lines_of(log)[0] == " 12:04:31  Hello there."
        assert lines_of(log)[1] == ""


async def test_a_partial_of_a_stream_that_broke_says_that_it_is_not_confirmed() -> None:
    async with open_log() as (log, _):
        log.show_partial(Partial("1", 0.0, 1.0, "hello th", unconfirmed=True))
        assert lines_of(log)[0] == "      now  hello th\u00a0… (not confirmed yet)"


async def test_an_empty_partial_takes_the_partial_away() -> None:
    async with open_log() as (log, _):
        log.show_partial(partial("hello"))
        log.show_partial(partial(""))
        assert "hello" not in "".join(lines_of(log))


async def test_partials_of_two_tracks_stand_side_by_side() -> None:
    async with open_log() as (log, _):
        log.show_partial(partial("from you", track="you"))
        log.show_partial(partial("from the room", track="room"))
        log.add([final("From you.", track="you")])
        assert [line[11:] for line in lines_of(log)[:2]] == ["From you.", "from the room\u00a0…"]


async def test_a_partial_that_becomes_shorter_does_not_make_the_lines_above_it_jump() -> None:
    async with open_log(40, 5) as (log, _):
        log.add([final(f"caption {number}", number) for number in range(20)])
        log.show_partial(partial("a partial that takes three rows of a narrow log, like this one does"))
        above = lines_of(log)[0]
        log.show_partial(partial("a partial"))
        assert lines_of(log)[0] == above


async def test_all_that_lasts_is_told_in_words() -> None:
    async with open_log(100, 12) as (log, _):
        wall = START + timedelta(seconds=60)
        log.add(
            [
                microphone("USB Audio"),
                Paused(1.0, wall),
                Resumed(1.0, wall),
                Gap("1", 60.0, 66.0, wall, "the connection was lost"),
                Notice(2.0, wall, Severity.WARNING, "The disk is full.", "Make room."),
                Notice(2.0, wall, Severity.ERROR, "It broke."),
                Notice(2.0, wall, Severity.INFORMATION, "Playing the sample."),
            ]
        )
        assert [line[11:] for line in lines_of(log)[:7]] == [
            "── microphone: USB Audio ──",
            "── paused ──",
            "── listening again ──",
            "No one heard 12:05:31–12:05:37 (6.0 s): the connection was lost",
            "Warning: The disk is full. Make room.",
            "Error: It broke.",
            "Note: Playing the sample.",
        ]


async def test_hostile_text_is_neither_markup_nor_control() -> None:
    async with open_log() as (log, _):
        log.add([final("[bold]b[/] \x1b[2J\x1b]0;title\x07 \u202eabc\r\nd \udc80"), microphone("[red]\x1b[31mmic")])
        text = "\n".join(lines_of(log))
        assert "[bold]b[/]" in text
        assert "[red][31mmic" in text
        assert all(character == "\n" or character >= " " for character in text)
        assert not set("\x1b\x07\u202e\udc80") & set(text)


async def test_captions_of_a_megabyte_are_read_like_any_other() -> None:
    async with open_log() as (log, pilot):
        log.add([final("word " * 200_000), final("x" * 1_000_000, 2.0)])
        log.show_partial(partial("Слово " * 50_000))
        for key in ("home", "pagedown", "end", "pageup", "pageup"):
            began = time.perf_counter()
            await pilot.press(key)
            assert time.perf_counter() - began < 1.0
            assert all(len(line) <= 80 for line in lines_of(log))
        assert "слово" in lines_of(log)[0].lower()


async def test_no_row_is_wider_than_the_log_in_any_script_and_at_any_width() -> None:
    async with open_log(60, 20) as (log, pilot):
        log.add(
            [final("日本語の字幕 " * 9), final("Ё" * 90), final("e\u0301" * 70), final("👨‍👩‍👧 x" * 30), final(LONG)]
        )
        for columns in (60, 41, 30, 7, 2, 120):
            await pilot.resize_terminal(columns, 20)
            await until(pilot, lambda columns=columns: log.size.width == columns)  # type: ignore[misc]
            await pilot.pause()
            for y in range(20):
                assert log.render_line(y).cell_length == log.scrollable_content_region.width


async def test_times_become_shorter_and_go_when_the_log_is_narrow() -> None:
    async with open_log(80) as (log, pilot):
        log.add([final("Hello.")])
        for columns, start in ((59, " 12:04  Hello."), (30, " Hello.")):
            await pilot.resize_terminal(columns, 10)
            await until(pilot, lambda start=start: lines_of(log)[0] == start)  # type: ignore[misc]


async def test_the_live_end_stays_in_sight() -> None:
    async with open_log() as (log, _):
        for number in range(50):
            log.add([final(f"caption {number}", number)])
        assert "caption 49" in lines_of(log)[-1]
        log.show_partial(partial(LONG))
        assert "fourteen" in "".join(lines_of(log))


async def test_nothing_moves_under_the_eyes_of_a_reader_who_went_up_and_end_returns() -> None:
    async with open_log() as (log, pilot):
        log.add([final(f"caption {number}", number) for number in range(50)])
        await pilot.press("pageup")
        assert not log.following
        before = lines_of(log)
        log.add([final(f"new {number}", 100 + number) for number in range(3)])
        log.show_partial(partial(LONG * 3))
        assert lines_of(log) == before
        pill = pilot.app.query_one(Pill)
        await until(pilot, lambda: "3 new" in str(pill.render()))
        assert pill.display
        await pilot.press("end")
        assert log.following
        assert log.unseen == 0
        await until(pilot, lambda: not pill.display)


async def test_the_pill_leads_back_by_a_click() -> None:
    async with open_log() as (log, pilot):
        log.add([final(f"caption {number}", number) for number in range(50)])
        await pilot.press("home")
        pill = pilot.app.query_one(Pill)
        await until(pilot, lambda: pill.display)
        await pilot.pause()
        await pilot.click(Pill)
        await until(pilot, lambda: log.following)


async def test_every_key_of_the_log_moves_by_what_it_says() -> None:
    async with open_log() as (log, pilot):
        log.add([final(f"caption {number}", number) for number in range(50)])
        bottom = log.scroll_offset.y
        for key, row in (
            ("up", bottom - 1),
            ("down", bottom),
            ("k", bottom - 1),
            ("j", bottom),
            ("pageup", bottom - 9),
            ("home", 0),
            ("pagedown", 9),
            ("end", bottom),
        ):
            await pilot.press(key)
            assert log.scroll_offset.y == row, key


async def test_the_wheel_leaves_the_live_end_and_comes_back_to_it() -> None:
    async with open_log() as (log, pilot):
        log.add([final(f"caption {number}", number) for number in range(50)])
        log.scroll_up(animate=False)
        await until(pilot, lambda: not log.following)
        log.scroll_end(animate=False)
        await until(pilot, lambda: log.following)


async def test_a_resize_keeps_the_readers_place() -> None:
    async with open_log(80, 10) as (log, pilot):
        log.add([final(f"{number} {LONG}", number) for number in range(100)])
        log.scroll_to(y=81, animate=False)
        await pilot.pause()
        word = lines_of(log)[0].split()[0]
        assert word == "thirteen"
        for columns in (44, 120, 31):
            await pilot.resize_terminal(columns, 10)
            await until(pilot, lambda columns=columns: log.size.width == columns)  # type: ignore[misc]
            await pilot.pause()
            assert word in lines_of(log)[0], columns
        assert not log.following


async def test_entries_that_come_before_the_log_has_a_size_are_wrapped_when_it_has() -> None:
    log = CaptionLog()
    log.add([final("early")])
    log.show_partial(partial("early partial"))
    assert len(log.entries) == 1
    async with open_log() as (shown, _):
        shown.add(log.entries)
        assert "early" in lines_of(shown)[0]


async def test_clearing_empties_the_screen_and_captions_go_on() -> None:
    async with open_log() as (log, _):
        log.add([final(f"caption {number}", number) for number in range(50)])
        log.clear()
        assert "caption" not in "".join(lines_of(log))
        log.add([final("after")])
        assert "after" in lines_of(log)[0]


async def test_after_a_resize_what_is_in_sight_is_right_at_once_and_the_rest_follows_without_moving_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(caption_log, "RESIZE_REST_SECONDS", 1.0)
    transcript = Transcript(final(f"{number} {LONG}", number) for number in range(20_000))
    async with open_log(80, 10) as (log, pilot):
        log.open(transcript)
        await until(pilot, lambda: log.settled)
        log.go_to(10_000)
        await pilot.press("down", "down")
        await pilot.resize_terminal(44, 10)
        await until(pilot, lambda: log.size.width == 44)
        assert not log.settled
        before = lines_of(log)
        assert "thirteen" in before[0]
        assert all(len(line) <= 43 for line in before)
        log.add([final("new", 30_000)])
        log.show_partial(partial("newer"))
        assert lines_of(log) == before
        await until(pilot, lambda: log.settled)
        assert lines_of(log) == before
        rows = sum(len(row_starts(text, 44 - 9)) for text in transcript.texts)
        assert log.virtual_size.height == rows + 1


async def test_the_live_end_is_followed_while_the_rest_is_laid_out() -> None:
    async with open_log(80, 10) as (log, pilot):
        log.open(Transcript(final(f"{number} {LONG}", number) for number in range(20_000)))
        for columns in (60, 50, 40):
            await pilot.resize_terminal(columns, 10)
            await until(pilot, lambda columns=columns: log.size.width == columns)  # type: ignore[misc]
            log.show_partial(partial(f"at {columns}"))
            assert f"at {columns}" in lines_of(log)[-1]
        await until(pilot, lambda: log.settled)
        assert "at 40" in lines_of(log)[-1]
        assert log.following


async def test_paging_into_what_is_not_laid_out_yet_goes_by_exactly_a_page() -> None:
    async with open_log(80, 10) as (log, pilot):
        log.open(Transcript(final(f"{number} {LONG}", number) for number in range(5_000)))
        await pilot.resize_terminal(40, 10)
        await until(pilot, lambda: log.size.width == 40)
        for _ in range(200):
            first = lines_of(log)[0]
            log.scroll_by(-9)
            assert lines_of(log)[9] == first


async def test_many_captions_are_shown_at_once_and_few_strips_are_kept() -> None:
    transcript = Transcript(final(f"{number} Съешь ещё этих мягких булок {LONG}") for number in range(50_000))
    async with open_log() as (log, _):
        began = time.perf_counter()
        log.open(transcript)
        assert "seventeen" in lines_of(log)[-1]
        assert time.perf_counter() - began < 0.5
        for _ in range(100):
            log.scroll_by(-9)
            assert len(lines_of(log)) == 10
        assert len(log._rows._strips) <= 512


async def test_over_a_slow_link_the_live_end_scrolls_by_half_of_what_is_in_sight() -> None:
    async with open_log(80, 10) as (log, pilot):
        log.low_bandwidth = True
        tops = []
        for number in range(26):
            log.add([final(f"caption {number}", number)])
            tops.append(log.scroll_offset.y)
            assert any(f"caption {number}" in line for line in lines_of(log))
        assert sorted(set(tops)) == [0, 5, 10, 15, 20]
        await pilot.press("up")
        assert log.scroll_offset.y == 19
        assert not log.following
        await pilot.press("end")
        assert log.following
        assert "caption 25" in lines_of(log)[-1]


async def test_settled_words_of_a_partial_look_like_a_caption_and_the_others_do_not() -> None:
    async with open_log() as (log, _):
        log.show_partial(replace(partial("hello there you"), committed=11))
        words = [(segment.text, bool(segment.style and segment.style.italic)) for segment in log.render_line(0)]
        assert ("hello there", False) in words
        assert (" you\u00a0…", True) in words


async def test_a_mark_is_asked_for_and_shows_once_it_is_kept() -> None:
    for columns in (80, 30):
        async with open_log(columns, 10) as (log, pilot):
            log.add([final(f"caption {number}", 2.0 * number) for number in range(3)])
            wanted = await marks_wanted(pilot, "b")
            assert wanted == [("1", 4.0, False)]
            assert "◆" not in "".join(lines_of(log))
            log.add([Mark("1", 4.0, START)])
            assert [line.startswith("◆") for line in lines_of(log)[:3]] == [False, False, True]
            assert await marks_wanted(pilot, "b") == [("1", 4.0, True)]
            log.add([Mark("1", 4.0, START, removed=True)])
            assert "◆" not in "".join(lines_of(log))


async def test_what_is_being_said_is_marked_for_a_follower() -> None:
    async with open_log() as (log, pilot):
        log.add([final("before", 0.0)])
        log.show_partial(partial("being said", 1.5))
        assert await marks_wanted(pilot, "b") == [("1", 2.0, False)]
        log.add([Mark("1", 2.0, START)])
        assert [line[0] for line in lines_of(log)[:2]] == [" ", "◆"]
        assert await marks_wanted(pilot, "b") == [("1", 2.0, True)]
        log.add([final("being said.", 1.5)])
        assert [line[:20] for line in lines_of(log)[:2]] == [" 12:04:31  before", "◆12:04:32  being sai"]


async def test_a_reader_marks_the_first_caption_that_is_wholly_in_sight_and_goes_from_mark_to_mark() -> None:
    async with open_log(40, 6) as (log, pilot):
        log.add([final(f"{number} {LONG}", 2.0 * number) for number in range(30)])
        log.scroll_to(y=1, animate=False)
        assert await marks_wanted(pilot, "b") == [("1", 2.0, False)]
        log.add([Mark("1", 2.0 * number, START) for number in (1, 9, 20)])
        for key, number in (("]", 1), ("]", 9), ("]", 20), ("[", 9), ("[", 1)):
            await pilot.press({"]": "right_square_bracket", "[": "left_square_bracket"}[key])
            assert log.cursor == number
            assert any(line.startswith("◆") and f"  {number} one" in line for line in lines_of(log)), key


async def marks_wanted(pilot: Pilot[None], *keys: str) -> list[tuple[str, float, bool]]:
    app = pilot.app
    assert isinstance(app, LogApp)
    app.wanted.clear()
    await pilot.press(*keys)
    await until(pilot, lambda: app.wanted)
    return [(message.track, message.time, message.removed) for message in app.wanted]
