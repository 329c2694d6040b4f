"""A piece of sound with its place on the clock."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
"""Mono, signed 16-bit; shape (samples,)."""


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """Mono audio; `position` is the place of its first sample, in samples at `rate` since the session began."""

    samples: Samples
    position: int
    rate: int

    @property
    def end(self) -> int:
        """Position of the sample after the last one."""
        return self.position + len(self.samples)

    @property
    def seconds(self) -> float:
        """How long the block lasts."""
        return len(self.samples) / self.rate
