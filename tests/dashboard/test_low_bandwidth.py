"""Over a slow link the dashboard draws less: when it is asked to, and it says that it could."""

import re
import time
from pathlib import Path

from tests.dashboard.conftest import Dashboard, until
from tests.dashboard.fake_engine import level, state
from tests.dashboard.terminal import Terminal

TALKING = str(Path(__file__).parent / "talking_dashboard.py")
SSH = "192.0.2.1 50000 192.0.2.2 22"
TRUE_COLOUR = re.compile(rb"\x1b\[[0-9;]*[34]8;2;")


def talking(folder: Path, *options: str, ssh: str = "") -> Terminal:
    folder.mkdir(exist_ok=True)
    return Terminal(
        TALKING,
        str(folder / "report.json"),
        "--captions=200",
        *options,
        home=folder,
        answers_after=0.0,
        SSH_CONNECTION=ssh,
    )


def rate(terminal: Terminal, seconds: float) -> float:
    """Bytes a second for so long."""
    before, began = terminal.bytes_read, time.monotonic()
    time.sleep(seconds)  # what is measured
    return (terminal.bytes_read - before) / (time.monotonic() - began)


def test_captions_fit_through_a_line_of_9600_baud(tmp_path: Path) -> None:
    with talking(tmp_path, "--low-bandwidth") as terminal:
        terminal.wait_for("ENDAAAA")
        assert rate(terminal, 6.5) < 480
        assert not TRUE_COLOUR.search(terminal.received)
        terminal.wait_for("ENDOWKG")
        terminal.type("q")
        assert terminal.wait_for_end() == 0


def test_a_key_changes_it_both_ways_with_one_repaint(tmp_path: Path) -> None:
    with talking(tmp_path) as terminal:
        terminal.wait_for("ENDAAAA")
        assert TRUE_COLOUR.search(terminal.received)
        terminal.type("l")
        terminal.wait_for("ENDHLFD")
        low = len(terminal.received)
        assert rate(terminal, 3.0) < 480
        assert not TRUE_COLOUR.search(terminal.received[low:])
        low = len(terminal.received)
        terminal.type("l")
        terminal.wait_for("ENDVHPJ")
        assert TRUE_COLOUR.search(terminal.received[low:])
        assert "LISTENING" in terminal.text()
        assert "q Quit" in terminal.text()
        terminal.type("q")
        assert terminal.wait_for_end() == 0


def test_a_slow_link_to_another_machine_makes_it_say_how_to_draw_less_once(tmp_path: Path) -> None:
    with talking(tmp_path, ssh=SSH) as terminal:
        terminal.wait_for("ENDAAAA")
        terminal.answers_after = 1.3
        terminal.wait_for("Press l to draw less")
        assert bytes(terminal.received).count(b"draw less") == 1
        terminal.answers_after = 0.0
        terminal.type("q")
        assert terminal.wait_for_end() == 0


def test_a_fast_link_and_a_terminal_that_never_answers_are_left_alone(tmp_path: Path) -> None:
    with talking(tmp_path / "fast", ssh=SSH) as fast, talking(tmp_path / "mute", ssh=SSH) as mute:
        mute.answers_after = None
        for terminal in (fast, mute):
            terminal.wait_for("ENDVHPJ")
            assert b"draw less" not in terminal.received
        fast.type("q")
        assert fast.wait_for_end() == 0
        mute.hang_up()


async def test_the_meter_moves_in_coarse_steps_and_the_clock_in_tens_of_seconds(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test(size=(120, 30)) as pilot:
        engine, app = await dashboard.engine(pilot), dashboard.app
        engine.say(state(), level(rms=-22.0))
        await until(pilot, lambda: "−22 dB" in app.meter.render_line(0).text)
        assert "3:12" in app.status.render_line(0).text
        await pilot.press("l")
        assert app.settings.low_bandwidth
        assert app.captions.low_bandwidth
        assert "−24 dB" in app.meter.render_line(0).text
        assert "3:10" in app.status.render_line(0).text
        await pilot.press("l")
        assert not app.settings.low_bandwidth
        assert "−22 dB" in app.meter.render_line(0).text
