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

from captions.dashboard.driver import BUFFER_BYTES, TerminalWriter
from tests.dashboard.terminal import Terminal

TALKING = str(Path(__file__).parent / "talking_dashboard.py")


def report(folder: Path) -> dict[str, object]:
    content = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def talking(folder: Path, columns: int = 100, lines: int = 24, buffer: int = BUFFER_BYTES) -> Terminal:
    arguments = (str(folder / "report.json"), str(buffer))
    return Terminal(TALKING, *arguments, columns=columns, lines=lines, home=folder)


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


def test_frames_are_dropped_while_the_buffer_is_full_and_the_screen_is_whole_afterwards(tmp_path: Path) -> None:
    with talking(tmp_path, buffer=40_000) as terminal:
        terminal.wait_for("0 so the first")
        terminal.reading = False
        before = terminal.bytes_read
        for _ in range(40):  # each paints the whole screen in other colours: together several times the buffer
            terminal.type("t")
            time.sleep(0.05)
        terminal.reading = True
        terminal.wait_for("1 so the first")
        assert terminal.bytes_read - before < 130_000
        assert "LISTENING" in terminal.text()
        assert "Help" in terminal.screen.display[-1]
        terminal.type("q")
        assert terminal.wait_for_end() == 0


def test_a_write_never_waits_and_what_was_dropped_is_told_once_the_terminal_reads() -> None:
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    os.set_blocking(theirs, False)
    lost = threading.Event()
    writer = TerminalWriter(theirs, lost.set, lambda: None)
    writer.start()
    frame = "x" * (BUFFER_BYTES // 8)
    began = time.monotonic()
    for _ in range(100):
        writer.write(frame)
    assert time.monotonic() - began < 0.5
    assert not lost.is_set()
    read = 0
    while not lost.wait(0.01):
        while select.select([ours], [], [], 0)[0]:
            read += len(os.read(ours, 1 << 16))
    assert read < 20 * len(frame)
    writer.write("whole again")
    writer.finish()
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
        terminal.wait_for("Recogniser")
        terminal.type("q")
        assert terminal.wait_for_end() == 0


def test_captioning_costs_few_bytes(tmp_path: Path) -> None:
    with talking(tmp_path, 120, 30) as terminal:
        terminal.wait_for("0 so the first")
        before = terminal.bytes_read
        began = time.monotonic()
        terminal.wait_for("1 so the first thing that we should talk about today is how long")
        rate = (terminal.bytes_read - before) / (time.monotonic() - began)
        terminal.type("q")
        assert terminal.wait_for_end() == 0
    assert rate < 8_000
