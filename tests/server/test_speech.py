"""Where the engines take what they hear for speech."""

import pytest

from captions.audio.block import Samples
from captions.server.engines import RATE
from captions.server.speech import SpeechDetector
from captions.server.utterances import STEP
from tests.server.clients import seconds

BREATH = 42.5, 43.5
"""Where the speaker of the sample breathes, in seconds: with a model that is made to read it, a word."""


def runs_of(samples: Samples) -> list[float]:
    """Return where the detector finds that speech begins, in seconds."""
    detector = SpeechDetector()
    starts = []
    for first in range(0, len(samples), STEP):
        was_speaking = detector.speaking
        detector.feed(samples[first : first + STEP])
        if detector.speaking and not was_speaking:
            starts.append(detector.start / RATE)
    return starts


@pytest.mark.parametrize("start", [35.56, 35.59, 35.68, 35.69, 35.72, 35.75])
def test_a_breath_is_no_speech(start: float) -> None:
    starts = [start + time for time in runs_of(seconds(start, 44.3))]
    assert starts
    assert not [time for time in starts if BREATH[0] < time < BREATH[1]]


@pytest.mark.parametrize("start", [0.9, 13.0, 24.5])
def test_a_single_syllable_is_speech(start: float) -> None:
    samples = seconds(start, start + 1.2).copy()
    samples[: RATE // 2] //= 100
    samples[3 * RATE // 4 :] //= 100
    assert len(runs_of(samples)) == 1
