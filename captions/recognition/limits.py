"""How long one stream of a recogniser may last, and when to end it and begin the next."""

import math
from dataclasses import dataclass

MARGIN_SECONDS = 3.0
"""A stream is ended this long before its limit: what was sent at the edge must still be taken."""
WINDOW_SECONDS = 12.0
"""How long before its end a stream is ended at the next pause in speech."""
LAST_CHANCE_SECONDS = 3.0
"""How long before its end, without a pause, any moment will do that is as quiet as the quietest so far."""
PAUSE_SECONDS = 0.3
"""A pause in speech is at least this long where a stream is ended: between words, not within one."""
AS_QUIET_DECIBELS = 3.0
"""By how much a moment may be louder than another and still pass for as quiet."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What one stream may have; None where there is no limit.

    `seconds` and `bytes` are of audio. `billed_seconds` is the unit in which audio is billed: every started one of
    each stream, one at least.
    """

    seconds: float | None = None
    bytes: int | None = None
    billed_seconds: float | None = None

    def units(self, seconds: float) -> int:
        """Return what a stream with so much audio is billed; 0 where nothing is."""
        if self.billed_seconds is None:
            return 0
        return max(1, math.ceil(seconds / self.billed_seconds - 1e-9))

    def longest(self, bytes_a_second: float) -> float:
        """Return how many seconds of audio a stream is given; infinite without a limit.

        Where audio is billed in units, it is a whole number of them.
        """
        longest = math.inf if self.seconds is None else self.seconds
        if self.bytes is not None:
            longest = min(longest, self.bytes / bytes_a_second)
        if longest == math.inf:
            return longest
        longest -= min(MARGIN_SECONDS, 0.1 * longest)
        if self.billed_seconds is not None and self.billed_seconds <= longest:
            longest -= longest % self.billed_seconds
        return longest


SPEECHKIT_LIMITS = StreamLimits(seconds=300.0, bytes=10_000_000, billed_seconds=15.0)
"""Of the service's documentation: 5 minutes and 10 MB a stream, billed by every started 15 s."""


class Rotation:
    """Decides, block by block, where a stream that may last `longest` seconds ends."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._window = min(WINDOW_SECONDS, longest / 2)
        self._last_chance = min(LAST_CHANCE_SECONDS, longest / 4)
        self._quietest = 0.0

    def ends(self, elapsed: float, quiet: float, rms: float) -> bool:
        """Whether the stream ends after the block that has just come.

        `elapsed` is the stream's audio so far and `quiet` how long there has been no speech, in seconds; `rms` is how
        loud the block is at its quietest moment, in dBFS.
        """
        if elapsed < self._longest - self._window:
            return False
        quietest, self._quietest = self._quietest, min(self._quietest, rms)
        if quiet >= PAUSE_SECONDS or elapsed >= self._longest:
            return True
        return elapsed >= self._longest - self._last_chance and rms <= quietest + AS_QUIET_DECIBELS
