"""The dashboard as a person meets it: a real terminal, the real engine, the real recogniser."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from captions.events import Final, InputChanged
from captions.transcript.journal import read_journal
from tests.dashboard.terminal import Terminal
from tests.local_engine import require_local_engine


@pytest.fixture
def dashboard(tmp_path: Path) -> Iterator[Terminal]:
    require_local_engine()
    with Terminal("-m", "captions", "sample", home=tmp_path) as terminal:
        yield terminal


def journal(home: Path) -> Path:
    (path,) = home.rglob("sessions/*.jsonl")
    return path


def test_the_words_of_the_sample_appear_and_are_kept(dashboard: Terminal, own_environment: Path) -> None:
    dashboard.wait_for("LISTENING")
    dashboard.wait_for("best of times")
    dashboard.wait_for("foolishness")
    dashboard.type("q")
    assert dashboard.wait_for_end() == 0
    kept = journal(own_environment)
    texts = [entry.text.lower() for entry in read_journal(kept) if isinstance(entry, Final)]
    assert "best of times" in " ".join(texts)
    dashboard.wait_for("The transcript is kept.")
    assert f'captions show "{kept.stem}"'.encode() in dashboard.received


def test_another_input_takes_over_and_the_transcript_stays(
    dashboard: Terminal, own_environment: Path, tmp_path: Path
) -> None:
    dashboard.wait_for("best of times")
    dashboard.type("s")
    dashboard.wait_for("── sample:", times=2)
    dashboard.type(" ")
    dashboard.wait_for("PAUSED")
    assert "best of times" in dashboard.text()
    dashboard.type("q")
    assert dashboard.wait_for_end() == 0
    inputs = [entry for entry in read_journal(journal(own_environment)) if isinstance(entry, InputChanged)]
    assert [entry.kind for entry in inputs] == ["sample", "sample"]


def test_kill_9_loses_no_caption_that_was_shown_and_leaves_no_process(
    dashboard: Terminal, own_environment: Path
) -> None:
    dashboard.wait_for("foolishness")
    children = psutil.Process(dashboard.pid).children(recursive=True)
    os.kill(dashboard.pid, signal.SIGKILL)
    assert dashboard.wait_for_end() == -signal.SIGKILL
    gone, alive = psutil.wait_procs(children, timeout=10)
    assert gone
    assert not alive
    texts = [entry.text.lower() for entry in read_journal(journal(own_environment)) if isinstance(entry, Final)]
    assert "age of wisdom" in " ".join(texts)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_lets_the_last_words_be_heard(
    dashboard: Terminal, own_environment: Path, number: signal.Signals
) -> None:
    dashboard.wait_for("best of times")
    os.kill(dashboard.pid, number)
    assert dashboard.wait_for_end() == 128 + number
    texts = [entry.text.lower() for entry in read_journal(journal(own_environment)) if isinstance(entry, Final)]
    assert "best of times" in " ".join(texts)


def test_a_terminal_that_is_closed_ends_it_and_keeps_the_words(dashboard: Terminal, own_environment: Path) -> None:
    dashboard.wait_for("foolishness")
    dashboard.hang_up()
    dashboard.wait_for_end()
    texts = [entry.text.lower() for entry in read_journal(journal(own_environment)) if isinstance(entry, Final)]
    assert "best of times" in " ".join(texts)


def test_a_terminal_that_stalls_stops_neither_the_audio_nor_the_journal(
    dashboard: Terminal, own_environment: Path
) -> None:
    dashboard.wait_for("best of times")
    dashboard.reading = False
    path = journal(own_environment)
    deadline = time.monotonic() + 30
    while "epoch of incredulity" not in path.read_text().lower():
        assert time.monotonic() < deadline, path.read_text()
        time.sleep(0.1)
    dashboard.reading = True
    dashboard.wait_for("epoch of incredulity", 10)
