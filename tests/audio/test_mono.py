"""Resampling is one stream: what the pieces are cut like cannot be heard."""

import av
import numpy as np
import pytest

from captions.audio.block import Samples
from captions.audio.mono import MonoResampler
from tests.audio.tones import impurity, loudest_frequency, tone


def resampled(rate: int, wanted: int, piece: int, sound: Samples) -> Samples:
    resampler = MonoResampler(wanted)
    pieces = [resampler.convert_mono(sound[at : at + piece], rate) for at in range(0, len(sound), piece)]
    return np.concatenate([*pieces, resampler.flush()])


RATES = [(44_100, 16_000), (48_000, 16_000), (48_000, 8_000), (8_000, 48_000), (44_100, 48_000), (16_000, 16_000)]


@pytest.mark.parametrize(("rate", "wanted"), RATES)
@pytest.mark.parametrize("piece", [441, 1_600, 997])
def test_a_sine_stays_a_sine_across_the_borders_of_pieces(rate: int, wanted: int, piece: int) -> None:
    sound = np.round(tone(1_900, 2.0, rate)[0] * 32767).astype(np.int16)
    out = resampled(rate, wanted, piece, sound)
    assert len(out) == pytest.approx(2 * wanted, abs=2)
    assert loudest_frequency(out, wanted) == pytest.approx(1_900, abs=1)
    assert impurity(out[wanted // 10 : -wanted // 10], 1_900, wanted) < -85


@pytest.mark.parametrize("piece", [441, 1_600, 997])
def test_a_resampler_begun_anew_for_each_piece_would_be_found(piece: int) -> None:
    sound = np.round(tone(1_900, 2.0, 44_100)[0] * 32767).astype(np.int16)
    pieces = [resampled(44_100, 16_000, piece, sound[at : at + piece]) for at in range(0, len(sound), piece)]
    assert impurity(np.concatenate(pieces)[1_600:-1_600], 1_900, 16_000) > -50


def test_a_click_would_be_found() -> None:
    sound = np.round(tone(440, 2.0, 16_000)[0] * 32767).astype(np.int16)
    clicked = np.delete(sound, 16_000)
    assert impurity(sound, 440, 16_000) < -80
    assert impurity(clicked, 440, 16_000) > -40


def test_the_result_does_not_depend_on_how_it_is_cut() -> None:
    sound = np.round(tone(440, 1.0, 44_100)[0] * 32767).astype(np.int16)
    assert np.array_equal(resampled(44_100, 16_000, 441, sound), resampled(44_100, 16_000, 44_100, sound))


def test_sound_above_half_the_rate_is_taken_out_and_not_folded_down() -> None:
    sound = np.round(tone(11_000, 1.0, 48_000)[0] * 32767).astype(np.int16)
    out = resampled(48_000, 16_000, 4_800, sound)
    assert np.abs(out[800:-800]).max() < 32767 * 0.005


def test_a_change_of_format_in_the_middle_loses_nothing() -> None:
    resampler = MonoResampler(16_000)
    pieces = []
    for rate, channels in ((48_000, 2), (44_100, 1), (16_000, 2)):
        samples = np.ascontiguousarray(tone(440, 1.0, rate, channels=channels), dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo" if channels == 2 else "mono")
        frame.sample_rate = rate
        pieces.append(resampler.convert(frame))
    pieces.append(resampler.flush())
    out = np.concatenate(pieces)
    assert len(out) == pytest.approx(48_000, abs=4)
    assert loudest_frequency(out, 16_000) == pytest.approx(440, abs=1)


FORMATS = [("u8", 128), ("s16", 2**15), ("s32", 2**31), ("flt", 1), ("dbl", 1), ("s16p", 2**15), ("fltp", 1)]


@pytest.mark.parametrize(("format", "scale"), FORMATS)
def test_unplaced_channels_are_mixed_evenly_in_every_sample_format(format: str, scale: int) -> None:
    planar = av.AudioFormat(format).is_planar
    channels = np.stack([np.full(1_600, value) for value in (0.6, -0.2, 0.2)])
    dtype = {"u8": np.uint8, "s16": np.int16, "s32": np.int32, "flt": np.float32, "dbl": np.float64}[format.rstrip("p")]
    values = (channels * (scale if scale > 1 else 1) + (128 if format == "u8" else 0)).astype(dtype)
    frame = av.AudioFrame.from_ndarray(values if planar else values.T.reshape(1, -1).copy(), format=format, layout="3C")
    frame.sample_rate = 16_000
    resampler = MonoResampler(16_000)
    out = np.concatenate([resampler.convert(frame), resampler.flush()])
    assert out.mean() / 32768 == pytest.approx(0.2, abs=0.01)
