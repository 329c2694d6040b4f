"""What comes from outside is text on the screen, too: no markup, and to the terminal no control sequence."""

import json
from pathlib import Path

import pytest
from textual.command import CommandList
from textual.widgets import Input, OptionList

from captions.dashboard.app import CaptionsApp
from captions.dashboard.settings_sidebar import label_of
from captions.errors import SettingError
from captions.events import Gap, InputChanged, Notice, Phase, Severity
from captions.plain_text import plain
from captions.settings import ROWS
from tests.dashboard.conftest import Dashboard, until
from tests.dashboard.fake_engine import START, FakeDevice, final, partial, state
from tests.dashboard.terminal import Terminal
from tests.hostile import FILE_NAMES, HOSTILE, controls, sequences

PROGRAM = str(Path(__file__).parent / "hostile_dashboard.py")
MARKUP = "[bold]b[/bold] [/] [@click=app.quit]quit[/]"

each = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())


def on_screen(app: CaptionsApp) -> str:
    """All that is drawn, row by row."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


@each
async def test_what_the_engine_says_is_drawn_as_text(dashboard: Dashboard, text: str) -> None:
    app = dashboard.app
    async with app.run_test(size=(120, 40)) as pilot:
        engine = await dashboard.engine(pilot)
        for part in (text, text[:60], text + "\n" + MARKUP):
            engine.say(
                partial(part),
                final(part),
                InputChanged("1", 0.0, START, "microphone", part),
                Notice(0.0, START, Severity.ERROR, part, part),
                Gap("1", 0.0, 1.0, START, part),
                state(Phase.RECONNECTING, part, part),
                final(MARKUP),
                partial(MARKUP + part[:60]),
            )
            await until(pilot, lambda: app.captions.following and MARKUP in on_screen(app))
            assert controls(on_screen(app), sequences_too=True) == set()
        app.tell(text[:200] + MARKUP, "error")
        await until(pilot, lambda: "quit[/]" in on_screen(app))
        assert controls(on_screen(app), sequences_too=True) == set()
        await pilot.click(app.captions, offset=(30, 1))
        assert app.is_running
        assert not app._exit


async def test_names_and_values_in_the_sidebar_and_the_palette_are_drawn_as_text(dashboard: Dashboard) -> None:
    app = dashboard.app
    dashboard.devices = [FakeDevice(text) for text in (MARKUP, *HOSTILE.values())]
    async with app.run_test(size=(120, 120)) as pilot:
        engine = await dashboard.engine(pilot)
        engine.languages = ("en-US", *HOSTILE.values())
        engine.say(state())
        await pilot.press("f2", "f2")
        await until(pilot, lambda: f"microphone:{MARKUP}" in app.sidebar.fields["input"].offered)
        for name, sign in (("input", "[bold]b[/bold]"), ("language", "[31;5mred")):
            app.sidebar.fields[name].editor.focus()
            await pilot.press("enter")
            await pilot.pause()
            assert sign in on_screen(app)
            assert controls(on_screen(app), sequences_too=True) == set()
            await pilot.press("escape")
        for text in HOSTILE.values():
            engine.refuse = SettingError(text[:100], MARKUP)
            app.change_setting("endpoint", f"{text[:100]}:443")
            await until(pilot, lambda: "quit[/]" in on_screen(app))
            app.listen_to(f"/tmp/{text}")
            await pilot.pause()
            assert controls(on_screen(app), sequences_too=True) == set()
        await pilot.press("ctrl+p", *"listen")
        found = app.screen.query_one(CommandList)
        await until(pilot, lambda: found.option_count > len(HOSTILE))
        assert controls(on_screen(app), sequences_too=True) == set()
        app.screen.query_one(Input).value = MARKUP[:12]
        await until(pilot, lambda: 0 < found.option_count < len(HOSTILE))
        assert controls(on_screen(app), sequences_too=True) == set()
        assert app.is_running


async def test_file_names_are_drawn_as_text_and_opened_as_they_are(dashboard: Dashboard, tmp_path: Path) -> None:
    app = dashboard.app
    for name in FILE_NAMES:
        (tmp_path / f"{name}.wav").touch()
        (tmp_path / f"{name[:20]} folder").mkdir()
    app.choices.folder = tmp_path
    async with app.run_test(size=(160, 40)) as pilot:
        engine = await dashboard.engine(pilot)
        await pilot.press("o")
        await until(pilot, lambda: app.screen.query_one(OptionList).option_count == 2 * len(FILE_NAMES))
        assert "[bold]b[" in on_screen(app)
        assert controls(on_screen(app), sequences_too=True) == set()
        await pilot.press("down", "end", "enter")
        await until(pilot, lambda: engine.asked)
        asked = {str(tmp_path / f"{name}.wav") for name in FILE_NAMES}
        assert engine.asked[0][1] in asked
        assert controls(on_screen(app), sequences_too=True) == set()
        engine.say(InputChanged("1", 0.0, START, "file", str(engine.asked[0][1])))
        await pilot.pause()
        assert controls(on_screen(app), sequences_too=True) == set()


def test_no_words_of_our_own_need_escaping() -> None:
    for row in ROWS.values():
        assert plain(row.help) == row.help
        assert label_of(row).isprintable()


def drawn(folder: Path, texts: list[str], file_name: str) -> str:
    """What the dashboard writes to a terminal while it shows these texts everywhere, and is driven about."""
    folder.mkdir()
    (folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    file = folder / f"{file_name}.wav"
    file.touch()
    program = (PROGRAM, str(folder / "texts.json"), str(file))
    with Terminal(*program, columns=120, lines=40, home=folder) as terminal:
        terminal.wait_for("all of it was said")
        for keys, shown, gone in (
            ("o", "Open an audio", ""),
            ("\x1b", "", "Open an audio"),
            ("?", "closes", ""),
            ("\x1b", "", "closes"),
            ("\x1bOQ", "", "Recognition"),  # F2
            ("\x1bOQ", "Recognition", ""),
            ("\x10", "Search for commands", ""),
            ("listen", "Listen to: Microphone", ""),
            ("\x1b", "", "Listen to: Microphone"),
            ("\r", "Sample recording", ""),
            ("\x1b[B\r", "", "Sample recording"),
        ):
            terminal.type(keys)
            if shown:
                terminal.wait_for(shown)
            if gone:
                terminal.wait_for_end_of(gone)
        terminal.resize(60, 20)
        terminal.wait_for("all of it was said")
        terminal.type("q")
        assert terminal.wait_for_end() == 0
    return bytes(terminal.received).decode()


def test_a_terminal_gets_no_sequence_that_it_does_not_get_with_harmless_text(tmp_path: Path) -> None:
    tame = drawn(tmp_path / "tame", ["some words", "and some more"], "talk")
    assert len(sequences(tame)) > 5
    hostile = [text for name, text in HOSTILE.items() if name != "half a character"]
    wild = drawn(tmp_path / "wild", hostile, FILE_NAMES[0])
    assert "[@click=app.quit]" in wild
    assert sequences(wild) - sequences(tame) == set()
    assert controls(wild) == set()
