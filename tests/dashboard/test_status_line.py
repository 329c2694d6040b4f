"""The status line tells how late words are, and of what it does not know it says nothing."""

from dataclasses import replace

import pytest

from captions.dashboard.figures import Figures, Gauges
from captions.events import Backlog, Delays, Phase, Progress, Spread, StreamEnded
from tests.dashboard.conftest import Dashboard, until
from tests.dashboard.fake_engine import START, partial, state

DELAYS = Delays(Spread(0.05, 0.06), Spread(0.4, 0.7), Spread(0.2, 0.3), Spread(0.7, 1.1), Spread(1.4, 2.2))
NOTHING = Delays(None, None, None, None, None)


def test_how_late_words_are_is_the_median_of_partials_and_of_finals_where_partials_have_none() -> None:
    assert Figures(DELAYS).delay == "delay 0.7 s"
    assert Figures(Delays(None, None, None, None, Spread(1.4, 2.2))).delay == "delay 1.4 s"
    assert Figures(DELAYS, screen=Spread(0.31, 0.4)).delay == "delay 1.0 s"
    assert Figures(NOTHING, screen=Spread(0.01, 0.02)).delay == ""
    assert Figures().delay == ""


def test_figures_have_their_names_and_those_that_are_not_known_are_left_out() -> None:
    assert Figures().parts() == []
    assert Figures(NOTHING, link=0.04).parts() == ["link 0.04 s"]
    figures = Figures(DELAYS, Spread(0.01, 0.02), 0.25, 0.04, 2_340.0, 1_250_000)
    assert figures.parts() == [
        "send 0.05/0.06 s",
        "service 0.40/0.70 s",
        "held back 0.20/0.30 s",
        "screen 0.01/0.02 s",
        "partials 0.71/1.12 s",
        "finals 1.41/2.22 s",
        "buffered 0.2 s",
        "link 0.04 s",
        "2.3 kB/s",
        "1.25 MB",
    ]


class FakeTerminal:
    """A terminal driver with figures of one's own."""

    def __init__(self) -> None:
        self.written, self.asked, self.behind = 1_000, 0, False
        self.delays: Spread | None = None
        self.link: float | None = None

    def ask(self) -> None:
        self.asked += 1

    def forget(self) -> None: ...
    def repaint(self) -> None: ...


def test_the_terminal_is_asked_only_over_ssh_or_when_somebody_looks() -> None:
    for environment, asking, asked in (({}, False, 0), ({}, True, 1), ({"SSH_CONNECTION": "a 1 b 22"}, False, 1)):
        gauges = Gauges(environment)
        gauges.terminal = terminal = FakeTerminal()
        gauges.read(asking)
        assert terminal.asked == asked


def test_a_link_is_slow_when_the_terminal_is_behind_twice_in_a_row_and_on_another_machine() -> None:
    gauges = Gauges({"SSH_CONNECTION": "a 1 b 22"})
    gauges.terminal = terminal = FakeTerminal()
    for link, behind, slow in (
        (None, False, False),
        (1.5, False, False),
        (0.2, False, False),
        (1.5, False, False),
        (1.5, False, True),
        (None, False, False),
        (None, True, False),
        (None, True, True),
    ):
        terminal.link, terminal.behind = link, behind
        gauges.read(asking=False)
        assert gauges.link_is_slow is slow
    here = Gauges({})
    here.terminal = terminal
    for _ in range(3):
        here.read(asking=True)
        assert not here.link_is_slow


def test_without_a_terminal_of_ours_only_the_engine_is_told_of() -> None:
    gauges = Gauges({})
    gauges.delays, gauges.backlog = DELAYS, Backlog(1.5, 0)
    assert gauges.read(asking=True) == Figures(DELAYS, buffered=1.5)


async def test_the_delay_stands_beside_who_listens_while_it_is_known_and_the_session_listens(
    dashboard: Dashboard,
) -> None:
    async with dashboard.app.run_test(size=(100, 24)) as pilot:
        engine, status = await dashboard.engine(pilot), dashboard.app.status
        engine.say(state())
        await until(pilot, lambda: "LISTENING" in status.render_line(0).text)
        assert "delay" not in status.render_line(0).text
        engine.say(DELAYS)
        await until(pilot, lambda: "SpeechKit  ·  delay 0.7 s" in status.render_line(0).text)
        engine.say(state(Phase.PAUSED))
        await until(pilot, lambda: "PAUSED" in status.render_line(0).text)
        assert "delay" not in status.render_line(0).text


@pytest.mark.parametrize(("width", "rows"), [(40, 6), (80, 2), (140, 1)])
async def test_a_key_shows_all_figures_and_hides_them_again(dashboard: Dashboard, width: int, rows: int) -> None:
    async with dashboard.app.run_test(size=(width, 24)) as pilot:
        engine, status = await dashboard.engine(pilot), dashboard.app.status
        engine.say(state(), DELAYS, Backlog(0.0, 0), partial("so"))
        await until(pilot, lambda: "LISTENING" in status.render_line(0).text)
        await pilot.press("i")
        await until(pilot, lambda: status.size.height == 1 + rows)
        shown = " ".join(status.render_line(y).text for y in range(1, 1 + rows))
        for figure in ("send 0.05/0.06 s", "held back 0.20/0.30 s", "finals 1.40/2.20 s", "buffered 0.0 s"):
            assert figure in shown
        assert "link" not in shown
        assert all(status.render_line(y).cell_length == width for y in range(1 + rows))
        engine.say(state(Phase.RECONNECTING, detail="UNAVAILABLE: gone"))
        await until(pilot, lambda: status.size.height == 2 + rows)
        assert "gone" in status.render_line(1 + rows).text
        await pilot.press("i")
        await until(pilot, lambda: status.size.height == 2)
        assert "gone" in status.render_line(1).text


@pytest.mark.parametrize(
    ("width", "recognizer", "language", "tail"),
    [
        (120, "SpeechKit v2", "ru-RU", "3:12  ·  SpeechKit v2, ru-RU"),
        (120, "SpeechKit v3", "ru-RU, en-US", "3:12  ·  SpeechKit v3, ru-RU, en-US"),
        (120, "vosk at speech.example:5001", "", "3:12  ·  vosk at speech.example:5001"),
        (60, "SpeechKit v2 at speech.company.example:443", "kk-KZ", "3:12  ·  SpeechKit v2, kk-KZ"),
        (40, "SpeechKit v2", "ru-RU", "3:12  ·  SpeechKit v2 ru"),
        (40, "SpeechKit v3", "ru-RU, en-US", "3:12  SpeechKit v3 ru, en"),
        (40, "local recogniser", "en-US", "3:12  local recogniser en"),
        (40, "vosk at speech.example:5001", "", "3:12  ·  vosk"),
        (40, "a recogniser whose name is long", "", "3:12  a recogniser whose…"),
    ],
)
async def test_who_listens_and_for_which_language_is_told_whole_at_every_width(
    dashboard: Dashboard, width: int, recognizer: str, language: str, tail: str
) -> None:
    async with dashboard.app.run_test(size=(width, 24)) as pilot:
        engine, status = await dashboard.engine(pilot), dashboard.app.status
        engine.say(replace(state(recognizer=recognizer), language=language))
        await until(pilot, lambda: status.render_line(0).text.split("LISTENING", 1)[-1].strip() == tail)


async def test_what_there_is_no_room_for_is_left_out_whole(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=(80, 24)) as pilot:
        engine, status = await dashboard.engine(pilot), dashboard.app.status
        billed = StreamEnded(60.0, START, "SpeechKit v2", 60.0, 4, 24)
        engine.say(replace(state(recognizer="SpeechKit v2 at stt:443"), language="ru-RU"), DELAYS, billed)
        whole = "SpeechKit v2, ru-RU  ·  delay 0.7 s  ·  24 units billed"
        await until(pilot, lambda: whole in status.render_line(0).text)
        await pilot.resize_terminal(60, 24)
        await until(pilot, lambda: status.size.width == 60)
        assert status.render_line(0).text.rstrip().endswith("SpeechKit v2, ru-RU  ·  delay 0.7 s")


@pytest.mark.parametrize(("width", "height"), [(120, 1), (80, 1), (40, 2)])
async def test_a_recogniser_that_gets_ready_says_how_without_moving_the_captions_where_there_is_room(
    dashboard: Dashboard, width: int, height: int
) -> None:
    async with dashboard.app.run_test(size=(width, 24)) as pilot:
        engine, status = await dashboard.engine(pilot), dashboard.app.status
        engine.say(state(Phase.CONNECTING, "loading the model", recognizer="local recogniser"))
        await until(pilot, lambda: "CONNECTING" in status.render_line(0).text)
        shown = "\n".join(status.render_line(y).text for y in range(height))
        assert "local recogniser" in shown
        assert "loading the model" in shown
        await until(pilot, lambda: status.size.height == height)


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (40, "● LISTENING 1:12 · SpeechKit v2 ru"),
        (60, "● LISTENING 3:12 · SpeechKit v2, ru-RU 1:12 / 4:56"),
    ],
)
async def test_in_a_file_its_place_and_who_listens_are_told_at_every_width(
    dashboard: Dashboard, width: int, line: str
) -> None:
    async with dashboard.app.run_test(size=(width, 24)) as pilot:
        engine, status = await dashboard.engine(pilot), dashboard.app.status
        engine.say(replace(state(recognizer="SpeechKit v2"), language="ru-RU"), Progress(72.0, 296.0))
        await until(pilot, lambda: " ".join(status.render_line(0).text.split()) == line)


async def test_the_tries_are_not_counted_where_none_is_made(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=(100, 24)) as pilot:
        engine, status = await dashboard.engine(pilot), dashboard.app.status
        engine.say(Backlog(3.0, 1), state(Phase.RECONNECTING))
        await until(pilot, lambda: status.render_line(0).text.rstrip().endswith("SpeechKit  ·  3 s behind  ·  try 2"))
        engine.say(state(Phase.FAILED))
        await until(pilot, lambda: status.render_line(0).text.rstrip().endswith("SpeechKit  ·  3 s behind"))
