"""Pictures of the dashboard, compared. Look at them anew after `pytest --snapshot-update`."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import pytest
from textual.pilot import Pilot

from captions.dashboard.app import CaptionsApp
from captions.dashboard.screens.reading_view import ReadingView
from captions.events import Event, Final, Gap, Notice, Phase, Progress, SessionState, Severity
from captions.settings import Settings
from tests.dashboard.conftest import Dashboard, until
from tests.dashboard.fake_engine import START, final, level, microphone, partial, state

SAID = (
    "Good morning everyone, and thank you for coming on such a cold day.",
    "We have three things to talk about before lunch, and I would like to begin with the one that worries me most.",
    "The budget.",
    "Доброе утро, коллеги. Сегодня поговорим о том, как сделать субтитры удобными для чтения.",
    "[Music] and [b]brackets[/b] are text like any other.",
)
TALK: tuple[Event, ...] = (
    replace(state(recognizer="moonshine on this machine"), language="en-US"),
    microphone(),
    *(final(text, 3.0 + 7.0 * number, end_of_utterance=number != 1) for number, text in enumerate(SAID)),
    Gap("1", 40.0, 46.0, START + timedelta(seconds=40), "the connection was lost"),
    Notice(46.0, START + timedelta(seconds=46), Severity.WARNING, "The microphone went away.", "Plug it in again."),
    partial("and so the next thing that I would like to put before you is", 48.0),
    level(),
)
REFUSED = state(
    Phase.FAILED, "UNAUTHENTICATED: The token is invalid. Make a new IAM token and set IAM_TOKEN, or use an API key."
)
PAUSED = state(Phase.PAUSED)


class Compare(Protocol):
    """The fixture of pytest-textual-snapshot."""

    def __call__(
        self, app: CaptionsApp, *, terminal_size: tuple[int, int], run_before: Callable[[Pilot[None]], Awaitable[None]]
    ) -> bool: ...


RECONNECTING = state(Phase.RECONNECTING, "UNAVAILABLE: The connection was lost. Trying again.")
READING = "reading view"
V3 = replace(state(recognizer="SpeechKit v3"), language="ru-RU, en-US")


@pytest.mark.parametrize(
    ("size", "theme", "more", "keys"),
    [
        pytest.param((40, 10), "dark", (), [], id="40x10"),
        pytest.param((80, 24), "dark", (), [], id="80x24"),
        pytest.param((120, 30), "dark", (Progress(72.0, 296.0),), [], id="120x30-file"),
        pytest.param((200, 60), "dark", (), [], id="200x60"),
        pytest.param((120, 30), "light", (), [], id="light"),
        pytest.param((120, 30), "high-contrast", (), [], id="high-contrast"),
        pytest.param((120, 30), "colour-blind", (RECONNECTING,), [], id="colour-blind-reconnecting"),
        pytest.param((80, 24), "dark", (partial(""), REFUSED), [], id="refused"),
        pytest.param((40, 10), "high-contrast", (partial(""), REFUSED), [], id="40x10-refused"),
        pytest.param((80, 24), "light", (PAUSED,), [], id="paused"),
        pytest.param((80, 24), "dark", (), ["f2", "tab"], id="settings"),
        pytest.param((120, 40), "dark", (V3,), [], id="settings-v3"),
        pytest.param((80, 24), "dark", (), ["question_mark"], id="help"),
        pytest.param((80, 24), "dark", (), ["slash", *"the", "enter"], id="search"),
        pytest.param((80, 24), "dark", (), [READING], id="reading"),
        pytest.param((40, 10), "high-contrast", (REFUSED,), [READING], id="40x10-reading-refused"),
        pytest.param((200, 60), "light", (PAUSED,), [READING], id="200x60-reading-paused"),
    ],
)
def test_it_looks_as_it_did(
    snap_compare: Compare, size: tuple[int, int], theme: str, more: tuple[Event, ...], keys: list[str]
) -> None:
    dashboard = Dashboard(Settings(theme=theme, recognizer="speechkit-v3" if V3 in more else "auto"))
    app = dashboard.app

    async def prepare(pilot: Pilot[None]) -> None:
        engine = await dashboard.engine(pilot)
        engine.recognizer = "speechkit-v3" if V3 in more else "local"
        engine.say(*TALK)
        await until(pilot, lambda: app.meter.word == "good")
        engine.say(*more)
        await until(pilot, lambda: _shows(app, more))
        if keys == [READING]:
            await app.push_screen(_reading_view(more))
        else:
            await pilot.press(*keys)
        if "f2" in keys:
            await until(pilot, lambda: "microphone:USB Audio" in app.sidebar.fields["input"].offered)
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=prepare)


def _reading_view(more: tuple[Event, ...]) -> ReadingView:
    """The screen, on which a settled word, an unsettled one and Russian stand."""
    said = [event for event in TALK if isinstance(event, Final)]
    states = [event for event in (*TALK, *more) if isinstance(event, SessionState)]
    unsettled = replace(partial("и чтобы их можно было читать два часа подряд"), committed=len("и чтобы их можно"))
    return ReadingView(said[:4], [unsettled], states[-1])


def _shows(app: CaptionsApp, events: tuple[Event, ...]) -> bool:
    line = app.status.render_line(0).text
    wanted = {
        Progress(72.0, 296.0): "1:12 / 4:56",
        REFUSED: "STOPPED",
        PAUSED: "PAUSED",
        RECONNECTING: "RECONNECT",
        V3: "v3",
    }
    return all(text in line for event, text in wanted.items() if event in events)
