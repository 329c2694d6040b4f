"""Speech in the air of a sound server comes out as words: PulseAudio, PortAudio, gRPC, the recogniser."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import sample
from tests.pulse import PulseServer, require_pulse, running_pulse


@pytest.fixture
def pulse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PulseServer]:
    require_pulse()
    with running_pulse(tmp_path, monkeypatch) as server:
        yield server


@pytest.fixture
def listening(pulse: PulseServer) -> Iterator[subprocess.Popen[str]]:
    """`captions transcribe microphone`, printing its events."""
    process = subprocess.Popen(
        [sys.executable, "-m", "captions", "transcribe", "microphone", "--format", "ndjson"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    yield process
    if process.poll() is None:
        process.kill()
        process.communicate()


def until(process: subprocess.Popen[str], text: str) -> str:
    """Read events until one has this text, in any case; return all that were read."""
    assert process.stdout is not None
    read = ""
    for line in process.stdout:
        read += line
        if text in line.lower():
            return read
    raise AssertionError(f"it ended before {text!r} came:\n{read}")


def interrupted(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Press Ctrl-C; return what it still printed, and its messages."""
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=20)


def test_what_is_said_into_a_microphone_is_captioned(pulse: PulseServer, listening: subprocess.Popen[str]) -> None:
    until(listening, '"phase":"listening"')
    pulse.play(sample())
    heard = until(listening, "age of wisdom")
    assert "best of times" in heard.lower()
    _, errors = interrupted(listening)
    assert (listening.returncode, errors) == (130, "")


def test_a_microphone_that_goes_away_is_taken_up_again(pulse: PulseServer, listening: subprocess.Popen[str]) -> None:
    until(listening, '"phase":"listening"')
    pulse.play(sample())
    until(listening, "best of times")
    pulse.kill()
    until(listening, "waiting for the input")
    noticed = time.monotonic()
    pulse.start()
    gone = time.monotonic() - noticed
    returned = until(listening, '"phase":"listening"')
    pulse.play(sample())
    returned += until(listening, "best of times")
    rest, errors = interrupted(listening)
    events = [json.loads(line) for line in (returned + rest).splitlines()]
    (gap,) = [event for event in events if event["type"] == "gap"]
    assert gap["end"] - gap["start"] >= gone
    assert gap["reason"] == "the microphone was gone"
    assert "waiting for the input to come back" in errors
    assert "listening again" in errors
