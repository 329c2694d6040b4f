"""The sidebar: made from the table, applied at once, wrong values explained where they were entered."""

import asyncio
import tomllib
from pathlib import Path

import pytest
from textual.widgets import Input, Select, Switch

from captions.dashboard.app import CaptionsApp
from captions.dashboard.settings_sidebar import Field, input_choices
from captions.errors import CredentialsError, InputError, SettingError
from captions.settings import ROWS, Settings
from tests.dashboard.conftest import Dashboard, until
from tests.dashboard.fake_engine import FakeDevice, state

WIDE = (120, 40)


def field(app: CaptionsApp, name: str) -> Field:
    return app.sidebar.fields[name]


async def test_every_setting_meant_for_it_is_there_with_its_value(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=WIDE) as pilot:
        await dashboard.engine(pilot)
        assert list(dashboard.app.sidebar.fields) == [row.name for row in ROWS.values() if row.sidebar]
        for name, shown in dashboard.app.sidebar.fields.items():
            assert str(shown.editor.value) == str(getattr(Settings(), name))


async def test_opening_it_changes_nothing(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=WIDE) as pilot:
        engine = await dashboard.engine(pilot)
        engine.say(state())
        await pilot.press("f2", "f2")
        await pilot.pause()
        assert not engine.asked


@pytest.mark.parametrize(("name", "value"), [("sample_rate", 8_000), ("encoding", "OGG_OPUS"), ("language", "ru-RU")])
async def test_a_choice_is_applied_at_once(dashboard: Dashboard, name: str, value: object) -> None:
    async with dashboard.app.run_test(size=WIDE) as pilot:
        engine = await dashboard.engine(pilot)
        editor = field(dashboard.app, name).editor
        assert isinstance(editor, Select)
        editor.value = value
        await until(pilot, lambda: engine.asked)
        assert engine.asked == [("change_settings", Settings().changed(name, value))]


async def test_a_switch_is_applied_by_keyboard_and_reads_on_or_off(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=WIDE) as pilot:
        engine = await dashboard.engine(pilot)
        shown = field(dashboard.app, "profanity_filter")
        assert isinstance(shown.editor, Switch)
        assert str(shown.on_or_off.render()) == "off"
        shown.editor.focus()
        await pilot.press("enter")
        await until(pilot, lambda: engine.settings.profanity_filter)
        assert str(shown.on_or_off.render()) == "on"


async def test_a_text_is_completed_and_applied_with_enter(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=WIDE) as pilot:
        engine = await dashboard.engine(pilot)
        editor = field(dashboard.app, "model").editor
        assert isinstance(editor, Input)
        editor.focus()
        await pilot.press("end", ":", "r")
        await until(pilot, lambda: editor._suggestion == "general:rc")
        await pilot.press("right", "enter")
        await until(pilot, lambda: engine.settings.model == "general:rc")


async def test_letters_typed_into_a_field_are_not_keys_of_the_dashboard(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=WIDE) as pilot:
        engine = await dashboard.engine(pilot)
        field(dashboard.app, "endpoint").editor.focus()
        await pilot.press("q", "m", "s", "space")
        assert dashboard.app.is_running
        assert not engine.asked


@pytest.mark.parametrize(
    "refusal",
    [SettingError("The endpoint needs a port.", "Write HOST:443."), CredentialsError("There is no token.", "Set one.")],
)
async def test_what_is_wrong_is_said_at_the_field(dashboard: Dashboard, refusal: SettingError) -> None:
    async with dashboard.app.run_test(size=WIDE) as pilot:
        engine = await dashboard.engine(pilot)
        engine.refuse = refusal
        shown = field(dashboard.app, "endpoint")
        shown.editor.focus()
        await pilot.press("end", "x", "enter")
        await until(pilot, lambda: shown.error.display)
        assert str(shown.error.render()) == str(refusal)
        assert dashboard.app.settings.endpoint == Settings().endpoint
        engine.refuse = None
        await pilot.press("enter")
        await until(pilot, lambda: not shown.error.display)
        assert engine.settings.endpoint == Settings().endpoint + "x"


async def test_microphones_are_listed_anew_at_each_opening(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=(80, 24)) as pilot:
        engine = await dashboard.engine(pilot)
        offered = field(dashboard.app, "input").offered
        await pilot.press("f2")
        await until(pilot, lambda: "microphone:USB Audio" in field(dashboard.app, "input").offered)
        assert offered != field(dashboard.app, "input").offered
        await pilot.press("f2")
        dashboard.devices = [FakeDevice("Webcam")]
        await pilot.press("f2")
        await until(pilot, lambda: "microphone:Webcam" in field(dashboard.app, "input").offered)
        assert not engine.asked
        editor = field(dashboard.app, "input").editor
        assert isinstance(editor, Select)
        editor.value = "microphone:Webcam"
        await until(pilot, lambda: engine.asked == [("use_input", "microphone:Webcam")])


def test_inputs_are_offered_by_kind_and_what_is_heard_by_its_name() -> None:
    devices = [FakeDevice("Headphones", kind="monitor"), FakeDevice("Webcam")]

    def offered(current: str, *devices: FakeDevice) -> list[tuple[str, str]]:
        return [(label.plain, value) for label, value in input_choices(devices, current)]

    assert offered("auto", *devices) == [
        ("Automatic", "auto"),
        ("Default microphone", "microphone"),
        ("Microphone: Webcam", "microphone:Webcam"),
        ("Default monitor", "monitor"),
        ("Monitor: Headphones", "monitor:Headphones"),
        ("Sample recording", "sample"),
    ]
    for current, label in (
        ("monitor", "Default monitor"),
        ("monitor:Head", "Monitor: Head"),
        ("-", "Standard input"),
        ("https://user:secret@radio.example/live?key=1", "Address: https://radio.example/live?…"),
        ("/tmp/talk.mp3", "File: talk.mp3"),
    ):
        assert offered(current)[3:] == [(label, current)]


async def test_microphones_that_cannot_be_listed_are_explained(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def list_devices() -> list[FakeDevice]:
        raise InputError("PortAudio is not installed.", "Install libportaudio2.")

    monkeypatch.setattr(dashboard.app, "_list_devices", list_devices)
    async with dashboard.app.run_test(size=(80, 24)) as pilot:
        await dashboard.engine(pilot)
        await pilot.press("f2")
        shown = field(dashboard.app, "input")
        await until(pilot, lambda: "libportaudio2" in str(shown.error.render()))


async def test_languages_are_those_of_the_recogniser_in_use(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=WIDE) as pilot:
        engine = await dashboard.engine(pilot)
        engine.languages = ("uz-UZ",)
        engine.say(state())
        await until(pilot, lambda: field(dashboard.app, "language").offered == {"system", "uz-UZ"})
        assert not engine.asked


async def test_it_folds_away_when_narrow_and_opens_over_the_captions(dashboard: Dashboard) -> None:
    app = dashboard.app
    async with app.run_test(size=(120, 30)) as pilot:
        await dashboard.engine(pilot)
        assert app.sidebar.display
        await pilot.resize_terminal(60, 20)
        await until(pilot, lambda: not app.sidebar.display)
        width = app.captions.size.width
        await pilot.press("f2")
        await until(pilot, lambda: app.sidebar.display)
        assert app.captions.size.width == width
        await pilot.press("escape")
        await until(pilot, lambda: not app.sidebar.display and app.captions.has_focus)


def test_hostile_names_are_shown_as_text() -> None:
    choices = input_choices([FakeDevice("[red]\x1b[31m\nMic")], "/tmp/[b]\x07.wav")
    assert [label.plain for label, _ in choices][2:] == [
        "Microphone: [red][31m Mic",
        "Sample recording",
        "File: [b].wav",
    ]


def unsaved(app: CaptionsApp) -> list[str]:
    return [name for name, shown in app.sidebar.fields.items() if str(shown.label.render()).endswith("•")]


def note(app: CaptionsApp) -> str:
    return str(app.sidebar._unsaved.render()) if app.sidebar._unsaved.display else ""


def messages(app: CaptionsApp) -> list[str]:
    return [notification.message for notification in app._notifications]


async def test_what_is_not_saved_is_marked_and_saved_with_a_key_from_within_a_field(
    dashboard: Dashboard, own_environment: Path
) -> None:
    app = dashboard.app
    async with app.run_test(size=WIDE) as pilot:
        engine = await dashboard.engine(pilot)
        assert (unsaved(app), note(app)) == ([], "")
        editor = field(app, "endpoint").editor
        editor.focus()
        await pilot.press("end", "1", "enter")
        await until(pilot, lambda: engine.settings.endpoint.endswith("1"))
        assert (unsaved(app), note(app)) == (["endpoint"], "• not saved · ^s saves")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not unsaved(app))
        assert editor.has_focus
        assert note(app) == ""
    file = own_environment / "config" / "captions" / "settings.toml"
    assert messages(app) == [f"Saved in {file}: endpoint."]
    assert tomllib.loads(file.read_text()) == {"endpoint": engine.settings.endpoint}


async def test_a_change_that_was_typed_but_not_entered_is_not_lost_on_saving(dashboard: Dashboard) -> None:
    app = dashboard.app
    async with app.run_test(size=WIDE) as pilot:
        engine = await dashboard.engine(pilot)
        field(app, "model").editor.focus()
        await pilot.press("end", "x", "ctrl+s")
        await until(pilot, lambda: messages(app))
        assert engine.settings.model == "generalx"
        assert messages(app)[0].endswith(": model.")


async def test_a_failure_to_save_is_told_and_the_changes_stay_marked(
    dashboard: Dashboard, own_environment: Path
) -> None:
    app = dashboard.app
    async with app.run_test(size=WIDE) as pilot:
        await dashboard.engine(pilot)
        app.change_setting("model", "general:rc")
        await asyncio.to_thread((own_environment / "config").write_text, "in the way")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: messages(app))
        assert messages(app)[0].endswith("Nothing was saved.")
        assert unsaved(app) == ["model"]


async def test_there_may_be_nothing_to_save(dashboard: Dashboard, own_environment: Path) -> None:
    app = dashboard.app
    async with app.run_test(size=WIDE) as pilot:
        await dashboard.engine(pilot)
        app.change_setting("theme", "light")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: messages(app))
        assert messages(app) == ["There is nothing to save."]
        assert not unsaved(app)


async def test_choices_that_last_are_gathered_for_the_next_run(dashboard: Dashboard) -> None:
    app = dashboard.app
    async with app.run_test(size=WIDE) as pilot:
        await dashboard.engine(pilot)
        app.listen_to("microphone:USB Audio")
        app.listen_to("/tmp/talk.mp3")
        app.change_setting("theme", "light")
        app.change_setting("language", "ru-RU")
        await pilot.press("s")
        assert app.choices.chosen == {"input": "microphone:USB Audio", "theme": "light"}
