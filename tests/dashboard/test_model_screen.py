"""A model that is wanted: asked for with its size, downloaded while captions go on, and put to use by itself."""

import pytest
from textual.pilot import Pilot

from captions.dashboard.screens.model import ModelScreen
from captions.errors import ModelMissing
from captions.events import Event, ModelEnded, ModelProgress, ModelWanted, Phase
from captions.settings import Settings
from tests.dashboard.conftest import Dashboard, until
from tests.dashboard.fake_engine import FakeEngine, final, level, microphone, state
from tests.dashboard.test_snapshots import Compare

MESSAGE = "Russian needs the model base, 148 MB, which is not on this machine."
HINT = "Get it with `captions models add base`, or choose another language."
WANTED = ModelWanted("base", 147_882_941, "ru-RU", MESSAGE, HINT)
STOPPED = state(Phase.FAILED, f"{MESSAGE} {HINT}", recognizer="local recogniser")
UNREACHABLE = ModelEnded(
    "base",
    "The hub at huggingface.co cannot be reached: Connection refused.",
    "Try again later: what has come is kept.",
)


def missing() -> ModelMissing:
    return ModelMissing(MESSAGE, HINT, model="base", size=147_882_941, language="ru-RU")


def screen(dashboard: Dashboard) -> ModelScreen | None:
    shown = dashboard.app.screen
    return shown if isinstance(shown, ModelScreen) else None


def said(dashboard: Dashboard) -> str:
    """All that the screen says."""
    shown = screen(dashboard)
    if shown is None:
        return ""
    downloading = shown.has_class("-downloading")
    parts = (shown.text, *((shown.figures,) if downloading else ()), shown.note)
    return "\n".join(str(part.render()) for part in parts)


async def wanted(dashboard: Dashboard, pilot: Pilot[None]) -> FakeEngine:
    """Have the session stop for a model."""
    engine = await dashboard.engine(pilot)
    engine.say(WANTED, STOPPED)
    await until(pilot, lambda: screen(dashboard) and screen(dashboard).is_mounted)  # type: ignore[union-attr]
    await until(pilot, lambda: MESSAGE in said(dashboard))
    return engine


async def test_it_says_what_is_needed_and_how_big_it_is_and_downloads_nothing_unasked(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=(80, 24)) as pilot:
        engine = await wanted(dashboard, pilot)

        assert "148 MB" in said(dashboard)
        assert "⏎ downloads it · esc not now" in said(dashboard)

        await pilot.press("escape")
        await until(pilot, lambda: screen(dashboard) is None)
        assert ("add_model", "base") not in engine.asked
        assert "STOPPED" in dashboard.app.status.render_line(0).text


async def test_enter_downloads_it_with_its_progress_and_it_goes_away_when_the_model_is_here(
    dashboard: Dashboard,
) -> None:
    async with dashboard.app.run_test(size=(80, 24)) as pilot:
        engine = await wanted(dashboard, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: ("add_model", "base") in engine.asked)
        engine.say(ModelProgress("base", 45_000_000, 147_882_941))
        await until(pilot, lambda: "45 of 148 MB" in said(dashboard))
        assert "x cancels" in said(dashboard)

        engine.say(ModelProgress("base", 147_882_941, 147_882_941), ModelEnded("base"))

        await until(pilot, lambda: screen(dashboard) is None)
        assert any("The model base is here" in toast.message for toast in dashboard.app._notifications)


async def test_the_last_progress_before_the_hub_stops_is_shown(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=(80, 24)) as pilot:
        engine = await wanted(dashboard, pilot)
        await pilot.press("enter")
        engine.say(*(ModelProgress("base", done * 1_000_000, 147_882_941) for done in range(61)))

        await until(pilot, lambda: "60 of 148 MB" in said(dashboard))


async def test_captions_go_on_under_it(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=(80, 24)) as pilot:
        engine = await wanted(dashboard, pilot)
        await pilot.press("enter")

        engine.say(ModelProgress("base", 1, 2), state(), final("heard meanwhile", 3.0))

        await until(pilot, lambda: len(dashboard.app.captions.entries) == 1)
        assert screen(dashboard) is not None


async def test_it_can_be_cancelled_and_tried_again(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=(80, 24)) as pilot:
        engine = await wanted(dashboard, pilot)
        await pilot.press("enter", "x")
        await until(pilot, lambda: ("cancel_model",) in engine.asked)
        engine.say(ModelEnded("base", "The download was cancelled; what has come is kept."))
        await until(pilot, lambda: "⏎ tries again" in said(dashboard))

        await pilot.press("enter")

        await until(pilot, lambda: engine.asked.count(("add_model", "base")) == 2)


async def test_what_went_wrong_is_said_and_is_text(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=(80, 24)) as pilot:
        engine = await wanted(dashboard, pilot)
        await pilot.press("enter")
        engine.say(ModelEnded("base", "The hub said [red]\x1b[31mno[/red].", "Try again."))

        await until(pilot, lambda: "The hub said [red][31mno[/red]. Try again." in said(dashboard))


async def test_hidden_it_goes_on_and_tells_its_end(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=(80, 24)) as pilot:
        engine = await wanted(dashboard, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "esc hides it" in said(dashboard))
        await pilot.press("escape")
        await until(pilot, lambda: screen(dashboard) is None)
        assert ("cancel_model",) not in engine.asked

        engine.say(WANTED)
        await until(pilot, lambda: "is being downloaded" in said(dashboard))
        await pilot.press("escape")
        await until(pilot, lambda: screen(dashboard) is None)
        engine.say(UNREACHABLE)

        await until(pilot, lambda: any("cannot be reached" in toast.message for toast in dashboard.app._notifications))


async def test_a_language_that_was_chosen_is_taken_when_its_model_has_come(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=(80, 24)) as pilot:
        engine = await dashboard.engine(pilot)
        engine.refuse = missing()
        dashboard.app.change_setting("language", "ru-RU")
        await until(pilot, lambda: MESSAGE in said(dashboard))
        assert dashboard.app.settings.language == "system"

        await pilot.press("enter")
        await until(pilot, lambda: ("add_model", "base") in engine.asked)
        engine.refuse = None
        engine.say(ModelEnded("base"))

        await until(pilot, lambda: dashboard.app.settings.language == "ru-RU")
        assert engine.settings.language == "ru-RU"


async def test_a_language_that_was_chosen_is_not_taken_without_its_model(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=(80, 24)) as pilot:
        engine = await dashboard.engine(pilot)
        engine.refuse = missing()
        dashboard.app.change_setting("language", "ru-RU")
        await until(pilot, lambda: MESSAGE in said(dashboard))
        await pilot.press("escape")
        await until(pilot, lambda: screen(dashboard) is None)

        assert dashboard.app.settings.language == "system"
        engine.refuse = None
        engine.say(ModelEnded("base"))
        await until(pilot, lambda: dashboard.app._notifications)
        assert dashboard.app.settings.language == "system"


@pytest.mark.parametrize(
    ("size", "theme", "keys", "more"),
    [
        pytest.param((120, 30), "dark", ["enter"], (ModelProgress("base", 45_000_000, 147_882_941),), id="120x30"),
        pytest.param((80, 24), "dark", [], (), id="80x24-asks"),
        pytest.param((80, 24), "light", ["enter"], (UNREACHABLE,), id="80x24-failed"),
        pytest.param((40, 10), "dark", [], (), id="40x10-asks"),
        pytest.param(
            (40, 10), "high-contrast", ["enter"], (ModelProgress("base", 90_000_000, 147_882_941),), id="40x10"
        ),
    ],
)
def test_it_looks_as_it_did(
    snap_compare: Compare, size: tuple[int, int], theme: str, keys: list[str], more: tuple[Event, ...]
) -> None:
    dashboard = Dashboard(Settings(theme=theme))

    async def prepare(pilot: Pilot[None]) -> None:
        engine = await dashboard.engine(pilot)
        engine.say(microphone(), level())
        await wanted(dashboard, pilot)
        await pilot.press(*keys)
        engine.say(*more)
        words = {ModelProgress: " of 148 MB", ModelEnded: "cannot be reached"}
        await until(pilot, lambda: all(words[type(event)] in said(dashboard) for event in more))
        await pilot.pause()

    assert snap_compare(dashboard.app, terminal_size=size, run_before=prepare)
