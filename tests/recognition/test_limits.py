"""A stream ends before its recogniser would end it, at a pause if there is one, and costs what it must."""

import math

import pytest

from captions.recognition.limits import SPEECHKIT_LIMITS, Rotation, StreamLimits
from captions.recognition.recognizer import Encoding, RecognitionOptions


def options(rate: int, encoding: Encoding = Encoding.LINEAR16_PCM) -> RecognitionOptions:
    return RecognitionOptions(sample_rate_hertz=rate, audio_encoding=encoding)


@pytest.mark.parametrize(
    ("made", "seconds"),
    [
        (options(8_000), 285.0),
        (options(16_000), 285.0),
        (options(48_000), 90.0),
        (options(48_000, Encoding.OGG_OPUS), 285.0),
    ],
)
def test_the_services_limits_leave_a_whole_number_of_billed_units(made: RecognitionOptions, seconds: float) -> None:
    assert SPEECHKIT_LIMITS.longest(made.bytes_a_second) == seconds


def test_a_recogniser_without_limits_is_never_rotated() -> None:
    assert StreamLimits().longest(32_000) == math.inf
    rotation = Rotation(math.inf)
    assert not any(rotation.ends(elapsed, quiet=10.0, rms=-90.0) for elapsed in range(0, 100_000, 100))


@pytest.mark.parametrize(("seconds", "units"), [(0.0, 1), (0.1, 1), (15.0, 1), (15.1, 2), (285.0, 19), (37.0, 3)])
def test_every_started_unit_is_counted_and_one_at_least(seconds: float, units: int) -> None:
    assert SPEECHKIT_LIMITS.units(seconds) == units
    assert StreamLimits().units(seconds) == 0


def end(rotation: Rotation, quiet_from: float, quiet_to: float, dip: float = -1.0) -> float:
    for tenth in range(1, 4_000):
        elapsed = tenth / 10
        quiet = elapsed - quiet_from if quiet_from <= elapsed < quiet_to else 0.0
        if rotation.ends(elapsed, quiet, -60.0 if abs(elapsed - dip) < 0.01 else -20.0 - tenth % 7):
            return elapsed
    raise AssertionError("it never ended")


def test_it_ends_at_a_pause_within_the_window() -> None:
    assert end(Rotation(285.0), 276.0, 277.0) == pytest.approx(276.3)


def test_a_pause_before_the_window_is_let_pass() -> None:
    assert end(Rotation(285.0), 260.0, 270.0) > 280.0


def test_without_a_pause_it_ends_at_a_quiet_moment_and_never_after_the_end() -> None:
    assert end(Rotation(285.0), 0.0, 0.0, dip=283.4) <= 283.4
    rotation = Rotation(20.0)
    louder = (rotation.ends(tenth / 10, 0.0, -40.0 + tenth / 10) for tenth in range(1, 400))
    assert next(tenth for tenth, ends in enumerate(louder, 1) if ends) == 200
