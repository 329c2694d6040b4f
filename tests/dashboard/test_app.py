"""Every key, and everything that the engine can say, in the whole dashboard."""

import asyncio
import subprocess
import sys

import pytest
from textual.command import Command, CommandList

from captions.dashboard.app import CaptionsApp
from captions.dashboard.entry_text import safe
from captions.dashboard.worker import Controls, OnEvent
from captions.errors import RecognizerMissing
from captions.events import Backlog, Phase, Progress, StreamEnded
from captions.settings import Settings
from captions.settings_sources import Loaded
from tests.dashboard.conftest import Dashboard, until
from tests.dashboard.fake_engine import START, FakeDevice, FakeEngine, final, level, partial, state

IMPORTS = """
import sys
import captions.dashboard.app
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def status(app: CaptionsApp) -> str:
    return "\n".join(app.status.render_line(y).text.rstrip() for y in range(app.status.size.height))


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        (["m"], [("use_input", "microphone")]),
        (["s"], [("use_input", "sample")]),
        (["space"], [("pause",)]),
        (["space", "space"], [("pause",), ("resume",)]),
        (["r"], [("restart",)]),
        (["ctrl+z"], []),
        (["ctrl+c"], []),
    ],
)
async def test_a_key_asks_the_engine(dashboard: Dashboard, keys: list[str], asked: list[tuple[object, ...]]) -> None:
    async with dashboard.app.run_test() as pilot:
        engine = await dashboard.engine(pilot)
        await pilot.press(*keys)
        assert engine.asked == asked
        assert dashboard.app.is_running


async def test_left_and_right_seek_in_a_file_and_say_so_when_there_is_none(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test() as pilot:
        engine = await dashboard.engine(pilot)
        await pilot.press("left")
        assert not engine.asked
        assert len(dashboard.app._notifications) == 1
        engine.playing = True
        await pilot.press("left", "right")
        assert engine.asked == [("seek_by", -10.0), ("seek_by", 10.0)]


async def test_the_status_line_says_what_happens_to_whom_and_for_how_long(dashboard: Dashboard) -> None:
    app = dashboard.app
    async with app.run_test(size=(80, 24)) as pilot:
        engine = await dashboard.engine(pilot)
        assert "◌ STARTING" in status(app)
        for phase, words in (
            (Phase.CONNECTING, "◌ CONNECTING   3:12  ·  SpeechKit"),
            (Phase.LISTENING, "● LISTENING   3:12  ·  SpeechKit"),
            (Phase.PAUSED, "‖ PAUSED   3 min  ·  SpeechKit"),
            (Phase.RECONNECTING, "↻ RECONNECTING   3:12  ·  SpeechKit"),
            (Phase.WAITING, "◌ WAITING   3:12  ·  SpeechKit"),
            (Phase.ENDED, "■ END OF FILE   3 min  ·  SpeechKit"),
            (Phase.NO_INPUT, "○ NO INPUT   3 min  ·  SpeechKit"),
            (Phase.FAILED, "✕ STOPPED   3 min  ·  SpeechKit"),
        ):
            engine.say(state(phase))
            await until(pilot, lambda words=words: words in status(app))  # type: ignore[misc]


async def test_the_services_own_words_are_shown_and_wrapped(dashboard: Dashboard) -> None:
    app = dashboard.app
    async with app.run_test(size=(60, 20)) as pilot:
        engine = await dashboard.engine(pilot)
        engine.say(
            state(Phase.FAILED, "UNAUTHENTICATED: The token is [invalid] \x1b[2J. Make a new one with the tool.")
        )
        await until(pilot, lambda: app.status.size.height == 3)
        assert "UNAUTHENTICATED: The token is [invalid] [2J. Make a new" in status(app)
        engine.say(state(Phase.LISTENING))
        await until(pilot, lambda: app.status.size.height == 1)


async def test_a_file_shows_where_it_is_being_played(dashboard: Dashboard) -> None:
    app = dashboard.app
    async with app.run_test(size=(100, 24)) as pilot:
        engine = await dashboard.engine(pilot)
        engine.say(state(), Progress(72.0, 296.0))
        await until(pilot, lambda: "1:12 / 4:56" in status(app))
        assert "━━━━━━──────" in status(app)
        engine.say(Progress(72.0, None))
        await until(pilot, lambda: status(app).endswith("1:12"))


async def test_what_waits_and_what_is_billed_is_told_and_streams_leave_no_line(dashboard: Dashboard) -> None:
    app = dashboard.app
    async with app.run_test(size=(100, 24)) as pilot:
        engine = await dashboard.engine(pilot)
        engine.say(state(Phase.RECONNECTING), Backlog(12.3, 2))
        await until(pilot, lambda: "SpeechKit  ·  12 s behind  ·  try 3" in status(app))
        engine.say(state(), Backlog(0.2, 0), StreamEnded(60.0, START, "SpeechKit", 60.0, 4, 24))
        await until(pilot, lambda: status(app).endswith("SpeechKit  ·  24 units billed"))
        assert not app.captions.entries


async def test_the_level_reads_in_cells_in_numbers_and_in_a_word(dashboard: Dashboard) -> None:
    app = dashboard.app
    async with app.run_test(size=(80, 24)) as pilot:
        engine = await dashboard.engine(pilot)
        for shown, words in (
            (level(-30.0, -12.0), "−30 dB  good"),
            (level(-90.0, -80.0), "−60 dB  silent"),
            (level(-50.0, -40.0), "−50 dB  quiet"),
            (level(-9.0, -1.0), "−9 dB  loud"),
            (level(-3.0, 0.0, clipped=True), "−3 dB  CLIP"),
        ):
            engine.say(shown)
            await until(pilot, lambda words=words: words in app.meter.render_line(0).text)  # type: ignore[misc]
        engine.say(level(-30.0, -12.0, time=9.0))
        await until(pilot, lambda: app.meter.word == "good")
        assert app.meter.render_line(0).text.count("█") == 30
        assert app.meter.render_line(1).text.split() == ["−60", "−50", "−40", "−30", "−20", "−10", "0"]
        engine.say(level(), state(Phase.PAUSED))
        await until(pilot, lambda: app.meter.word == "off")


async def test_captions_come_into_the_log_and_clearing_keeps_the_transcript(dashboard: Dashboard) -> None:
    app = dashboard.app
    async with app.run_test() as pilot:
        engine = await dashboard.engine(pilot)
        engine.say(final("Hello."), partial("and th"))
        await until(pilot, lambda: "and th" in app.captions.render_line(1).text)
        assert "Hello." in app.captions.render_line(0).text
        await pilot.press("c")
        assert not app.captions.entries
        assert not engine.asked


async def test_the_theme_changes_with_a_key_and_the_engine_is_not_bothered(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test() as pilot:
        engine = await dashboard.engine(pilot)
        for name in ("light", "high-contrast", "colour-blind", "dark"):
            await pilot.press("t")
            assert dashboard.app.theme == f"captions-{name}"
        assert not engine.asked


async def test_the_command_palette_runs_actions_devices_and_switches(dashboard: Dashboard) -> None:
    app = dashboard.app
    app.devices = [FakeDevice("[red]Desk")]
    async with app.run_test() as pilot:
        engine = await dashboard.engine(pilot)
        engine.say(state())
        await until(pilot, lambda: app.sidebar.fields["profanity_filter"].display)
        for typed, command, holds in (
            ("desk", "Listen to: Microphone: [red]Desk", lambda: ("use_input", "microphone:[red]Desk") in engine.asked),
            ("profan", "Profanity filter: turn on", lambda: engine.settings.profanity_filter),
            ("restart", "Restart", lambda: ("restart",) in engine.asked),
        ):
            await pilot.press("ctrl+p", *typed)
            found = app.screen.query_one(CommandList)
            await until(pilot, lambda found=found: found.option_count)  # type: ignore[misc]
            await until(pilot, lambda found=found, command=command: command in _first(found))  # type: ignore[misc]
            await pilot.press("enter")
            await until(pilot, holds)


def _first(commands: CommandList) -> str:
    option = commands.get_option_at_index(0)
    assert isinstance(option, Command)
    return str(option.hit.text)


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_quitting_waits_for_the_last_words(dashboard: Dashboard, key: str) -> None:
    app = dashboard.app
    async with app.run_test() as pilot:
        engine = await dashboard.engine(pilot)
        engine.drained.clear()
        await pilot.press(key)
        await until(pilot, lambda: ("stop", 2.0) in engine.asked)
        assert "FINISHING" in status(app)
        engine.say(final("The last words."))
        await until(pilot, lambda: app.captions.entries)
        engine.drained.set()
        await until(pilot, lambda: app._exit)
    assert app.return_code == 0


async def test_quitting_twice_ends_at_once(dashboard: Dashboard) -> None:
    app = dashboard.app
    async with app.run_test() as pilot:
        engine = await dashboard.engine(pilot)
        engine.drained.clear()
        await pilot.press("q")
        await until(pilot, lambda: ("stop", 2.0) in engine.asked)
        await pilot.press("q")
        await until(pilot, lambda: app._exit)


async def test_an_engine_that_cannot_start_leaves_the_dashboard_with_the_reason_and_its_exit_code() -> None:
    async def make_engine(on_event: OnEvent) -> FakeEngine:
        raise RecognizerMissing("The local recogniser is not installed.", "Install captions[local].")

    async def list_devices() -> list[object]:
        return []

    app = CaptionsApp(Loaded(Settings()), make_engine, list_devices, clock=lambda: 0.0)  # type: ignore[arg-type]
    async with app.run_test() as pilot:
        await until(pilot, lambda: "STOPPED" in status(app))
        await pilot.pause()
        assert "The local recogniser is not installed. Install captions[local]." in status(app)
        await pilot.press("m")
        assert app.is_running
        await pilot.press("q")
    assert app.return_code == 6


async def test_a_session_that_could_not_start_starts_again_with_what_was_corrected(dashboard: Dashboard) -> None:
    app, tries = dashboard.app, 0
    working = app._make_engine

    async def make_engine(on_event: OnEvent) -> Controls:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise RecognizerMissing("There is no recogniser.", "Choose another.")
        return await working(on_event)

    app._make_engine = make_engine
    async with app.run_test() as pilot:
        await until(pilot, lambda: "STOPPED" in status(app))
        app.change_setting("recognizer", "speechkit-v2")
        await pilot.press("r")
        engine = await dashboard.engine(pilot)
        assert engine.settings.recognizer == "speechkit-v2"
        assert "STARTING" in status(app)
        await pilot.press("q")
    assert app.return_code == 0


async def test_keys_pressed_before_there_is_an_engine_do_no_harm(dashboard: Dashboard) -> None:
    never = asyncio.Event()

    async def make_engine(on_event: OnEvent) -> FakeEngine:
        await never.wait()
        raise AssertionError

    dashboard.app._make_engine = make_engine
    async with dashboard.app.run_test() as pilot:
        await pilot.press("m", "s", "space", "r", "left", "t", "c", "end")
        assert dashboard.app.is_running
        await pilot.press("q")
    assert dashboard.app.return_code == 0


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (200, 60), (20, 5), (2, 2)])
async def test_it_opens_and_follows_at_every_size(dashboard: Dashboard, size: tuple[int, int]) -> None:
    app = dashboard.app
    async with app.run_test(size=size) as pilot:
        engine = await dashboard.engine(pilot)
        engine.say(state(), level(), Progress(1.0, 2.0), *(final(f"caption {number}") for number in range(100)))
        await until(pilot, lambda: len(app.captions.entries) == 100)
        await pilot.press("f2")
        await pilot.pause()
        assert app.is_running


def test_nothing_heavy_is_imported_before_the_first_paint() -> None:
    result = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
    assert not {"grpc", "numpy", "av", "sounddevice", "google"} & set(result.stdout.split())


def test_text_that_is_safe_is_not_copied() -> None:
    text = "Съешь ещё этих мягких"
    assert safe(text) is text
