"""A recording has every sound at its time on the session's clock, and costs captions nothing."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from captions.audio.block import AudioBlock, Samples
from captions.audio.decoder import Decoder
from captions.audio.file import MediaFile
from captions.audio.recording import RATE, Recording, recording_of
from captions.errors import StorageError
from tests.audio.tones import tone


def beep(rate: int, seconds: float = 0.5) -> Samples:
    samples: Samples = np.round(tone(1000, seconds, rate)[0] * 32767).astype(np.int16)
    return samples


def decoded(path: Path) -> Samples:
    decoder = Decoder(MediaFile(str(path), RATE, 1), RATE)
    pieces = []
    while len(piece := decoder.read(60 * RATE)):
        pieces.append(piece)
    decoder.close()
    return np.concatenate(pieces)


def onsets(samples: Samples) -> list[float]:
    """Return the seconds at which sound begins after silence."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 4000)
    firsts = loud[np.flatnonzero(np.diff(loud, prepend=-RATE) > RATE // 10)]
    return [first / RATE for first in firsts]


def recorded(path: Path, *blocks: AudioBlock) -> Samples:
    errors: list[StorageError] = []
    recording = Recording(path, errors.append)
    for block in blocks:
        recording.put(block)
    assert recording.finish(60)
    assert errors == []
    assert recording.missed == 0
    return decoded(path)


@pytest.mark.parametrize(("rate", "late"), [(8_000, 70.0), (16_000, 3_700.0), (48_000, 70.0)])
def test_sound_is_at_its_time_also_after_a_minute_or_an_hour_that_nobody_captured(
    tmp_path: Path, rate: int, late: float
) -> None:
    times = [0.25, 2.0, late]
    blocks = [AudioBlock(beep(rate), round(time * rate), rate) for time in times]
    assert onsets(recorded(tmp_path / "s.ogg", *blocks)) == pytest.approx(times, abs=0.010)


def test_sound_is_at_its_time_when_the_rate_changes(tmp_path: Path) -> None:
    blocks = [AudioBlock(beep(rate), second * rate, rate) for second, rate in enumerate([48_000, 8_000, 16_000, 8_000])]
    assert onsets(recorded(tmp_path / "s.ogg", *blocks)) == pytest.approx([0, 1, 2, 3], abs=0.010)


def test_sound_in_small_blocks_keeps_its_time_for_long(tmp_path: Path) -> None:
    second = np.concatenate([beep(48_000), np.zeros(24_000, np.int16)])
    blocks = [
        AudioBlock(second[start : start + 4_800], index * 48_000 + start, 48_000)
        for index in range(100)
        for start in range(0, 48_000, 4_800)
    ]
    samples = recorded(tmp_path / "s.ogg", *blocks)
    assert onsets(samples) == pytest.approx(list(range(100)), abs=0.010)
    assert len(samples) / RATE == pytest.approx(100, abs=0.010)


def test_the_file_is_private_and_beside_the_journal(tmp_path: Path) -> None:
    path = recording_of(tmp_path / "2024-05-01 10.00.00.jsonl")
    recorded(path, AudioBlock(beep(RATE), 0, RATE))
    assert path.name == "2024-05-01 10.00.00.ogg"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


RECORDS = """
import sys, time
from pathlib import Path
import numpy as np
from captions.audio.block import AudioBlock
from captions.audio.recording import Recording
recording = Recording(Path(sys.argv[1]), lambda error: sys.exit(str(error)))
noise = np.random.default_rng(1).integers(-9000, 9000, 1600).astype(np.int16)
for index in range(100):
    recording.put(AudioBlock(noise, index * 1600, 16_000))
while not recording._blocks.empty():
    time.sleep(0.01)
print("recorded", flush=True)
time.sleep(60)
"""


def test_all_but_the_last_second_can_be_heard_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "s.ogg"
    with subprocess.Popen([sys.executable, "-c", RECORDS, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "recorded\n"
        os.kill(process.pid, signal.SIGKILL)
    assert 9.0 <= len(decoded(path)) / RATE <= 10.0


def test_a_disk_that_fails_is_told_once_and_holds_nobody_up(tmp_path: Path) -> None:
    errors: list[StorageError] = []
    recording = Recording(tmp_path / "missing" / "s.ogg", errors.append)
    for second in range(100):
        recording.put(AudioBlock(np.zeros(RATE, np.int16), second * RATE, RATE))
    assert recording.finish()
    assert [error.exit_code for error in errors] == [7]
    assert "cannot be written: No such file or directory" in errors[0].message


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr("captions.audio.recording.os.open", lambda *_: full)
    errors: list[StorageError] = []
    recording = Recording(tmp_path / "s.ogg", errors.append)
    recording.put(AudioBlock(beep(RATE, 3.0), 0, RATE))
    assert recording.finish()
    assert [error.message for error in errors] == [
        f"The recording {tmp_path / 's.ogg'} cannot be written: No space left on device."
    ]


def test_a_disk_that_does_not_answer_costs_sound_in_the_file_and_no_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("captions.audio.recording.QUEUE_BLOCKS", 2)
    path = tmp_path / "s.ogg"
    os.mkfifo(path)
    monkeypatch.setattr("captions.audio.recording.os.O_EXCL", 0)  # opening waits for somebody who reads
    recording = Recording(path, lambda error: None)
    for second in range(5):
        recording.put(AudioBlock(beep(RATE, 1.0), second * RATE, RATE))
    assert recording.missed == 3.0
    assert not recording.finish(0.01)
