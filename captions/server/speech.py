"""Speech or silence, for engines that read a whole stretch at a time (see utterances.Detector)."""

from collections import deque

import numpy as np

from captions.audio.block import Samples
from captions.audio.silero import FRAME, SileroVoiceActivityDetector

WINDOW = 6
"""Frames over which the probability of speech is averaged: 192 ms. It bridges the gaps within words."""
BEGINS = 0.75
"""Average probability from which it is speech.

Of pieces of 250 to 400 ms cut out of speech, noise at -30 to -8 dB, at most 5 in a hundred stay under it, of those of
200 ms 11. A breath between sentences, of which a model makes "You", comes up to 0.71.
"""
SPEECH = 0.4
"""Average probability down to which it goes on."""
LOOK_BEHIND = 6_400
"""Samples before the detection of speech that belong to it: 400 ms, so that no first consonant is cut off."""


class SpeechDetector:
    """Silero's detector, averaged. Each has a state of its own; what it costs does not grow: 0.5 % of one core."""

    def __init__(self) -> None:
        self.speaking = False
        self.start = self.end = 0
        self._detector = SileroVoiceActivityDetector()
        self._probabilities: deque[float] = deque([0.0] * WINDOW, maxlen=WINDOW)
        self._unjudged: Samples = np.empty(0, np.int16)
        self._position = 0

    def feed(self, samples: Samples) -> None:
        """See Detector."""
        unjudged = np.concatenate([self._unjudged, samples])
        for first in range(0, len(unjudged) - FRAME + 1, FRAME):
            self._probabilities.append(self._detector.process_chunk(unjudged[first : first + FRAME].tobytes()))
            self._position += FRAME
            speaking = sum(self._probabilities) >= (SPEECH if self.speaking else BEGINS) * WINDOW
            if speaking and not self.speaking:
                self.start = max(0, self._position - LOOK_BEHIND)
            elif self.speaking and not speaking:
                self.end = self._position
            self.speaking = speaking
        self._unjudged = unjudged[len(unjudged) - len(unjudged) % FRAME :]
