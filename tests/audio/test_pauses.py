"""Speech is told from silence and from noise, and pauses are where they are."""

import os
import subprocess
import sys

import numpy as np
import pytest

from captions.audio.block import AudioBlock, Samples
from captions.audio.mono import MonoResampler
from captions.audio.pauses import SpeechDetector
from tests.end_to_end.conftest import sample


def spoken(rate: int) -> Samples:
    """The first 12 s of the sample: 1.0 s of silence, then speech with a pause near each of 4.8, 6.5 and 8.5 s."""
    import wave

    with wave.open(str(sample())) as file:
        samples = np.frombuffer(file.readframes(12 * file.getframerate()), "<i2")
        return MonoResampler(rate).convert_mono(samples, file.getframerate())[: 12 * rate]


def heard(samples: Samples, rate: int, time: float = 0.0) -> SpeechDetector:
    detector = SpeechDetector(time)
    first = round(time * rate)
    for start in range(0, len(samples), rate // 10):
        detector.hear(AudioBlock(samples[start : start + rate // 10], first + start, rate))
    return detector


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_speech_is_found_where_it_is(rate: int) -> None:
    detector = heard(spoken(rate), rate)
    assert detector.heard == pytest.approx(12.0, abs=0.05)
    assert detector.between(0.0, 0.8) is None
    first = detector.between(0.0, 12.0)
    assert first is not None
    assert first[0] == pytest.approx(1.1, abs=0.25)
    for pause in (4.8, 6.5, 8.6):
        assert detector.pause_before(pause + 0.3, 0.0) == pytest.approx(pause, abs=0.3)


def test_speech_is_found_on_a_clock_that_does_not_begin_at_nought() -> None:
    detector = heard(spoken(16_000), 16_000, time=100.0)
    first = detector.between(100.0, 112.0)
    assert first is not None
    assert first[0] == pytest.approx(101.1, abs=0.25)


def test_there_is_no_speech_in_silence_and_in_noise() -> None:
    noise = np.random.default_rng(7).normal(0, 1_000, 5 * 16_000).astype(np.int16)
    for samples in (np.zeros(5 * 16_000, np.int16), noise):
        detector = heard(samples, 16_000)
        assert detector.amount(0.0, 5.0) < 0.2
        assert not detector.speaking


def test_speech_in_noise_is_still_speech() -> None:
    clean = spoken(16_000)
    level = np.sqrt((clean.astype(float) ** 2).mean()) / 10 ** (10 / 20)
    noise = np.random.default_rng(7).normal(0, level, len(clean))
    noisy = np.clip(clean + noise, -32_768, 32_767).astype(np.int16)
    truth = heard(clean, 16_000).amount(0.0, 12.0)
    assert heard(noisy, 16_000).amount(0.0, 12.0) == pytest.approx(truth, rel=0.25)


def test_quiet_is_counted_from_the_last_speech() -> None:
    samples = np.concatenate([spoken(16_000)[: 6 * 16_000], np.zeros(3 * 16_000, np.int16)])
    detector = heard(samples, 16_000)
    assert not detector.speaking
    assert detector.quiet_since == pytest.approx(6.1, abs=0.3)
    assert heard(np.zeros(16_000, np.int16), 16_000, time=5.0).quiet_since == 5.0


def test_a_run_of_speech_is_known_only_without_a_pause_in_it_and_with_one_after_it() -> None:
    detector = heard(spoken(16_000), 16_000)
    run = detector.between(4.8, 6.5)
    assert run is not None
    start, end = run
    assert detector.is_run(start, end)
    assert not detector.is_run(start, end - 0.3), "speech goes on"
    assert not detector.is_run(start - 1.0, end), "there is a pause in it"
    assert not detector.is_run(start, start), "it is nothing"
    assert not heard(spoken(16_000)[: round(end * 16_000)], 16_000).is_run(start, end), "what follows is not heard yet"


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted as Linux tells them")
def test_the_detector_works_on_one_thread_and_leaves_the_environment_as_it_was() -> None:
    program = (
        "import os\n"
        "from captions.audio.silero import FRAME, SileroVoiceActivityDetector\n"
        "threads = lambda: len(os.listdir('/proc/self/task'))\n"
        "before = threads()\n"
        "SileroVoiceActivityDetector().process_chunk(bytes(2 * FRAME))\n"
        "print(threads() - before, os.environ.get('OMP_THREAD_LIMIT'))\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_THREAD_LIMIT"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "None"]
