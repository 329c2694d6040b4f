"""Every theme can be read, and what colours tell is told without them as well."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color, rgb_to_lab
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import OptionList

from captions.dashboard.app import CaptionsApp
from captions.dashboard.screens.file_picker import FilePicker
from captions.dashboard.screens.reading_view import ReadingView
from captions.dashboard.status_line import LOOKS
from captions.dashboard.themes import THEMES
from captions.events import Phase, SessionState
from captions.settings import ROWS, Settings
from tests.dashboard.conftest import Dashboard, until
from tests.dashboard.fake_engine import final, level, partial, state
from tests.dashboard.test_snapshots import TALK

AA, AAA, GRAPHICAL = 4.5, 7.0, 3.0
"""Contrast of text (WCAG 2.2, 1.4.3 and 1.4.6), and of graphics that tell something (1.4.11)."""
LEAST = {"dark": AA, "light": AA, "high-contrast": AAA, "colour-blind": AA}
DECORATION = re.compile(r"[\s·─━│┃╭╮╰╯▀-▟▁-█🔎]*")
"""Lines, frames, the meter's empty cells and scrollbars: nothing to read."""
GRAPHICS = {"level-meter--bar", "level-meter--loud", "level-meter--empty", "level-meter--hold", "status-line--bar"}
SIZE = (120, 44)


def contrast(style: Style) -> float:
    """Return the ratio of the luminances of text and ground, as WCAG 2.2 defines it: 1 to 21."""
    assert style.color is not None
    assert style.bgcolor is not None
    lighter, darker = sorted(_luminance(colour.get_truecolor()) for colour in (style.color, style.bgcolor))[::-1]
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: tuple[int, int, int]) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (c / 255 for c in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def attributes(style: Style) -> tuple[bool, ...]:
    """Return what a terminal without colours shows of a style."""
    return tuple(map(bool, (style.bold, style.italic, style.underline, style.reverse, style.strike)))


def segments(app: CaptionsApp, within: Widget | None = None) -> Iterator[Segment]:
    """Yield what is on the screen, or in a part of it."""
    region = (within or app.screen).region
    for strip in app.screen._compositor.render_strips()[region.y : region.bottom]:
        yield from strip.crop(region.x, region.right)


def look_of(app: CaptionsApp, text: str, within: Widget | None = None) -> Style:
    """Return the style in which the first segment with `text` is painted."""
    style = next(segment.style for segment in segments(app, within) if text in segment.text)
    assert style is not None
    return style


def hard_to_read(app: CaptionsApp, least: float, within: Widget | None = None) -> list[tuple[str, float]]:
    """Return the texts on the screen whose contrast is less than that."""
    found = []
    for text, style, _ in segments(app, within):
        if style is not None and not DECORATION.fullmatch(text) and contrast(style) < least:
            found.append((text.strip(), round(contrast(style), 2)))
    return found


async def talked(dashboard: Dashboard, pilot: Pilot[None]) -> None:
    engine = await dashboard.engine(pilot)
    engine.say(*TALK)
    await until(pilot, lambda: dashboard.app.meter.word == "good")


def test_there_is_a_theme_for_every_choice() -> None:
    assert tuple(THEMES) == ROWS["theme"].choices == tuple(LEAST)


@pytest.mark.parametrize("theme", THEMES)
async def test_the_style_of_everything_that_is_written_has_contrast(theme: str) -> None:
    dashboard = Dashboard(Settings(theme=theme))
    async with dashboard.app.run_test(size=SIZE) as pilot:
        await talked(dashboard, pilot)
        view = ReadingView([], [], state())
        await dashboard.app.push_screen(view)
        checked = 0
        for widget in (dashboard.app.status, dashboard.app.meter, dashboard.app.captions, view.lines):
            for name in sorted(type(widget).COMPONENT_CLASSES):
                if "--" in name and not name.startswith("scroll"):
                    least = GRAPHICAL if name in GRAPHICS else LEAST[theme]
                    assert contrast(widget.get_component_rich_style(name)) >= least, name
                    checked += 1
        assert checked >= 30


@pytest.mark.parametrize("theme", THEMES)
async def test_every_text_on_the_screen_has_contrast(theme: str) -> None:
    dashboard = Dashboard(Settings(theme=theme))
    app = dashboard.app
    least = LEAST[theme]
    async with app.run_test(size=SIZE) as pilot:
        await talked(dashboard, pilot)
        for phase in Phase:
            app.status.show_state(SessionState(phase, "SpeechKit", "What the service says", 0.0))
            await pilot.pause()
            assert LOOKS[phase][1] in app.status.render_line(0).text
            assert hard_to_read(app, least) == []
        app.meter.show(level(clipped=True))
        app.sidebar.fields["endpoint"].show_error("The endpoint needs a port.")
        app.pane.pill.display = True
        app.pane.pill.update("3 new")
        for field in app.sidebar.fields.values():
            field.editor.focus()
            await pilot.pause()
            assert hard_to_read(app, least) == []
        app.notify("A note", title="Title")
        app.notify("An error", severity="error")
        app.captions.focus()
        await pilot.pause()
        assert hard_to_read(app, least) == []
        await pilot.press("question_mark")
        await pilot.pause()
        assert hard_to_read(app, least, app.screen.query_one("#help")) == []
        await pilot.press("escape", "o")
        await until(pilot, lambda: isinstance(app.screen, FilePicker) and app.screen.query_one(OptionList).option_count)
        await pilot.press("down")
        await pilot.pause()
        assert hard_to_read(app, least, app.screen.query_one("#picker")) == []
        await pilot.press("escape", "ctrl+p", *"micro")
        await until(pilot, lambda: any("the microphone" in segment.text for segment in segments(app)))
        assert hard_to_read(app, least, app.screen.query_one(OptionList)) == []


@pytest.mark.parametrize("view", ["log", "reading view"])
async def test_every_part_takes_on_the_next_theme_each_time(view: str) -> None:
    dashboard = Dashboard()
    async with dashboard.app.run_test(size=SIZE) as pilot:
        (await dashboard.engine(pilot)).say(state(), final("hello there"))
        await until(pilot, lambda: len(dashboard.app.captions.entries) == 1)
        if view == "reading view":
            await pilot.press("z")
        for _ in range(2 * len(THEMES)):
            await pilot.press("t")
            await pilot.pause()
            ground = Color.parse(dashboard.app.theme_variables["background"]).rich_color.get_truecolor()
            shown = look_of(dashboard.app, "hello")
            assert shown.bgcolor is not None
            assert shown.bgcolor.get_truecolor() == ground


def test_states_differ_in_lightness_for_who_sees_colours_differently() -> None:
    theme = THEMES["colour-blind"]
    chips = (theme.success, theme.warning, theme.error, theme.variables["unlit"])
    lightness = [rgb_to_lab(Color.parse(chip)).L for chip in chips if chip]
    assert len(lightness) == 4
    assert min(abs(one - other) for one, other in combinations(lightness, 2)) > 12


# Without colours


@pytest.fixture
def colourless(monkeypatch: pytest.MonkeyPatch) -> Dashboard:
    monkeypatch.setenv("NO_COLOR", "1")
    return Dashboard()


async def test_without_colours_the_state_is_a_symbol_and_a_word_that_stand_out(colourless: Dashboard) -> None:
    app = colourless.app
    async with app.run_test(size=SIZE) as pilot:
        await talked(colourless, pilot)
        assert len({look[:2] for look in LOOKS.values()}) == len(LOOKS)
        for phase in Phase:
            app.status.show_state(SessionState(phase, "SpeechKit", "", 0.0))
            await pilot.pause()
            assert attributes(look_of(app, LOOKS[phase][1])) != attributes(look_of(app, "SpeechKit"))


async def test_without_colours_words_that_may_change_look_different(colourless: Dashboard) -> None:
    app = colourless.app
    async with app.run_test(size=SIZE) as pilot:
        await talked(colourless, pilot)
        settled, tentative = look_of(app, "Good morning"), look_of(app, "and so the next")
        assert attributes(settled) != attributes(tentative)
        view = ReadingView([], [replace(partial("It is cold out"), committed=5)], state())
        await app.push_screen(view)
        await pilot.pause()
        assert attributes(look_of(app, "It is")) != attributes(look_of(app, "cold out"))


async def test_without_colours_gaps_warnings_and_errors_begin_with_a_word(colourless: Dashboard) -> None:
    app = colourless.app
    async with app.run_test(size=SIZE) as pilot:
        await talked(colourless, pilot)
        assert look_of(app, "No one heard")
        assert look_of(app, "Warning: ")


async def test_without_colours_the_pill_stands_out(colourless: Dashboard) -> None:
    app = colourless.app
    async with app.run_test(size=SIZE) as pilot:
        await talked(colourless, pilot)
        app.pane.pill.update("3 new")
        app.pane.pill.display = True
        await pilot.pause()
        assert attributes(look_of(app, "3 new")) != attributes(look_of(app, "Good morning"))


async def test_without_colours_the_setting_that_has_the_focus_stands_out(colourless: Dashboard) -> None:
    app = colourless.app
    async with app.run_test(size=SIZE) as pilot:
        await talked(colourless, pilot)
        app.sidebar.fields["encoding"].editor.focus()
        await pilot.pause()
        assert attributes(look_of(app, "Encoding")) != attributes(look_of(app, "Sample rate"))


async def test_without_colours_the_chosen_row_of_a_list_stands_out(colourless: Dashboard) -> None:
    app = colourless.app
    async with app.run_test(size=SIZE) as pilot:
        await talked(colourless, pilot)
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, FilePicker) and app.screen.query_one(OptionList).option_count)
        await pilot.press("down", "down")
        await pilot.pause()
        files = app.screen.query_one(OptionList)
        looks = [
            attributes(segment.style) for segment in segments(app, files) if segment.style and segment.text.strip()
        ]
        assert looks.count(looks[0]) == 1
        assert len(set(looks)) == 2


async def test_without_colours_matches_and_the_one_gone_to_stand_out(colourless: Dashboard) -> None:
    app = colourless.app
    async with app.run_test(size=SIZE) as pilot:
        await talked(colourless, pilot)
        await pilot.press("slash", *"budget", "enter")
        await pilot.pause()
        await until(pilot, lambda: any(segment.text == "budget" for segment in segments(app)))
        words, went_to = attributes(look_of(app, "Good morning")), attributes(look_of(app, "budget"))
        await pilot.press("slash", *"to", "enter")
        await until(pilot, lambda: sum(segment.text == "to" for segment in segments(app)) > 1)
        looks = {attributes(found.style) for found in segments(app, app.captions) if found.text == "to" and found.style}
        assert went_to in looks
        assert len(looks) == 2
        assert words not in looks
