"""The dashboard in a real terminal: one that stalls, hangs up, is resized, and one that gets noise."""

import json
import os
import pty
import select
import signal
import stat
import threading
import time
import tty
from pathlib import Path

import pytest

from captions.dashboard.terminal_writer import BUFFER_BYTES, TerminalWriter
from tests.dashboard.terminal import Terminal

TALKING = str(Path(__file__).parent / "talking_dashboard.py")


def report(folder: Path) -> dict[str, object]:
    content = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def talking(
    folder: Path, *options: str, columns: int = 100, lines: int = 24, answers_after: float | None = None
) -> Terminal:
    arguments = (str(folder / "report.json"), *options)
    return Terminal(TALKING, *arguments, columns=columns, lines=lines, home=folder, answers_after=answers_after)


def test_a_stalled_terminal_does_not_stop_the_event_loop(tmp_path: Path) -> None:
    with talking(tmp_path) as terminal:
        terminal.wait_for("0 so the first")
        terminal.reading = False
        time.sleep(3)  # the stall itself
        terminal.reading = True
        terminal.wait_for("1 so the first")
        terminal.type("q")
        assert terminal.wait_for_end() == 0
    longest = report(tmp_path)["longest_pause"]
    assert isinstance(longest, float)
    assert longest < 0.5


def test_no_frames_are_made_for_a_terminal_that_is_behind_and_the_screen_is_whole_when_it_has_caught_up(
    tmp_path: Path,
) -> None:
    with talking(tmp_path) as terminal:
        terminal.wait_for("0 so the first")
        terminal.reading = False
        before = terminal.bytes_read
        for _ in range(20):  # each paints the whole screen in other colours: together 130 kB
            terminal.type("t")
            time.sleep(0.05)
        terminal.reading = True
        terminal.wait_for("1 so the first")
        assert terminal.bytes_read - before < 60_000
        assert "LISTENING" in terminal.text()
        assert "Help" in terminal.screen.display[-1]
        terminal.type("q")
        assert terminal.wait_for_end() == 0


def test_a_write_never_waits_and_it_is_told_when_the_terminal_has_read_all() -> None:
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    os.set_blocking(theirs, False)
    read_all = threading.Event()
    writer = TerminalWriter(theirs, read_all.set, lambda: None)
    writer.start()
    frame = "x" * (BUFFER_BYTES // 8)
    began = time.monotonic()
    taken = [writer.write(frame, began) for _ in range(100)]
    assert time.monotonic() - began < 0.5
    assert taken.count(True) < 20
    assert not taken[-1]
    writer.tell_when_read()
    assert not read_all.is_set()
    assert writer.waiting > 6 * len(frame)
    read = 0
    while not read_all.wait(0.01):
        while select.select([ours], [], [], 0)[0]:
            read += len(os.read(ours, 1 << 16))
    while read < writer.written and select.select([ours], [], [], 5)[0]:  # what was on its way still
        read += len(os.read(ours, 1 << 16))
    assert read == writer.written == taken.count(True) * len(frame)
    assert writer.waiting == 0
    assert writer.delays is not None
    assert 0 < writer.delays.p50 <= writer.delays.p95 < time.monotonic() - began
    assert writer.write("whole again")
    end = b""
    while b"whole again" not in end:
        end = (end + os.read(ours, 1 << 16))[-100:]
    writer.close()
    assert not writer.is_alive()
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("ignore_hang_up", [False, True])
def test_a_terminal_that_hangs_up_ends_the_program_after_the_last_words(
    tmp_path: Path, ignore_hang_up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignore_hang_up else signal.SIG_DFL)
    try:
        with talking(tmp_path) as terminal:
            terminal.wait_for("LISTENING")
            terminal.hang_up()
            assert terminal.wait_for_end(6) == 128 + signal.SIGHUP
    finally:
        signal.signal(signal.SIGHUP, previous)
    assert ["stop", 2.0] in report(tmp_path)["asked"]  # type: ignore[operator]


def test_sigterm_waits_for_the_last_words_and_leaves_the_terminal_tidy(tmp_path: Path) -> None:
    with talking(tmp_path) as terminal:
        terminal.wait_for("LISTENING")
        os.kill(terminal.pid, signal.SIGTERM)
        assert terminal.wait_for_end(6) == 128 + signal.SIGTERM
    assert ["stop", 2.0] in report(tmp_path)["asked"]  # type: ignore[operator]


def test_noise_on_standard_error_goes_to_a_private_log_and_not_to_the_screen(tmp_path: Path) -> None:
    with talking(tmp_path) as terminal:
        terminal.wait_for("0 so the first")
        assert "ALSA" not in terminal.text()
        terminal.type("q")
        assert terminal.wait_for_end() == 0
    (log,) = tmp_path.rglob("dashboard.log")
    assert "ALSA lib pcm.c: noise" in log.read_text(encoding="utf-8")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_it_fits_itself_to_a_terminal_that_is_resized(tmp_path: Path) -> None:
    with talking(tmp_path) as terminal:
        terminal.wait_for("0 so the first thing that we should")
        terminal.resize(40, 10)
        terminal.wait_for("12:04")
        terminal.resize(120, 30)
        terminal.wait_for("Recognition")
        terminal.type("q")
        assert terminal.wait_for_end() == 0


def test_of_many_sizes_in_a_hurry_the_last_one_counts(tmp_path: Path) -> None:
    with talking(tmp_path, "--quiet", "idle") as terminal:
        terminal.wait_for("LISTENING")
        for _ in range(20):
            for columns in (*range(140, 120, -1), 60):
                terminal.resize(columns, 24)
            terminal.wait_for_stop(0.2)
            assert "off" in terminal.screen.display[1], terminal.text()  # at the right edge
        terminal.type("q")
        assert terminal.wait_for_end() == 0


def test_captioning_costs_few_bytes(tmp_path: Path) -> None:
    with talking(tmp_path, "--captions=200", columns=120, lines=30) as terminal:
        terminal.wait_for("ENDAAAA")
        before, began = terminal.bytes_read, time.monotonic()
        terminal.wait_for("ENDHLFD")
        rate = (terminal.bytes_read - before) / (time.monotonic() - began)
        terminal.type("q")
        assert terminal.wait_for_end() == 0
    assert rate < 4_500


def test_a_screen_at_rest_costs_nothing_to_speak_of(tmp_path: Path) -> None:
    with talking(tmp_path, "--quiet=paused", columns=120, lines=30) as terminal:
        terminal.wait_for("PAUSED")
        terminal.wait_for_stop()
        before = terminal.bytes_read
        time.sleep(3)  # the rest itself
        assert terminal.bytes_read - before < 60
        terminal.type("q")
        assert terminal.wait_for_end() == 0


def test_a_terminal_that_answers_late_is_told_to_be_far_behind_and_gets_no_frames(tmp_path: Path) -> None:
    with talking(tmp_path, columns=120, lines=30, answers_after=0.0) as terminal:
        terminal.wait_for("0 so the first")
        terminal.type("i")
        terminal.wait_for("link 0.0")
        terminal.answers_after = None
        terminal.wait_for_stop()
        terminal.answers_after = 0.0
        terminal.wait_for_end_of("link 0.0")
        terminal.type("q")
        assert terminal.wait_for_end() == 0


def test_figures_that_cannot_be_known_are_not_shown(tmp_path: Path) -> None:
    with talking(tmp_path, columns=120, lines=30) as terminal:  # this terminal never answers
        terminal.wait_for("0 so the first")
        terminal.type("i")
        terminal.wait_for("kB/s")
        assert "send 0.05/0.06 s" in terminal.text()
        assert "link" not in terminal.text()
        terminal.type("i")
        terminal.wait_for_end_of("kB/s")
        terminal.type("q")
        assert terminal.wait_for_end() == 0
