"""How loud it is: levels in dBFS, for a meter.

0 dBFS is the largest value that a sample can have, for peaks and RMS alike: a full-scale square wave has an RMS of 0
dBFS and a full-scale sine one of -3.01. (AES17 would call the sine 0.) Time is audio time, so that a meter shows the
same for a file that is read faster than it sounds.
"""

import math

import numpy as np

from captions.audio.block import AudioBlock
from captions.events import Level

FULL_SCALE = 32_768
FLOOR = -96.0
"""dBFS shown for silence: about the value of the smallest step that 16 bits have."""

HOLD_SECONDS = 1.5
"""How long the highest peak stands before it falls."""
FALL_PER_SECOND = 20.0
"""How fast a held peak falls then, in dB."""
CLIP_SECONDS = 1.0
"""How long clipping is shown, at least."""
MOMENT_SECONDS = 0.02
"""How long a quiet moment is."""


class LevelMeter:
    """Measures block after block of one input; begin a new one when the input changes."""

    def __init__(self) -> None:
        self._held = FLOOR
        self._held_since = 0.0
        self._clipped_until = -math.inf

    def measure(self, block: AudioBlock) -> Level:
        """Return the block's level at its end. A sample at either end of the scale is clipped."""
        start, end = block.position / block.rate, block.end / block.rate
        highest, energy = 0, 0.0
        if len(block.samples):
            highest = max(int(block.samples.max()), -int(block.samples.min()))
            wide = block.samples.astype(np.float32)
            energy = float(wide.dot(wide)) / len(wide)
        peak = _decibels(highest)
        if highest >= FULL_SCALE - 1:
            self._clipped_until = end + CLIP_SECONDS
        fallen = self._held - FALL_PER_SECOND * max(0.0, end - max(start, self._held_since + HOLD_SECONDS))
        if peak >= fallen:
            self._held, self._held_since = peak, end
        else:
            self._held = fallen
        return Level(end, _decibels(math.sqrt(energy)), peak, self._held, clipped=end < self._clipped_until)


def quietest_moment(block: AudioBlock) -> tuple[int, float]:
    """Return the position in the middle of the block's quietest moment, in samples, and how loud it is there in dBFS.

    Where it is as quiet for longer, as in a pause between two words, the middle is that of the whole stretch.
    """
    length = min(max(1, round(MOMENT_SECONDS * block.rate)), len(block.samples))
    sums = np.concatenate([[0.0], np.cumsum(block.samples.astype(np.float64) ** 2)])
    energies = (sums[length:] - sums[:-length]) / length
    first = int(energies.argmin())
    louder = np.flatnonzero(energies[first:] > 2 * energies[first] + 1)
    last = first + int(louder[0]) - 1 if len(louder) else len(energies) - 1
    return block.position + (first + last + length) // 2, _decibels(math.sqrt(max(0.0, float(energies[first]))))


def _decibels(amplitude: float) -> float:
    return max(FLOOR, 20 * math.log10(amplitude / FULL_SCALE)) if amplitude else FLOOR
