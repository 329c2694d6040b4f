"""Levels are those of known signals, and a meter's peaks and clips stand long enough to be seen."""

import numpy as np
import pytest

from captions.audio.block import AudioBlock
from captions.audio.level import FALL_PER_SECOND, FLOOR, HOLD_SECONDS, LevelMeter
from captions.events import Level
from tests.audio.tones import tone

RATE = 16_000


def level(values: object, meter: LevelMeter | None = None, position: int = 0) -> Level:
    samples = np.clip(np.round(np.asarray(values, dtype=np.float64) * 32768), -32768, 32767).astype(np.int16)
    return (meter or LevelMeter()).measure(AudioBlock(samples, position, RATE))


def test_a_full_scale_square_wave_is_at_0_dbfs() -> None:
    measured = level(np.tile([1.0, -1.0], 800))
    assert (measured.rms, measured.peak) == pytest.approx((0, 0), abs=0.001)


def test_a_full_scale_sine_is_3_db_below_and_half_of_it_9() -> None:
    full, half = level(tone(1_000, 0.1, RATE, amplitude=1.0)[0]), level(tone(1_000, 0.1, RATE, amplitude=0.5)[0])
    assert (full.rms, full.peak) == pytest.approx((-3.01, 0), abs=0.01)
    assert (half.rms, half.peak) == pytest.approx((-9.03, -6.02), abs=0.01)


def test_silence_and_no_samples_at_all_are_at_the_floor() -> None:
    for samples in (1_600, 0):
        measured = level(np.zeros(samples))
        assert (measured.rms, measured.peak, measured.peak_hold, measured.clipped) == (FLOOR, FLOOR, FLOOR, False)


def test_the_smallest_step_is_above_the_floor_as_a_peak_and_never_below_it() -> None:
    measured = level([1 / 32768] + [0.0] * 1_599)
    assert FLOOR <= measured.rms <= measured.peak < -90


def test_the_deepest_negative_sample_is_full_scale() -> None:
    measured = level([-1.0] * 1_600)
    assert (measured.peak, measured.rms, measured.clipped) == (0, 0, True)


def test_a_level_is_told_at_the_end_of_its_block() -> None:
    assert level(np.zeros(1_600), position=32_000).time == 2.1


def levels_after(loud: float, seconds: float) -> list[Level]:
    """Return the levels of a tenth of a second of sound and of the silence after it, a block at a time."""
    meter = LevelMeter()
    first = level([loud, -loud] * 800, meter)
    return [first] + [level(np.zeros(1_600), meter, 1_600 * n) for n in range(1, round(seconds * 10))]


def test_a_peak_is_held_and_then_falls_at_a_steady_rate_to_the_floor() -> None:
    heard = levels_after(0.5, 10)
    held = [one for one in heard if one.time <= heard[0].time + HOLD_SECONDS + 0.001]
    assert {round(one.peak_hold, 2) for one in held} == {-6.02}
    one_second_later = heard[len(held) - 1 + 10]
    assert one_second_later.peak_hold == pytest.approx(-6.02 - FALL_PER_SECOND, abs=0.1)
    assert heard[-1].peak_hold == FLOOR
    assert all(one.peak_hold >= one.peak for one in heard)


def test_a_higher_peak_takes_the_place_of_the_one_held() -> None:
    meter = LevelMeter()
    level([0.5] * 1_600, meter)
    assert level([0.25] * 1_600, meter, 1_600).peak_hold == pytest.approx(-6.02, abs=0.01)
    assert level([0.9] * 1_600, meter, 3_200).peak_hold == pytest.approx(-0.92, abs=0.01)


def test_clipping_is_shown_for_a_second() -> None:
    heard = levels_after(1.0, 3)
    assert [one.clipped for one in heard[:10]] == [True] * 10
    assert not any(one.clipped for one in heard[11:])


def test_a_loud_sound_that_does_not_reach_the_end_of_the_scale_is_not_clipped() -> None:
    assert not level([32_766 / 32_768] * 1_600).clipped
