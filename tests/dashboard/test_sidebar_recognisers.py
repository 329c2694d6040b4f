"""The sidebar shows who listens, and what can be asked of it: nothing else, and nothing that was set is lost."""

import asyncio
import tomllib
from pathlib import Path

from textual.widget import Widget
from textual.widgets import Input, Select, Static

from captions.dashboard.app import CaptionsApp
from captions.dashboard.settings_sidebar import Field
from captions.errors import CredentialsError, SettingError
from captions.settings import ROWS, Settings
from tests.dashboard.conftest import Dashboard, until
from tests.dashboard.fake_engine import FakeEngine, state

WIDE = (120, 40)
ONLY_V3 = {"more_languages", "eou_sensitivity", "max_pause_ms"}
ONLY_HERE = {"local_engine", "whisper_model"}
ONLY_SPEECHKIT = {"model", "profanity_filter", "raw_results", "literature_text"}


def field(app: CaptionsApp, name: str) -> Field:
    return app.sidebar.fields[name]


def shown(app: CaptionsApp) -> set[str]:
    return {name for name, one in app.sidebar.fields.items() if one.display}


def offered(app: CaptionsApp) -> str:
    """What the recogniser's field reads."""
    editor = field(app, "recognizer").editor
    assert isinstance(editor, Select)
    return str(editor.query_one("SelectCurrent", Widget).query_one("#label", Static).render())


def choose(app: CaptionsApp, name: str, value: object) -> None:
    editor = field(app, name).editor
    assert isinstance(editor, Select)
    editor.value = value


def becomes(engine: FakeEngine, recognizer: str, *languages: str) -> None:
    """Another recogniser is in use, as the engine says."""
    engine.recognizer, engine.languages = recognizer, languages
    engine.say(state())


async def test_what_means_nothing_to_who_listens_is_out_of_sight(dashboard: Dashboard) -> None:
    app = dashboard.app
    every = {row.name for row in ROWS.values() if row.sidebar}
    async with app.run_test(size=WIDE) as pilot:
        engine = await dashboard.engine(pilot)
        assert shown(app) == every - ONLY_V3 - ONLY_HERE - ONLY_SPEECHKIT  # it is not known yet
        for recognizer, hidden in (
            ("speechkit-v3", ONLY_HERE),
            ("speechkit-v2", ONLY_HERE | ONLY_V3),
            ("local", ONLY_V3 | ONLY_SPEECHKIT),
        ):
            becomes(engine, recognizer)
            await until(pilot, lambda hidden=hidden: shown(app) == every - hidden)  # type: ignore[misc]
        choose(app, "recognizer", "vosk")
        engine.recognizer = "vosk"
        nothing_to_vosk = {"language", "encoding"}
        await until(pilot, lambda: shown(app) == every - ONLY_V3 - ONLY_HERE - ONLY_SPEECHKIT - nothing_to_vosk)
        engine.recognizer = "local"
        choose(app, "recognizer", "local")
        await until(pilot, lambda: shown(app) == every - ONLY_V3 - ONLY_SPEECHKIT - {"endpoint"})
        assert not [
            label for label in app.sidebar.query(".group") if label.display and "Connection" in str(label.render())
        ]


async def test_before_there_is_an_engine_a_named_recogniser_has_its_settings_already() -> None:
    app = Dashboard(Settings(recognizer="speechkit-v3")).app
    async with app.run_test(size=WIDE):
        assert shown(app) >= ONLY_V3 | ONLY_SPEECHKIT
        assert not shown(app) & ONLY_HERE


async def test_automatic_reads_who_it_has_come_to_for_as_long_as_it_is_the_choice(dashboard: Dashboard) -> None:
    app = dashboard.app
    async with app.run_test(size=WIDE) as pilot:
        engine = await dashboard.engine(pilot)
        assert offered(app) == "Automatic"
        becomes(engine, "speechkit-v2")
        await until(pilot, lambda: offered(app) == "Automatic: SpeechKit v2")
        becomes(engine, "local")
        await until(pilot, lambda: offered(app) == "Automatic: This machine")
        engine.recognizer = "speechkit-v3"
        choose(app, "recognizer", "speechkit-v3")
        await until(pilot, lambda: engine.settings.recognizer == "speechkit-v3" and offered(app) == "SpeechKit v3")
        editor = field(app, "recognizer").editor
        assert isinstance(editor, Select)
        assert [str(label) for label, _ in editor._options] == [
            "Automatic",
            "This machine",
            "SpeechKit v2",
            "SpeechKit v3",
            "vosk",
        ]
        assert len(engine.asked) == 1


async def test_rows_come_and_go_in_place_and_the_focus_stays(dashboard: Dashboard) -> None:
    app = dashboard.app
    async with app.run_test(size=(120, 14)) as pilot:
        engine = await dashboard.engine(pilot)
        becomes(engine, "speechkit-v2")
        await until(pilot, lambda: "model" in shown(app))
        editor = field(app, "recognizer").editor
        editor.focus()
        await pilot.pause()
        where = editor.region
        for recognizer in ("speechkit-v3", "local", "speechkit-v2"):
            engine.recognizer = recognizer
            choose(app, "recognizer", recognizer)
            await until(pilot, lambda chosen=recognizer: engine.settings.recognizer == chosen)  # type: ignore[misc]
            await pilot.pause()
            assert app.focused is editor
            assert editor.region == where
        choose(app, "recognizer", "auto")
        await until(pilot, lambda: offered(app) == "Automatic: SpeechKit v2")
        field(app, "model").editor.focus()
        await pilot.pause()
        becomes(engine, "local")  # as automatic may come to by itself
        await until(pilot, lambda: "model" not in shown(app))
        await until(pilot, lambda: app.focused is editor and app.sidebar.region.contains_region(editor.region))


async def test_languages_follow_the_recogniser_and_one_that_it_lacks_stays_chosen(dashboard: Dashboard) -> None:
    app = dashboard.app
    async with app.run_test(size=WIDE) as pilot:
        engine = await dashboard.engine(pilot)
        becomes(engine, "speechkit-v2", "ru-RU", "kk-KZ")
        await until(pilot, lambda: field(app, "language").offered == {"system", "ru-RU", "kk-KZ"})
        choose(app, "language", "kk-KZ")
        await until(pilot, lambda: engine.settings.language == "kk-KZ")
        becomes(engine, "local", "en-US")
        await until(pilot, lambda: field(app, "language").offered == {"system", "en-US", "kk-KZ"})
        assert field(app, "language").editor.value == "kk-KZ"
        assert len(engine.asked) == 1


async def test_what_was_set_and_is_out_of_sight_is_saved_and_comes_back(
    dashboard: Dashboard, own_environment: Path
) -> None:
    app = dashboard.app
    async with app.run_test(size=WIDE) as pilot:
        engine = await dashboard.engine(pilot)
        engine.recognizer = "speechkit-v3"
        choose(app, "recognizer", "speechkit-v3")
        await until(pilot, lambda: "eou_sensitivity" in shown(app))
        choose(app, "eou_sensitivity", "high")
        await until(pilot, lambda: engine.settings.eou_sensitivity == "high")
        field(app, "max_pause_ms").editor.focus()
        await pilot.press("backspace", "5", "0", "0", "enter")
        await until(pilot, lambda: engine.settings.max_pause_ms == 500)
        engine.recognizer = "speechkit-v2"
        choose(app, "recognizer", "speechkit-v2")
        await until(pilot, lambda: "eou_sensitivity" not in shown(app))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not app.choices.unsaved)
        saved = {"recognizer": "speechkit-v2", "eou_sensitivity": "high", "max_pause_ms": 500}
        file = own_environment / "config" / "captions" / "settings.toml"
        assert tomllib.loads(await asyncio.to_thread(file.read_text)) == saved
        engine.recognizer = "speechkit-v3"
        choose(app, "recognizer", "speechkit-v3")
        await until(pilot, lambda: "eou_sensitivity" in shown(app))
        assert field(app, "eou_sensitivity").editor.value == "high"
        assert field(app, "max_pause_ms").editor.value == "500"


async def test_a_refused_recogniser_is_explained_and_the_former_is_a_choice_away(dashboard: Dashboard) -> None:
    app = dashboard.app
    async with app.run_test(size=WIDE) as pilot:
        engine = await dashboard.engine(pilot)
        becomes(engine, "local")
        engine.refuse = CredentialsError("SpeechKit needs credentials, and there are none.", "Set API_KEY.")
        choose(app, "recognizer", "speechkit-v3")
        await until(pilot, lambda: field(app, "recognizer").error.display)
        assert "there are none" in str(field(app, "recognizer").error.render())
        assert app.settings.recognizer == "auto"
        choose(app, "recognizer", "auto")
        await until(pilot, lambda: not field(app, "recognizer").error.display)
        assert not engine.asked


async def test_what_a_refused_recogniser_wants_is_in_sight_and_mends_it(dashboard: Dashboard) -> None:
    app = dashboard.app
    async with app.run_test(size=WIDE) as pilot:
        engine = await dashboard.engine(pilot)
        engine.recognizer = "local"
        choose(app, "recognizer", "local")
        await until(pilot, lambda: "endpoint" not in shown(app))
        wants = SettingError("A Vosk server has no address of its own.", "Name yours.")
        engine.refuse_if = lambda to: wants if to.recognizer == "vosk" and to.endpoint.endswith(":443") else None
        choose(app, "recognizer", "vosk")
        await until(pilot, lambda: "endpoint" in shown(app))
        assert field(app, "recognizer").error.display
        choose(app, "sample_rate", 8_000)  # which mends nothing, and is in force all the same
        await until(pilot, lambda: engine.settings == Settings(recognizer="local", sample_rate=8_000))
        assert field(app, "recognizer").error.display
        field(app, "endpoint").editor.focus()
        await pilot.press("ctrl+u", *"vosk.example:5001", "enter")
        await until(pilot, lambda: engine.settings.recognizer == "vosk")
        assert engine.settings.endpoint == "vosk.example:5001"
        engine.recognizer = "vosk"
        engine.say(state())
        await until(pilot, lambda: "language" not in shown(app))
        assert not field(app, "recognizer").error.display
        choose(app, "recognizer", "local")
        await until(pilot, lambda: engine.settings.recognizer == "local")
        engine.refuse = wants
        choose(app, "recognizer", "speechkit-v2")
        await until(pilot, lambda: "model" in shown(app))
        choose(app, "recognizer", "local")
        await until(pilot, lambda: "model" not in shown(app))


async def test_of_choices_in_quick_succession_the_last_holds_and_the_screen_waits_for_none(
    dashboard: Dashboard,
) -> None:
    app = dashboard.app
    async with app.run_test(size=WIDE) as pilot:
        engine = await dashboard.engine(pilot)
        engine.may_change.clear()
        for recognizer in ("speechkit-v3", "vosk", "local"):
            choose(app, "recognizer", recognizer)
            await pilot.pause()
        choose(app, "sample_rate", 8_000)
        app.listen_to("sample")
        await until(pilot, lambda: ("use_input", "sample") in engine.asked)
        engine.may_change.set()
        await until(pilot, lambda: engine.settings.sample_rate == 8_000)
        assert engine.settings == Settings(input="sample", recognizer="local", sample_rate=8_000)
        assert app.settings == engine.settings
        changes = [asked for asked in engine.asked if asked[0] == "change_settings"]
        assert len(changes) == 3  # the one between was overtaken while it waited


async def test_a_setting_that_may_mend_what_ended_the_session_starts_it_again(dashboard: Dashboard) -> None:
    app = dashboard.app
    async with app.run_test(size=WIDE) as pilot:
        engine = await dashboard.engine(pilot)
        engine.fail(CredentialsError("SpeechKit needs credentials, and there are none."))
        await until(pilot, lambda: app.engine is None)
        choose(app, "recognizer", "local")
        await until(pilot, lambda: app.engine is not None)
        assert dashboard.engines[-1] is not engine
        assert dashboard.engines[-1].settings.recognizer == "local"


async def test_a_number_that_cannot_be_is_explained_at_its_field(dashboard: Dashboard) -> None:
    app = dashboard.app
    async with app.run_test(size=WIDE) as pilot:
        engine = await dashboard.engine(pilot)
        becomes(engine, "speechkit-v3")
        await until(pilot, lambda: "max_pause_ms" in shown(app))
        editor = field(app, "max_pause_ms").editor
        assert isinstance(editor, Input)
        editor.focus()
        await pilot.press("s", "o", "o", "n", "enter")
        await until(pilot, lambda: field(app, "max_pause_ms").error.display)
        assert str(field(app, "max_pause_ms").error.render()).startswith("Longest pause")
