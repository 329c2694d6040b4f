"""The reading view: two or three short rows that roll up and never change where they stand."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.pilot import Pilot
from textual.widgets import OptionList

from captions.dashboard.roll_up import CYRILLIC_ROW_CELLS, ROW_CELLS, RollUp
from captions.dashboard.screens.reading_view import ReadingView, place
from captions.events import Entry, Gap, Partial, Paused, Phase, SessionState
from tests.dashboard.conftest import Dashboard, until
from tests.dashboard.fake_engine import START, final, level, microphone, partial, state

SIZES = [(40, 10), (80, 24), (120, 30), (200, 60), (20, 6), (11, 3), (42, 2), (1, 1)]
WORDS = st.lists(
    st.text(st.sampled_from("aбi.W漢é-1"), min_size=1, max_size=9) | st.text("x", min_size=40, max_size=99),
    min_size=1,
    max_size=40,
)
CELLS = st.integers(2, 60)
COUNTS = st.integers(1, 3)
SAME = settings(database=None, derandomize=True, deadline=None)
"""The same examples each time."""
TALL = 10_000
"""So many rows that none rolls out of sight."""


def texts(roll: RollUp) -> list[str]:
    return [row.text for row in roll.rows()]


def heard(words: Sequence[str], committed: int) -> Partial:
    settled = len(" ".join(words[:committed]))
    return Partial("1", 0.0, 1.0, " ".join(words), committed=settled)


# How rows are made


def test_words_are_added_to_the_lowest_row_and_all_roll_up_when_it_is_full() -> None:
    roll = RollUp(10, 3)
    shown = []
    for said in ("one two", "three", "four five", "six seven", "eight"):
        roll.add(final(said, end_of_utterance=False))
        shown.append(texts(roll))
    assert shown == [
        ["one two", "", ""],
        ["one two", "three", ""],
        ["one two", "three four", "five"],
        ["three four", "five six", "seven"],
        ["five six", "seven", "eight"],
    ]


def test_an_utterance_begins_a_row_of_its_own() -> None:
    roll = RollUp(42, 2)
    roll.add(final("Yes."))
    roll.add(final("And then"))
    assert texts(roll) == ["Yes.", "And then"]


def test_a_final_takes_the_place_of_its_partial_without_moving_a_word() -> None:
    roll = RollUp(12, 3)
    roll.add(final("One two", end_of_utterance=False))
    roll.show_partial(partial("three four five"))
    before = texts(roll)
    roll.add(final("three four five"))
    assert texts(roll) == before == ["One two", "three four", "five"]


def test_rows_that_rolled_up_stay_there_when_a_partial_becomes_shorter() -> None:
    roll = RollUp(10, 2)
    roll.add(final("Before."))
    roll.show_partial(partial("one two three"))
    assert texts(roll) == ["one two", "three"]
    roll.show_partial(partial("one two"))
    assert texts(roll) == ["one two", ""]


def test_what_is_not_settled_is_told_apart() -> None:
    roll = RollUp(42, 2)
    roll.add(final("It is", end_of_utterance=False))
    roll.show_partial(heard(["cold", "out", "there"], committed=1))
    (row, _) = roll.rows()
    assert (row.text[: row.settled], row.text[row.settled :]) == ("It is cold", " out there")


def test_russian_rows_are_narrower() -> None:
    for text, cells in (("раз " * 30, CYRILLIC_ROW_CELLS), ("one " * 30, ROW_CELLS)):
        roll = RollUp(60, 3)
        roll.add(final(text))
        assert max(cell_len(row) for row in texts(roll)) <= cells
        assert texts(roll)[0] == text[: cells + 1].rsplit(" ", 1)[0]


def test_what_was_missed_is_told_in_words_on_rows_of_its_own() -> None:
    roll = RollUp(42, 3)
    roll.add(final("It was", end_of_utterance=False))
    roll.add(Gap("1", 2.0, 8.0, START, "the connection was lost"))
    roll.add(Paused(8.0, START))
    assert [row.look for row in roll.rows()] == ["gap", "gap", "rule"]
    assert "No one heard" in roll.rows()[0].text


def test_tracks_do_not_share_a_row() -> None:
    roll = RollUp(42, 3)
    roll.add(final("I said", end_of_utterance=False, track="1"))
    roll.show_partial(partial("and they said", track="2"))
    assert texts(roll) == ["I said", "and they said", ""]
    roll.add(final("and they said no", track="2"))
    assert texts(roll) == ["I said", "and they said no", ""]


@SAME
@given(st.lists(WORDS, min_size=1, max_size=6), CELLS)
def test_no_row_is_too_wide_and_no_character_is_lost(utterances: list[list[str]], cells: int) -> None:
    roll = RollUp(cells, TALL)
    for words in utterances:
        for word in words:
            roll.add(final(word, end_of_utterance=False))
        roll.add(final("", end_of_utterance=True))
    rows = texts(roll)
    assert max(cell_len(row) for row in rows) <= min(cells, ROW_CELLS)
    assert "".join(rows).replace(" ", "") == "".join("".join(words) for words in utterances)


@SAME
@given(WORDS, st.data(), CELLS)
def test_what_is_settled_never_moves_while_more_comes(words: list[str], data: st.DataObject, cells: int) -> None:
    roll = RollUp(cells, TALL)
    settled = 0
    before = ""
    while settled < len(words):
        settled = data.draw(st.integers(settled + 1, len(words)))
        tentative = data.draw(st.lists(st.sampled_from(["um", "and", "никогда", "漢字"]), max_size=12))
        roll.show_partial(heard([*words[:settled], *tentative], committed=settled))
        now = "\n".join(row.text[: row.settled] for row in roll.rows() if row.settled)
        assert now.startswith(before)
        before = now
    roll.add(final(" ".join(words)))
    assert "\n".join(filter(None, texts(roll))) == before


@SAME
@given(st.lists(WORDS, min_size=1, max_size=6), CELLS, COUNTS)
def test_what_is_in_sight_is_the_end_of_all_of_it(utterances: list[list[str]], cells: int, count: int) -> None:
    roll, all_of_it = RollUp(cells, count), RollUp(cells, TALL)
    for words in utterances:
        for word in words:
            for shown in (roll, all_of_it):
                shown.add(final(word, end_of_utterance=False))
            whole = [row for row in texts(all_of_it) if row]
            assert [row for row in texts(roll) if row] == whole[-count:]
        for shown in (roll, all_of_it):
            shown.add(final("", end_of_utterance=True))


# The screen


@pytest.mark.parametrize("size", SIZES)
def test_rows_stand_in_the_middle_one_row_apart_and_fit(size: tuple[int, int]) -> None:
    width, height = size
    there = place(width, height, above=1)
    last = there.top + (there.count - 1) * there.step
    assert there.left + there.cells <= max(1, width)
    assert there.cells <= ROW_CELLS
    assert last < height or height == 1
    if height >= 7:
        assert (there.count, there.step) == (3, 2)
        assert abs(there.top - (height - 1 - last)) <= (1 if height > 7 else 2)


TALK: tuple[Entry, ...] = (
    microphone(),
    final("Good morning everyone, and thank you for coming on such a cold day.", 3.0),
    final("The budget.", 8.0),
)


def on_screen(pilot: Pilot[None]) -> list[str]:
    return [strip.text.rstrip() for strip in pilot.app.screen._compositor.render_strips()]


async def open_view(dashboard: Dashboard, pilot: Pilot[None], entries: Sequence[Entry] = TALK) -> ReadingView:
    await dashboard.engine(pilot)
    view = ReadingView(entries, [partial("We have")], state())
    await dashboard.app.push_screen(view)
    await until(pilot, lambda: view.lines.roll is not None)
    await pilot.pause()
    return view


@pytest.mark.parametrize("size", SIZES[:6])
async def test_the_newest_words_and_the_state_are_in_sight_at_any_size(
    dashboard: Dashboard, size: tuple[int, int]
) -> None:
    async with dashboard.app.run_test(size=size) as pilot:
        view = await open_view(dashboard, pilot)
        shown = on_screen(pilot)
        assert len(shown) == size[1]
        assert any("We have" in row for row in shown)
        assert "● LISTENING"[: size[0] - 2] in shown[0]
        view.show_state(state(Phase.PAUSED))
        await pilot.pause()
        assert "‖ PAUSED"[: size[0] - 2] in on_screen(pilot)[0]


async def test_the_language_stands_beside_the_state_where_there_is_room(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=(40, 10)) as pilot:
        view = await open_view(dashboard, pilot)
        view.show_state(replace(state(), language="ru-RU"))
        await pilot.pause()
        assert on_screen(pilot)[0].split() == ["●", "LISTENING", "ru-RU", "z", "back"]
        view.show_state(replace(state(), language="ru-RU, en-US, kk-KZ, uz-UZ"))
        await pilot.pause()
        assert on_screen(pilot)[0].split() == ["●", "LISTENING", "z", "back"]


async def test_it_opens_with_what_was_said_last_and_goes_on(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=(80, 24)) as pilot:
        view = await open_view(dashboard, pilot)
        view.show_partial(partial("We have three things to talk about before we go"))
        view.add(final("We have three things to talk about before we go home.", 12.0))
        await pilot.pause()
        rows = [row.strip() for row in on_screen(pilot)[2:] if row.strip()]
        assert rows == ["The budget.", "We have three things to talk about before", "we go home."]


async def test_the_service_s_own_words_stand_under_the_state(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=(40, 10)) as pilot:
        view = await open_view(dashboard, pilot)
        view.show_state(state(Phase.FAILED, "UNAUTHENTICATED: The token is invalid. Make a new one. " * 4))
        await pilot.pause()
        shown = on_screen(pilot)
        assert "✕ STOPPED" in shown[0]
        assert shown[1].strip().startswith("UNAUTHENTICATED: The token is")
        assert shown[3].endswith("…")
        assert any("We have" in row for row in shown[4:])


async def test_a_change_of_size_lays_the_same_words_out_anew(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=(80, 24)) as pilot:
        await open_view(dashboard, pilot)
        before = on_screen(pilot)
        await pilot.resize_terminal(30, 10)
        await until(pilot, lambda: len(on_screen(pilot)) == 10)
        await pilot.pause()
        assert any("We have" in row for row in on_screen(pilot))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: len(on_screen(pilot)) == 24)
        await pilot.pause()
        assert on_screen(pilot) == before


async def test_only_cells_that_change_are_painted(dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    async with dashboard.app.run_test(size=(80, 24)) as pilot:
        view = await open_view(dashboard, pilot)
        painted: list[tuple[object, ...]] = []
        monkeypatch.setattr(view.lines, "refresh", lambda *regions, **_: painted.append(regions))
        view.show_partial(partial("We have"))
        view.show_state(replace(view.lines.state, since=9.0))
        assert not painted
        view.show_partial(partial("We have it"))
        ((region,),) = painted
        assert getattr(region, "size", None) == (2, 1)  # a blank stays a blank, however tentative


async def test_the_dashboard_is_as_it_should_be_on_the_way_back(dashboard: Dashboard) -> None:
    app = dashboard.app
    async with app.run_test(size=(120, 30)) as pilot:
        await open_view(dashboard, pilot)
        dashboard.engines[-1].say(final("Meanwhile."))
        await pilot.resize_terminal(60, 20)
        await pilot.press("z")
        await until(pilot, lambda: any("Meanwhile." in row for row in on_screen(pilot)))
        assert len(on_screen(pilot)) == 20
        assert not app.sidebar.display


@pytest.mark.parametrize("key", ["question_mark", "o", "ctrl+p", ""])
async def test_what_changes_under_a_screen_is_not_painted(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    app = dashboard.app
    async with app.run_test(size=(120, 30)) as pilot:
        engine = await dashboard.engine(pilot)
        below = app.screen
        if key:
            await pilot.press(key)
        else:
            await open_view(dashboard, pilot)
        await until(pilot, lambda: app.screen is not below)
        await until(pilot, lambda: all(found.option_count for found in app.screen.query(OptionList)))
        painted: list[object] = []
        monkeypatch.setattr(app, "_display", lambda screen, update: painted.append(update))
        engine.say(level(), final("Meanwhile."), state(Phase.PAUSED))
        await until(pilot, lambda: "PAUSED" in app.status.render_line(0).text and app.captions.entries)
        await pilot.pause()
        assert not any(isinstance(update, LayoutUpdate | ChopsUpdate) for update in painted)


async def test_a_hostile_text_is_text(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=(80, 24)) as pilot:
        view = await open_view(dashboard, pilot, [final("[red]\x1b[31m[/]Hi\x07", 1.0)])
        view.show_state(SessionState(Phase.FAILED, "", "[b]\x1b]0;x\x07no", 0.0))
        await pilot.pause()
        shown = "\n".join(on_screen(pilot))
        assert "[red][31m[/]Hi" in shown
        assert "[b]]0;xno" in shown
        assert "\x1b" not in shown
        assert "\x07" not in shown


@pytest.mark.parametrize("key", ["z", "escape", "q"])
async def test_a_key_leads_back_and_those_of_the_dashboard_work_meanwhile(dashboard: Dashboard, key: str) -> None:
    async with dashboard.app.run_test(size=(80, 24)) as pilot:
        view = await open_view(dashboard, pilot)
        assert "z back" in on_screen(pilot)[0]
        await pilot.press("space")
        assert dashboard.engines[-1].paused
        await pilot.press(key)
        await until(pilot, lambda: pilot.app.screen is not view)
        assert pilot.app.is_running
