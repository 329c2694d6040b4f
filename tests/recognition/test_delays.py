"""Delays are counted from the sound, stage by stage, and what cannot be known is not told."""

from dataclasses import replace

import numpy as np
import pytest

from captions.audio.block import AudioBlock
from captions.events import Delays, Spread
from captions.recognition.delays import NEW_SECONDS, NEWEST, REMEMBERED, DelayMeter

RATE = 16_000
NOTHING = Delays(None, None, None, None, None)


class Clock:
    """A clock that is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def meter(clock: Clock) -> DelayMeter:
    return DelayMeter(clock)


def capture(meter: DelayMeter, clock: Clock, blocks: int) -> None:
    """Let blocks of 100 ms come out of a source at their own pace."""
    for n in range(blocks):
        clock.now += 0.1
        meter.captured(AudioBlock(np.zeros(RATE // 10, np.int16), n * RATE // 10, RATE))


def of(spread: Spread | None) -> tuple[float, float]:
    """Return the p50 and p95 of a stage that is known."""
    assert spread is not None
    return spread.p50, spread.p95


def test_without_measurements_nothing_is_known(meter: DelayMeter) -> None:
    assert meter.delays() == NOTHING
    assert not meter.changed


def test_send_is_from_the_coming_of_a_block_to_its_hand_over(meter: DelayMeter, clock: Clock) -> None:
    capture(meter, clock, 3)
    clock.now += 0.05
    meter.sent(0.3)
    assert of(meter.delays().send) == pytest.approx((0.05, 0.05))


def test_audio_that_is_sent_again_is_not_counted_again(meter: DelayMeter, clock: Clock) -> None:
    capture(meter, clock, 3)
    meter.sent(0.3)
    meter.delays()
    clock.now += 60
    meter.sent(0.2)
    meter.sent(0.3)
    assert not meter.changed
    assert of(meter.delays().send) == pytest.approx((0.0, 0.0))


def test_audio_that_waited_for_a_stream_is_counted_for_as_long(meter: DelayMeter, clock: Clock) -> None:
    capture(meter, clock, 1)
    clock.now += 5
    meter.sent(0.1)
    assert of(meter.delays().send) == pytest.approx((5, 5))


def test_a_word_is_late_from_its_end_within_its_block_on(meter: DelayMeter, clock: Clock) -> None:
    capture(meter, clock, 10)
    clock.now += 0.5
    meter.showed(0.4, 0.93)
    delays = meter.delays()
    assert of(delays.stabilizer) == pytest.approx((0.4, 0.4))
    assert of(delays.partials) == pytest.approx((0.5 + 0.07, 0.5 + 0.07))


def test_a_word_or_a_final_without_a_place_in_time_tells_no_delay(meter: DelayMeter, clock: Clock) -> None:
    capture(meter, clock, 10)
    meter.showed(0.4, None)
    meter.told_final(None)
    assert meter.delays().partials is None
    assert meter.delays().finals is None


def test_sound_that_did_not_come_at_its_own_pace_tells_no_delay(meter: DelayMeter) -> None:
    meter.sent(0.3)
    meter.showed(0.4, 0.2)
    meter.told_final(0.2)
    delays = meter.delays()
    assert delays.stabilizer is not None
    assert replace(delays, stabilizer=None) == NOTHING


def test_sound_that_came_too_long_ago_tells_no_delay(meter: DelayMeter, clock: Clock) -> None:
    capture(meter, clock, REMEMBERED + 1)
    meter.told_final(1.0)
    assert meter.delays().finals is None
    meter.told_final(REMEMBERED * 0.1)
    assert of(meter.delays().finals) == pytest.approx((0.1, 0.1))


def test_the_spread_is_of_the_newest_measurements(meter: DelayMeter) -> None:
    for seconds in (9.0, *np.linspace(0, 1, NEWEST)):
        meter.answered(seconds)
    assert of(meter.delays().service) == pytest.approx((0.5, 0.95))
    assert meter.delays().finals is None


def test_delays_of_an_outage_are_soon_forgotten(meter: DelayMeter, clock: Clock) -> None:
    meter.answered(371.0)
    clock.now += NEW_SECONDS - 1
    meter.answered(0.5)
    assert of(meter.delays().service)[1] > 300
    clock.now += 2
    meter.answered(0.5)
    assert of(meter.delays().service) == pytest.approx((0.5, 0.5))
