"""Speech in the air of a sound server comes out as words: PulseAudio, PortAudio, gRPC, the recogniser."""

import os
import signal
import subprocess
import sys
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


def test_what_is_said_into_a_microphone_is_captioned(pulse: PulseServer) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "captions", "transcribe", "microphone", "--format", "ndjson"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    heard = ""
    playing = None
    for line in process.stdout:
        if '"phase":"listening"' in line and playing is None:
            playing = pulse.play(sample())
        heard += line
        if "age of wisdom" in line.lower():
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    if playing is not None:
        playing.kill()
        playing.wait()
    assert "best of times" in heard.lower(), (heard, errors)
    assert process.returncode == 130
    assert errors == ""
