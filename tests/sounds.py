"""Sounds in which nobody speaks, at 16 kHz, made by arithmetic."""

from collections.abc import Sequence

import numpy as np

from captions.audio.block import Samples

RATE = 16_000


def _at(wave: "np.ndarray[tuple[int], np.dtype[np.float64]]", level: float) -> Samples:
    """Return a wave as samples whose mean square is at `level` dBFS."""
    scaled = wave / np.sqrt(np.mean(wave**2)) * 10 ** (level / 20)
    samples: Samples = (np.clip(scaled, -1, 1) * 32767).astype(np.int16)
    return samples


def noise(seconds: float, level: float = -30.0, *, colour: float = 0.0) -> Samples:
    """Return noise whose amplitude falls with frequency to the power of `colour`: 0 is white, 0.5 pink, 1 brown."""
    spectrum = np.fft.rfft(np.random.default_rng(7).standard_normal(int(seconds * RATE)))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1.0) ** colour
    return _at(np.fft.irfft(spectrum, int(seconds * RATE)), level)


def chord(seconds: float, notes: Sequence[float], level: float = -20.0, *, overtones: int = 4) -> Samples:
    """Return notes, in Hz, that sound together, each with overtones."""
    time = np.arange(int(seconds * RATE)) / RATE
    tones = [np.sin(2 * np.pi * note * n * time) / n for note in notes for n in range(1, overtones + 1)]
    return _at(np.sum(tones, axis=0), level)


def melody(seconds: float, level: float = -20.0) -> Samples:
    """Return broken chords that are struck and die away, in no rhythm that repeats."""
    random = np.random.default_rng(11)
    struck: list[Samples] = []
    while sum(map(len, struck)) < seconds * RATE:
        root = 220 * 2 ** (random.integers(0, 24) / 12)
        note = chord(float(random.choice([0.2, 0.3, 0.5])), (root, root * 1.25, root * 1.5), level)
        struck.append((note * np.exp(-4 * np.arange(len(note)) / RATE)).astype(np.int16))
    return np.concatenate(struck)[: int(seconds * RATE)]


def hum(seconds: float, level: float = -50.0) -> Samples:
    """Return the hum of the mains, 50 Hz, as of a bad cable."""
    return chord(seconds, (50.0,), level, overtones=6)


def all_sounds(seconds: float) -> dict[str, Samples]:
    """Return one of each by its name, and digital silence."""
    return {
        "silence": np.zeros(int(seconds * RATE), np.int16),
        "white noise": noise(seconds),
        "loud white noise": noise(seconds, -12.0),
        "faint white noise": noise(seconds, -55.0),
        "pink noise": noise(seconds, -20.0, colour=0.5),
        "brown noise": noise(seconds, -20.0, colour=1.0),
        "a chord": chord(seconds, (261.6, 329.6, 392.0)),
        "a tone": chord(seconds, (440.0,), overtones=1),
        "a melody": melody(seconds),
        "hum": hum(seconds),
        "loud hum": hum(seconds, -30.0),
    }
